"""What a partner is told of its event's way."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from random import Random
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


def _task(
    kind: type[TaskFacts],
    state: TaskState,
    *,
    task: UUID = TASK,
    by: str | None = "CO-Dakar",
    units: tuple[str, ...] = ("CO-Dakar",),
    waiting_for: tuple[str, ...] = (),
    needs_routing: bool = False,
) -> Step:
    actor = Actor(member_id=MemberId(uuid4()), label="focal point", organisation=by) if by else None
    facts = kind(
        task_id=TaskId(task),
        rule="assistance",
        result="2.1.1",
        state=state,
        title=Labels(en="a", fr="b", es="c", ar="d"),
        units=units,
        waiting_for=waiting_for,
        needs_routing=needs_routing,
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


def _seen(kind: type[NotificationDeliveredV1 | NotificationReadV1], unit: str = "CO-Dakar") -> Step:
    step = _notice(kind, unit=unit)
    assert step is not None
    return step


OPENED = _task(TaskOpenedV1, TaskState.OPENED, by=None)
DELIVERED = _seen(NotificationDeliveredV1)
READ = _seen(NotificationReadV1)
ACCEPTED = _task(TaskAcceptedV1, TaskState.ACCEPTED)
STARTED = _task(TaskStartedV1, TaskState.STARTED)
DONE = _task(TaskCompletedV1, TaskState.COMPLETED)
PART_DONE = _task(TaskCompletedV1, TaskState.STARTED)
DECLINED = _task(TaskDeclinedV1, TaskState.DECLINED)
ASSIGNED = _task(TaskAssignedV1, TaskState.OPENED)


def test_partners_read_the_words_that_the_how_to_gives_them() -> None:
    """Written out: whoever reads a journey by a program compares with these."""
    assert " ".join(Status) == (
        "accepted task_opened notified read accepted_by_unit in_progress completed declined"
    )
    assert " ".join(StepName) == (
        "received published task_opened task_assigned notified read "
        "task_accepted task_started task_completed task_declined"
    )


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


def _of(task: UUID, *steps: Step) -> list[Step]:
    return [replace(step, task_id=task) for step in steps]


def test_of_several_live_tasks_the_furthest_counts() -> None:
    opened, read, accepted = _of(UUID(int=3), OPENED), _of(OTHER, OPENED, READ), _of(TASK, OPENED, ACCEPTED)

    assert status_of([*opened, *read]) is Status.READ
    assert status_of([*accepted, *read, *opened]) is Status.ACCEPTED_BY_UNIT
    # What is done or declined says how far an event got only where nothing lives any more.
    assert status_of([*opened, *_of(OTHER, OPENED, DECLINED), *_of(TASK, DONE)]) is Status.TASK_OPENED


ENDED = (Status.COMPLETED, Status.DECLINED)


@given(
    ways=st.dictionaries(
        st.integers(1, 4).map(lambda number: UUID(int=number)),
        st.lists(
            st.sampled_from(
                [OPENED, DELIVERED, READ, ACCEPTED, STARTED, PART_DONE, DONE, DECLINED, ASSIGNED]
            ),
            min_size=1,
            max_size=5,
        ),
        min_size=1,
    ),
    random=st.randoms(use_true_random=False),
)
def test_tasks_of_one_event_go_their_ways_however_their_steps_fall_among_each_other(
    ways: dict[UUID, list[Step]], random: Random
) -> None:
    turns = [task for task, steps in ways.items() for _ in steps]
    random.shuffle(turns)
    left = {task: iter(_of(task, *steps)) for task, steps in ways.items()}

    together = status_of([next(left[task]) for task in turns])

    alone = [status_of(steps) for steps in ways.values()]
    alive = sorted((one for one in alone if one not in ENDED), key=list(Status).index)
    assert together is (alive[-1] if alive else min(alone, key=ENDED.index))


def test_a_partner_sees_of_each_step_what_the_how_to_shows() -> None:
    units = ("ACT/EMP", "ACTRAV")
    opened = _task(TaskOpenedV1, TaskState.OPENED, by=None, units=units)
    unplaced = _task(TaskOpenedV1, TaskState.OPENED, by=None, units=("COOP",), needs_routing=True)
    placed = _task(TaskAssignedV1, TaskState.OPENED, by="COOP", units=units)
    accepted = _task(TaskAcceptedV1, TaskState.ACCEPTED, by="ACTRAV", units=units, waiting_for=units)
    part = _task(TaskCompletedV1, TaskState.STARTED, by="ACTRAV", units=units, waiting_for=("ACT/EMP",))
    whole = _task(TaskCompletedV1, TaskState.COMPLETED, by="ACT/EMP", units=units)
    both = {"units": [*units]}

    assert opened == Step(
        StepName.TASK_OPENED, AT, TASK, {"task_state": "opened", **both, "due_on": "2026-12-07"}
    )
    assert unplaced.detail == {
        "task_state": "opened",
        "units": ["COOP"],
        "needs_routing": True,
        "due_on": "2026-12-07",
    }
    assert placed.detail == {"task_state": "opened", **both, "unit": "COOP", "due_on": "2026-12-07"}
    assert accepted.detail == {"task_state": "accepted", **both, "unit": "ACTRAV"}
    assert part.detail == {"task_state": "started", **both, "unit": "ACTRAV", "waiting_for": ["ACT/EMP"]}
    assert whole.detail == {"task_state": "completed", **both, "unit": "ACT/EMP"}
    assert Step(StepName.NOTIFIED, AT, TASK, {"unit": "CO-Dakar", "channel": "inbox"}) == DELIVERED


def test_a_partner_sees_units_and_never_members_or_their_words() -> None:
    told = f"{DECLINED.detail} {DELIVERED.detail}"

    assert "CO-Dakar" in told
    assert "focal point" not in told
    assert "own words" not in told
    assert "member" not in told


def test_a_unit_is_named_once_however_many_members_it_has() -> None:
    at_coop, read_at_coop = _seen(NotificationDeliveredV1, "COOP"), _seen(NotificationReadV1, "COOP")
    of_another = replace(DELIVERED, task_id=OTHER)

    steps = shown([OPENED, DELIVERED, DELIVERED, at_coop, READ, read_at_coop, of_another, READ, at_coop])

    assert steps == [OPENED, DELIVERED, at_coop, READ, read_at_coop, of_another]


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
    steps = in_order([accepted, DELIVERED, opened, other, done])

    assert steps == [opened, DELIVERED, accepted, other, done]
    assert status_of(steps) is Status.TASK_OPENED


@given(
    steps=st.lists(
        st.builds(
            replace,
            st.sampled_from([OPENED, ACCEPTED, DONE, DELIVERED, READ]),
            task_id=st.sampled_from([TASK, OTHER]),
            place=st.tuples(st.integers(1, 2), st.integers(1, 9)),
        ),
        max_size=8,
    )
)
def test_putting_right_the_order_of_each_task_moves_nothing_else(steps: list[Step]) -> None:
    righted = in_order(steps)
    told = {StepName.NOTIFIED, StepName.READ}

    assert Counter(map(repr, righted)) == Counter(map(repr, steps))
    assert [step.task_id for step in righted] == [step.task_id for step in steps]
    for before, after in zip(steps, righted, strict=True):
        assert after is before if before.name in told else after.name not in told
    for task in (TASK, OTHER):
        places = [step.place for step in righted if step.task_id == task and step.name not in told]
        assert places == sorted(places)
