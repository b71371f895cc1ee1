"""What a relay does next, step by step: what it sends and how, whom it tells, and when it sleeps."""

from uuid import UUID

import pytest
from relay_talk import LIMIT, Talk, ids_of, marked, some_rows

from chassis.outbox.relay_decisions import (
    FALLBACK_POLL,
    PACE,
    PACE_AFTER_BATCH,
    REMEMBERED,
    SINGLY_UP_TO,
    AwaitWork,
    BatchRefusedError,
    Command,
    DatabaseAwayError,
    Disconnect,
    Found,
    Look,
    LookUp,
    Mark,
    Meanwhile,
    Notices,
    Overlapped,
    Pause,
    PublishBatch,
    PublishOne,
    Recall,
    TryLock,
)


@pytest.mark.parametrize("count", [1, 2, SINGLY_UP_TO])
def test_a_relay_publishes_a_few_rows_one_after_the_other(count: int) -> None:
    rows = some_rows(count)
    talk = Talk([*rows])

    talk.until(Pause)

    assert talk.published() == [PublishOne(row) for row in rows]
    assert talk.of(Mark) == [marked(rows)]


def test_a_relay_publishes_more_rows_as_one_batch() -> None:
    rows = some_rows(SINGLY_UP_TO + 1)
    talk = Talk([*rows])

    talk.until(Pause)

    assert talk.published() == [PublishBatch(rows)]
    assert talk.of(Mark) == [marked(rows)]


@pytest.mark.parametrize(("count", "seconds"), [(SINGLY_UP_TO, PACE), (SINGLY_UP_TO + 1, PACE_AFTER_BATCH)])
def test_after_a_batch_a_relay_lets_more_come_to_share_the_next(count: int, seconds: float) -> None:
    assert Talk(some_rows(count)).until(Pause) == Pause(seconds)


def test_a_batch_that_the_stream_refuses_is_sent_row_by_row() -> None:
    rows = some_rows(SINGLY_UP_TO + 1)
    talk = Talk([*rows])
    talk.until(PublishBatch)

    talk.fail(BatchRefusedError())

    talk.until(Pause)
    assert talk.published() == [PublishBatch(rows), *(PublishOne(row) for row in rows)]
    assert talk.of(Mark, Pause) == [marked(rows)]


def test_while_much_waits_the_last_batch_is_marked_and_the_next_read_as_one_is_on_its_way() -> None:
    first, second, rest = some_rows(LIMIT), some_rows(LIMIT, after=LIMIT), some_rows(2, after=2 * LIMIT)
    talk = Talk([*first, *second, *rest])

    talk.until(Pause)

    assert talk.of(Meanwhile, Mark, PublishOne, PublishBatch) == [
        Meanwhile(PublishBatch(first), Mark((), ()), Look(besides=first)),
        Meanwhile(PublishBatch(second), marked(first), Look(besides=second)),
        marked(second),
        PublishOne(rest[0]),
        PublishOne(rest[1]),
        marked(rest),
    ]
    # What one batch could not hold is gone on with at once, and only what comes last is paced.
    assert talk.step == Pause(PACE)


def test_a_full_batch_of_a_single_row_needs_nothing_meanwhile() -> None:
    [row] = some_rows(1)
    talk = Talk([row])
    talk.until(Look)
    talk.answer(Found([row], more=True))
    talk.until(Look)

    talk.answer(Found([row], more=True))

    assert talk.step == PublishOne(row)
    talk.go_on()
    talk.go_on()
    # It was a full batch: the next is looked for without a pause.
    assert talk.step == Look()


def test_of_many_a_refused_batch_is_sent_row_by_row_before_the_next() -> None:
    first, rest = some_rows(LIMIT), some_rows(1, after=LIMIT)
    talk = Talk([*first, *rest])
    talk.until(Meanwhile)

    talk.answer(Overlapped(BatchRefusedError(), Found(rest, more=False)))

    talk.until(Pause)
    assert talk.published() == [PublishOne(row) for row in (*first, *rest)]
    assert talk.of(Mark) == [marked(first), marked(rest)]


def test_of_many_nobody_is_told_and_nothing_marked_where_the_database_went_away_meanwhile() -> None:
    first, second = some_rows(LIMIT), some_rows(LIMIT, after=LIMIT)
    talk = Talk([*first, *second])
    told = list[int]()
    talk.until(Meanwhile)
    talk.relay.notices.wait_for(ids_of(first), lambda: told.append(1))
    talk.go_on()
    assert isinstance(talk.step, Meanwhile)

    talk.answer(Overlapped([1] * LIMIT, DatabaseAwayError()))

    assert talk.step == Disconnect()
    assert not told


# Who is told.


def test_whoever_waits_is_told_when_all_is_marked_and_not_before() -> None:
    few, others = some_rows(2), some_rows(2, after=2)
    talk = Talk([*few, *others])
    told = list[str]()
    talk.relay.notices.wait_for(ids_of(few), lambda: told.append("few"))
    talk.relay.notices.wait_for([*ids_of(others), UUID(int=99)], lambda: told.append("never"))
    talk.until(Mark)
    assert not told

    talk.go_on()

    assert told == ["few"]
    assert talk.relay.notices.missing() == [UUID(int=99)]


