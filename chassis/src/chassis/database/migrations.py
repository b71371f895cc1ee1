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
    projection_rebuild_rows,
    projection_rebuilds,
)

_LOCK = 7_305_802_023
"""Advisory lock under which one process at a time migrates a database."""


def create_backbone_tables() -> None:
    """Make the backbone's tables where they are missing; every service's first migration begins with it."""
    backbone.create_all(op.get_bind())
    # The outbox is written and updated all the time: let autovacuum keep up with it.
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
