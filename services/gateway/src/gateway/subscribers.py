"""What the gateway hears: how partners' events fare, and members who leave or change."""

from chassis.subscriptions.router import Batch, Subscriptions, Tx
from contracts.coordination import (
    TaskAcceptedV1,
    TaskAssignedV1,
    TaskCompletedV1,
    TaskDeclinedV1,
    TaskFacts,
    TaskOpenedV1,
    TaskStartedV1,
)
from contracts.notifications import NotificationDeliveredV1, NotificationFacts, NotificationReadV1
from contracts.registry import MemberFacts, MemberLeftV1, MemberUpdatedV1
from gateway.journeys import workflows as journeys
from gateway.sign_in import workflows as sign_in

subscriptions = Subscriptions("gateway")


@subscriptions.hears(
    TaskOpenedV1,
    TaskAssignedV1,
    TaskAcceptedV1,
    TaskStartedV1,
    TaskCompletedV1,
    TaskDeclinedV1,
    durable="gateway-record-task-steps",
)
async def record_task_steps(events: Batch[TaskFacts], tx: Tx) -> None:
    """Let partners see what became of their events."""
    await journeys.record_task_steps(tx, events)


@subscriptions.hears(NotificationDeliveredV1, NotificationReadV1, durable="gateway-record-notification-steps")
async def record_notification_steps(events: Batch[NotificationFacts], tx: Tx) -> None:
    """Let partners see that a unit was told."""
    await journeys.record_notification_steps(tx, events)


@subscriptions.hears(MemberUpdatedV1, MemberLeftV1, durable="gateway-end-sessions")
async def end_sessions(events: Batch[MemberFacts], tx: Tx) -> None:
    """Sign out who left, and who is no longer what the session says. An event heard late can only sign out."""
    await sign_in.end_sessions_of(
        tx, [one.event.member_id for one in events if isinstance(one.event, MemberLeftV1)]
    )
    await sign_in.end_changed_sessions(
        tx, [one.event for one in events if isinstance(one.event, MemberUpdatedV1)]
    )
