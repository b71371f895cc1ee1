"""The three services behind the gateway, as typed calls."""

from gateway.clients.coordination import Coordination, CoordinationClient, Plan, TaskView
from gateway.clients.notifications import (
    ChangedItem,
    Changes,
    Inbox,
    Item,
    Notice,
    Notifications,
    NotificationsClient,
)
from gateway.clients.registry import KeyExpiredError, Registry, RegistryClient, VerifiedKey
from gateway.clients.service_client import (
    HttpClients,
    NotFoundError,
    ServiceRefusedError,
    ServiceUnavailableError,
    http_client,
)

__all__ = [
    "ChangedItem",
    "Changes",
    "Coordination",
    "CoordinationClient",
    "HttpClients",
    "Inbox",
    "Item",
    "KeyExpiredError",
    "NotFoundError",
    "Notice",
    "Notifications",
    "NotificationsClient",
    "Plan",
    "Registry",
    "RegistryClient",
    "ServiceRefusedError",
    "ServiceUnavailableError",
    "TaskView",
    "VerifiedKey",
    "http_client",
]
