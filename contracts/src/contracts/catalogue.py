"""Every event of the network by its wire type, and the way from an envelope back to the typed event."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeVar

from contracts import coordination, notifications, registry
from contracts.event import Envelope, Event
from contracts.partner import (
    AssistanceRequestedV1,
    ConcernRaisedV1,
    EntityReportedV1,
    KnowledgeSharedV1,
    PartnerEvent,
    PartnershipProposedV1,
    ResearchPublishedV1,
    StatisticsReportedV1,
    TrainingAnnouncedV1,
)

E = TypeVar("E", bound=Event)


class UnknownEventTypeError(ValueError):
    """No contract has this type; the reader is older than the announcer, or the type is misspelt."""

    def __init__(self, event_type: str) -> None:
        super().__init__(f"no event has the type {event_type}")
        self.event_type = event_type


def _by_type(*classes: type[E]) -> Mapping[str, type[E]]:
    found = {event.type: event for event in classes}
    assert len(found) == len(classes), "two events share one type"
    return MappingProxyType(dict(sorted(found.items())))


PARTNER_EVENTS: Final[Mapping[str, type[PartnerEvent]]] = _by_type(
    AssistanceRequestedV1,
    ConcernRaisedV1,
    EntityReportedV1,
    KnowledgeSharedV1,
    PartnershipProposedV1,
    ResearchPublishedV1,
    StatisticsReportedV1,
    TrainingAnnouncedV1,
)
"""What partner systems may send: to each partner, those granted to it."""

EVENTS: Final[Mapping[str, type[Event]]] = _by_type(
    *PARTNER_EVENTS.values(),
    registry.OrganisationRegisteredV1,
    registry.OrganisationUpdatedV1,
    registry.MemberJoinedV1,
    registry.MemberUpdatedV1,
    registry.MemberLeftV1,
    coordination.PlanPublishedV1,
    coordination.TaskOpenedV1,
    coordination.TaskAssignedV1,
    coordination.TaskAcceptedV1,
    coordination.TaskStartedV1,
    coordination.TaskCompletedV1,
    coordination.TaskDeclinedV1,
    notifications.NotificationDeliveredV1,
    notifications.NotificationReadV1,
    notifications.NotificationActedOnV1,
)
"""Every event of every version that is still announced or understood, in the order of the types."""


def parse(envelope: Envelope) -> Event:
    """Give the typed event an envelope carries.

    An unknown type raises `UnknownEventTypeError`, broken data pydantic's `ValidationError`: both are
    permanent, and no retry heals them.
    """
    event = EVENTS.get(envelope.type)
    if event is None:
        raise UnknownEventTypeError(envelope.type)
    return event.model_validate(envelope.data)


def owner_of(event_type: str) -> str:
    """Who announces a type: the first word of it."""
    return event_type.partition(".")[0]
