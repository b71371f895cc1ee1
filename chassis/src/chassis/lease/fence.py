"""The fencing token of a part: what an old owner, long paused or cut off, still wants to write is refused.

Taking over a part raises its token, and every transaction of an owner carries the token it was given: the database
itself refuses an older one.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from chassis.database.engine import Database
from chassis.partitions import Partition

_TAKE = sa.text("""
WITH others AS (
    UPDATE durable_owners SET token = token + 1, released = true
    WHERE durable = :durable AND partition <> :partition AND slots && CAST(:slots AS smallint[]))
INSERT INTO durable_owners AS owner (partition, durable, slots, token, crashes, released, taken_at)
VALUES (:partition, :durable, CAST(:slots AS smallint[]), 1, 0, false, :now)
ON CONFLICT (partition) DO UPDATE SET token = owner.token + 1, slots = excluded.slots, taken_at = excluded.taken_at,
    crashes = CASE WHEN owner.released THEN 0 WHEN owner.token = :mine THEN owner.crashes ELSE owner.crashes + 1 END,
    released = false
RETURNING token, crashes
""")
_TOKEN = sa.text("SELECT token FROM durable_owners WHERE partition = :partition")
_CLEAR_CRASHES = sa.text("""
UPDATE durable_owners SET crashes = 0, released = :released WHERE partition = :partition AND token = :token
""")


class LeaseLostError(Exception):
    """Another process has taken this part over; what this one was about to commit was refused."""


@dataclass(frozen=True, slots=True)
class Fence:
    """What an owner's transactions carry. `crashes`: processes before this that died without a word or a success."""

    partition: str
    token: int
    crashes: int


async def take_over(database: Database, partition: Partition, *, mine: int = 0) -> Fence:
    """Become the one owner whose transactions are accepted; waits for the last one of the owner before.

    `mine` is the last token of this very process: it lives, so it is no crash that it could not say goodbye.
    """
    told = {"partition": partition.name, "durable": partition.durable, "slots": partition.slots, "mine": mine}
    async with database.transaction() as tx:
        row = (await tx.session.execute(_TAKE, told | {"now": tx.now})).one()
    return Fence(partition.name, row.token, row.crashes)


async def confirm(database: Database, fence: Fence) -> None:
    """Return if this is still the owner; raises LeaseLostError where another has taken over since."""
    async with database.reading() as session:
        token = await session.scalar(_TOKEN, {"partition": fence.partition})
    if token != fence.token:
        raise LeaseLostError(f"{fence.partition} was taken over by another process")


async def clear_crashes(database: Database, fence: Fence, *, released: bool) -> None:
    """Note that this owner has got something done, or that it goes in good order."""
    told = {"partition": fence.partition, "token": fence.token, "released": released}
    async with database.transaction() as tx:
        await tx.session.execute(_CLEAR_CRASHES, told)