def test_of_many_whoever_waits_is_told_batch_by_batch() -> None:
    first, second, rest = some_rows(LIMIT), some_rows(LIMIT, after=LIMIT), some_rows(1, after=2 * LIMIT)
    talk = Talk([*first, *second, *rest])
    told = list[int]()
    for number, rows in enumerate((first, second, rest)):
        talk.relay.notices.wait_for(ids_of(rows), lambda number=number: told.append(number))
    told_by = list[list[int]]()

    while not isinstance(talk.step, Pause):
        told_by.append([*told])
        talk.go_on()

    steps = dict(zip(map(str, talk.done), told_by, strict=True))
    assert steps[str(Meanwhile(PublishBatch(second), marked(first), Look(besides=second)))] == []
    assert steps[str(marked(second))] == [0]
    assert steps[str(marked(rest))] == [0, 1]
    assert told == [0, 1, 2]


def test_whoever_comes_late_is_told_at_once_and_whoever_left_is_not_told() -> None:
    notices, told = Notices(), list[str]()
    gone = notices.wait_for([UUID(int=1), UUID(int=2)], lambda: told.append("gone"))
    notices.leave(gone)

    notices.tell([UUID(int=1), UUID(int=2)])
    notices.tell([UUID(int=2)])
    notices.wait_for([UUID(int=2), UUID(int=1)], lambda: told.append("late"))

    assert told == ["late"]
    assert notices.missing() == []


def test_several_who_wait_for_some_of_the_same_are_each_told_once() -> None:
    one, two, three = (UUID(int=number) for number in (1, 2, 3))
    notices, told = Notices(), list[str]()
    notices.wait_for([one, two], lambda: told.append("one and two"))
    notices.wait_for([two, three], lambda: told.append("two and three"))
    assert sorted(notices.missing()) == [one, two, three]

    notices.tell([two])
    assert (told, sorted(notices.missing())) == ([], [one, three])
    notices.tell([three, one])
    notices.tell([one, two, three])

    assert sorted(told) == ["one and two", "two and three"]


def test_of_what_was_acknowledged_the_latest_is_remembered() -> None:
    notices, told = Notices(), list[int]()
    notices.tell(UUID(int=number) for number in range(1, REMEMBERED + 2))

    for number in (1, 2, REMEMBERED + 1):
        notices.wait_for([UUID(int=number)], lambda number=number: told.append(number))

    assert told == [2, REMEMBERED + 1]
    assert notices.missing() == [UUID(int=1)]


# When it sleeps.


def test_a_leader_that_has_nothing_to_do_sleeps_until_it_is_woken() -> None:
    talk = Talk()

    assert talk.until(AwaitWork) == AwaitWork(FALLBACK_POLL)
    assert not talk.relay.woken
    talk.relay.wake()
    assert talk.relay.woken
    talk.go_on()
    # It looks once for one who woke it, and sleeps again.
    before = len(talk.done)
    talk.until(AwaitWork)
    assert [type(step) for step in talk.done[before:]] == [Recall, Look]
    assert not talk.relay.woken


def test_a_leader_that_has_published_sleeps_after_a_pause() -> None:
    talk = Talk(some_rows(1))
    talk.until(Pause)

    talk.go_on()

    assert isinstance(talk.step, AwaitWork)
    assert not talk.relay.woken


@pytest.mark.parametrize("during", [Look, PublishOne, Mark, Pause])
def test_what_is_committed_while_a_relay_is_busy_does_not_wait_for_it_to_sleep(during: type[Command]) -> None:
    talk = Talk(some_rows(1))
    talk.until(during)

    talk.relay.wake()

    talk.until(AwaitWork)
    assert talk.relay.woken


def test_a_follower_sleeps_until_it_hears_of_a_publication_and_a_leader_told_its_own() -> None:
    follower, leader = Talk(leads=False), Talk()
    for talk in (follower, leader):
        talk.until(AwaitWork)
        assert not talk.relay.woken
        talk.relay.hear_of_publication()
    assert (follower.relay.woken, leader.relay.woken) == (True, False)

    follower.go_on()

    assert follower.step == TryLock()
    assert not follower.relay.woken


def test_a_follower_looks_up_what_is_waited_for_and_tells_what_it_finds() -> None:
    talk, told = Talk(leads=False), list[int]()
    talk.until(AwaitWork)
    for number in (1, 2):
        talk.relay.notices.wait_for([UUID(int=number)], lambda number=number: told.append(number))
    talk.go_on()
    assert isinstance(talk.step, LookUp)
    assert set(talk.step.event_ids) == {UUID(int=1), UUID(int=2)}

    talk.answer([UUID(int=2)])

    assert told == [2]
    assert talk.step == TryLock()


def test_a_follower_leads_once_the_lock_is_free() -> None:
    talk = Talk(leads=False)
    talk.until(AwaitWork)
    assert not talk.relay.is_leader

    talk.leads = True
    talk.go_on()

    talk.until(Look)
    assert talk.relay.is_leader
    # The lock that is held is not asked for again.
    talk.until(AwaitWork)
    assert talk.of(TryLock) == [TryLock()] * 2
