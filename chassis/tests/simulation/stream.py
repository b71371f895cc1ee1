"""A model of the stream: it may lose, delay, double and refuse what is sent, and keeps what it has acknowledged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from chassis.broker.stream_identity import ObservedStream
from chassis.outbox.relay_decisions import Row

from .world import Course, World

PUBLISH_TIMEOUT = 5.0
LATE = 8.0
"""Seconds after which a message that was held up on its way has arrived, or is lost."""


class StreamAwayError(Exception):
    """No answer came, or none was to be had, or it was an error."""


class BatchRefusedError(Exception):
    """The stream refused a batch, and stored nothing of it."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A message in the stream."""

    sequence: int
    event_id: UUID
    subject: str
    stored_at: float


@dataclass
class Stream:
    """Stored messages, and the ids that make a repeat known for as long as the duplicate window lasts."""

    world: World
    window: float
    up: bool = True
    messages: list[Stored] = field(default_factory=list[Stored])
    ids: set[UUID] = field(default_factory=set[UUID])
    ever: set[UUID] = field(default_factory=set[UUID])
    """What was stored, also where it was lost since."""
    made_at: datetime = datetime(2026, 11, 23, tzinfo=UTC)
    losses: int = 0
    on_stored: Callable[[], None] = lambda: None
    repeats: int = 0
    """Messages sent though they were stored already."""
    loses_answer: bool = False
    """Whether the next answer goes astray."""
    on_away: Callable[[], None] = lambda: None
    on_back: Callable[[], None] = lambda: None
    _known: dict[UUID, Stored] = field(default_factory=dict[UUID, Stored])

    def publish(self, rows: Sequence[Row], *, atomic: bool) -> Course:
        """Publish as `PublishBatch` or `PublishOne` ask: stream sequences, or one of the two errors.

        The message travels by itself: it arrives even if who sent it is dead by then.
        """
        world, chances = self.world, self.world.chances
        self.repeats += sum(row.event_id in self.ids for row in rows)
        if not self.up:
            yield world.moment()
            raise StreamAwayError
        answers: list[Any] = []
        losses = self.losses

        def arrive() -> None:
            # What was on its way to a server that has lost its store went with the connection.
            if self.up and self.losses == losses:
                answers.append(self._store(rows, atomic=atomic))

        if world.happens(chances.lost):
            yield PUBLISH_TIMEOUT
            raise StreamAwayError
        if world.happens(chances.doubled):
            world.after(world.random.random() * LATE, arrive)
        if world.happens(chances.late):
            world.after(world.random.random() * LATE, arrive)
            yield PUBLISH_TIMEOUT
        else:
            world.after(world.moment(), arrive)
            # The longest a moment takes, so that the message has arrived before its answer can.
            yield 0.004 + world.moment()
        if not answers or self.loses_answer or world.happens(chances.unanswered):
            self.loses_answer = False
            yield PUBLISH_TIMEOUT
            raise StreamAwayError
        answer = answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def look(self) -> Course:
        """Which stream it is: as `AskStream` asks."""
        yield self.world.moment()
        if not self.up or self.world.happens(self.world.chances.lost):
            yield PUBLISH_TIMEOUT if self.up else 0.0
            raise StreamAwayError
        seen = ObservedStream(self.made_at, len(self.messages))
        yield self.world.moment()
        return seen

    def _store(self, rows: Sequence[Row], *, atomic: bool) -> list[int] | Exception:
        if self.world.happens(self.world.chances.refused):
            return BatchRefusedError() if atomic else StreamAwayError()
        horizon = self.world.now - self.window
        known = [self._known.get(row.event_id) for row in rows]
        repeats = [one for one in known if one is not None and one.stored_at >= horizon]
        if atomic and repeats:
            return BatchRefusedError()
        if repeats:
            return [repeats[0].sequence]
        return [self._append(row) for row in rows]

    def _append(self, row: Row) -> int:
        stored = Stored(len(self.messages) + 1, row.event_id, row.nats_subject, self.world.now)
        self.messages.append(stored)
        self.ids.add(row.event_id)
        self.ever.add(row.event_id)
        self._known[row.event_id] = stored
        self.on_stored()
        return stored.sequence

    def go_away(self, seconds: float) -> None:
        self.up = False
        self.on_away()
        self.world.after(seconds, self._come_back)

    def lose(self, *, kept: int) -> None:
        """Be made anew, or, where something is kept, be restored from an older copy: the server is away meanwhile."""
        self.losses += 1
        if not kept:
            self.made_at += timedelta(seconds=1)
        self.messages = self.messages[:kept]
        self.ids = {one.event_id for one in self.messages}
        self._known = {event_id: one for event_id, one in self._known.items() if event_id in self.ids}

    def _come_back(self) -> None:
        self.up = True
        self.on_back()
