"""A service's own copy of what another announces: only the newest state is kept, whatever order it comes in."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase


async def keep_newest(
    session: AsyncSession, table: type[DeclarativeBase], rows: Iterable[Mapping[str, Any]]
) -> None:
    """Store each row unless what is stored under its key is as new, by (`epoch`, `sequence`), or newer.

    The table has a primary key of one column, and the columns `epoch` and `sequence`. All rows give the same
    columns, in values that JSON can carry. A late or repeated state changes nothing, so events may arrive in any
    order. One statement for the whole batch; it locks the rows in the order of their keys, so that two batches
    cannot wait for each other.
    """
    target = table.__table__
    assert isinstance(target, sa.Table)
    [key] = target.primary_key.columns
    newest: dict[Any, Mapping[str, Any]] = {}
    for row in rows:
        held = newest.get(row[key.name])
        if held is None or (held["epoch"], held["sequence"]) < (row["epoch"], row["sequence"]):
            newest[row[key.name]] = row
    if not newest:
        return
    # As one JSON document: the statement is the same for every number of rows, so it is compiled and planned once.
    states = orjson.dumps([newest[identity] for identity in sorted(newest)]).decode()
    names = tuple(next(iter(newest.values())))
    await session.execute(_keeping(target.name, key.name, names), {"states": states})


@cache
def _keeping(table: str, key: str, names: tuple[str, ...]) -> sa.TextClause:
    columns = ", ".join(f'"{name}"' for name in names)
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in names if name != key)
    # Only names of our own tables and columns are put in; what is stored travels as a parameter.
    return sa.text(f"""
        INSERT INTO "{table}" AS kept ({columns})
        SELECT {columns} FROM json_populate_recordset(CAST(NULL AS "{table}"), CAST(:states AS json))
        ON CONFLICT ("{key}") DO UPDATE SET {changes}
        WHERE (kept.epoch, kept.sequence) < (excluded.epoch, excluded.sequence)
    """)  # noqa: S608
