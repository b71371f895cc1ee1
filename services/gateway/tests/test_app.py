"""The gateway as a whole."""

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from page_kit import Reader

from chassis.database.engine import Database
from chassis.database.tables import backbone
from chassis.http.access import undeclared_endpoints
from gateway.tables import Base


async def test_every_endpoint_says_who_may_use_it(stranger: Reader) -> None:
    assert undeclared_endpoints(stranger.http.app) == []  # type: ignore[attr-defined]


async def test_the_migrations_make_the_tables_the_code_expects(database: Database) -> None:
    def differences(connection: sa.Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        return [
            one
            for one in compare_metadata(context, Base.metadata)
            if getattr(one[1], "name", "") not in {*backbone.tables, "alembic_version"}
            and not str(one[0]).endswith(("_index", "_constraint"))
        ]

    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
