"""Between the network and a service: how requests come off a connection, and what a client may hold of a process.

Promises: each request is read in one way or refused; a head, a body, an answer and a silence each end in time; a
process holds so many connections and serves so many requests, and no more. Whatever is refused here is answered with a
problem document, in English, since nobody knows yet who asks.
Face: `framing.framed`, `connections.Limits`. Begin with `heads.py` and `bodies.py`, which are pure, then
`framing.py`.
"""
