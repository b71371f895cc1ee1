"""Schema changes: each service's own Alembic history in its own database, run one at a time."""

import asyncio
from importlib.resources import as_file, files
from pathlib import Path

import sqlalchemy as sa
from alembic import command, context, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from chassis.database.tables import (
    backbone,
    dead_letter_records,
    known_streams,
    outbox_marks,
    projection_rebuild_rows,
    projection_rebuilds,
)

_LOCK = 7_305_802_023
"""Advisory lock under which one process at a time migrates a database."""


def create_backbone_tables() -> None:
    """Make the backbone's tables where they are missing; every service's first migration begins with it."""
    backbone.create_all(op.get_bind())
    # The outbox is written all the time, and forgotten in lots: let autovacuum keep up with it.
    op.execute(
        "ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05)"
    )


def add_dead_letter_states() -> None:
    """Let dead letters end, with a record of what was done to them, and projections be rebuilt.

    A database that is made anew has all this from its first migration, which makes the tables as they are now.
    """
    for column in ("edited_payload bytea", "state text NOT NULL DEFAULT 'waiting'", "ended_at timestamptz"):
        op.execute(f"ALTER TABLE dead_letters ADD COLUMN IF NOT EXISTS {column}")
    op.execute(
        "CREATE INDEX IF NOT EXISTS ix_dead_letters_waiting ON dead_letters (stream, stream_sequence, id)"
        " WHERE state = 'waiting'"
    )
    backbone.create_all(
        op.get_bind(), tables=[dead_letter_records, projection_rebuilds, projection_rebuild_rows]
    )


def add_known_streams() -> None:
    """Let the relay know the stream that it publishes to from one that was made anew."""
    backbone.create_all(op.get_bind(), tables=[known_streams])


_MARKS_OF_OLD_CODE = """
CREATE OR REPLACE FUNCTION mark_as_old_code_does() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.published_at IS NULL THEN
        DELETE FROM outbox_marks WHERE position = new.position;
    ELSE
        INSERT INTO outbox_marks (position, published_at, stream_sequence)
        VALUES (new.position, new.published_at, coalesce(new.stream_sequence, 0)) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$
"""
_WHENEVER_OLD_CODE_MARKS = """
CREATE OR REPLACE TRIGGER mark_as_old_code_does AFTER UPDATE OF published_at ON outbox
FOR EACH ROW EXECUTE FUNCTION mark_as_old_code_does()
"""
_FIRST_UNPUBLISHED = """
SELECT coalesce((SELECT position FROM outbox WHERE published_at IS NULL ORDER BY position LIMIT 1),
                (SELECT max(position) + 1 FROM outbox), 0)
"""
_COPY_MARKS = """
INSERT INTO outbox_marks (position, published_at, stream_sequence)
SELECT position, published_at, coalesce(stream_sequence, 0) FROM outbox
WHERE position >= :first AND position < :end AND published_at IS NOT NULL
ON CONFLICT DO NOTHING
"""
_COPIED_AT_ONCE = 20_000


def keep_marks_apart() -> None:
    """Let the relay note what is published in a table of its own.

    While old code still runs, its marks are copied as it makes them. Those it had made before are copied in small
    steps, which nobody waits for; the last ones first, with the watermark below which all is published. Every step can
    be done again. The old columns stay until no old code is left.
    """
    op.execute("ALTER TABLE known_streams ADD COLUMN IF NOT EXISTS published_below bigint NOT NULL DEFAULT 0")
    backbone.create_all(op.get_bind(), tables=[outbox_marks])
    columns = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("outbox")}
    if "published_at" not in columns:
        return
    op.execute(_MARKS_OF_OLD_CODE)
    # It waits for those who write to the outbox, and they for it: a moment, or it fails and is tried again. So from
    # here on nobody holds a position that is not committed.
    op.execute(_WHENEVER_OLD_CODE_MARKS)
    connection = op.get_bind()
    unpublished: int = connection.execute(sa.text(_FIRST_UNPUBLISHED)).scalar_one()
    lowest: int = connection.execute(sa.text("SELECT coalesce(min(position), 0) FROM outbox")).scalar_one()
    end = max(unpublished - _COPIED_AT_ONCE, lowest)
    copy = sa.text(_COPY_MARKS)
    connection.execute(copy, {"first": end, "end": 2**63 - 1})
    connection.execute(sa.text("UPDATE known_streams SET published_below = :it"), {"it": unpublished})
    with op.get_context().autocommit_block():
        while end > lowest:
            first = max(end - _COPIED_AT_ONCE, lowest)
            op.get_bind().execute(copy, {"first": first, "end": end})
            end = first


def run(metadata: sa.MetaData) -> None:
    """What a service's `env.py` calls: run the migrations on the connection that `migrate` opened."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


def _configuration(package: str) -> Config:
    with as_file(files(package) / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(Path(folder)).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        return config


async def migrate(url: str, package: str) -> None:
    """Bring the database to the newest migration of the package, waiting for another process that is at it."""
    engine = create_async_engine(url, poolclass=sa.NullPool)
    try:
        async with engine.connect() as connection:
            await connection.execute(sa.text("SET lock_timeout = '5s'"))
            await connection.execute(sa.text("SET statement_timeout = 0"))
            await _under_lock(connection, package)
    finally:
        await engine.dispose()


async def _under_lock(connection: AsyncConnection, package: str) -> None:
    while not await connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_LOCK))):
        await connection.rollback()
        await asyncio.sleep(0.2)
    await connection.commit()

    def upgrade(sync_connection: sa.Connection) -> None:
        config = _configuration(package)
        config.attributes["connection"] = sync_connection
        command.upgrade(config, "head")

    await connection.run_sync(upgrade)
    await connection.commit()


def head_of(package: str) -> str | None:
    """The newest migration of the package; read from its files, so ask once."""
    return ScriptDirectory.from_config(_configuration(package)).get_current_head()


async def behind(connection: AsyncConnection, head: str | None) -> str | None:
    """None where the database is at this migration; else what is missing, in words."""

    def current(sync_connection: sa.Connection) -> str | None:
        return MigrationContext.configure(sync_connection).get_current_revision()

    revision = await connection.run_sync(current)
    return None if revision == head else f"the database is at migration {revision}, the code at {head}"
