"""A task's life: who may do what, in which order, and what several units owe together."""

from collections.abc import Sequence
from uuid import uuid5

import pytest
from coordination_kit import IDS
from hypothesis import given
from hypothesis import strategies as st

from contracts.coordination import TaskState
from contracts.words import MemberId, Role
from coordination.domain.tasks import (
    Action,
    DomainError,
    Member,
    NotYourTaskError,
    Task,
    WrongStateError,
    act,
    actions_of,
    assign,
    refuse_stranger,
)

UNITS = ("ACT/EMP", "ACTRAV", "COOP")


def a_member_of(unit: str, role: Role = Role.FOCAL_POINT, name: str = "") -> Member:
    return Member(MemberId(uuid5(IDS, f"{unit}{role}{name}")), unit, role, f"{role}, {unit}")


COORDINATOR = a_member_of("COOP", Role.COORDINATOR)
members = st.sampled_from(
    [COORDINATOR, *(a_member_of(unit, name=name) for unit in UNITS for name in ("", "deputy"))]
)
steps = st.lists(
    st.tuples(st.sampled_from(list(Action)), members, st.sets(st.sampled_from(UNITS), min_size=1))
)


def _do(task: Task, action: Action, member: Member, units: Sequence[str]) -> Task:
    return assign(task, units, member) if action is Action.ASSIGN else act(task, action, member)


def _after(task: Task, *deeds: tuple[Action, Member]) -> Task:
    for action, member in deeds:
        task = act(task, action, member)
    return task


@given(st.sets(st.sampled_from(UNITS), min_size=1), steps)
def test_a_task_is_completed_exactly_when_every_unit_has_finished_its_part(
    units: set[str], history: list[tuple[Action, Member, set[str]]]
) -> None:
    task = Task(units=tuple(sorted(units)))
    for action, member, places in history:
        try:
            task = _do(task, action, member, sorted(places))
        except DomainError:
            continue
        finished = {deed.unit for deed in task.deeds if deed.action is Action.COMPLETE}
        assert (task.state is TaskState.COMPLETED) == (finished == set(task.units))
        if task.state is not TaskState.DECLINED:
            assert set(task.waiting_for) == set(task.units) - finished


@given(st.sets(st.sampled_from(UNITS), min_size=1), steps)
def test_repeating_what_one_has_done_changes_nothing(
    units: set[str], history: list[tuple[Action, Member, set[str]]]
) -> None:
    task = Task(units=tuple(sorted(units)))
    for action, member, places in history:
        try:
            task = _do(task, action, member, sorted(places))
        except DomainError:
            continue
        assert _do(task, action, member, sorted(places)) is task


@given(units=st.sets(st.sampled_from(UNITS), min_size=1), to_route=st.booleans(), history=steps)
def test_the_offered_actions_are_those_that_go_through(
    *, units: set[str], to_route: bool, history: list[tuple[Action, Member, set[str]]]
) -> None:
    task = Task(units=tuple(sorted(units)), needs_routing=to_route)
    for action, member, places in history:
        offered = actions_of(task, member)
        try:
            after = _do(task, action, member, sorted(places))
        except DomainError:
            assert action not in offered
            continue
        assert action in offered or after is task
        task = after


@given(st.permutations([(action, unit) for unit in ("ACT/EMP", "ACTRAV") for action in list(Action)[:3]]))
def test_no_order_of_deeds_lets_one_bureau_close_a_joint_review(order: list[tuple[Action, str]]) -> None:
    task = Task(units=("ACT/EMP", "ACTRAV"))
    done: set[tuple[Action, str]] = set()
    for action, unit in order:
        try:
            task = act(task, action, a_member_of(unit))
        except WrongStateError:
            continue
        done.add((action, unit))
        both = {(Action.COMPLETE, "ACT/EMP"), (Action.COMPLETE, "ACTRAV")} <= done
        assert (task.state is TaskState.COMPLETED) == both


def test_a_task_goes_from_opened_to_completed_step_by_step() -> None:
    member = a_member_of("COOP")
    task = Task(units=("COOP",))
    seen = [task.state]
    for action in (Action.ACCEPT, Action.START, Action.COMPLETE):
        task = act(task, action, member)
        seen.append(task.state)

    assert seen == [TaskState.OPENED, TaskState.ACCEPTED, TaskState.STARTED, TaskState.COMPLETED]


