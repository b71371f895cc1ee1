"""A projection ends the same whatever order, repeats or batches its events came in."""

from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from ledger import Entry

from chassis.database.engine import Database
from chassis.ids import new_id
from chassis.projections.upsert import keep_newest
from chassis.testing import FreshDatabase

KEYS = [new_id() for _ in range(4)]


def a_state(key: Any, epoch: int, sequence: int) -> dict[str, Any]:
    amount = 100 * epoch + sequence
    return {"id": key, "home_site": "hq", "epoch": epoch, "sequence": sequence, "amount": amount}


async def amounts(database: Database) -> dict[Any, int]:
    async with database.reading() as session:
        return {row.id: row.amount for row in (await session.scalars(sa.select(Entry))).all()}


@pytest.mark.parametrize("seed", range(8))
async def test_reordered_and_repeated_states_leave_the_newest(
    fresh_database: FreshDatabase, seed: int
) -> None:
    database = await fresh_database("ledger")
    shuffle = Random(seed)  # noqa: S311 - a seeded order, no secret
    states = [a_state(key, epoch, n) for key in KEYS for epoch in (1, 2) for n in range(1, 6)] * 2
    shuffle.shuffle(states)

    while states:
        size = shuffle.randint(1, 7)
        async with database.transaction() as tx:
            await keep_newest(tx.session, Entry, states[:size])
        del states[:size]

    assert await amounts(database) == dict.fromkeys(KEYS, 205)
