"""Rows that are stored together are what they would be if a session had stored them one by one."""

import pytest
import sqlalchemy as sa
from ledger import Entry

from chassis.database.bulk_insert import bulk_insert
from chassis.database.engine import Database
from chassis.ids import new_id
from chassis.testing import FreshDatabase


def an_entry(amount: int, **changes: object) -> Entry:
    return Entry(
        **{"id": new_id(), "home_site": "hq", "epoch": 1, "sequence": 1, "amount": amount, **changes}
    )


async def stored(database: Database) -> list[tuple[object, ...]]:
    entries = sa.select(Entry.id, Entry.home_site, Entry.amount).order_by(Entry.amount)
    async with database.reading() as session:
        return [tuple(row) for row in await session.execute(entries)]


async def test_new_rows_are_stored_whole_with_what_was_changed_of_them_since(
    fresh_database: FreshDatabase,
) -> None:
    database = await fresh_database("ledger")
    first, second = an_entry(1), an_entry(2, home_site="L'“été”\\")
    second.amount = 3

    async with database.transaction() as tx:
        await bulk_insert(tx.session, [first, second])
        await bulk_insert(tx.session, [])

    assert await stored(database) == [(first.id, "hq", 1), (second.id, "L'“été”\\", 3)]


async def test_new_rows_may_bear_ids_that_were_read(fresh_database: FreshDatabase) -> None:
    database = await fresh_database("ledger")
    async with database.transaction() as tx:
        read = await tx.session.scalar(sa.text("SELECT gen_random_uuid()"))
        await bulk_insert(tx.session, [an_entry(1, id=read)])

    assert await stored(database) == [(read, "hq", 1)]


async def test_new_rows_that_json_cannot_carry_are_refused_whole(fresh_database: FreshDatabase) -> None:
    database = await fresh_database("ledger")
    with pytest.raises(TypeError):
        async with database.transaction() as tx:
            await bulk_insert(tx.session, [an_entry(1), an_entry(2, home_site=b"hq")])

    assert await stored(database) == []
