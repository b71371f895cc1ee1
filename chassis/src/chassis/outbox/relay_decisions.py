"""What a relay decides, without doing any of it: no connection, no clock, no chance.

A relay candidate is a conversation. `RelayDecisions.run` yields the next command; whoever carries it out (the shell in
`relay.py`, or a simulation) sends back what came of it, or throws one of the three failures. The order of the commands,
and nothing else, keeps the promises: what was committed reaches the stream, in order, and a repeat changes nothing.
"""

from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from chassis.broker.stream_identity import ObservedStream, RecordedStream, what_is_lost
from chassis.outbox.low_watermark import LowWatermark

FALLBACK_POLL = 2.0
"""Seconds after which a relay looks into the outbox though nobody woke it: a notice may be lost with its connection."""
SINGLY_UP_TO = 4
"""Rows that go one after the other instead of as an atomic batch.

For each atomic batch nats-server makes a store on disk and deletes it afterwards, however few messages are in it: for
2, 4 and 8 messages that took 3.2, 3.3 and 2.9 ms and 1.3 to 1.7 ms of its processor. Singly, each awaited before the
next, they took 1.0, 2.3 and 4.0 ms and 0.5, 1.1 and 1.9 ms of its processor.
"""
PACE, PACE_AFTER_BATCH = 0.005, 0.02
"""Seconds after a few rows, and after an atomic batch: what is committed meanwhile shares the next one, its fsync, and
the store it is made for."""
FIRST_DATABASE_PAUSE, LONGEST_DATABASE_PAUSE = 0.2, 5.0
FIRST_BROKER_PAUSE, LONGEST_BROKER_PAUSE = 0.1, 2.0
REMEMBERED = 20_000
"""Acknowledged events whose ids are kept for those who come to wait a moment too late."""


class DatabaseAwayError(Exception):
    """The relay's connection is of no use any more, and with it goes the leader's lock."""


class BrokerAwayError(Exception):
    """A publish was refused or not answered; whether the stream has stored it is not known."""


class BatchRefusedError(BrokerAwayError):
    """The stream has refused an atomic batch, and stored nothing of it."""


class StreamLostError(BrokerAwayError):
    """The stream is not the one that was published to, or not all of it: nothing goes there until it is refilled."""


@dataclass(frozen=True, slots=True)
class Row:
    """A committed row of the outbox that is not marked published."""

    position: int
    event_id: UUID
    type: str
    nats_subject: str
    envelope: str
    announced_at: datetime | None = None
    """For the figures of whoever carries the commands out; no decision stands on a time."""


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a connection that hears of commits and of publications. Any wake from now on is told by `wake`."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Close the connection, if there is one. `undrained` says why rows are left at a stop."""

    undrained: BrokerAwayError | None = None


@dataclass(frozen=True, slots=True)
class TryLock:
    """Take the leader's lock if it is free: True when this connection holds it now."""


@dataclass(frozen=True, slots=True)
class Look:
    """Read the next unpublished rows from a position on, in their order, without those `besides`: a `Found`."""

    besides: Sequence[Row] = ()
    since: int = 0
    and_writers: bool = False
    """Whether to ask, after that, who writes."""


@dataclass(frozen=True, slots=True)
class Found:
    """Rows to publish, and whether more were there than one batch may hold."""

    rows: Sequence[Row]
    more: bool
    writers: Sequence[str] | None = None
    """The transactions that may hold positions not yet committed, a moment later; None: not asked."""


@dataclass(frozen=True, slots=True)
class PublishBatch:
    """Publish several rows as one atomic batch: their stream sequences, once acknowledged."""

    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class PublishOne:
    """Publish one row: its stream sequence, once acknowledged; of a repeat, the sequence of the first."""

    row: Row


@dataclass(frozen=True, slots=True)
class Mark:
    """Mark the rows published, and notify the followers in the same statement.

    Only while it is noted that they are published to the stream that was made at this time: a process that stood still
    must not mark what was taken back in between.
    """

    rows: Sequence[Row]
    sequences: Sequence[int]
    made_at: datetime | None = None
    published_below: int = 0
    """The low watermark, to be kept with them now and then."""


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """Publish, and while that is on its way make the marks, if there are any, and look: an `Overlapped`."""

    publish: PublishBatch
    mark: Mark
    look: Look


@dataclass(frozen=True, slots=True)
class Overlapped:
    """What came of both: a failure is handed in here, not thrown, since the other may have succeeded."""

    published: Sequence[int] | BrokerAwayError
    found: Found | DatabaseAwayError


@dataclass(frozen=True, slots=True)
class AskStream:
    """Ask the broker which stream there is, and how far it is: a `ObservedStream`."""


@dataclass(frozen=True, slots=True)
class Recall:
    """Ask the database which stream was published to, and how far it was: a `RecordedStream`."""


