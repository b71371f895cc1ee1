"""Facts that notifications announces: what reached whom, and what they did with it."""

from enum import StrEnum
from typing import ClassVar

from contracts.event import Event, EventId
from contracts.words import ItemId, MemberId, OrganisationCode, TaskId


class Channel(StrEnum):
    """By which way a member was told."""

    INBOX = "inbox"


class Reason(StrEnum):
    """Why this member was told."""

    UNIT_ASSIGNED = "unit_assigned"
    ROUTING_NEEDED = "routing_needed"
    UNIT_RELIEVED = "unit_relieved"
    TASK_PROGRESS = "task_progress"


class NotificationFacts(Event):
    """One item: one event, one recipient, one reason."""

    item_id: ItemId
    member_id: MemberId
    organisation: OrganisationCode
    about: EventId
    task_id: TaskId | None = None
    reason: Reason
    channel: Channel


class NotificationDeliveredV1(NotificationFacts):
    """The item stands in the member's inbox. The gateway shows it in the event's journey."""

    type: ClassVar[str] = "notifications.notification.delivered.v1"


class NotificationReadV1(NotificationFacts):
    """The member opened the item."""

    type: ClassVar[str] = "notifications.notification.read.v1"


class NotificationActedOnV1(NotificationFacts):
    """The member marked the item done, or the task it was about ended."""

    type: ClassVar[str] = "notifications.notification.acted_on.v1"
