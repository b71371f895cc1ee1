"""The same work for both peers: entries are changed and told of in one commit, and each change is kept once."""

import os
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID, insert

URL = os.environ["PEERS_DATABASE_URL"]
TOGETHER, CHANGES = 100, 4
"""Changes to a commit, and changes of each entry: as the measured service makes them."""
NOTE = "A cooperative of growers asks for advice on its new statutes before the general assembly. " * 3

metadata = sa.MetaData()
entries = sa.Table(
    "entries",
    metadata,
    sa.Column("id", UUID(as_uuid=False), primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
)
processed = sa.Table("processed", metadata, sa.Column("event_id", UUID(as_uuid=False), primary_key=True))
copies = sa.Table(
    "copies",
    metadata,
    sa.Column("entry_id", UUID(as_uuid=False), primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("country", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
)


def changes(count: int) -> Iterator[list[dict[str, Any]]]:
    """So many changes, in the lots that are committed together."""
    lot: list[dict[str, Any]] = []
    entry_id = ""
    for number in range(count):
        if number % CHANGES == 0:
            entry_id = str(uuid4())
        told = {"entry_id": entry_id, "sequence": number % CHANGES + 1, "amount": number}
        lot.append({"id": str(uuid4()), **told, "country": "SN", "note": NOTE})
        if len(lot) == TOGETHER:
            yield lot
            lot = []
    if lot:
        yield lot


def change(lot: list[dict[str, Any]]) -> sa.Executable:
    """Store the newest state of the entries that a lot changes."""
    newest = {one["entry_id"]: one for one in lot}
    rows = [{"id": key, "sequence": one["sequence"], "amount": one["amount"]} for key, one in newest.items()]
    statement = insert(entries).values(rows)
    coming = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=["id"], set_={"sequence": coming.sequence, "amount": coming.amount}
    )


def enter(event_id: str) -> sa.Executable:
    """Note that an event is applied; returns its id only the first time."""
    return (
        insert(processed).values(event_id=event_id).on_conflict_do_nothing().returning(processed.c.event_id)
    )


def keep(told: dict[str, Any]) -> sa.Executable:
    """Keep the state of an entry, unless a newer one is kept."""
    row = {name: told[name] for name in ("entry_id", "sequence", "amount", "country", "note")}
    statement = insert(copies).values(row)
    coming = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=["entry_id"],
        set_={name: coming[name] for name in ("sequence", "amount", "country", "note")},
        where=copies.c.sequence < coming.sequence,
    )
