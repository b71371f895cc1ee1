"""When a refill is over, and into how many parts it splits durables: as they run, not as it was told."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from nats.js.api import ConsumerConfig, ConsumerInfo, SequenceInfo

from ssenet.data_folder.folder import DataFolder
from ssenet.operators.refill_broker import PATIENCE, Aim, Refilled, _tell, as_run
from ssenet.processes.preparation import described
from ssenet.terminal.errors import CommandError


def a_state(unpublished: int, oldest: float) -> dict[str, Any]:
    return {"outbox": {"unpublished": unpublished, "oldest_age_s": oldest}}


def a_durable(floor: int, pending: int) -> ConsumerInfo:
    place = SequenceInfo(consumer_seq=floor, stream_seq=floor)
    made_at = datetime(2026, 11, 24, tzinfo=UTC)
    return ConsumerInfo(
        "x", "EVENTS", ConsumerConfig(), made_at, ack_floor=place, num_pending=pending, num_ack_pending=0
    )


def test_a_refill_ends_though_new_events_never_stop() -> None:
    aim = Aim(100.0)

    assert not aim.look([a_state(900, 50.0)], [a_durable(0, 100)], 100, 100.2)
    assert not aim.look([a_state(500, 50.2)], [a_durable(0, 500)], 500, 100.4)
    # Only what was announced since it began is not in the stream: there were 1,000 to hear.
    assert not aim.look([a_state(7, 0.1)], [a_durable(400, 600)], 1_000, 100.6)
    assert not aim.look([a_state(9, 0.2)], [a_durable(999, 21)], 1_020, 100.8)
    assert aim.look([a_state(8, 0.1)], [a_durable(1_000, 40)], 1_040, 101.0)


def test_an_answer_that_may_be_older_than_the_refill_decides_nothing() -> None:
    aim = Aim(100.0)

    assert not aim.look([a_state(0, 0.0)], [a_durable(0, 0)], 0, 100.2)
    assert not aim.look([a_state(900, 50.0)], [a_durable(0, 0)], 0, 100.4)


def test_a_service_that_does_not_say_how_much_it_owes_is_waited_for() -> None:
    aim = Aim(100.0)

    assert not any(aim.look([{}, a_state(0, 0.0)], [], 0, 100.0 + second) for second in range(3))


def test_a_service_that_does_not_answer_once_is_no_progress() -> None:
    aim = Aim(0.0)
    aim.look([a_state(200_000, 50.0), a_state(9_000, 50.0)], [], 1, 0.1)
    aim.look([{}, a_state(9_000, 50.0)], [], 1, 0.2)

    for second in range(1, 100):
        aim.look([a_state(200_000 - second * 1_000, 50.0), a_state(9_000, 50.0)], [], 1, float(second))
        assert not aim.stuck(float(second))


def test_a_refill_in_which_nothing_but_new_events_moves_is_stuck() -> None:
    aim = Aim(100.0)
    aim.look([a_state(900, 50.0)], [], 100, 100.2)

    aim.look([a_state(950, 90.0)], [], 150, 140.0)
    assert not aim.stuck(100.2 + PATIENCE)
    aim.look([a_state(980, 120.0)], [], 180, 160.0)
    assert aim.stuck(100.3 + PATIENCE)


def test_hearing_counts_as_progress_however_little_was_left_to_publish() -> None:
    aim = Aim(0.0)
    aim.look([a_state(0, 0.0)], [], 1_000_000, 0.1)

    for second in range(1, 200):
        heard = second * 5_000
        assert not aim.look(
            [a_state(0, 0.0)], [a_durable(heard, 1_000_000 - heard)], 1_000_000, float(second)
        )
        assert not aim.stuck(float(second))
    assert aim.look([a_state(0, 0.0)], [a_durable(1_000_000, 0)], 1_000_000, 200.0)


def states(**parts: int) -> dict[str, Any]:
    """What the services say that run in so many parts, and in one where none are told."""
    return {
        service.service: {
            "consumers": [
                {"durable": part.name}
                for part in service.model_copy(update={"partitions": parts.get(service.service, 1)}).parts
            ]
        }
        for service in described().services
    }


def test_durables_are_split_as_the_services_run_them_whatever_the_command_was_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NOTIFICATIONS_PARTITIONS", "4")

    found = as_run(described(), states(coordination=2))

    split = {one.service: one.partitions for one in found.services if one.hears}
    assert (split["coordination"], split["notifications"]) == (2, 1)


def test_a_service_that_hears_what_is_not_described_is_named() -> None:
    told = states()
    told["coordination"]["consumers"].append({"durable": "coordination-of-another-version"})

    with pytest.raises(CommandError, match=r"coordination hears coordination-.*another-version"):
        as_run(described(), told)


def test_what_is_older_than_the_oldest_kept_is_said_not_to_be_published_again_and_no_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    since = "2026-11-21T08:00:00+00:00"
    again = Refilled([], {"registry": 126}, since, in_stream=400, seconds=1.0, complete=True)

    _tell(again, DataFolder(tmp_path))

    # The stream may hold older ones still: a refill that is forced finds it whole.
    told = f"  the oldest of them was announced at {since}; nothing older was published again\n"
    assert told in capsys.readouterr().out
