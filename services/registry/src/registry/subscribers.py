"""What the registry hears: nothing yet; it announces who is who, and others listen."""

from chassis.subscriptions.router import Subscriptions

subscriptions = Subscriptions("registry")
