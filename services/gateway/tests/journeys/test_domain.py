"""What a partner is told of its event's way."""

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.coordination import (
    Actor,
    TaskAcceptedV1,
    TaskAssignedV1,
    TaskCompletedV1,
    TaskDeclinedV1,
    TaskFacts,
    TaskOpenedV1,
    TaskStartedV1,
    TaskState,
)
from contracts.event import EventId
from contracts.notifications import Channel, NotificationDeliveredV1, NotificationReadV1, Reason
from contracts.words import ItemId, Labels, MemberId, TaskId
from gateway.journeys.domain import (
    Status,
    Step,
    StepName,
    in_order,
    shown,
    status_of,
    step_of_notification,
    step_of_task,
)

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TASK, OTHER = UUID(int=1), UUID(int=2)


def _task(kind: type[TaskFacts], state: TaskState, *, task: UUID = TASK, by: str | None = "CO-Dakar") -> Step:
    actor = Actor(member_id=MemberId(uuid4()), label="focal point", organisation=by) if by else None
    facts = kind(
        task_id=TaskId(task),
        rule="assistance",
        result="2.1.1",
        state=state,
        title=Labels(en="a", fr="b", es="c", ar="d"),
        units=("CO-Dakar",),
        opened_at=AT,
        due_on=date(2026, 12, 7),
        actor=actor,
        reason="a member's own words",
    )
    return step_of_task(facts, AT)


def _notice(
    kind: type[NotificationDeliveredV1 | NotificationReadV1],
    *,
    unit: str = "CO-Dakar",
    reason: Reason = Reason.UNIT_ASSIGNED,
) -> Step | None:
    return step_of_notification(
        kind(
            item_id=ItemId(uuid4()),
            member_id=MemberId(uuid4()),
            organisation=unit,
            about=EventId(uuid4()),
            task_id=TaskId(TASK),
            reason=reason,
            channel=Channel.INBOX,
        ),
        AT,
    )


OPENED = _task(TaskOpenedV1, TaskState.OPENED, by=None)
DELIVERED = _notice(NotificationDeliveredV1)
READ = _notice(NotificationReadV1)
assert DELIVERED is not None
assert READ is not None
ACCEPTED = _task(TaskAcceptedV1, TaskState.ACCEPTED)
STARTED = _task(TaskStartedV1, TaskState.STARTED)
DONE = _task(TaskCompletedV1, TaskState.COMPLETED)
PART_DONE = _task(TaskCompletedV1, TaskState.STARTED)
DECLINED = _task(TaskDeclinedV1, TaskState.DECLINED)
ASSIGNED = _task(TaskAssignedV1, TaskState.OPENED)


@pytest.mark.parametrize(
    ("steps", "status"),
    [
        ([], Status.ACCEPTED),
        ([OPENED], Status.TASK_OPENED),
        ([OPENED, DELIVERED], Status.NOTIFIED),
        ([DELIVERED, OPENED], Status.NOTIFIED),
        ([OPENED, DELIVERED, READ], Status.READ),
        ([OPENED, READ, DELIVERED], Status.READ),
        ([OPENED, ACCEPTED, READ], Status.ACCEPTED_BY_UNIT),
        ([OPENED, ACCEPTED, STARTED], Status.IN_PROGRESS),
        ([OPENED, ACCEPTED, STARTED, PART_DONE], Status.IN_PROGRESS),
        ([OPENED, ACCEPTED, STARTED, PART_DONE, DONE], Status.COMPLETED),
        ([OPENED, DECLINED], Status.DECLINED),
        ([OPENED, DECLINED, DELIVERED], Status.DECLINED),
        ([OPENED, DECLINED, ASSIGNED], Status.TASK_OPENED),
        ([OPENED, DECLINED, ASSIGNED, DELIVERED], Status.NOTIFIED),
    ],
)
def test_one_word_sums_up_the_way(steps: list[Step], status: Status) -> None:
    assert status_of(steps) is status


def test_of_several_tasks_those_that_live_count() -> None:
    other = _task(TaskOpenedV1, TaskState.OPENED, task=OTHER)
    other_declined = _task(TaskDeclinedV1, TaskState.DECLINED, task=OTHER)

    assert status_of([OPENED, other, DONE]) is Status.TASK_OPENED
    assert status_of([OPENED, other, DONE, other_declined]) is Status.COMPLETED
    assert status_of([OPENED, other, DECLINED, other_declined]) is Status.DECLINED


def test_a_partner_sees_units_and_never_members_or_their_words() -> None:
    told = f"{DECLINED.detail} {DELIVERED.detail if DELIVERED else ''}"

    assert "CO-Dakar" in told
    assert "focal point" not in told
    assert "own words" not in told
    assert "member" not in told


def test_a_unit_is_named_once_however_many_members_it_has() -> None:
    again, coop = _notice(NotificationDeliveredV1), _notice(NotificationDeliveredV1, unit="COOP")
    assert again is not None
    assert coop is not None

    steps = shown([OPENED, DELIVERED, again, coop])  # type: ignore[list-item]

    assert [step.detail.get("unit") for step in steps if step.name is StepName.NOTIFIED] == [
        "CO-Dakar",
        "COOP",
    ]


def test_news_of_progress_is_no_step() -> None:
    assert _notice(NotificationDeliveredV1, reason=Reason.TASK_PROGRESS) is None


@settings(deadline=None)
@given(
    steps=st.lists(
        st.sampled_from([OPENED, DELIVERED, READ, ACCEPTED, STARTED, DONE, DECLINED, ASSIGNED]), max_size=8
    )
)
def test_hearing_a_step_twice_changes_nothing(steps: list[Step]) -> None:
    twice = [step for step in steps for _ in range(2)]

    assert status_of(twice) is status_of(steps)


def test_of_one_task_the_count_tells_the_order_and_not_a_clock_that_goes_wrong() -> None:
    def at(step: Step, place: tuple[int, int]) -> Step:
        return replace(step, place=place)

    opened, accepted, done = at(OPENED, (1, 1)), at(ACCEPTED, (1, 3)), at(DONE, (2, 2))
    other = at(_task(TaskOpenedV1, TaskState.OPENED, task=OTHER), (1, 1))

    # As their times have it: the office that accepted had a clock behind the one that opened.
    steps = in_order([accepted, DELIVERED, opened, other, done])  # type: ignore[list-item]

    assert steps == [opened, DELIVERED, accepted, other, done]
    assert status_of(steps) is Status.TASK_OPENED
