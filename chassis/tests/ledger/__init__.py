"""A service in miniature: entries are made, and posted once."""

from typing import ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis.database.engine import Database, metadata
from chassis.database.tables import waiting_events
from chassis.database.transaction import AggregateColumns
from chassis.ids import new_id
from chassis.subscriptions.router import Batch, Subscriptions, Tx
from contracts.event import Event, EventId


class EntryMadeV1(Event):
    """An entry was made."""

    type: ClassVar[str] = "ledger.entry.made.v1"

    amount: int
    poison: str | None = None


class Base(DeclarativeBase):
    metadata = metadata()


class Entry(AggregateColumns, Base):
    __tablename__ = "entries"

    amount: Mapped[int] = mapped_column(default=0)


class Posting(Base):
    __tablename__ = "postings"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    event_id: Mapped[UUID]
    amount: Mapped[int]


class RefusedEntryError(Exception):
    """No later delivery can change it."""


async def make_entries(database: Database, *amounts: int, poison: str | None = None) -> list[EventId]:
    """Announce entries, all in one transaction."""
    async with database.transaction() as tx:
        ids: list[EventId] = []
        for amount in amounts:
            entry = Entry(id=new_id(), home_site=tx.site, epoch=1, sequence=0, amount=amount)
            tx.session.add(entry)
            ids.append(tx.announce(EntryMadeV1(amount=amount, poison=poison), of=entry))
        return ids


async def post(entries: Batch[EntryMadeV1], tx: Tx) -> None:
    """Write one posting per entry; a poisoned one fails as it says, after its effect was written."""
    tx.session.add_all(Posting(event_id=one.envelope.id, amount=one.event.amount) for one in entries)
    await tx.session.flush()
    for one in entries:
        if one.event.poison == "refused":
            raise RefusedEntryError("this amount cannot be posted")
        if one.event.poison == "bug":
            raise KeyError("missing")


def subscriptions(handler: object = post) -> Subscriptions:
    found = Subscriptions("ledger", permanent=(RefusedEntryError,))
    found.hears(EntryMadeV1, durable="ledger-post-entries")(handler)  # type: ignore[arg-type]
    return found


async def postings(database: Database) -> list[int]:
    """The amounts posted, in the order they were."""
    async with database.reading() as session:
        return list(await session.scalars(sa.select(Posting.amount).order_by(Posting.id)))


async def waiting_rows(database: Database) -> list[sa.Row[tuple[object, ...]]]:
    """The events that wait, first come first."""
    async with database.reading() as session:
        return list(
            (await session.execute(sa.select(waiting_events).order_by(waiting_events.c.position))).all()
        )
