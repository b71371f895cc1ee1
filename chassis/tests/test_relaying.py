"""How a relay sends what it has found: each step is answered by hand."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from chassis import relaying
from chassis.relaying import SINGLY_UP_TO, Found, PublishBatch, PublishOne, Relaying, Row
from chassis.stream_identity import Known, Seen

MADE_AT = datetime(2026, 11, 23, tzinfo=UTC)


def publishing(rows: list[Row]) -> list[PublishOne | PublishBatch]:
    """What a relay publishes of these rows, up to the marks."""
    steps = Relaying().run()
    published: list[PublishOne | PublishBatch] = []
    step = next(steps)
    while not isinstance(step, relaying.Mark):
        outcome: Any = None
        match step:
            case relaying.TryLock():
                outcome = True
            case relaying.Look():
                outcome = Found(rows, more=False)
            case relaying.AskStream():
                outcome = Seen(MADE_AT, 0)
            case relaying.Recall():
                outcome = Known(MADE_AT)
            case PublishOne():
                published.append(step)
                outcome = len(published)
            case PublishBatch():
                published.append(step)
                outcome = list(range(1, len(rows) + 1))
            case _:
                pass
        step = steps.send(outcome)
    return published


def some_rows(count: int) -> list[Row]:
    return [Row(number, UUID(int=number), "made", "k", "") for number in range(1, count + 1)]


@pytest.mark.parametrize("count", [1, 2, SINGLY_UP_TO])
def test_a_relay_publishes_a_few_rows_one_after_the_other(count: int) -> None:
    rows = some_rows(count)

    assert publishing(rows) == [PublishOne(row) for row in rows]


def test_a_relay_publishes_more_rows_as_one_batch() -> None:
    rows = some_rows(SINGLY_UP_TO + 1)

    assert publishing(rows) == [PublishBatch(rows)]
