"""A relay, and the one who carries its steps out: rows, a stream, and failures as told."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from chassis.broker.stream_identity import ObservedStream, RecordedStream
from chassis.outbox.relay_decisions import (
    SINGLY_UP_TO,
    AskStream,
    Command,
    Found,
    Look,
    LookUp,
    Mark,
    Meanwhile,
    Note,
    Overlapped,
    PublishBatch,
    PublishOne,
    Recall,
    RelayDecisions,
    Row,
    TryLock,
)

MADE_AT = datetime(2026, 11, 23, tzinfo=UTC)
LIMIT = SINGLY_UP_TO + 3
"""Rows of a full batch."""
S = TypeVar("S", bound=Command)


def some_rows(count: int, *, after: int = 0) -> list[Row]:
    return [Row(number, UUID(int=number), "made", "k", "") for number in range(after + 1, after + count + 1)]


def ids_of(rows: Sequence[Row]) -> list[UUID]:
    return [row.event_id for row in rows]


@dataclass
class Talk:
    """A relay, and the one who carries its steps out."""

    unpublished: list[Row] = field(default_factory=list[Row])
    leads: bool = True
    noted: datetime | None = MADE_AT
    published_below: int = 0
    writers: list[str] | None = None
    """Who writes at each look that asks for it."""
    seen: ObservedStream = field(default_factory=lambda: ObservedStream(MADE_AT, 0))
    done: list[Command] = field(default_factory=list[Command])
    """What was carried out, and how it went does not matter."""

    def __post_init__(self) -> None:
        self.relay = RelayDecisions()
        self._steps = self.relay.run()
        self._next: Command | None = next(self._steps)

    @property
    def step(self) -> Command:
        """What is to be done now."""
        assert self._next is not None, "it has ended"
        return self._next

    @property
    def ended(self) -> bool:
        return self._next is None

    def go_on(self) -> None:
        """Carry out the step, and answer truly."""
        self.answer(self._carry_out(self.step))

    def answer(self, outcome: Any) -> None:
        self.done.append(self.step)
        try:
            self._next = self._steps.send(outcome)
        except StopIteration:
            self._next = None

    def fail(self, error: Exception) -> None:
        self.done.append(self.step)
        self._next = self._steps.throw(error)

    def until(self, kind: type[S]) -> S:
        """Go on until such a step is to be done, and not carried out yet."""
        for _ in range(100):
            if isinstance(self.step, kind):
                return self.step
            self.go_on()
        raise AssertionError(f"no {kind.__name__} after {self.done}")

    def until_ended(self) -> None:
        while not self.ended:
            self.go_on()

    def published(self) -> list[PublishOne | PublishBatch]:
        return [step for step in self.done if isinstance(step, PublishOne | PublishBatch)]

    def of(self, *kinds: type[S]) -> list[S]:
        return [step for step in self.done if isinstance(step, kinds)]

    def _carry_out(self, step: Command) -> Any:
        match step:
            case AskStream():
                return self.seen
            case PublishOne(row):
                return row.position
            case PublishBatch(rows):
                return [row.position for row in rows]
            case Meanwhile(publish, mark, look):
                self._ask_database(mark)
                return Overlapped(self._carry_out(publish), self._ask_database(look))
            case _:
                return self._ask_database(step)

    def _ask_database(self, step: Command) -> Any:
        match step:
            case TryLock():
                return self.leads
            case Look(besides):
                rows = [row for row in self.unpublished if row not in besides]
                writers = self.writers if step.and_writers else None
                return Found(rows[:LIMIT], more=len(rows) >= LIMIT, writers=writers)
            case Recall():
                return RecordedStream(self.noted, published_below=self.published_below)
            case LookUp():
                return []
            case Note(seen):
                self.noted = seen.made_at
            case Mark(rows):
                self.unpublished = [row for row in self.unpublished if row not in rows]
            case _:
                pass
        return None


def marked(rows: Sequence[Row]) -> Mark:
    return Mark(rows, [row.position for row in rows], MADE_AT)
