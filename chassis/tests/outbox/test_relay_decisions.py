"""How a relay sends what it has found: each step is answered by hand."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from chassis.broker.stream_identity import ObservedStream, RecordedStream
from chassis.outbox import relay_decisions
from chassis.outbox.relay_decisions import (
    PACE,
    PACE_AFTER_BATCH,
    SINGLY_UP_TO,
    Command,
    Found,
    Pause,
    PublishBatch,
    PublishOne,
    RelayDecisions,
    Row,
)

MADE_AT = datetime(2026, 11, 23, tzinfo=UTC)


def publishing(rows: list[Row]) -> list[PublishOne | PublishBatch]:
    """What a relay publishes of these rows."""
    return [step for step in steps_with(rows) if isinstance(step, PublishOne | PublishBatch)]


def steps_with(rows: list[Row]) -> list[Command]:
    """What a relay does when it finds these rows, up to its first pause."""
    steps = RelayDecisions().run()
    taken: list[Command] = []
    step = next(steps)
    while not isinstance(step, Pause):
        taken.append(step)
        outcome: Any = None
        match step:
            case relay_decisions.TryLock():
                outcome = True
            case relay_decisions.Look():
                outcome = Found(rows, more=False)
            case relay_decisions.AskStream():
                outcome = ObservedStream(MADE_AT, 0)
            case relay_decisions.Recall():
                outcome = RecordedStream(MADE_AT)
            case PublishOne(row):
                outcome = row.position
            case PublishBatch():
                outcome = list(range(1, len(rows) + 1))
            case _:
                pass
        step = steps.send(outcome)
    return [*taken, step]


def some_rows(count: int) -> list[Row]:
    return [Row(number, UUID(int=number), "made", "k", "") for number in range(1, count + 1)]


@pytest.mark.parametrize("count", [1, 2, SINGLY_UP_TO])
def test_a_relay_publishes_a_few_rows_one_after_the_other(count: int) -> None:
    rows = some_rows(count)

    assert publishing(rows) == [PublishOne(row) for row in rows]


def test_a_relay_publishes_more_rows_as_one_batch() -> None:
    rows = some_rows(SINGLY_UP_TO + 1)

    assert publishing(rows) == [PublishBatch(rows)]


@pytest.mark.parametrize(("count", "seconds"), [(SINGLY_UP_TO, PACE), (SINGLY_UP_TO + 1, PACE_AFTER_BATCH)])
def test_after_a_batch_a_relay_lets_more_come_to_share_the_next(count: int, seconds: float) -> None:
    assert steps_with(some_rows(count))[-1] == Pause(seconds)
