"""Entries changed and announced through the chassis, in commits of a given size."""

import asyncio
import time
from datetime import UTC, datetime

from benchmarks.work.events import EntryChangedV1
from benchmarks.work.tables import Entry
from chassis.database.engine import Database
from chassis.database.transaction import AggregateColumns, Announcements
from chassis.ids import new_id

_AT_A_TIME = 4
CHANGES = 4
"""So often each entry is changed: a copy kept of it is inserted once, and then updated."""
_INSERT = """
INSERT INTO entries (id, home_site, epoch, sequence, amount) VALUES ($1, $2, 1, $3, $4) RETURNING $5::uuid AS event_id
"""


def an_entry(amount: int = 0) -> Entry:
    return Entry(id=new_id(), home_site="hq", epoch=1, sequence=0, amount=amount)


def announced(count: int, entries: "list[AggregateColumns] | None" = None) -> list[tuple[str, str, bytes]]:
    """So many events as the relay would publish them: NATS subject, message id, envelope. Nothing is stored."""
    announcements = Announcements(service="benchmarks", site="hq", now=datetime.now(UTC))
    entries = entries or [an_entry() for _ in range(-(-count // CHANGES))]
    for number in range(count):
        announcements.announce(EntryChangedV1(amount=number), of=entries[number % len(entries)])
    event_ids, _, subjects, _, _, _, envelopes = announcements.columns()
    triples = zip(subjects, event_ids, envelopes, strict=True)
    return [(subject, str(event_id), envelope.encode()) for subject, event_id, envelope in triples]


async def change_entries(database: Database, count: int, *, together: int) -> None:
    """Make entries, then change each of them, `together` changes to a commit, each announced with its change."""
    entries: list[Entry] = []
    for first in range(0, count, together):
        async with database.transaction() as tx:
            for number in range(first, min(first + together, count)):
                if number % CHANGES == 0:
                    entries.append(an_entry())
                    tx.session.add(entries[-1])
                entry = entries[-1]
                entry.amount = number
                tx.session.add(entry)
                tx.announce(EntryChangedV1(amount=number), of=entry)


async def announce_at(database: Database, rate: float, seconds: float) -> None:
    """Make and announce single entries at an even rate, each in a commit of its own, a few of them at a time.

    Where they take longer than that allows, they come later than they should; none is left out.
    """
    began = time.perf_counter()
    due = iter(range(int(rate * seconds)))

    async def announce_next() -> None:
        for number in due:
            wait = began + number / rate - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            await _announce_one(database, number)

    await asyncio.gather(*(announce_next() for _ in range(_AT_A_TIME)))


async def _announce_one(database: Database, amount: int) -> None:
    announcements = database.announcements()
    entry = an_entry(amount)
    event_id = announcements.announce(EntryChangedV1(amount=amount), of=entry)
    values = (entry.id, entry.home_site, entry.sequence, amount, event_id)
    await database.insert_and_announce(_INSERT, values, announcements)
