"""Taking partners' events: stored and announced in one commit, each once, however often and from where it comes."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from chassis.database.engine import Database
from chassis.database.tables import outbox, published
from chassis.database.transaction import Announcements
from chassis.ids import new_id
from chassis.telemetry.tracing import current_trace_id, traceparent_of
from contracts.event import EventId
from gateway.clients import VerifiedKey
from gateway.partners.domain.cloudevents import SentEvent
from gateway.tables import ReceivedEvent

_SHARED_EVENTS = 500
"""So many events share a transaction; a larger batch has one to itself."""
_BUSY_REQUESTS = 4
_BUSY_WITHIN = 0.02
"""Much comes where so many requests arrived within these seconds: in a burst, or from some 150/s on."""
_PAUSE = 0.017
"""Seconds that lie between the beginnings of two transactions where much comes."""
_LONGEST_BREATH = 0.005
"""Seconds after which the loop is given to others."""


# Arrays, so that one statement, prepared once, stores any number of rows.
_INSERT = """
INSERT INTO received_events (
    id, event_id, partner, source, sent_id, type, content_sha256, trace_id, home_site, epoch, sequence, received_at)
SELECT row.*, $9, 1, 1, $10 FROM unnest(
    $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[]) AS row
ON CONFLICT DO NOTHING RETURNING event_id
"""


class _Row(NamedTuple):
    """What is an event's own of a row of `received_events`, in the order of the statement."""

    id: UUID
    event_id: EventId
    partner: str
    source: str
    sent_id: str
    type: str
    content_sha256: str
    trace_id: str | None


@dataclass(slots=True)
class _Taken:
    """A row to be, as the aggregate that its one event is announced of; a mapped object costs ten times as much."""

    id: UUID
    epoch: int = 1
    sequence: int = 0


class EventName(NamedTuple):
    """How a partner names an event."""

    partner: str
    source: str
    id: str


@dataclass(slots=True)
class Accepted:
    """An event that stands stored, now or since an earlier attempt."""

    event_id: EventId
    trace_id: str | None
    already: bool
    published: bool = False
    """Whether the broker is known to have it: this much was waited for."""


@dataclass(frozen=True)
class Conflict:
    """Another event of this partner has the same source and id."""


@dataclass(frozen=True)
class Foreseen:
    """An event that would be accepted, were it sent in earnest; `already` where an earlier one of the batch is it."""

    already: bool


@dataclass(frozen=True)
class Stored:
    """What is known of an event that was taken."""

    event_id: EventId
    content_sha256: str
    trace_id: str | None


@dataclass(frozen=True)
class Submission:
    """What one request handed in, and the trace that its announcements continue."""

    sender: VerifiedKey
    events: Sequence[SentEvent]
    traceparent: str | None = field(default_factory=traceparent_of)
    trace_id: str | None = field(default_factory=current_trace_id)


async def store_events(
    database: Database, submissions: Sequence[Submission]
) -> list[list[Accepted | Conflict]]:
    """Store and announce the events that are new, all in one commit; what is known already stays as it is."""
    rows: dict[EventName, _Row] = {}
    announcements = database.announcements()
    breath = time.monotonic()
    for one in submissions:
        for event in one.events:
            name = _name(one.sender, event)
            if name not in rows:
                rows[name] = _announce(announcements, one, event)
            if time.monotonic() - breath > _LONGEST_BREATH:
                # A large batch takes long to announce, and others wait for the loop.
                await asyncio.sleep(0)
                breath = time.monotonic()
    stored = await _insert(database, rows, announcements)
    # Nearly every event is new, and the insert itself finds out: only what it left aside is looked up.
    left = [name for name, row in rows.items() if row.event_id not in stored]
    known = {name: Stored(row.event_id, row.content_sha256, row.trace_id) for name, row in rows.items()}
    known |= await find_stored(database, left)
    fresh = rows.keys() - left
    return [
        [_outcome(known, fresh, _name(one.sender, event), event) for event in one.events]
        for one in submissions
    ]


