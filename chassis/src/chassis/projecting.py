"""A service's own copy of what another announces: only the newest state is kept, whatever order it comes in."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase


async def keep_newest(
    session: AsyncSession, table: type[DeclarativeBase], rows: Iterable[Mapping[str, Any]]
) -> None:
    """Store each row unless what is stored under its key is as new, by (`epoch`, `sequence`), or newer.

    The table has a primary key of one column, and the columns `epoch` and `sequence`. A late or repeated state
    changes nothing, so events may arrive in any order. One statement for the whole batch; it locks the rows in
    the order of their keys, so that two batches cannot wait for each other.
    """
    target = table.__table__
    assert isinstance(target, sa.Table)
    [key] = target.primary_key.columns
    newest: dict[Any, Mapping[str, Any]] = {}
    for row in sorted(rows, key=lambda row: (row["epoch"], row["sequence"])):
        newest[row[key.name]] = row
    if not newest:
        return
    statement = insert(target).values([dict(newest[identity]) for identity in sorted(newest)])
    coming = statement.excluded
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[key],
            set_={column.name: column for column in coming if column.name != key.name},
            where=sa.tuple_(target.c.epoch, target.c.sequence) < sa.tuple_(coming.epoch, coming.sequence),
        )
    )
