"""Events in: each change of an entry is kept, once, in one statement per batch."""

from uuid import UUID

from benchmarks.work.events import EntryChangedV1
from benchmarks.work.tables import EntryCopy
from chassis.projections.upsert import keep_newest
from chassis.subscriptions.router import Batch, Subscriptions, Tx

subscriptions = Subscriptions("benchmarks")


@subscriptions.hears(EntryChangedV1, durable="benchmarks-keep-entries")
async def keep_entries(changes: Batch[EntryChangedV1], tx: Tx) -> None:
    """Keep the newest state of each entry."""
    rows = (
        {
            "entry_id": UUID(one.envelope.subject),
            "epoch": one.envelope.epoch,
            "sequence": one.envelope.sequence,
            "amount": one.event.amount,
            "country": one.event.country,
            "note": one.event.note,
        }
        for one in changes
    )
    await keep_newest(tx.session, EntryCopy, rows)