def test_a_step_cannot_be_left_out() -> None:
    with pytest.raises(WrongStateError, match="'complete' does not follow"):
        act(Task(units=("COOP",)), Action.COMPLETE, a_member_of("COOP"))


def test_a_colleague_cannot_accept_what_the_unit_has_accepted() -> None:
    task = _after(Task(units=("COOP",)), (Action.ACCEPT, a_member_of("COOP")))

    with pytest.raises(WrongStateError):
        act(task, Action.ACCEPT, a_member_of("COOP", name="deputy"))


def test_a_colleague_can_go_on_where_another_left_off() -> None:
    task = _after(Task(units=("COOP",)), (Action.ACCEPT, a_member_of("COOP")))

    assert act(task, Action.START, a_member_of("COOP", name="deputy")).state is TaskState.STARTED


@pytest.mark.parametrize(
    "member",
    [None, a_member_of("ACTRAV"), a_member_of("COOP", Role.OPERATOR)],
    ids=["nobody", "stranger", "operator"],
)
def test_who_has_no_part_in_a_task_may_do_nothing_with_it(member: Member | None) -> None:
    task = Task(units=("COOP",))

    assert actions_of(task, member) == ()
    for action in (Action.ACCEPT, Action.START, Action.COMPLETE, Action.DECLINE):
        with pytest.raises(NotYourTaskError):
            act(task, action, member)


def test_a_focal_point_may_not_assign_its_own_task() -> None:
    with pytest.raises(NotYourTaskError):
        assign(Task(units=("ACTRAV",)), ("COOP",), a_member_of("ACTRAV"))


def test_one_bureau_that_declines_stops_the_whole_review() -> None:
    employers, workers = a_member_of("ACT/EMP"), a_member_of("ACTRAV")
    task = _after(Task(units=("ACT/EMP", "ACTRAV")), (Action.ACCEPT, employers), (Action.DECLINE, workers))

    assert task.state is TaskState.DECLINED
    assert task.waiting_for == ()
    with pytest.raises(WrongStateError):
        act(task, Action.START, employers)


def test_what_was_declined_begins_anew_where_the_coordinator_places_it() -> None:
    declined = _after(Task(units=("ACTRAV",)), (Action.DECLINE, a_member_of("ACTRAV")))

    task = assign(declined, ("ACTRAV", "COOP"), COORDINATOR)

    assert task.state is TaskState.OPENED
    assert task.waiting_for == ("ACTRAV", "COOP")
    assert act(task, Action.ACCEPT, a_member_of("ACTRAV")).state is TaskState.ACCEPTED


def test_what_is_under_way_stays_where_it_is() -> None:
    task = _after(Task(units=("ACTRAV",)), (Action.ACCEPT, a_member_of("ACTRAV")))

    with pytest.raises(WrongStateError):
        assign(task, ("COOP",), COORDINATOR)


def test_a_task_that_waits_for_routing_is_assigned_before_anything_else() -> None:
    task = Task(units=("COOP",), needs_routing=True)

    assert actions_of(task, COORDINATOR) == (Action.DECLINE, Action.ASSIGN)
    assert not assign(task, ("ACTRAV",), COORDINATOR).needs_routing
    assert not act(task, Action.DECLINE, COORDINATOR).needs_routing
    with pytest.raises(WrongStateError, match="assign"):
        act(task, Action.ACCEPT, COORDINATOR)


def test_a_unit_named_twice_has_one_part() -> None:
    assert assign(Task(units=("COOP",)), ("ACTRAV", "ACTRAV"), COORDINATOR).units == ("ACTRAV",)


def test_a_task_is_read_by_who_acts_for_a_unit_that_had_it_and_by_coordinators() -> None:
    for reader in (a_member_of("CO-Dakar"), a_member_of("COOP", Role.COORDINATOR)):
        refuse_stranger(["CO-Dakar"], reader)
    for stranger in (a_member_of("CO-Cairo"), a_member_of("CO-Dakar", Role.OPERATOR), None):
        with pytest.raises(NotYourTaskError):
            refuse_stranger(["CO-Dakar"], stranger)
