"""What operators see of a running service: traces, figures and logs, with nothing in them that people wrote.

The face: `tracing` (the tracer, `traceparent` in and out, structured logs) and `metrics` (what is counted).
`event_spans` makes the spans of events by the batch, `exporter` sends all spans on; `loop_lag` watches the event loop.
Begin with `tracing`.
"""
