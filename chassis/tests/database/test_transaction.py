"""What is done within a transaction is committed with it; what comes too late is refused, and not lost."""

from contextlib import suppress

import pytest
import sqlalchemy as sa
from ledger import Entry, EntryMadeV1
from sqlalchemy.exc import InvalidRequestError

from chassis.database.transaction import Transaction, TransactionEndedError
from chassis.ids import new_id
from chassis.testing import FreshDatabase


@pytest.mark.parametrize("fails", [False, True])
async def test_a_transaction_is_not_used_after_its_end(fresh_database: FreshDatabase, *, fails: bool) -> None:
    database = await fresh_database("ledger")
    entry = Entry(id=new_id(), home_site="hq")
    kept: list[Transaction] = []
    with suppress(KeyError):
        async with database.transaction() as tx:
            kept.append(tx)
            tx.session.add(entry)
            await tx.session.flush()
            if fails:
                raise KeyError

    [tx] = kept
    with pytest.raises(TransactionEndedError, match=r"ledger\.entry\.made\.v1"):
        tx.announce(EntryMadeV1(amount=1), of=entry)
    with pytest.raises(InvalidRequestError):
        await tx.session.execute(sa.insert(Entry).values(id=new_id(), home_site="hq"))
    with pytest.raises(InvalidRequestError):
        tx.session.add(Entry(id=new_id(), home_site="hq"))
    async with database.reading() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(Entry)) == (0 if fails else 1)


async def test_a_reading_session_is_not_used_after_its_end(fresh_database: FreshDatabase) -> None:
    database = await fresh_database("ledger")
    async with database.reading() as session:
        pass

    with pytest.raises(InvalidRequestError):
        await session.scalar(sa.select(1))
