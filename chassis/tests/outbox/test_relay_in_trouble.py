"""What a relay does, step by step, where something fails, where it doubts which stream it is, and when told to stop."""

from datetime import timedelta

from relay_talk import LIMIT, MADE_AT, Talk, marked, some_rows

from chassis.broker.stream_identity import ObservedStream
from chassis.outbox.relay_decisions import (
    FIRST_BROKER_PAUSE,
    FIRST_DATABASE_PAUSE,
    LONGEST_BROKER_PAUSE,
    LONGEST_DATABASE_PAUSE,
    AskStream,
    AwaitWork,
    BrokerAwayError,
    Connect,
    DatabaseAwayError,
    Disconnect,
    Look,
    Mark,
    Meanwhile,
    Note,
    Pause,
    PublishOne,
    Recall,
    StreamLostError,
    TryLock,
)


def test_a_broker_that_is_away_is_called_after_growing_pauses_until_it_is_back() -> None:
    [row] = some_rows(1)
    talk = Talk([row])
    pauses = list[Pause]()
    for _ in range(7):
        error = BrokerAwayError()
        talk.until(PublishOne)
        talk.fail(error)
        assert isinstance(talk.step, Pause)
        assert talk.step.after is error
        pauses.append(talk.step)
        talk.go_on()

    assert [pause.seconds for pause in pauses] == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    assert (FIRST_BROKER_PAUSE, LONGEST_BROKER_PAUSE) == (0.1, 2.0)
    assert not talk.of(Disconnect)

    talk.until(AwaitWork)
    talk.unpublished = some_rows(1, after=1)
    talk.relay.wake()
    talk.until(PublishOne)
    talk.fail(BrokerAwayError())
    assert talk.until(Pause).seconds == FIRST_BROKER_PAUSE


def test_a_database_that_is_away_is_called_after_growing_pauses_without_the_lost_connection() -> None:
    talk = Talk()
    talk.until(AwaitWork)
    talk.go_on()
    talk.fail(DatabaseAwayError())
    pauses = list[float]()
    for _ in range(7):
        assert talk.step == Disconnect()
        assert not talk.relay.is_leader
        talk.go_on()
        assert isinstance(talk.step, Pause)
        assert isinstance(talk.step.after, DatabaseAwayError)
        pauses.append(talk.step.seconds)
        talk.go_on()
        assert talk.step == Connect()
        talk.fail(DatabaseAwayError())

    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert (FIRST_DATABASE_PAUSE, LONGEST_DATABASE_PAUSE) == (0.2, 5.0)

    talk.until(TryLock)
    talk.fail(DatabaseAwayError())
    assert talk.until(Pause).seconds == FIRST_DATABASE_PAUSE


def test_a_stop_ends_the_pauses_of_one_that_calls_an_absent_database() -> None:
    talk = Talk()
    talk.fail(DatabaseAwayError())
    talk.until(Pause)

    talk.relay.stop()
    talk.go_on()

    assert talk.ended


# Which stream it is.


def test_a_relay_asks_which_stream_it_is_once_a_connection_and_after_each_failure_of_the_broker() -> None:
    talk = Talk(some_rows(1))
    talk.until(AwaitWork)
    assert talk.of(Connect, AskStream, Recall, Note) == [Connect(), Recall(), AskStream(), Recall()]
    assert talk.relay.is_sure

    talk.unpublished = some_rows(1, after=1)
    talk.relay.wake()
    talk.until(PublishOne)
    talk.fail(BrokerAwayError())
    assert not talk.relay.is_sure
    talk.until(AwaitWork)
    assert len(talk.of(AskStream)) == 2

    talk.unpublished = some_rows(1, after=2)
    talk.go_on()
    talk.fail(DatabaseAwayError())
    talk.until(AwaitWork)
    assert len(talk.of(AskStream)) == 3
    assert len(talk.of(Connect)) == 2


