"""New rows, any number of them, in one statement."""

from collections.abc import Sequence
from functools import cache
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase


async def bulk_insert(session: AsyncSession, rows: Sequence[DeclarativeBase]) -> None:
    """Insert rows of one table that were never added to a session, and are none of its own afterwards.

    For what comes in batches: a session would follow each row and each of its attributes, at several times the cost.
    Defaults of the columns are not applied, and values are such as JSON can carry.
    """
    if not rows:
        return
    table = type(rows[0]).__table__
    assert isinstance(table, sa.Table)
    names = tuple(table.columns.keys())
    # As one JSON document: the statement is the same for every number of rows, so it is compiled and planned once.
    document = orjson.dumps([{name: vars(row).get(name) for name in names} for row in rows], default=_plain)
    await session.execute(_inserting(table.name, names), {"rows": document.decode()})


def _plain(value: object) -> str:
    """What asyncpg read as an id is a UUID of its own kind."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} is nothing that JSON can carry")


@cache
def _inserting(table: str, names: tuple[str, ...]) -> sa.TextClause:
    columns = ", ".join(f'"{name}"' for name in names)
    # Only names of our own tables and columns are put in; what is stored travels as a parameter.
    return sa.text(f"""
        INSERT INTO "{table}" ({columns})
        SELECT {columns} FROM json_populate_recordset(CAST(NULL AS "{table}"), CAST(:rows AS json))
    """)  # noqa: S608
