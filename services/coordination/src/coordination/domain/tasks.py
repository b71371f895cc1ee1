"""A task's life: who may do what with it, and where it stands after each deed.

Where a task stands is worked out from what was done since it was last placed, and is never set by hand.
A task of several units is an AND: each unit accepts, starts and completes its own part, and the task is
completed when all parts are. One unit that declines stops the whole task until the coordinator places it
anew.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from contracts.coordination import TaskState
from contracts.words import MemberId, Role


class Action(StrEnum):
    """What a member may do with a task."""

    ACCEPT = "accept"
    START = "start"
    COMPLETE = "complete"
    DECLINE = "decline"
    ASSIGN = "assign"


class DomainError(Exception):
    """The rules of the trade say no; trying again changes nothing."""


class NoSuchTaskError(DomainError):
    """No task has this id."""

    def __init__(self) -> None:
        super().__init__("There is no task with this id.")


class NotYourTaskError(DomainError):
    """The member belongs to none of the task's units, or is not the coordinator where one is needed."""


class WrongStateError(DomainError):
    """The action does not follow from where the task stands."""


@dataclass(frozen=True)
class Member:
    """A member account as coordination needs it."""

    id: MemberId
    organisation: str
    role: Role
    label: str


@dataclass(frozen=True)
class Deed:
    """Who did what, for which unit."""

    action: Action
    member: MemberId
    unit: str


_PART_AFTER = {
    Action.ACCEPT: TaskState.ACCEPTED,
    Action.START: TaskState.STARTED,
    Action.COMPLETE: TaskState.COMPLETED,
    Action.DECLINE: TaskState.DECLINED,
}
_PART_BEFORE = {
    Action.ACCEPT: (TaskState.OPENED,),
    Action.START: (TaskState.ACCEPTED,),
    Action.COMPLETE: (TaskState.STARTED,),
    Action.DECLINE: (TaskState.OPENED, TaskState.ACCEPTED, TaskState.STARTED),
}
_PLACEABLE = (TaskState.OPENED, TaskState.DECLINED)
_ACTING_ROLES = (Role.FOCAL_POINT, Role.COORDINATOR)


@dataclass(frozen=True)
class Task:
    """A task as it was last placed, and every deed since, oldest first."""

    units: tuple[str, ...]
    needs_routing: bool = False
    deeds: tuple[Deed, ...] = ()

    def part_of(self, unit: str) -> TaskState:
        """Tell where one unit's part stands."""
        done = [
            _PART_AFTER[deed.action]
            for deed in self.deeds
            if deed.unit == unit and deed.action in _PART_AFTER
        ]
        return done[-1] if done else TaskState.OPENED

    @property
    def state(self) -> TaskState:
        """Where the whole task stands."""
        parts = {self.part_of(unit) for unit in self.units}
        if TaskState.DECLINED in parts:
            return TaskState.DECLINED
        if parts == {TaskState.COMPLETED}:
            return TaskState.COMPLETED
        if parts & {TaskState.STARTED, TaskState.COMPLETED}:
            return TaskState.STARTED
        return TaskState.ACCEPTED if TaskState.ACCEPTED in parts else TaskState.OPENED

    @property
    def waiting_for(self) -> tuple[str, ...]:
        """The units that have not finished their part; nobody once the task was declined."""
        if self.state is TaskState.DECLINED:
            return ()
        return tuple(unit for unit in self.units if self.part_of(unit) is not TaskState.COMPLETED)


def refuse_stranger(placed_with: Collection[str], member: Member | None) -> None:
    """Raise NotYourTaskError unless a task that was ever placed with these units is this member's to read.

    A partner's concern or request may be in confidence: it is for those who are to act on it, for those who were and
    passed it on, and for the coordinators.
    """
    concerned = member is not None and (
        member.role is Role.COORDINATOR
        or (member.role in _ACTING_ROLES and member.organisation in placed_with)
    )
    if not concerned:
        raise NotYourTaskError(
            "Only members of the units a task was placed with, and coordinators, may read it."
        )


def act(task: Task, action: Action, member: Member | None) -> Task:
    """Do the next step of the member's unit; the very same task comes back where this member had done it."""
    if member is None or member.role not in _ACTING_ROLES or member.organisation not in task.units:
        raise NotYourTaskError("Only a member of one of the task's units may do this.")
    deed = Deed(action, member.id, member.organisation)
    if deed in task.deeds:
        return task
    if task.needs_routing and action is not Action.DECLINE:
        raise WrongStateError("The task waits for the coordinator to assign it.")
    part = task.part_of(member.organisation)
    if task.state is TaskState.DECLINED or part not in _PART_BEFORE[action]:
        raise WrongStateError(
            f"The task stands at '{_standing(task, part)}': '{action}' does not follow from there."
        )
    declined = action is Action.DECLINE
    return replace(task, deeds=(*task.deeds, deed), needs_routing=task.needs_routing and not declined)


def assign(task: Task, units: Sequence[str], member: Member | None) -> Task:
    """Place a task that nobody took on, or that was declined, with these units; every part begins anew."""
    if member is None or member.role is not Role.COORDINATOR:
        raise NotYourTaskError("Only the coordinator of the network may assign a task.")
    placed = Task(
        units=tuple(dict.fromkeys(units)), deeds=(Deed(Action.ASSIGN, member.id, member.organisation),)
    )
    if task.state is not TaskState.DECLINED and task.deeds[:1] == placed.deeds and task.units == placed.units:
        return task
    if task.state not in _PLACEABLE:
        raise WrongStateError(
            f"The task stands at '{task.state}': it can be assigned only while opened or declined."
        )
    return placed


def actions_of(task: Task, member: Member | None) -> tuple[Action, ...]:
    """List what the member may do now and has not done yet."""
    found: list[Action] = []
    for action in Action:
        try:
            after = assign(task, (), member) if action is Action.ASSIGN else act(task, action, member)
        except DomainError:
            continue
        if after is not task:
            found.append(action)
    return tuple(found)


def _standing(task: Task, part: TaskState) -> TaskState:
    return TaskState.DECLINED if task.state is TaskState.DECLINED else part
