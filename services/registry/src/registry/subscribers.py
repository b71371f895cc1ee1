"""What the registry hears: nothing yet; it announces who is who, and others listen."""

from chassis.receiving import Subscriptions

subscriptions = Subscriptions("registry")
