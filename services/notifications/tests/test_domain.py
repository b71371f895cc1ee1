"""Who is told of a task's event, and why: decisions without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from network import a_task, then
from people import (
    CAIRO,
    COOP_FOCAL_POINT,
    COORDINATOR,
    DAKAR,
    DAKAR_DEPUTY,
    EMPLOYERS,
    EVERYONE,
    OPERATOR,
    WORKERS,
    an_event_id,
    declined_by,
    directory,
    finished_by,
    holding,
    placed,
    told,
)

from contracts.coordination import (
    TaskAcceptedV1,
    TaskAssignedV1,
    TaskCompletedV1,
    TaskDeclinedV1,
    TaskFacts,
    TaskStartedV1,
    TaskState,
)
from contracts.notifications import Reason
from contracts.registry import MemberFacts
from notifications.domain import DirectoryBehindError, Newest, Telling, whom_to_tell


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


def test_colleagues_learn_that_one_of_them_took_the_task_on() -> None:
    accepted = then(a_task("DWT/CO-Dakar"), TaskAcceptedV1, by=DAKAR, state=TaskState.ACCEPTED)

    assert told(accepted) == {("deputy, DWT/CO-Dakar", Reason.TASK_PROGRESS)}


def test_an_acceptance_by_nobody_known_is_news_to_no_one() -> None:
    assert told(then(a_task("DWT/CO-Dakar"), TaskAcceptedV1, state=TaskState.ACCEPTED)) == set()


def test_nobody_is_disturbed_when_work_begins() -> None:
    assert told(then(a_task("DWT/CO-Dakar"), TaskStartedV1, by=DAKAR, state=TaskState.STARTED)) == set()


def test_a_finished_part_is_news_to_the_coordinator_and_to_those_still_waited_for() -> None:
    assert told(finished_by(EMPLOYERS, a_task("ACT/EMP", "ACTRAV", "DWT/CO-Cairo"))) == {
        ("coordinator, COOP", Reason.TASK_PROGRESS),
        ("focal point, ACTRAV", Reason.TASK_PROGRESS),
        ("focal point, DWT/CO-Cairo", Reason.TASK_PROGRESS),
    }


def test_a_completed_task_is_news_to_the_coordinator() -> None:
    assert told(finished_by(WORKERS, a_task("ACTRAV"))) == {("coordinator, COOP", Reason.TASK_PROGRESS)}


def test_an_event_waits_for_a_directory_that_lacks_one_of_its_units_or_the_coordinator() -> None:
    with pytest.raises(DirectoryBehindError, match="DWT/CO-Dakar"):
        told(a_task("DWT/CO-Dakar"), of=directory(COORDINATOR))
    with pytest.raises(DirectoryBehindError, match="ACTRAV"):
        told(a_task("ACT/EMP", "ACTRAV"), of=directory(EMPLOYERS, COORDINATOR))
    with pytest.raises(DirectoryBehindError, match="coordinator"):
        told(a_task("COOP", needs_routing=True), of=directory(DAKAR, COOP_FOCAL_POINT))


def test_nothing_waits_for_people_to_whom_an_overtaken_event_would_say_nothing() -> None:
    opened = a_task("DWT/CO-Dakar")
    declined = declined_by(DAKAR, opened)

    assert told(opened, of=directory(COORDINATOR), newest=finished_by(DAKAR, opened)) == set()
    # Since then somebody placed it: no coordinator has to be found for that any more.
    assert told(declined, of=directory(DAKAR), newest=placed(declined, "DWT/CO-Dakar")) == set()


def test_the_coordinator_places_a_task_whose_unit_has_no_one_left() -> None:
    left = directory(DAKAR, COORDINATOR, left=(DAKAR,))

    assert told(a_task("DWT/CO-Dakar"), of=left) == {("coordinator, COOP", Reason.ROUTING_NEEDED)}


def test_one_unit_with_no_one_left_is_enough_to_ask_the_coordinator_too() -> None:
    left = directory(EMPLOYERS, WORKERS, COORDINATOR, left=(EMPLOYERS,))

    assert told(a_task("ACT/EMP", "ACTRAV"), of=left) == {
        ("focal point, ACTRAV", Reason.UNIT_ASSIGNED),
        ("coordinator, COOP", Reason.ROUTING_NEEDED),
    }


def test_who_has_two_things_to_do_is_told_of_each() -> None:
    left = directory(DAKAR, COORDINATOR, left=(DAKAR,))

    assert told(a_task("COOP", "DWT/CO-Dakar"), of=left) == {
        ("coordinator, COOP", Reason.UNIT_ASSIGNED),
        ("coordinator, COOP", Reason.ROUTING_NEEDED),
    }


def test_a_unit_with_one_member_left_is_not_without_anyone() -> None:
    left = directory(DAKAR, DAKAR_DEPUTY, COORDINATOR, left=(DAKAR,))

    assert told(a_task("DWT/CO-Dakar"), of=left) == {("deputy, DWT/CO-Dakar", Reason.UNIT_ASSIGNED)}


def test_who_still_holds_the_call_to_act_is_not_called_twice() -> None:
    widened = placed(a_task("ACT/EMP"), "ACT/EMP", "ACTRAV")

    assert told(widened, holding(EMPLOYERS)) == {("focal point, ACTRAV", Reason.UNIT_ASSIGNED)}


def test_who_had_closed_the_call_to_act_is_called_when_the_task_is_placed_anew() -> None:
    anew = placed(a_task("ACT/EMP"), "ACT/EMP")

    assert told(anew, holding(EMPLOYERS, is_open=False)) == {("focal point, ACT/EMP", Reason.UNIT_ASSIGNED)}


def test_who_holds_only_news_or_was_asked_to_place_it_is_still_called_to_act() -> None:
    task = placed(a_task("DWT/CO-Dakar"), "ACTRAV", "COOP", by=COOP_FOCAL_POINT)

    assert told(
        task, holding(COORDINATOR, Reason.ROUTING_NEEDED), holding(WORKERS, Reason.TASK_PROGRESS)
    ) == {("focal point, ACTRAV", Reason.UNIT_ASSIGNED), ("coordinator, COOP", Reason.UNIT_ASSIGNED)}


def test_a_reassigned_task_asks_the_new_unit_and_relieves_the_old_one() -> None:
    moved = placed(a_task("DWT/CO-Dakar"), "DWT/CO-Cairo")

    assert told(moved, holding(DAKAR, is_open=False)) == {
        ("focal point, DWT/CO-Cairo", Reason.UNIT_ASSIGNED),
        ("focal point, DWT/CO-Dakar", Reason.UNIT_RELIEVED),
    }


def test_of_several_units_only_those_that_lose_the_task_are_relieved() -> None:
    narrowed = placed(a_task("ACT/EMP", "ACTRAV"), "ACTRAV", "DWT/CO-Cairo")

    assert told(narrowed, holding(EMPLOYERS), holding(WORKERS)) == {
        ("focal point, DWT/CO-Cairo", Reason.UNIT_ASSIGNED),
        ("focal point, ACT/EMP", Reason.UNIT_RELIEVED),
    }


def test_who_was_relieved_before_is_not_relieved_again_when_the_task_moves_on() -> None:
    moved = placed(a_task("DWT/CO-Cairo"), "DWT/CO-Cairo")
    earlier = (holding(DAKAR, is_open=False), holding(DAKAR, Reason.UNIT_RELIEVED))

    assert told(moved, *earlier) == {("focal point, DWT/CO-Cairo", Reason.UNIT_ASSIGNED)}


def test_news_in_between_does_not_keep_a_unit_from_being_relieved() -> None:
    moved = placed(a_task("DWT/CO-Dakar"), "DWT/CO-Cairo")
    news = holding(DAKAR_DEPUTY, Reason.TASK_PROGRESS)

    assert told(moved, holding(DAKAR_DEPUTY, is_open=False), news) == {
        ("focal point, DWT/CO-Cairo", Reason.UNIT_ASSIGNED),
        ("deputy, DWT/CO-Dakar", Reason.UNIT_RELIEVED),
    }


def test_a_unit_that_got_its_task_back_is_called_again_and_not_relieved_by_what_comes_late() -> None:
    moved = placed(a_task("DWT/CO-Dakar"), "DWT/CO-Cairo")
    back = placed(moved, "DWT/CO-Dakar")
    asked, relieved = holding(DAKAR, is_open=False), holding(DAKAR, Reason.UNIT_RELIEVED)

    assert ("focal point, DWT/CO-Dakar", Reason.UNIT_ASSIGNED) in told(back, asked, relieved)
    assert told(moved, asked, newest=back) == {("focal point, DWT/CO-Cairo", Reason.UNIT_ASSIGNED)}


def test_nobody_is_relieved_of_a_task_by_the_very_event_that_gives_it_to_their_unit() -> None:
    back = placed(a_task("DWT/CO-Cairo"), "DWT/CO-Dakar")
    refused = declined_by(DAKAR_DEPUTY, back)

    assert told(back, holding(DAKAR, is_open=False), newest=refused) == {
        ("focal point, DWT/CO-Dakar", Reason.UNIT_ASSIGNED),
        ("deputy, DWT/CO-Dakar", Reason.UNIT_ASSIGNED),
    }


def test_who_has_left_is_not_relieved() -> None:
    left = directory(DAKAR, DAKAR_DEPUTY, CAIRO, left=(DAKAR,))
    moved = placed(a_task("DWT/CO-Dakar"), "DWT/CO-Cairo")

    assert told(moved, holding(DAKAR), holding(DAKAR_DEPUTY), of=left) == {
        ("focal point, DWT/CO-Cairo", Reason.UNIT_ASSIGNED),
        ("deputy, DWT/CO-Dakar", Reason.UNIT_RELIEVED),
    }


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
