"""What every service counts, for `/metrics`."""

from prometheus_client import Counter, Gauge, Histogram

applied = Counter("ssenet_events_applied_total", "Events applied, each once", ["durable"])
failed = Counter("ssenet_events_failed_total", "Failed deliveries", ["durable"])
buried = Counter("ssenet_events_dead_lettered_total", "Events that became dead letters", ["durable"])
batch_size = Histogram(
    "ssenet_apply_batch_size",
    "Events applied in one transaction",
    ["durable"],
    buckets=(1, 2, 5, 10, 25, 50, 100, 250),
)
outbox_unpublished = Gauge(
    "ssenet_outbox_unpublished", "Committed events that the stream has not acknowledged"
)
outbox_oldest_age = Gauge("ssenet_outbox_oldest_age_seconds", "Age of the oldest event not yet published")
dead_letters = Gauge("ssenet_dead_letters", "Dead letters waiting for an operator")
ready = Gauge("ssenet_ready", "1 while the service has all that it needs to do its work")
relay_leader = Gauge("ssenet_relay_leader", "1 where this process leads its service's relay")
consumer_pending = Gauge("ssenet_consumer_pending", "Events a durable has yet to be delivered", ["durable"])
