"""Partner systems: who may post which events, and with which key; the `partner` commands.

It promises that a key is shown once and kept nowhere, and goes to the standard output alone, for a script to take.
Its face: `commands`; the tour and the tests use `grants_and_keys.ensure` and `make_key`. The registry owns all of
it and is asked over HTTP. Begin with `grants_and_keys`.
"""
