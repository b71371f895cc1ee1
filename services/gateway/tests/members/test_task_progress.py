"""How far a task is."""

from datetime import UTC, datetime

import pytest
from page_kit import a_task

from gateway.clients.coordination import TaskView
from gateway.members.pages.task_progress import steps


def _task(state: str, *happened: str) -> TaskView:
    history = [
        {"state": one, "at": datetime(2026, 11, day, tzinfo=UTC).isoformat(), "actor": None, "reason": None}
        for day, one in enumerate(happened, start=1)
    ]
    return TaskView.model_validate(a_task(state=state, history=history))


@pytest.mark.parametrize(
    ("task", "kinds"),
    [
        (_task("opened", "opened"), ["now", "ahead", "ahead", "ahead"]),
        (_task("started", "opened", "accepted", "started"), ["past", "past", "now", "ahead"]),
        (_task("completed", "opened", "accepted", "started", "completed"), ["past"] * 4),
        (_task("declined", "opened", "accepted", "declined"), ["past", "past", "ended"]),
        (_task("opened", "opened", "accepted", "declined", "opened"), ["now", "ahead", "ahead", "ahead"]),
    ],
)
def test_a_member_sees_how_far_a_task_is(task: TaskView, kinds: list[str]) -> None:
    assert [step.kind for step in steps(task)] == kinds


def test_a_task_placed_anew_shows_no_date_of_its_earlier_life() -> None:
    [opened, accepted, *_] = steps(_task("opened", "opened", "accepted", "declined", "opened"))

    assert opened.at == datetime(2026, 11, 4, tzinfo=UTC)
    assert accepted.at is None
