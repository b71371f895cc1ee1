"""The three services behind the gateway, as typed calls."""

from gateway.clients.calling import Clients, NotFoundError, RefusedError, ServiceUnavailableError, client_for
from gateway.clients.coordination import (
    Coordination,
    CoordinationClient,
    Plan,
    TaskView,
)
from gateway.clients.keys import VerifiedKeys
from gateway.clients.notifications import Inbox, Item, Notifications, NotificationsClient
from gateway.clients.registry import Registry, RegistryClient, VerifiedKey

__all__ = [
    "Clients",
    "Coordination",
    "CoordinationClient",
    "Inbox",
    "Item",
    "NotFoundError",
    "Notifications",
    "NotificationsClient",
    "Plan",
    "RefusedError",
    "Registry",
    "RegistryClient",
    "ServiceUnavailableError",
    "TaskView",
    "VerifiedKey",
    "VerifiedKeys",
    "client_for",
]
