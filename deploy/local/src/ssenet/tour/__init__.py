"""`tour`: one real event, followed from a partner's system to an open inbox, hop by hop.

It promises to wait for what restarts meanwhile, and to name the hop that is missing after ten seconds. Its face:
`commands`; `follow` posts the event and watches, `journey` holds what was reached when, and `browser` is as much of
one as signing in and an open inbox take. Begin with `follow`.
"""
