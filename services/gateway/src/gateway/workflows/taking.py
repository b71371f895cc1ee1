"""Taking partners' events: stored and announced in one commit, each once, however often and from where it comes."""

import asyncio
from collections.abc import Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, TypedDict
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Database
from chassis.ids import new_id
from chassis.tables import outbox
from chassis.telemetry import trace_id_of, traceparent_of
from chassis.transaction import Transaction
from contracts.event import EventId
from contracts.partner import Origin
from gateway.clients import VerifiedKey
from gateway.domain.cloudevents import SentEvent
from gateway.tables import ReceivedEvent

_ATTEMPTS = 5
_TOGETHER = 500
"""So many events share a transaction; a larger batch has one to itself."""


# Arrays, so that one statement, prepared once, stores any number of rows.
_STORE = sa.text("""
INSERT INTO received_events (
    id, home_site, epoch, sequence, event_id, partner, source, sent_id, type, content_sha256, received_at, trace_id)
SELECT * FROM unnest(
    CAST(:id AS uuid[]), CAST(:home_site AS text[]), CAST(:epoch AS bigint[]), CAST(:sequence AS bigint[]),
    CAST(:event_id AS uuid[]), CAST(:partner AS text[]), CAST(:source AS text[]), CAST(:sent_id AS text[]),
    CAST(:type AS text[]), CAST(:content_sha256 AS text[]),
    CAST(:received_at AS timestamptz[]), CAST(:trace_id AS text[]))
ON CONFLICT DO NOTHING RETURNING id
""")


class _Row(TypedDict):
    """A row of `received_events`, in the order of the statement."""

    id: UUID
    home_site: str
    epoch: int
    sequence: int
    event_id: EventId
    partner: str
    source: str
    sent_id: str
    type: str
    content_sha256: str
    received_at: datetime
    trace_id: str | None


class Sent(NamedTuple):
    """How a partner names an event."""

    partner: str
    source: str
    id: str


@dataclass(frozen=True)
class Taken:
    """An event that stands stored, now or since an earlier attempt."""

    event_id: EventId
    trace_id: str | None
    already: bool


@dataclass(frozen=True)
class Conflict:
    """Another event of this partner has the same source and id."""


@dataclass(frozen=True)
class _Known:
    event_id: EventId
    content_sha256: str
    trace_id: str | None


class _RacedError(Exception):
    """Between looking and storing, another request stored one of the same events."""


@dataclass(frozen=True)
class Handed:
    """What one request handed in, and the context (the trace, above all) that its announcements continue."""

    sender: VerifiedKey
    events: Sequence[SentEvent]
    context: Context = field(default_factory=copy_context)


async def take_events(database: Database, handed: Sequence[Handed]) -> list[list[Taken | Conflict]]:
    """Store and announce the events that are new, all in one transaction; what is known already stays as it is."""
    # Nearly every event is new, and the insert itself finds out: only when it does not is it worth looking first.
    for attempt in range(_ATTEMPTS):
        try:
            async with database.transaction() as tx:
                known = await _known(tx, handed) if attempt else {}
                return await _take(tx, handed, known)
        except _RacedError:
            continue
    raise TimeoutError("the same events kept arriving by another way")


class Intake:
    """Takes what arrives at the same time in one transaction: under load a commit is shared, alone it is as fast."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Two, so that one gathers and is written while the other waits for the disk.
        self._turns = asyncio.Semaphore(2)
        self._open: _Together | None = None

    async def take(self, sender: VerifiedKey, events: Sequence[SentEvent]) -> list[Taken | Conflict]:
        """Take one request's events, each for itself; returns once all of them are committed."""
        together = self._open
        if together is None or sum(len(one.events) for one in together.handed) >= _TOGETHER:
            together = self._open = _Together()
            together.stored = asyncio.create_task(self._store(together))
        place = len(together.handed)
        together.handed.append(Handed(sender, events))
        assert together.stored is not None
        # One sender who hangs up takes nothing away from the others.
        return (await asyncio.shield(together.stored))[place]

    async def _store(self, together: "_Together") -> list[list[Taken | Conflict]]:
        async with self._turns:
            if self._open is together:
                self._open = None
            return await take_events(self._database, together.handed)