class DryRun:
    """Says what would become of events, and takes none of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(
        self, sender: VerifiedKey, events: Sequence[SentEvent]
    ) -> list[Accepted | Conflict | Foreseen]:
        """Measure each event against what is stored, and against those before it of this request."""
        known = await find_stored(self._database, [_name(sender, event) for event in events])
        seen = {name: stored.content_sha256 for name, stored in known.items()}
        outcomes: list[Accepted | Conflict | Foreseen] = []
        for event in events:
            name = _name(sender, event)
            already = name in seen
            if not event.is_said_by(seen.setdefault(name, event.content_sha256)):
                outcomes.append(Conflict())
            elif stored := known.get(name):
                outcomes.append(Accepted(stored.event_id, stored.trace_id, already=True))
            else:
                outcomes.append(Foreseen(already))
        return outcomes


class NotYetPublishedError(Exception):
    """Events stand stored, and the broker has not acknowledged them in time; it will."""


class Intake:
    """Takes what arrives at the same time in one transaction: under load a commit is shared, alone it is as fast.

    Where much comes, a transaction lets more of it come before it begins: each costs the same, however many share it.
    Where little comes, and by itself, nobody waits for company.
    """

    def __init__(
        self,
        database: Database,
        *,
        until_published: Callable[[Iterable[EventId]], Awaitable[None]] | None = None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`until_published` waits for the broker, and raises TimeoutError; without it, nobody waits."""
        self._database = database
        self._until_published = until_published
        self._now = now
        self._sleep = sleep
        self._arrived: deque[float] = deque(maxlen=_BUSY_REQUESTS)
        self._began = -_PAUSE
        # Two, so that one gathers and is written while the other waits for the disk.
        self._turns = asyncio.Semaphore(2)
        self._open: _SharedTransaction | None = None

    async def take(self, sender: VerifiedKey, events: Sequence[SentEvent]) -> list[Accepted | Conflict]:
        """Take one request's events, each for itself; returns once those that are new are committed and published.

        Raises NotYetPublishedError where the broker does not acknowledge them in time.
        """
        self._arrived.append(self._now())
        shared = self._open
        if shared is None or shared.full:
            shared = self._open = _SharedTransaction()
            shared.carried_out = asyncio.create_task(self._carry_out(shared))
        # Of its own, so that one sender who hangs up takes nothing away from the others.
        answer = asyncio.get_running_loop().create_future()
        shared.submissions.append(Submission(sender, events))
        shared.answers.append(answer)
        return await answer

    async def _carry_out(self, shared: "_SharedTransaction") -> None:
        try:
            async with self._turns:
                await self._gather(shared)
                if self._open is shared:
                    self._open = None
                outcomes = await store_events(self._database, shared.submissions)
            await self._publish(shared, outcomes)
        except asyncio.CancelledError:
            for answer in shared.answers:
                answer.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - each of them is told
            for answer in shared.answers:
                _tell(answer, error)

    async def _publish(
        self, shared: "_SharedTransaction", outcomes: Sequence[list[Accepted | Conflict]]
    ) -> None:
        """Wait for all that share a transaction at once, as the relay publishes them; who brought nothing new does not.

        Tells each request what became of its events.
        """
        told = list(zip(shared.answers, outcomes, strict=True))
        fresh = {one.event_id for _, each in told for one in _accepted(each) if not one.already}
        waits: list[tuple[_Answer, list[Accepted | Conflict]]] = []
        for answer, each in told:
            if any(one.event_id in fresh for one in _accepted(each)):
                waits.append((answer, each))
            else:
                _tell(answer, each)
        if not waits:
            return
        try:
            if self._until_published is not None:
                await self._until_published(fresh)
        except TimeoutError:
            for answer, _ in waits:
                _tell(answer, NotYetPublishedError())
            return
        for answer, each in waits:
            for one in _accepted(each):
                one.published = one.event_id in fresh
            _tell(answer, each)

    async def _gather(self, shared: "_SharedTransaction") -> None:
        """Begin a turn: at once, or where much comes, not sooner after the last one than shall lie between two."""
        now = self._now()
        much = len(self._arrived) == _BUSY_REQUESTS and now - self._arrived[0] <= _BUSY_WITHIN
        while much and not shared.full and (early := self._began + _PAUSE - now) > 0:
            await self._sleep(early)
            now = self._now()
        self._began = now


