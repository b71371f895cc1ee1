"""The members of a small network, what they hold, and who of them is told."""

from typing import Final
from uuid import uuid4

from network import a_member, the_coordinator, then

from contracts.coordination import TaskAssignedV1, TaskCompletedV1, TaskDeclinedV1, TaskFacts, TaskState
from contracts.event import EventId
from contracts.notifications import Reason
from contracts.registry import MemberFacts
from contracts.words import Role
from notifications.domain import Directory, Holding, Newest, Person, whom_to_tell

DAKAR: Final = a_member("DWT/CO-Dakar")
DAKAR_DEPUTY: Final = a_member("DWT/CO-Dakar", label="deputy, DWT/CO-Dakar")
CAIRO: Final = a_member("DWT/CO-Cairo")
EMPLOYERS: Final = a_member("ACT/EMP")
WORKERS: Final = a_member("ACTRAV")
COORDINATOR: Final = the_coordinator()
COOP_FOCAL_POINT: Final = a_member("COOP")
OPERATOR: Final = a_member("COOP", Role.OPERATOR)
EVERYONE: Final = (DAKAR, DAKAR_DEPUTY, CAIRO, EMPLOYERS, WORKERS, COORDINATOR, COOP_FOCAL_POINT, OPERATOR)


def directory(*members: MemberFacts, left: tuple[MemberFacts, ...] = ()) -> Directory:
    """These members, or everyone; `left` are known too, and gone."""
    return Directory(
        [
            Person(member.member_id, member.organisation, member.role, left=member in left)
            for member in members or EVERYONE
        ]
    )


def an_event_id() -> EventId:
    return EventId(uuid4())


def holding(member: MemberFacts, reason: Reason = Reason.UNIT_ASSIGNED, *, is_open: bool = True) -> Holding:
    return Holding(member.member_id, member.organisation, reason, an_event_id(), is_open=is_open)


def placed(task: TaskFacts, *units: str, by: MemberFacts = COORDINATOR) -> TaskAssignedV1:
    return then(task, TaskAssignedV1, by=by, units=units, state=TaskState.OPENED, needs_routing=False)


def declined_by(member: MemberFacts, task: TaskFacts) -> TaskDeclinedV1:
    return then(task, TaskDeclinedV1, by=member, state=TaskState.DECLINED, waiting_for=())


def finished_by(member: MemberFacts, task: TaskFacts) -> TaskCompletedV1:
    """The member's unit finished its part."""
    rest = [unit for unit in task.waiting_for if unit != member.organisation]
    state = TaskState.STARTED if rest else TaskState.COMPLETED
    return then(task, TaskCompletedV1, by=member, state=state, waiting_for=rest)


def told(
    event: TaskFacts,
    *holdings: Holding,
    of: Directory | None = None,
    newest: TaskFacts | None = None,
) -> set[tuple[str, Reason]]:
    """Who is told, by label, and why."""
    labels = {member.member_id: member.label for member in EVERYONE}
    tellings = whom_to_tell(event, Newest(an_event_id(), newest or event), of or directory(), holdings)
    assert len(set(tellings)) == len(tellings)
    return {(labels[telling.member_id], telling.reason) for telling in tellings}
