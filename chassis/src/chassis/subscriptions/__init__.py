"""What a service hears: a FastStream router, on which each handler is a subscriber with a durable of its own.

The face: `router.Subscriptions`, and what a handler takes (`Batch`, `Tx`). All that a service writes of the exchange is
its handlers; fetching, order, retries and acknowledgement are done for them. FastStream calls them, with the
middlewares and dependencies that they ask for (decision 18).
"""
