"""Who is told of a task's event and why, and which items it settles: decisions, without I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from contracts.coordination import (
    TaskAcceptedV1,
    TaskAssignedV1,
    TaskCompletedV1,
    TaskDeclinedV1,
    TaskFacts,
    TaskOpenedV1,
    TaskState,
)
from contracts.event import EventId
from contracts.notifications import Reason
from contracts.words import COORDINATING_UNIT, MemberId, OrganisationCode, Role

UNDER_WAY = (TaskState.OPENED, TaskState.ACCEPTED, TaskState.STARTED)


class DirectoryBehindError(Exception):
    """The directory has not brought anyone to tell yet: it is on its way, and the event can wait for it."""


@dataclass(frozen=True)
class Person:
    """A member account, as far as the choice of recipients needs it."""

    member_id: MemberId
    organisation: OrganisationCode
    role: Role
    left: bool


@dataclass(frozen=True)
class Directory:
    """The members of the units that an event names and of the coordinating unit, those who left included."""

    people: Sequence[Person]

    def members_of(self, units: Iterable[OrganisationCode]) -> list[Person]:
        """Those who take a unit's tasks: its focal points and coordinators, in the order of the units."""
        return [
            person
            for unit in units
            for person in self.people
            if person.organisation == unit and not person.left and person.role is not Role.OPERATOR
        ]

    def coordinators(self) -> list[Person]:
        return [p for p in self.members_of([COORDINATING_UNIT]) if p.role is Role.COORDINATOR]

    def knows(self, unit: OrganisationCode) -> bool:
        """Whether anyone has ever stood at the unit."""
        return any(person.organisation == unit for person in self.people)

    def has_no_one_left_at(self, units: Iterable[OrganisationCode]) -> bool:
        """Whether one of the units had members, and all of them left."""
        return any(self.knows(unit) and not self.members_of([unit]) for unit in units)


@dataclass(frozen=True)
class Holding:
    """An item about the task in some member's inbox, done or not."""

    member_id: MemberId
    organisation: OrganisationCode
    reason: Reason
    about: EventId
    is_open: bool


@dataclass(frozen=True)
class Newest:
    """The task as its newest event tells it, which may be newer than the event being handled."""

    event_id: EventId
    facts: TaskFacts


@dataclass(frozen=True)
class Telling:
    """One recipient, one reason."""

    member_id: MemberId
    organisation: OrganisationCode
    reason: Reason


def whom_to_tell(
    event: TaskFacts, newest: Newest, directory: Directory, holdings: Sequence[Holding]
) -> list[Telling]:
    """Choose who must know of this event, each with one reason, and never the member who acted.

    `holdings` are the items about the task that there are, each member's in the order they came.

    Raises DirectoryBehindError while the directory lacks the people the event is for; but not for what a
    newer event has overtaken, since nobody would have to act on it any more.
    """
    people = _people_to_tell(event, newest, directory, holdings)
    actor = event.actor.member_id if event.actor else None
    tellings = {
        (person.member_id, reason): Telling(person.member_id, person.organisation, reason)
        for reason, persons in people.items()
        for person in persons
        if person.member_id != actor
    }
    return list(tellings.values())


def still_stands(holding: Holding, newest: Newest, directory: Directory) -> bool:
    """Tell whether an item still asks or tells something, now that the task is as `newest` says.

    A call to act stands while that unit, or the coordinator, can still act on it; news stands while the task
    has not moved on; that a unit was relieved stands until it gets the task back, or the task is completed.
    Whoever acts first thereby settles the matter in everyone's inbox.
    """
    facts = newest.facts
    match holding.reason:
        case Reason.UNIT_ASSIGNED:
            return _awaits(facts, holding.organisation)
        case Reason.ROUTING_NEEDED:
            return _needs_placing(facts, directory)
        case Reason.TASK_PROGRESS:
            is_latest = holding.about == newest.event_id
            return is_latest or facts.state in {TaskState.ACCEPTED, TaskState.STARTED}
        case Reason.UNIT_RELIEVED:
            return facts.state is not TaskState.COMPLETED and holding.organisation not in facts.units


