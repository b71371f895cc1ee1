"""A model of one service's PostgreSQL: sessions that die, locks that go with them, commits whole or not at all."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.broker.stream_identity import RecordedStream
from chassis.outbox.relay_decisions import Row

from .world import Course, World

LARGE = "large"
KEPT_EVERY = 7
"""Positions after which the low watermark is kept."""


class SessionLostError(Exception):
    """The statement was not answered; whether it had its effect is not known."""


@dataclass(eq=False, slots=True)
class Session:
    """A connection: it hears notices, and holds locks for as long as the server thinks it lives."""

    listener: Callable[[str], None]
    alive: bool = True


@dataclass(slots=True)
class OutboxRow:
    """A committed row, and its mark, which may be lost again in a crash, for it is not flushed at once."""

    row: Row
    key: str
    sequence: int
    committed_at: float
    stream_sequence: int | None = None


@dataclass
class Database:
    """What is committed is there for good; what is asked may go unanswered."""

    world: World
    up: bool = True
    outbox: dict[int, OutboxRow] = field(default_factory=dict[int, OutboxRow])
    by_id: dict[UUID, OutboxRow] = field(default_factory=dict[UUID, OutboxRow])
    unpublished: dict[int, OutboxRow] = field(default_factory=dict[int, OutboxRow])
    noted: datetime | None = None
    published_below: int = 0
    writing: set[int] = field(default_factory=set[int])
    """Transactions that have taken positions, by a number of their own, and have not ended."""
    asked: int = 0
    """Statements of the relays."""
    _note_unflushed: bool = False
    _flushed_below: int = 0
    _sessions: dict[Session, None] = field(default_factory=dict[Session, None])
    _locks: dict[Hashable, Session] = field(default_factory=dict[Hashable, Session])
    _unflushed: list[OutboxRow] = field(default_factory=list[OutboxRow])
    _positions: int = 0

    def ask(self, session: Session, statement: Callable[[], Any]) -> Course:
        """Run a statement that is a transaction of its own; raises SessionLostError when no answer comes."""
        self.asked += 1
        yield self.world.moment()
        if self.world.happens(self.world.chances.cut / 2):
            self.close(session)
        if not session.alive:
            raise SessionLostError
        answer = statement()
        if self.world.happens(self.world.chances.cut / 2):
            self.close(session)
        yield self.world.moment()
        if not session.alive:
            raise SessionLostError
        return answer

    def ask_once(self, statement: Callable[[], Any]) -> Course:
        """Run a transaction on any connection of a pool."""
        yield self.world.moment()
        if not self.up or self.world.happens(self.world.chances.cut / 2):
            raise SessionLostError
        answer = statement()
        yield self.world.moment()
        if not self.up or self.world.happens(self.world.chances.cut / 2):
            raise SessionLostError
        return answer

    def connect(self, listener: Callable[[str], None]) -> Course:
        yield self.world.moment()
        if not self.up:
            raise SessionLostError
        session = Session(listener)
        self._sessions[session] = None
        return session

    def close(self, session: Session) -> None:
        """End a session, as its client, the network or the server does: its locks are free."""
        session.alive = False
        self._sessions.pop(session, None)
        for key in [key for key, holder in self._locks.items() if holder is session]:
            del self._locks[key]
        session.listener("closed")

    def lock(self, session: Session, key: Hashable) -> bool:
        return self._locks.setdefault(key, session) is session

    def holder(self, key: Hashable) -> Session | None:
        return self._locks.get(key)

    def unlock(self, session: Session, key: Hashable) -> None:
        if self._locks.get(key) is session:
            del self._locks[key]

    def notify(self, channel: str) -> None:
        """Tell every session a little later; those that have gone by then hear nothing."""
        for session in self._sessions:
            self.world.after(self.world.moment(), _Notice(session, channel))

    def cut_any(self) -> None:
        """Cut one connection, whosever it is."""
        if self._sessions:
            self.close(self.world.random.choice(list(self._sessions)))

    def crash(self, seconds: float) -> None:
        """Go away for a while; what was not flushed is lost."""
        self.up = False
        for session in list(self._sessions):
            self.close(session)
        for committed in self._unflushed:
            committed.stream_sequence = None
            self.unpublished[committed.row.position] = committed
        self._unflushed = []
        self.published_below = self._flushed_below
        if self._note_unflushed:
            self.noted, self._note_unflushed = None, False
        self.world.after(seconds, self._come_back)

    def _come_back(self) -> None:
        self.up = True

    def flushing(self) -> Course:
        """The server's own writer: a few times a second, what was committed cannot be lost any more."""
        while True:
            yield 0.2
            self._flush()

    def _flush(self) -> None:
        self._unflushed = []
        self._note_unflushed = False
        self._flushed_below = self.published_below

    # The outbox

    def next_position(self) -> int:
        """Taken before the commit, as identity values are: a later one may be committed first, or none ever."""
        self._positions += 1
        return self._positions

    def commit(self, rows: Iterable[tuple[Row, str, int]]) -> None:
        for row, key, sequence in rows:
            committed = OutboxRow(row, key, sequence, self.world.now)
            self.outbox[row.position] = self.unpublished[row.position] = self.by_id[row.event_id] = committed
        self.notify("outbox_written")

    def look(self, limit: int, besides: Iterable[Row], since: int) -> tuple[list[Row], bool]:
        unpublished = self.unpublished.keys() - {row.position for row in besides}
        positions = sorted(position for position in unpublished if position >= since)
        found = [self.unpublished[position].row for position in positions[:limit]]
        rows: list[Row] = []
        size = 0
        for row in found:
            if size >= limit:
                break
            rows.append(row)
            # A large row fills a batch.
            size += limit if row.type == LARGE else 1
        return rows, len(found) == limit or len(found) > len(rows)

    def recall(self) -> RecordedStream:
        marked = (row.stream_sequence for row in self.outbox.values() if row.stream_sequence is not None)
        return RecordedStream(self.noted, max(marked, default=0), self.published_below)

    def note(self, made_at: datetime) -> None:
        if self.noted is None:
            self.noted, self._note_unflushed = made_at, True

    def republish(self) -> None:
        """What the operator does after a loss: cut the relays off, take back all marks and which stream it was."""
        for session in list(self._sessions):
            self.close(session)
        for committed in self.outbox.values():
            committed.stream_sequence = None
            self.unpublished[committed.row.position] = committed
        self.noted, self.published_below = None, 0
        self._flush()
        self.notify("stream_forgotten")
        self.notify("outbox_written")

    def mark(
        self, rows: Iterable[Row], sequences: Iterable[int], made_at: datetime | None, published_below: int
    ) -> None:
        if made_at is None or made_at != self.noted:
            return
        for row, sequence in zip(rows, sequences, strict=True):
            self.outbox[row.position].stream_sequence = sequence
            self._unflushed.append(self.outbox[row.position])
            self.unpublished.pop(row.position, None)
        if self.published_below <= published_below - KEPT_EVERY:
            self.published_below = published_below
        self.notify("outbox_published")

    def published(self, event_ids: Iterable[UUID]) -> list[UUID]:
        return [
            event_id
            for event_id in event_ids
            if event_id in self.by_id and self.by_id[event_id].stream_sequence is not None
        ]


@dataclass(slots=True)
class _Notice:
    session: Session
    channel: str

    def __call__(self) -> None:
        if self.session.alive:
            self.session.listener(self.channel)
