"""What a service hears: the `hears` decorator, and what its handlers are given.

The face: `router.Subscriptions`. All that a service writes of the exchange is its handlers; fetching, order, retries
and acknowledgement are done for them.
"""
