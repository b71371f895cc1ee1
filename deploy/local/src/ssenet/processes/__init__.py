"""The processes of a network run on one machine: started, watched, started again when they end, stopped in order.

It promises that whatever ends comes back, and that nothing stays behind. Its face: `supervisor`, a program that runs
all the others; and for tests and benchmarks `servers`, a PostgreSQL and a NATS from their wheels. `managed` (servers
and nursery) and `services` say how each is started, `preparation` makes databases and streams, `restarts` keeps what
runs running, `shutdown` ends it. Begin with `supervisor`.
"""