_Answer = asyncio.Future[list[Accepted | Conflict]]


@dataclass
class _SharedTransaction:
    """Requests that share a transaction; open for more until its turn comes."""

    submissions: list[Submission] = field(default_factory=list[Submission])
    answers: list[_Answer] = field(default_factory=list[_Answer])
    carried_out: asyncio.Task[None] | None = None

    @property
    def full(self) -> bool:
        return sum(len(one.events) for one in self.submissions) >= _SHARED_EVENTS


def _accepted(outcomes: Iterable[Accepted | Conflict]) -> list[Accepted]:
    return [one for one in outcomes if isinstance(one, Accepted)]


def _tell(answer: _Answer, outcome: list[Accepted | Conflict] | Exception) -> None:
    if answer.done():
        # Whoever asked has hung up.
        return
    if isinstance(outcome, Exception):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)


async def unpublished(database: Database, taken: Sequence[Accepted]) -> list[EventId]:
    """Name those events, taken at an earlier attempt, that the broker has not acknowledged since."""
    repeated = {one.event_id for one in taken if not one.published}
    if not repeated:
        return []
    # A row that is gone was published days ago: the relay forgets no other.
    waiting = sa.select(outbox.c.event_id).where(outbox.c.event_id.in_(repeated), ~published)
    async with database.reading() as session:
        return [EventId(event_id) for event_id in await session.scalars(waiting)]


async def _insert(
    database: Database, rows: Mapping[EventName, _Row], announcements: Announcements
) -> set[UUID]:
    if not rows:
        return set()
    # In one order for everybody: two batches with the same events wait for each other instead of locking up.
    columns = list(zip(*(rows[name] for name in sorted(rows)), strict=True))
    columns += [announcements.site, announcements.now]
    return await database.insert_and_announce(_INSERT, columns, announcements)


async def find_stored(database: Database, wanted: Sequence[EventName]) -> dict[EventName, Stored]:
    """Look up those of these events that were taken."""
    if not wanted:
        return {}
    name = sa.tuple_(ReceivedEvent.partner, ReceivedEvent.source, ReceivedEvent.sent_id)
    async with database.reading() as session:
        rows = await session.scalars(sa.select(ReceivedEvent).where(name.in_(wanted)))
        return {
            EventName(row.partner, row.source, row.sent_id): Stored(
                EventId(row.event_id), row.content_sha256, row.trace_id
            )
            for row in rows
        }


def _outcome(
    known: Mapping[EventName, Stored], fresh: set[EventName], name: EventName, event: SentEvent
) -> Accepted | Conflict:
    """Measure an event against the one that stands stored under its name; the first of a new name is the new one."""
    seen = known[name]
    if not event.is_said_by(seen.content_sha256):
        return Conflict()
    already = name not in fresh
    fresh.discard(name)
    return Accepted(seen.event_id, seen.trace_id, already=already)


def _name(sender: VerifiedKey, event: SentEvent) -> EventName:
    return EventName(sender.partner, event.attributes.source, event.attributes.id)


def _announce(announcements: Announcements, submission: Submission, event: SentEvent) -> _Row:
    sent, aggregate = event.attributes, _Taken(new_id())
    event_id = announcements.announce(event.data, of=aggregate, traceparent=submission.traceparent)
    return _Row(
        id=aggregate.id,
        event_id=event_id,
        partner=submission.sender.partner,
        source=sent.source,
        sent_id=sent.id,
        type=sent.type,
        content_sha256=event.content_sha256,
        trace_id=submission.trace_id,
    )