def test_a_relay_with_nothing_to_publish_asks_for_no_stream() -> None:
    talk = Talk()

    talk.until(AwaitWork)

    assert not talk.of(AskStream)


def test_a_stream_is_noted_where_none_is_and_marks_are_made_for_it() -> None:
    rows = some_rows(1)
    talk = Talk([*rows], noted=None)

    talk.until(Pause)

    assert talk.of(Note, Mark) == [Note(ObservedStream(MADE_AT, 0)), marked(rows)]


def test_nothing_is_published_to_another_stream_and_the_pause_says_why() -> None:
    later = MADE_AT + timedelta(hours=1)
    talk = Talk(some_rows(1), seen=ObservedStream(later, 0))

    pause = talk.until(Pause)

    assert isinstance(pause.after, StreamLostError)
    assert str(pause.after).startswith("the stream ")
    assert not talk.published()
    # Once it is refilled, what it holds is noted anew.
    talk.noted = None
    talk.until(Mark)
    assert talk.of(Note) == [Note(ObservedStream(later, 0))]
    assert talk.step == Mark(some_rows(1), [1], later)


def test_who_begins_to_doubt_while_asking_neither_judges_nor_notes() -> None:
    talk = Talk(some_rows(1), noted=None)
    talk.until(AskStream)
    talk.go_on()
    assert talk.step == Recall()

    talk.relay.doubt()
    talk.go_on()

    assert not talk.of(Note)
    talk.until(Note)
    assert len(talk.of(AskStream)) == 2


def test_who_begins_to_doubt_among_single_rows_sends_no_more_of_them() -> None:
    rows = some_rows(3)
    talk = Talk([*rows])
    talk.until(PublishOne)

    talk.relay.doubt()
    talk.go_on()

    assert isinstance(talk.step, Pause)
    assert isinstance(talk.step.after, BrokerAwayError)
    talk.until(AwaitWork)
    assert talk.published() == [PublishOne(row) for row in (rows[0], *rows)]
    assert len(talk.of(AskStream)) == 2


def test_who_begins_to_doubt_while_it_looks_again_publishes_nothing_and_looks_anew_at_once() -> None:
    rows = some_rows(LIMIT)
    talk = Talk([*rows, *some_rows(1, after=LIMIT)])
    talk.until(Meanwhile)

    talk.relay.doubt()
    talk.go_on()

    # The batch was acknowledged and is marked; of the rest nothing is sent before the stream is known again.
    assert talk.step == marked(rows)
    for expected in (Recall, Look, AskStream):
        talk.go_on()
        assert isinstance(talk.step, expected)


# A stop.


def test_a_stop_publishes_all_that_is_committed_and_lets_go() -> None:
    talk = Talk()
    talk.until(AwaitWork)
    talk.unpublished = rows = some_rows(2 * LIMIT + 1)

    talk.relay.stop()
    assert talk.relay.woken
    talk.until_ended()

    assert talk.unpublished == []
    assert talk.done[-1] == Disconnect()
    assert not talk.relay.is_leader
    assert {row for step in talk.of(Mark) if isinstance(step, Mark) for row in step.rows} <= set(rows)


def test_a_stop_without_a_broker_says_why_rows_are_left() -> None:
    talk = Talk()
    talk.until(AwaitWork)
    talk.unpublished = some_rows(1)
    talk.relay.stop()
    talk.until(PublishOne)

    error = BrokerAwayError()
    talk.fail(error)

    assert talk.step == Disconnect(undrained=error)
    talk.go_on()
    assert talk.ended
    assert not talk.relay.is_leader


def test_a_follower_that_is_stopped_publishes_nothing() -> None:
    talk = Talk(some_rows(1), leads=False)
    talk.until(AwaitWork)

    talk.relay.stop()
    talk.until_ended()

    assert not talk.of(Look, PublishOne)
    assert talk.done[-1] == Disconnect()
