"""What an owner makes of each message's numbers, and of a heartbeat's."""

import pytest

from chassis.consumer.sequence_check import Arrival, SequenceCheck

FLOOR = 10


@pytest.fixture
def along() -> SequenceCheck:
    """An owner that has begun at the floor, and has taken one message."""
    found = SequenceCheck(FLOOR)
    assert found.arrived(consumer_sequence=1, stream_sequence=FLOOR + 1) is Arrival.TAKEN
    return found


def test_an_owner_takes_what_follows_though_the_stream_has_other_messages_between(
    along: SequenceCheck,
) -> None:
    assert along.arrived(consumer_sequence=2, stream_sequence=FLOOR + 5) is Arrival.TAKEN
    assert not along.broken


def test_an_owner_takes_nothing_more_after_a_gap(along: SequenceCheck) -> None:
    assert along.arrived(consumer_sequence=3, stream_sequence=FLOOR + 3) is Arrival.DROPPED
    assert along.arrived(consumer_sequence=4, stream_sequence=FLOOR + 4) is Arrival.DROPPED
    assert along.broken


def test_an_owner_says_again_what_it_has_acknowledged(along: SequenceCheck) -> None:
    along.acknowledged(FLOOR + 1)

    assert along.arrived(consumer_sequence=2, stream_sequence=FLOOR + 1) is Arrival.DONE_BEFORE
    assert not along.broken


def test_an_owner_begins_anew_where_it_is_sent_again_what_it_still_has_in_hand(along: SequenceCheck) -> None:
    assert along.arrived(consumer_sequence=2, stream_sequence=FLOOR + 1) is Arrival.DROPPED
    assert along.broken


@pytest.mark.parametrize(("last_sent", "broken"), [(1, False), (2, True), (0, True)])
def test_an_owner_misses_what_a_heartbeat_tells_of(
    along: SequenceCheck,
    last_sent: int,
    broken: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    along.heard(last_sent)

    assert along.broken == broken
