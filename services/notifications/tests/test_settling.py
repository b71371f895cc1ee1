"""Which items still stand once a task has moved on: decisions without a database."""

import pytest
from network import a_task, then
from people import (
    COOP_FOCAL_POINT,
    COORDINATOR,
    DAKAR,
    DAKAR_DEPUTY,
    EMPLOYERS,
    WORKERS,
    an_event_id,
    declined_by,
    directory,
    finished_by,
    holding,
    placed,
)

from contracts.coordination import TaskAcceptedV1, TaskFacts, TaskStartedV1, TaskState
from contracts.notifications import Reason
from notifications.domain import Directory, Holding, Newest, still_stands


def stands(held: Holding, newest: TaskFacts, *, of: Directory | None = None) -> bool:
    return still_stands(held, Newest(an_event_id(), newest), of or directory())


def test_a_call_to_act_stands_until_the_unit_has_done_its_part() -> None:
    opened = a_task("ACT/EMP", "ACTRAV")
    accepted = then(opened, TaskAcceptedV1, by=EMPLOYERS, state=TaskState.ACCEPTED)
    started = then(accepted, TaskStartedV1, by=EMPLOYERS, state=TaskState.STARTED)
    part = finished_by(EMPLOYERS, started)

    assert all(stands(holding(EMPLOYERS), newest) for newest in (opened, accepted, started))
    assert not stands(holding(EMPLOYERS), part)
    assert stands(holding(WORKERS), part)
    assert not stands(holding(WORKERS), finished_by(WORKERS, part))


def test_an_event_that_leaves_out_whom_it_waits_for_waits_for_all_its_units() -> None:
    assert stands(holding(WORKERS), a_task("ACT/EMP", "ACTRAV", waiting_for=()))


def test_a_call_to_act_stands_at_the_tasks_units_alone() -> None:
    assert not stands(holding(DAKAR), placed(a_task("DWT/CO-Dakar"), "ACT/EMP", "ACTRAV"))


def test_no_unit_can_act_on_what_still_has_to_be_placed() -> None:
    assert not stands(holding(COOP_FOCAL_POINT), a_task("COOP", needs_routing=True))


def test_one_refusal_settles_every_call_to_act_until_the_task_is_placed_again() -> None:
    declined = declined_by(WORKERS, a_task("ACT/EMP", "ACTRAV"))

    assert not stands(holding(EMPLOYERS), declined)
    assert stands(holding(COORDINATOR, Reason.ROUTING_NEEDED), declined)


def test_a_placed_task_needs_no_more_placing() -> None:
    assert not stands(
        holding(COORDINATOR, Reason.ROUTING_NEEDED), placed(a_task("COOP", needs_routing=True), "ACTRAV")
    )


def test_a_task_needs_placing_as_long_as_one_of_its_units_has_no_one_left() -> None:
    task, asked = a_task("ACT/EMP", "ACTRAV"), holding(COORDINATOR, Reason.ROUTING_NEEDED)

    assert stands(asked, task, of=directory(EMPLOYERS, WORKERS, left=(EMPLOYERS,)))
    assert not stands(asked, task, of=directory(EMPLOYERS, WORKERS))


def test_what_is_completed_needs_no_placing_whoever_has_left_since() -> None:
    completed = finished_by(DAKAR, a_task("DWT/CO-Dakar"))

    assert not stands(
        holding(COORDINATOR, Reason.ROUTING_NEEDED), completed, of=directory(DAKAR, left=(DAKAR,))
    )


@pytest.mark.parametrize(
    ("state", "is_news"),
    [
        (TaskState.OPENED, False),
        (TaskState.ACCEPTED, True),
        (TaskState.STARTED, True),
        (TaskState.COMPLETED, False),
        (TaskState.DECLINED, False),
    ],
)
def test_news_of_progress_stands_while_the_work_it_tells_of_goes_on(
    *, state: TaskState, is_news: bool
) -> None:
    newest = a_task("DWT/CO-Dakar", state=state)

    assert stands(holding(DAKAR_DEPUTY, Reason.TASK_PROGRESS), newest) is is_news


def test_the_news_that_a_task_ended_outlasts_the_task() -> None:
    whole = finished_by(WORKERS, a_task("ACTRAV"))
    news, older = holding(COORDINATOR, Reason.TASK_PROGRESS), holding(COORDINATOR, Reason.TASK_PROGRESS)

    assert still_stands(news, Newest(news.about, whole), directory())
    assert not still_stands(older, Newest(news.about, whole), directory())


def test_that_a_unit_was_relieved_stands_until_the_task_is_completed_elsewhere() -> None:
    relieved = holding(DAKAR, Reason.UNIT_RELIEVED)
    moved = placed(a_task("DWT/CO-Dakar"), "ACTRAV")

    assert stands(relieved, moved)
    assert stands(relieved, declined_by(WORKERS, moved))
    assert not stands(relieved, finished_by(WORKERS, moved))


def test_that_a_unit_was_relieved_is_settled_once_it_got_its_task_back() -> None:
    moved = placed(a_task("DWT/CO-Dakar"), "ACTRAV")

    assert not stands(holding(DAKAR, Reason.UNIT_RELIEVED), placed(moved, "ACTRAV", "DWT/CO-Dakar"))