def _people_to_tell(
    event: TaskFacts, newest: Newest, directory: Directory, holdings: Sequence[Holding]
) -> Mapping[Reason, Sequence[Person]]:
    people: Mapping[Reason, Sequence[Person]] = {}
    match event:
        case TaskOpenedV1() | TaskAssignedV1() if event.needs_routing:
            people = {Reason.ROUTING_NEEDED: _who_places(newest, directory)}
        case TaskOpenedV1():
            people = _for_placed_task(event, newest, directory, holdings)
        case TaskAssignedV1():
            relieved = _relieved(event, newest, directory, holdings)
            people = {**_for_placed_task(event, newest, directory, holdings), Reason.UNIT_RELIEVED: relieved}
        case TaskDeclinedV1():
            people = {Reason.ROUTING_NEEDED: _who_places(newest, directory)}
        case TaskAcceptedV1() if event.actor is not None:
            # Colleagues at the same unit need not take on what one of them has taken on.
            people = {Reason.TASK_PROGRESS: directory.members_of([event.actor.organisation])}
        case TaskCompletedV1():
            waited_for = directory.members_of(event.waiting_for)
            people = {Reason.TASK_PROGRESS: [*directory.coordinators(), *waited_for]}
        case _:
            # That work began is to be seen on the task's page; it asks nothing of anyone.
            pass
    return people


def _for_placed_task(
    event: TaskFacts, newest: Newest, directory: Directory, holdings: Sequence[Holding]
) -> Mapping[Reason, Sequence[Person]]:
    """The members of the task's units; and the coordinators, where a unit has no one left."""
    asked = {h.member_id for h in holdings if h.reason is Reason.UNIT_ASSIGNED and h.is_open}
    for unit in event.units:
        if not directory.knows(unit) and _awaits(newest.facts, unit):
            raise DirectoryBehindError(f"no member of {unit} is known yet")
    stranded = directory.has_no_one_left_at(event.units)
    return {
        # Who was asked before and still holds the open item is not asked a second time.
        Reason.UNIT_ASSIGNED: [p for p in directory.members_of(event.units) if p.member_id not in asked],
        Reason.ROUTING_NEEDED: _who_places(newest, directory) if stranded else [],
    }


def _relieved(
    event: TaskFacts, newest: Newest, directory: Directory, holdings: Sequence[Holding]
) -> Sequence[Person]:
    """Those last told to act, whose unit no longer has the task, by this event and to this day."""
    last_told = {h.member_id: h for h in holdings if h.reason in {Reason.UNIT_ASSIGNED, Reason.UNIT_RELIEVED}}
    relieved = {
        member_id
        for member_id, h in last_told.items()
        if h.reason is Reason.UNIT_ASSIGNED
        and h.organisation not in event.units
        and not _awaits(newest.facts, h.organisation)
    }
    return [p for p in directory.people if p.member_id in relieved and not p.left]


def _who_places(newest: Newest, directory: Directory) -> Sequence[Person]:
    coordinators = directory.coordinators()
    if not coordinators and _needs_placing(newest.facts, directory):
        raise DirectoryBehindError(f"no coordinator at {COORDINATING_UNIT} is known yet")
    return coordinators


def _awaits(facts: TaskFacts, unit: OrganisationCode) -> bool:
    """Whether the task still waits for this unit's part."""
    waited_for = facts.waiting_for or facts.units
    return facts.state in UNDER_WAY and not facts.needs_routing and unit in waited_for


def _needs_placing(facts: TaskFacts, directory: Directory) -> bool:
    return facts.state is not TaskState.COMPLETED and (
        facts.needs_routing or facts.state is TaskState.DECLINED or directory.has_no_one_left_at(facts.units)
    )
