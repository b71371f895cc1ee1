"""The bounds of every durable: provisioning sets them on the server, and the consumer counts on them."""

BATCH = 500
"""Events fetched and applied in one transaction at most."""
BATCH_BYTES = 8 * 1024 * 1024
MAX_ACK_PENDING = 4 * BATCH
MAX_DELIVER = 12
"""Deliveries after which the server gives an event up. Our own count lies below it and starts anew with every owner, so
only an event that the server alone keeps sending gets there."""
ACK_WAIT = 30.0
"""Seconds after which the server sends again what it had no answer for. Nobody waits for that: a new owner starts at
the last acknowledged event, and what takes longer asks for more time."""