@dataclass
class _Together:
    """Requests that share a transaction; open for more until its turn comes."""

    handed: list[Handed] = field(default_factory=list[Handed])
    stored: asyncio.Task[list[list[Taken | Conflict]]] | None = None


async def unpublished(database: Database, taken: Sequence[Taken]) -> list[EventId]:
    """Name the events the broker has not acknowledged yet, as far as is known here."""
    fresh = [one.event_id for one in taken if not one.already]
    repeated = [one.event_id for one in taken if one.already]
    if repeated:
        # A row that is gone was published days ago: the relay forgets no other.
        waiting = sa.select(outbox.c.event_id).where(
            outbox.c.event_id.in_(repeated), outbox.c.published_at.is_(None)
        )
        async with database.reading() as session:
            fresh += [EventId(event_id) for event_id in await session.scalars(waiting)]
    return list(dict.fromkeys(fresh))


async def _known(tx: Transaction, handed: Sequence[Handed]) -> dict[Sent, _Known]:
    wanted = {_name(one.sender, event) for one in handed for event in one.events}
    rows = await tx.session.execute(
        sa.select(
            ReceivedEvent.partner,
            ReceivedEvent.source,
            ReceivedEvent.sent_id,
            ReceivedEvent.event_id,
            ReceivedEvent.content_sha256,
            ReceivedEvent.trace_id,
        ).where(sa.tuple_(ReceivedEvent.partner, ReceivedEvent.source, ReceivedEvent.sent_id).in_(wanted))
    )
    return {
        Sent(row.partner, row.source, row.sent_id): _Known(
            EventId(row.event_id), row.content_sha256, row.trace_id
        )
        for row in rows
    }


async def _take(
    tx: Transaction, handed: Sequence[Handed], known: dict[Sent, _Known]
) -> list[list[Taken | Conflict]]:
    rows: list[_Row] = []
    outcomes = [[_settled(tx, one, event, known, rows) for event in one.events] for one in handed]
    if rows:
        await _store(tx, rows)
    return outcomes


def _settled(
    tx: Transaction, handed: Handed, event: SentEvent, known: dict[Sent, _Known], rows: list[_Row]
) -> Taken | Conflict:
    name = _name(handed.sender, event)
    seen = known.get(name)
    if seen is None:
        row = handed.context.run(_announced, tx, handed.sender, event)
        rows.append(row)
        # A second event with this name is measured against the first, whichever request it came with.
        known[name] = _Known(row["event_id"], event.content_sha256, row["trace_id"])
        return Taken(row["event_id"], row["trace_id"], already=False)
    if seen.content_sha256 == event.content_sha256:
        return Taken(seen.event_id, seen.trace_id, already=True)
    return Conflict()


def _name(sender: VerifiedKey, event: SentEvent) -> Sent:
    return Sent(sender.partner, event.attributes.source, event.attributes.id)


def _announced(tx: Transaction, sender: VerifiedKey, event: SentEvent) -> _Row:
    sent = event.attributes
    origin = Origin(
        partner=sender.partner, partner_name=sender.partner_name, event_id=sent.id, source=sent.source
    )
    aggregate = ReceivedEvent(id=new_id(), home_site=tx.site, epoch=1, sequence=0)
    event_id = tx.announce(event.data.model_copy(update={"origin": origin}), of=aggregate)
    return _Row(
        id=aggregate.id,
        home_site=aggregate.home_site,
        epoch=aggregate.epoch,
        sequence=aggregate.sequence,
        event_id=event_id,
        partner=sender.partner,
        source=sent.source,
        sent_id=sent.id,
        type=sent.type,
        content_sha256=event.content_sha256,
        received_at=tx.now,
        trace_id=trace_id_of(traceparent_of()),
    )


async def _store(tx: Transaction, rows: Sequence[_Row]) -> None:
    # In one order for everybody: two batches with the same events wait for each other instead of locking up.
    ordered = sorted(rows, key=lambda row: (row["partner"], row["source"], row["sent_id"]))
    columns = {name: [row[name] for row in ordered] for name in _Row.__annotations__}
    stored = await tx.session.execute(_STORE, columns)
    if len(stored.all()) < len(rows):
        raise _RacedError