@dataclass(frozen=True, slots=True)
class Note:
    """Note which stream is published to from now on, where none is noted."""

    seen: ObservedStream


@dataclass(frozen=True, slots=True)
class LookUp:
    """Ask which of these events are marked published: their ids."""

    event_ids: Sequence[UUID]


@dataclass(frozen=True, slots=True)
class Pause:
    """Do nothing for these seconds, or until told to stop; `after` is the failure that made it wise."""

    seconds: float
    after: Exception | None = None


@dataclass(frozen=True, slots=True)
class AwaitWork:
    """Do nothing for these seconds, or until woken or told to stop; nothing at all if that has happened already."""

    seconds: float


Command = (
    Connect
    | Disconnect
    | TryLock
    | Look
    | PublishBatch
    | PublishOne
    | Mark
    | Meanwhile
    | AskStream
    | Recall
    | Note
    | LookUp
    | Pause
    | AwaitWork
)
T = TypeVar("T")
Commands = Generator[Command, Any, T]
"""Commands to be carried out one after the other, each answered, that come to a `T` in the end."""


@dataclass(eq=False, slots=True)
class Waiter:
    """Someone who waits until all of these events are acknowledged."""

    missing: set[UUID]
    when_done: Callable[[], None]


class Notices:
    """Who waits for which events, and which were acknowledged lately."""

    def __init__(self) -> None:
        self._waiters: set[Waiter] = set()
        # Acknowledged before the one who announced them came to wait: remembered for a moment.
        self._recent: OrderedDict[UUID, None] = OrderedDict()

    def wait_for(self, event_ids: Iterable[UUID], when_done: Callable[[], None]) -> Waiter:
        """Enter a waiter, which calls `when_done` once: now, if nothing is missing any more."""
        waiter = Waiter({event_id for event_id in event_ids if event_id not in self._recent}, when_done)
        if waiter.missing:
            self._waiters.add(waiter)
        else:
            when_done()
        return waiter

    def leave(self, waiter: Waiter) -> None:
        """Forget a waiter that waits no more."""
        self._waiters.discard(waiter)

    def missing(self) -> list[UUID]:
        """What anyone waits for."""
        return list({event_id for waiter in self._waiters for event_id in waiter.missing})

    def tell(self, event_ids: Iterable[UUID]) -> None:
        """Tell all waiters that the stream has acknowledged these events."""
        told = dict.fromkeys(event_ids)
        self._recent.update(told)
        while len(self._recent) > REMEMBERED:
            self._recent.popitem(last=False)
        for waiter in list(self._waiters):
            waiter.missing.difference_update(told)
            if not waiter.missing:
                self._waiters.discard(waiter)
                waiter.when_done()


