"""What became of a partner's event: the steps it went through, and the one word that sums them up."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from contracts.coordination import (
    TaskAcceptedV1,
    TaskAssignedV1,
    TaskCompletedV1,
    TaskDeclinedV1,
    TaskFacts,
    TaskOpenedV1,
    TaskStartedV1,
    TaskState,
)
from contracts.notifications import (
    NotificationDeliveredV1,
    NotificationFacts,
    NotificationReadV1,
    Reason,
)


class StepName(StrEnum):
    """The steps a partner sees."""

    RECEIVED = "received"
    PUBLISHED = "published"
    TASK_OPENED = "task_opened"
    TASK_ASSIGNED = "task_assigned"
    NOTIFIED = "notified"
    READ = "read"
    TASK_ACCEPTED = "task_accepted"
    TASK_STARTED = "task_started"
    TASK_COMPLETED = "task_completed"
    TASK_DECLINED = "task_declined"


class Status(StrEnum):
    """How far an event got, in rising order; a declined task may still be placed elsewhere."""

    ACCEPTED = "accepted"
    TASK_OPENED = "task_opened"
    NOTIFIED = "notified"
    READ = "read"
    ACCEPTED_BY_UNIT = "accepted_by_unit"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    DECLINED = "declined"


@dataclass(frozen=True)
class Step:
    """One thing that happened to an event. `at` is unknown only for a publication long past."""

    name: StepName
    at: datetime | None
    task_id: UUID | None = None
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])
    place: tuple[int, int] = (0, 0)
    """Epoch and sequence of what announced it: of one task, they tell the order better than any clock."""


_TASK_STEPS: Mapping[type[TaskFacts], StepName] = {
    TaskOpenedV1: StepName.TASK_OPENED,
    TaskAssignedV1: StepName.TASK_ASSIGNED,
    TaskAcceptedV1: StepName.TASK_ACCEPTED,
    TaskStartedV1: StepName.TASK_STARTED,
    TaskCompletedV1: StepName.TASK_COMPLETED,
    TaskDeclinedV1: StepName.TASK_DECLINED,
}
_NOTIFICATION_STEPS: Mapping[type[NotificationFacts], StepName] = {
    NotificationDeliveredV1: StepName.NOTIFIED,
    NotificationReadV1: StepName.READ,
}
_TASK_NAMES = frozenset(_TASK_STEPS.values())
_TOLD_OF_THE_TASK = frozenset((Reason.UNIT_ASSIGNED, Reason.ROUTING_NEEDED))
_ORDER = tuple(Status)


def step_of_task(event: TaskFacts, at: datetime) -> Step:
    """Show a partner what happened to a task: states and units, never members or their words."""
    detail: dict[str, Any] = {"task_state": event.state, "units": [*event.units]}
    if event.actor is not None:
        detail["unit"] = event.actor.organisation
    if event.needs_routing:
        detail["needs_routing"] = True
    if isinstance(event, (TaskOpenedV1, TaskAssignedV1)):
        detail["due_on"] = event.due_on.isoformat()
    if isinstance(event, TaskCompletedV1) and event.waiting_for:
        detail["waiting_for"] = [*event.waiting_for]
    return Step(_TASK_STEPS[type(event)], at, event.task_id, detail)


def step_of_notification(event: NotificationFacts, at: datetime) -> Step | None:
    """Show a partner that a unit was told of the task, or saw it; news of progress is no step of its own."""
    if event.reason not in _TOLD_OF_THE_TASK:
        return None
    detail = {"unit": event.organisation, "channel": event.channel}
    return Step(_NOTIFICATION_STEPS[type(event)], at, event.task_id, detail)


def in_order(steps: Sequence[Step]) -> list[Step]:
    """Put right steps that stand in the order of their times: those of one task happened as the task counts them.

    The places in the row stay; a task's own steps are dealt to its places anew.
    """
    places: dict[UUID, list[int]] = {}
    for place, step in enumerate(steps):
        if step.task_id is not None and step.name in _TASK_NAMES:
            places.setdefault(step.task_id, []).append(place)
    result = list(steps)
    for taken in places.values():
        counted = sorted((steps[place] for place in taken), key=lambda step: step.place)
        for place, step in zip(taken, counted, strict=True):
            result[place] = step
    return result


def shown(steps: Iterable[Step]) -> list[Step]:
    """Put steps in order, and name each unit's being told of a task, or seeing it, once: not per member."""
    seen: set[tuple[StepName, UUID | None, str]] = set()
    result: list[Step] = []
    for step in steps:
        if step.name in {StepName.NOTIFIED, StepName.READ}:
            key = (step.name, step.task_id, str(step.detail.get("unit")))
            if key in seen:
                continue
            seen.add(key)
        result.append(step)
    return result


def status_of(steps: Sequence[Step]) -> Status:
    """Sum up steps in their order: the furthest of the tasks that still live, or that all are done or declined."""
    by_task: dict[UUID, Status] = {}
    for step in steps:
        if step.task_id is not None:
            by_task[step.task_id] = _after(by_task.get(step.task_id, Status.ACCEPTED), step)
    if not by_task:
        return Status.ACCEPTED
    alive = [status for status in by_task.values() if status is not Status.DECLINED]
    if not alive:
        return Status.DECLINED
    unfinished = [status for status in alive if status is not Status.COMPLETED]
    return max(unfinished, key=_ORDER.index) if unfinished else Status.COMPLETED


_RISES_TO: Mapping[StepName, tuple[frozenset[Status], Status]] = {
    # A task may be heard of after its notification, since the two come by different ways.
    StepName.TASK_OPENED: (frozenset((Status.ACCEPTED,)), Status.TASK_OPENED),
    StepName.NOTIFIED: (frozenset((Status.ACCEPTED, Status.TASK_OPENED)), Status.NOTIFIED),
    StepName.READ: (frozenset((Status.ACCEPTED, Status.TASK_OPENED, Status.NOTIFIED)), Status.READ),
    StepName.TASK_ASSIGNED: (frozenset(Status), Status.TASK_OPENED),
    StepName.TASK_ACCEPTED: (frozenset(_ORDER[:4]), Status.ACCEPTED_BY_UNIT),
    StepName.TASK_STARTED: (frozenset(_ORDER[:5]), Status.IN_PROGRESS),
    # One unit that declines stops the whole task.
    StepName.TASK_DECLINED: (frozenset(Status), Status.DECLINED),
}
"""From which statuses a step leads to which; from any other it changes nothing."""


def _after(status: Status, step: Step) -> Status:
    # Of several units, one ending its part does not end the task.
    if step.name is StepName.TASK_COMPLETED:
        return (
            Status.COMPLETED if step.detail.get("task_state") == TaskState.COMPLETED else Status.IN_PROGRESS
        )
    before, after = _RISES_TO.get(step.name, (frozenset[Status](), status))
    return after if status in before else status
