"""Is the service well: what it stands on, what waits in it, how far behind it is.

The face: `examiner.Examiner`, asked by readiness, status and every scrape; `gauges` are its findings as metrics.
`broker_metrics` reads the broker's own figures; `probe` is the health check of the image.
Begin with `examiner`.
"""