class RelayDecisions:
    """One relay candidate: it publishes while it is the leader, and tells waiters what has been acknowledged."""

    def __init__(self) -> None:
        self.notices = Notices()
        self.is_leader = False
        self.woken = False
        self.stopping = False
        self._sure = False
        self._made_at: datetime | None = None
        self._watermark = LowWatermark(0)

    @property
    def is_sure(self) -> bool:
        """Whether nobody doubts that the stream is the one that was published to, with all that it acknowledged."""
        return self._sure

    def wake(self) -> None:
        """Rows were committed, or the connection has gone: there is something to look at."""
        self.woken = True

    def hear_of_publication(self) -> None:
        """The leader had rows acknowledged. It has told its own waiters; a follower has to look for its own."""
        if not self.is_leader:
            self.woken = True

    def doubt(self) -> None:
        """The way to the stream was lost, or what was known of it taken back: ask which it is before publishing on."""
        self._sure = False

    def stop(self) -> None:
        """Publish what is committed now, then let go."""
        self.stopping = True
        self.woken = True

    def run(self) -> Commands[None]:
        """Run until stopped: hold the leader's lock where it is free, publish, and survive database and broker."""
        pause = FIRST_DATABASE_PAUSE
        while not self.stopping:
            try:
                yield Connect()
                self.doubt()
                pause = FIRST_DATABASE_PAUSE
                undrained = yield from self._lead()
            except DatabaseAwayError as error:
                # The lock went with the connection, whether we noticed at once or not.
                self.is_leader = False
                yield Disconnect()
                yield Pause(pause, after=error)
                pause = min(pause * 2, LONGEST_DATABASE_PAUSE)
            else:
                yield Disconnect(undrained)
                self.is_leader = False

    def _lead(self) -> Commands[BrokerAwayError | None]:
        while not self.stopping:
            if self.is_leader or (yield TryLock()):
                self.is_leader = True
                yield from self._publish_until_told()
            else:
                yield from self._follow()
        return (yield from self._drain()) if self.is_leader else None

    def _follow(self) -> Commands[None]:
        yield from self._await_work()
        if missing := self.notices.missing():
            self.notices.tell((yield LookUp(missing)))

    def _publish_until_told(self) -> Commands[None]:
        pause = FIRST_BROKER_PAUSE
        while not self.stopping:
            # Cleared before looking: a row committed while we look wakes the next round.
            self.woken = False
            try:
                found = yield from self._publish_next()
                pause = FIRST_BROKER_PAUSE
            except BrokerAwayError as error:
                self.doubt()
                yield Pause(pause, after=error)
                pause = min(pause * 2, LONGEST_BROKER_PAUSE)
                continue
            if found.more:
                continue
            if found.rows:
                yield Pause(PACE_AFTER_BATCH if len(found.rows) > SINGLY_UP_TO else PACE)
            yield from self._await_work()

    def _await_work(self) -> Commands[None]:
        yield AwaitWork(FALLBACK_POLL)
        self.woken = False

    def _drain(self) -> Commands[BrokerAwayError | None]:
        try:
            while (yield from self._publish_next()).rows:
                pass
        except BrokerAwayError as error:
            return error
        return None

    def _publish_next(self) -> Commands[Found]:
        if not self._sure:
            # Everything may have been taken back, and there is no other way to see what lies below the watermark.
            yield from self._recall()
        found = yield from self._look()
        while found.rows and not self._sure:
            yield from self._be_sure()
            # What was taken back meanwhile comes before what was found.
            found = yield from self._look()
        acknowledged = Mark((), ())
        while found.more and len(found.rows) > 1 and self._sure:
            # Much is to be done, so the database shall not idle meanwhile. The order is kept: the next batch is sent
            # only when this one is acknowledged.
            batch = PublishBatch(found.rows)
            look = self._next_look(besides=found.rows)
            both: Overlapped = yield Meanwhile(batch, acknowledged, look)
            if isinstance(both.found, DatabaseAwayError):
                raise both.found
            self._tell(acknowledged)
            self._looked(both.found, found.rows)
            acknowledged = self._mark(
                found.rows, (yield from self._acknowledgement(found.rows, both.published))
            )
            found = both.found
        if acknowledged.rows:
            yield acknowledged
            self._tell(acknowledged)
        if found.rows and self._sure:
            acknowledged = self._mark(found.rows, (yield from self._publish(found.rows)))
            yield acknowledged
            self._tell(acknowledged)
        # Whoever began to doubt has not published all that was found.
        return Found(found.rows, more=found.more or (bool(found.rows) and not self._sure))

    def _look(self) -> Commands[Found]:
        found: Found = yield self._next_look()
        self._looked(found)
        return found

    def _next_look(self, besides: Sequence[Row] = ()) -> Look:
        return Look(besides, self._watermark.at, self._watermark.is_behind)

    def _looked(self, found: Found, besides: Sequence[Row] = ()) -> None:
        self._watermark.looked((row.position for row in (*besides, *found.rows)), found.writers)

    def _recall(self) -> Commands[RecordedStream]:
        known: RecordedStream = yield Recall()
        self._watermark = LowWatermark(known.published_below)
        return known

    def _be_sure(self) -> Commands[None]:
        """Publish to no other stream than before: all that the former held would be forgotten, and nobody told."""
        # Set first: whoever doubts while the answers are on their way is heard.
        self._sure = True
        seen: ObservedStream = yield AskStream()
        known = yield from self._recall()
        if not self._sure:
            # Somebody doubts since: what was seen may be gone, and is neither judged nor noted.
            return
        if lost := what_is_lost(known, seen):
            raise StreamLostError(f"the stream {lost}")
        if known.made_at is None:
            yield Note(seen)
        self._made_at = seen.made_at

    def _mark(self, rows: Sequence[Row], sequences: Sequence[int]) -> Mark:
        return Mark(rows, sequences, self._made_at, self._watermark.at)

    def _tell(self, marked: Mark) -> None:
        self.notices.tell(row.event_id for row in marked.rows)

    def _publish(self, rows: Sequence[Row]) -> Commands[Sequence[int]]:
        """Publish rows in their order: a few singly, more as one atomic batch, or singly where the stream refuses it.

        It refuses a batch in which any message is stored already; sent one by one, it drops the repeats.
        """
        if len(rows) > SINGLY_UP_TO:
            try:
                return (yield PublishBatch(rows))
            except BatchRefusedError:
                pass
        return (yield from self._singly(rows))

    def _acknowledgement(
        self, rows: Sequence[Row], published: Sequence[int] | BrokerAwayError
    ) -> Commands[Sequence[int]]:
        if isinstance(published, BatchRefusedError):
            return (yield from self._singly(rows))
        if isinstance(published, BrokerAwayError):
            raise published
        return published

    def _singly(self, rows: Sequence[Row]) -> Commands[list[int]]:
        sequences: list[int] = []
        for row in rows:
            if not self._sure:
                raise BrokerAwayError("the way to the stream was lost in the midst of a batch")
            sequences.append((yield PublishOne(row)))
        return sequences
