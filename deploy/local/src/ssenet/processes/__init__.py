"""The processes of a network run on one machine: started, watched, started again when they end, stopped in order.

It promises that whatever ends comes back, and that nothing stays behind. Its face: `python -m
ssenet.processes.supervisor`, which runs all the others; and for tests and benchmarks, `servers` (a PostgreSQL and a
NATS from their wheels). `managed` and `services` say how each is started, `restarts` keeps them running, `shutdown`
ends them. Begin with `supervisor`.
"""
