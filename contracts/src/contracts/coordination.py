"""Facts that coordination announces: the plan, and a task's life."""

from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import AwareDatetime, Field, StringConstraints

from contracts.event import Event
from contracts.words import (
    CountryCode,
    Labels,
    MemberId,
    Model,
    OrganisationCode,
    ResultCode,
    Short,
    TaskId,
    Title,
)


class PlanPublishedV1(Event):
    """A version of the action plan took effect."""

    type: ClassVar[str] = "coordination.plan.published.v1"

    code: Short
    version: int
    objectives: int
    outputs: int
    results: int


class TaskState(StrEnum):
    """Where a task stands."""

    OPENED = "opened"
    ACCEPTED = "accepted"
    STARTED = "started"
    COMPLETED = "completed"
    DECLINED = "declined"


class Actor(Model):
    """The member who acted, by account and role label: `focal point, CO-Dakar`."""

    member_id: MemberId
    label: Short
    organisation: OrganisationCode


class TaskFacts(Event):
    """A task as coordination knows it now.

    `title` is the rule's sentence in four languages, `request` the partner's own words. `units` are the
    units and offices that must act; `waiting_for` those that have not finished their part. A task that
    no rule could place is with the COOP coordinator, and `needs_routing` says so.
    """

    task_id: TaskId
    rule: Short
    result: ResultCode
    state: TaskState
    title: Labels
    request: Title | None = None
    units: tuple[OrganisationCode, ...] = Field(max_length=20)
    waiting_for: tuple[OrganisationCode, ...] = Field(default=(), max_length=20)
    needs_routing: bool = False
    country: CountryCode | None = None
    partner: OrganisationCode | None = None
    partner_name: Short | None = None
    opened_at: AwareDatetime
    due_on: date
    actor: Actor | None = None
    reason: Annotated[str, StringConstraints(max_length=2000)] | None = None


class TaskOpenedV1(TaskFacts):
    """A rule turned a partner's event into a task. Notifications tells the units' members."""

    type: ClassVar[str] = "coordination.task.opened.v1"


class TaskAssignedV1(TaskFacts):
    """The coordinator placed the task with other units, and it stands opened there."""

    type: ClassVar[str] = "coordination.task.assigned.v1"


class TaskAcceptedV1(TaskFacts):
    """A member of an assigned unit took the task on."""

    type: ClassVar[str] = "coordination.task.accepted.v1"


class TaskStartedV1(TaskFacts):
    """Work on the task began."""

    type: ClassVar[str] = "coordination.task.started.v1"


class TaskCompletedV1(TaskFacts):
    """A unit finished its part; `state` is completed once every unit has."""

    type: ClassVar[str] = "coordination.task.completed.v1"


class TaskDeclinedV1(TaskFacts):
    """A unit declined with its reason; the COOP coordinator is told, to place the task elsewhere."""

    type: ClassVar[str] = "coordination.task.declined.v1"
