"""Taking partners' events: stored and announced in one commit, each once, however often and from where it comes."""

from collections.abc import Sequence
from dataclasses import dataclass
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


# Arrays, so that one statement, prepared once, stores any number of rows.
_STORE = sa.text("""
INSERT INTO received_events (
    id, home_site, epoch, sequence, event_id, partner, source, sent_id, type, content_sha256, sent_at, received_at,
    trace_id)
SELECT * FROM unnest(
    CAST(:id AS uuid[]), CAST(:home_site AS text[]), CAST(:epoch AS bigint[]), CAST(:sequence AS bigint[]),
    CAST(:event_id AS uuid[]), CAST(:partner AS text[]), CAST(:source AS text[]), CAST(:sent_id AS text[]),
    CAST(:type AS text[]), CAST(:content_sha256 AS text[]), CAST(:sent_at AS timestamptz[]),
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
    sent_at: datetime | None
    received_at: datetime
    trace_id: str | None


class Sent(NamedTuple):
    """How a partner names an event."""

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


async def take_events(
    database: Database, sender: VerifiedKey, events: Sequence[SentEvent]
) -> list[Taken | Conflict]:
    """Store and announce the events that are new, all in one transaction; what is known already stays as it is."""
    # Nearly every event is new, and the insert itself finds out: only when it does not is it worth looking first.
    for attempt in range(_ATTEMPTS):
        try:
            async with database.transaction() as tx:
                known = await _known(tx, sender, events) if attempt else {}
                return await _take(tx, sender, events, known)
        except _RacedError:
            continue
    raise TimeoutError("the same events kept arriving by another way")


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


async def _known(tx: Transaction, sender: VerifiedKey, events: Sequence[SentEvent]) -> dict[Sent, _Known]:
    wanted = [(event.attributes.source, event.attributes.id) for event in events]
    rows = await tx.session.execute(
        sa.select(
            ReceivedEvent.source,
            ReceivedEvent.sent_id,
            ReceivedEvent.event_id,
            ReceivedEvent.content_sha256,
            ReceivedEvent.trace_id,
        ).where(
            ReceivedEvent.partner == sender.partner,
            sa.tuple_(ReceivedEvent.source, ReceivedEvent.sent_id).in_(wanted),
        )
    )
    return {
        Sent(row.source, row.sent_id): _Known(EventId(row.event_id), row.content_sha256, row.trace_id)
        for row in rows
    }


async def _take(
    tx: Transaction, sender: VerifiedKey, events: Sequence[SentEvent], known: dict[Sent, _Known]
) -> list[Taken | Conflict]:
    outcomes: list[Taken | Conflict] = []
    rows: list[_Row] = []
    for event in events:
        name = Sent(event.attributes.source, event.attributes.id)
        seen = known.get(name)
        if seen is None:
            row = _announced(tx, sender, event)
            rows.append(row)
            # A second event of the batch with this name is measured against the first.
            known[name] = _Known(row["event_id"], event.content_sha256, row["trace_id"])
            outcomes.append(Taken(row["event_id"], row["trace_id"], already=False))
        elif seen.content_sha256 == event.content_sha256:
            outcomes.append(Taken(seen.event_id, seen.trace_id, already=True))
        else:
            outcomes.append(Conflict())
    if rows:
        await _store(tx, rows)
    return outcomes


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
        sent_at=sent.time,
        received_at=tx.now,
        trace_id=trace_id_of(traceparent_of()),
    )


async def _store(tx: Transaction, rows: Sequence[_Row]) -> None:
    # In one order for everybody: two batches with the same events wait for each other instead of locking up.
    ordered = sorted(rows, key=lambda row: (row["source"], row["sent_id"]))
    columns = {name: [row[name] for row in ordered] for name in _Row.__annotations__}
    stored = await tx.session.execute(_STORE, columns)
    if len(stored.all()) < len(rows):
        raise _RacedError
