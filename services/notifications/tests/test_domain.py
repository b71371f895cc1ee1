"""Who is told, and what still stands: decisions without a database."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from network import a_member, a_task, the_coordinator, then

from contracts.coordination import (
    TaskAcceptedV1,
    TaskAssignedV1,
    TaskCompletedV1,
    TaskDeclinedV1,
    TaskFacts,
    TaskStartedV1,
    TaskState,
)
from contracts.event import EventId
from contracts.notifications import Reason
from contracts.registry import MemberFacts
from contracts.words import Role
from notifications.domain import (
    Directory,
    DirectoryBehindError,
    Holding,
    Newest,
    Person,
    Telling,
    still_stands,
    whom_to_tell,
)

DAKAR = a_member("DWT/CO-Dakar")
DAKAR_DEPUTY = a_member("DWT/CO-Dakar")
CAIRO = a_member("DWT/CO-Cairo")
EMPLOYERS, WORKERS = a_member("ACT/EMP"), a_member("ACTRAV")
COORDINATOR = the_coordinator()
COOP_FOCAL_POINT = a_member("COOP")
OPERATOR = a_member("COOP", Role.OPERATOR)
EVERYONE = (DAKAR, DAKAR_DEPUTY, CAIRO, EMPLOYERS, WORKERS, COORDINATOR, COOP_FOCAL_POINT, OPERATOR)


def person(member: MemberFacts, *, left: bool = False) -> Person:
    return Person(member.member_id, member.organisation, member.role, left=left)


def directory(*members: MemberFacts) -> Directory:
    return Directory([person(member) for member in members or EVERYONE])


def an_event_id() -> EventId:
    return EventId(uuid4())


def holding(member: MemberFacts, reason: Reason = Reason.UNIT_ASSIGNED, *, is_open: bool = True) -> Holding:
    return Holding(member.member_id, member.organisation, reason, an_event_id(), is_open=is_open)


def declined_by(member: MemberFacts, task: TaskFacts) -> TaskDeclinedV1:
    return then(task, TaskDeclinedV1, by=member, state=TaskState.DECLINED, waiting_for=())


def told(
    event: TaskFacts,
    *holdings: Holding,
    of: Directory | None = None,
    newest: TaskFacts | None = None,
) -> set[tuple[str, Reason]]:
    """Who is told, by label, and why."""
    labels = {member.member_id: member.label for member in EVERYONE}
    labels[DAKAR_DEPUTY.member_id] = "deputy, DWT/CO-Dakar"
    tellings = whom_to_tell(event, Newest(an_event_id(), newest or event), of or directory(), holdings)
    assert len(set(tellings)) == len(tellings)
    return {(labels[telling.member_id], telling.reason) for telling in tellings}


def test_everyone_at_the_units_of_a_new_task_is_asked_to_act() -> None:
    assert told(a_task("DWT/CO-Dakar")) == {
        ("focal point, DWT/CO-Dakar", Reason.UNIT_ASSIGNED),
        ("deputy, DWT/CO-Dakar", Reason.UNIT_ASSIGNED),
    }


def test_both_bureaux_are_asked_when_the_task_is_theirs_together() -> None:
    assert told(a_task("ACT/EMP", "ACTRAV")) == {
        ("focal point, ACT/EMP", Reason.UNIT_ASSIGNED),
        ("focal point, ACTRAV", Reason.UNIT_ASSIGNED),
    }


def test_operators_are_never_told_of_tasks() -> None:
    assert told(a_task("COOP")) == {
        ("coordinator, COOP", Reason.UNIT_ASSIGNED),
        ("focal point, COOP", Reason.UNIT_ASSIGNED),
    }


def test_a_task_that_no_rule_could_place_goes_to_the_coordinator_alone() -> None:
    assert told(a_task("COOP", needs_routing=True)) == {("coordinator, COOP", Reason.ROUTING_NEEDED)}


def test_the_coordinator_is_asked_to_place_a_declined_task() -> None:
    declined = declined_by(DAKAR, a_task("DWT/CO-Dakar"))

    assert told(declined) == {("coordinator, COOP", Reason.ROUTING_NEEDED)}


def test_who_acted_is_told_nothing() -> None:
    declined = declined_by(COORDINATOR, a_task("COOP"))

    assert told(declined) == set()


def test_a_reassigned_task_asks_the_new_unit_and_relieves_the_old_one() -> None:
    moved = then(a_task("DWT/CO-Dakar"), TaskAssignedV1, by=COORDINATOR, units=["DWT/CO-Cairo"])
    moved = moved.model_copy(update={"waiting_for": moved.units})

    assert told(moved, holding(DAKAR, is_open=False)) == {
        ("focal point, DWT/CO-Cairo", Reason.UNIT_ASSIGNED),
        ("focal point, DWT/CO-Dakar", Reason.UNIT_RELIEVED),
    }


def test_who_was_relieved_before_is_not_relieved_again_when_the_task_moves_on() -> None:
    moved = then(a_task("DWT/CO-Cairo"), TaskAssignedV1, by=COORDINATOR)
    earlier = (holding(DAKAR, is_open=False), holding(DAKAR, Reason.UNIT_RELIEVED))

    assert told(moved, *earlier) == {("focal point, DWT/CO-Cairo", Reason.UNIT_ASSIGNED)}


def test_who_still_holds_the_call_to_act_is_not_called_twice() -> None:
    widened = then(a_task("ACT/EMP"), TaskAssignedV1, by=COORDINATOR, units=["ACT/EMP", "ACTRAV"])

    assert told(widened, holding(EMPLOYERS)) == {("focal point, ACTRAV", Reason.UNIT_ASSIGNED)}


def test_colleagues_learn_that_one_of_them_took_the_task_on() -> None:
    accepted = then(a_task("DWT/CO-Dakar"), TaskAcceptedV1, by=DAKAR, state=TaskState.ACCEPTED)

    assert told(accepted) == {("deputy, DWT/CO-Dakar", Reason.TASK_PROGRESS)}


def test_nobody_is_disturbed_when_work_begins() -> None:
    assert told(then(a_task("DWT/CO-Dakar"), TaskStartedV1, by=DAKAR, state=TaskState.STARTED)) == set()


def test_a_finished_part_is_news_to_the_coordinator_and_to_those_still_waited_for() -> None:
    part = then(
        a_task("ACT/EMP", "ACTRAV"),
        TaskCompletedV1,
        by=EMPLOYERS,
        state=TaskState.STARTED,
        waiting_for=["ACTRAV"],
    )

    assert told(part) == {
        ("coordinator, COOP", Reason.TASK_PROGRESS),
        ("focal point, ACTRAV", Reason.TASK_PROGRESS),
    }


def test_a_completed_task_is_news_to_the_coordinator() -> None:
    whole = then(a_task("ACTRAV"), TaskCompletedV1, by=WORKERS, state=TaskState.COMPLETED, waiting_for=())

    assert told(whole) == {("coordinator, COOP", Reason.TASK_PROGRESS)}


def test_an_event_waits_for_a_directory_that_lacks_its_unit_or_the_coordinator() -> None:
    with pytest.raises(DirectoryBehindError, match="DWT/CO-Dakar"):
        told(a_task("DWT/CO-Dakar"), of=directory(COORDINATOR))
    with pytest.raises(DirectoryBehindError, match="coordinator"):
        told(a_task("COOP", needs_routing=True), of=directory(DAKAR, COOP_FOCAL_POINT))


def test_nothing_waits_for_people_to_whom_an_overtaken_event_would_say_nothing() -> None:
    opened = a_task("DWT/CO-Dakar")
    done = then(opened, TaskCompletedV1, by=DAKAR, state=TaskState.COMPLETED, waiting_for=())

    assert told(opened, of=directory(COORDINATOR), newest=done) == set()


def test_the_coordinator_places_a_task_whose_unit_has_no_one_left() -> None:
    left = Directory([person(DAKAR, left=True), person(COORDINATOR)])

    assert told(a_task("DWT/CO-Dakar"), of=left) == {("coordinator, COOP", Reason.ROUTING_NEEDED)}


def test_a_call_to_act_stands_until_the_unit_has_done_its_part() -> None:
    opened = a_task("ACT/EMP", "ACTRAV")
    part = then(opened, TaskCompletedV1, by=EMPLOYERS, state=TaskState.STARTED, waiting_for=["ACTRAV"])

    assert stands(holding(EMPLOYERS), opened)
    assert not stands(holding(EMPLOYERS), part)
    assert stands(holding(WORKERS), part)


def test_one_refusal_settles_every_call_to_act_until_the_task_is_placed_again() -> None:
    declined = declined_by(WORKERS, a_task("ACT/EMP", "ACTRAV"))

    assert not stands(holding(EMPLOYERS), declined)
    assert stands(holding(COORDINATOR, Reason.ROUTING_NEEDED), declined)


def test_a_placed_task_needs_no_more_placing() -> None:
    placed = then(a_task("COOP", needs_routing=True), TaskAssignedV1, units=["ACTRAV"], needs_routing=False)

    assert not stands(holding(COORDINATOR, Reason.ROUTING_NEEDED), placed)


def stands(held: Holding, newest: TaskFacts) -> bool:
    return still_stands(held, Newest(an_event_id(), newest), directory())


def test_the_news_that_a_task_ended_outlasts_the_task() -> None:
    whole = then(a_task("ACTRAV"), TaskCompletedV1, by=WORKERS, state=TaskState.COMPLETED, waiting_for=())
    news, older = holding(COORDINATOR, Reason.TASK_PROGRESS), holding(COORDINATOR, Reason.TASK_PROGRESS)

    assert still_stands(news, Newest(news.about, whole), directory())
    assert not still_stands(older, Newest(news.about, whole), directory())


EVENTS = (TaskAssignedV1, TaskAcceptedV1, TaskStartedV1, TaskCompletedV1, TaskDeclinedV1)
UNITS = ("DWT/CO-Dakar", "DWT/CO-Cairo", "ACT/EMP", "ACTRAV", "COOP")


@given(
    became=st.sampled_from(EVENTS),
    units=st.lists(st.sampled_from(UNITS), min_size=1, max_size=3, unique=True),
    state=st.sampled_from(TaskState),
    needs_routing=st.booleans(),
    by=st.sampled_from(EVERYONE),
    held=st.lists(st.tuples(st.sampled_from(EVERYONE), st.sampled_from(Reason), st.booleans())),
)
def test_nobody_hears_of_their_own_act_nor_twice_for_one_reason(  # noqa: PLR0917
    became: type[TaskFacts],
    units: list[str],
    state: TaskState,
    needs_routing: bool,  # noqa: FBT001
    by: MemberFacts,
    held: list[tuple[MemberFacts, Reason, bool]],
) -> None:
    event = then(a_task(*units), became, by=by, state=state, needs_routing=needs_routing)
    holdings = [holding(member, reason, is_open=is_open) for member, reason, is_open in held]

    tellings = whom_to_tell(event, Newest(an_event_id(), event), directory(), holdings)

    assert by.member_id not in {telling.member_id for telling in tellings}
    assert len({(one.member_id, one.reason) for one in tellings}) == len(tellings)
    assert Telling(OPERATOR.member_id, "COOP", Reason.UNIT_ASSIGNED) not in tellings
