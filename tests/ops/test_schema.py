"""What Alembic does not compare: checks, and the list of what the application may do."""

import asyncio

import asyncpg
import sqlalchemy

from tillkeeper.kernel.db import metadata
from tillkeeper.ops import migrations
from tillkeeper.ops.migrations import FOLDER
from tillkeeper.reports import readiness


async def test_every_check_that_the_tables_describe_exists_in_the_database(owner_url: str) -> None:
    migrations.load_tables()
    described = {
        str(check.name)
        for table in metadata.tables.values()
        for check in table.constraints
        if isinstance(check, sqlalchemy.CheckConstraint)
    }
    connection = await asyncpg.connect(owner_url)
    rows = await connection.fetch("SELECT conname FROM pg_constraint WHERE contype = 'c'")
    await connection.close()

    missing = described - {row["conname"] for row in rows}

    assert missing == set()


def test_the_api_asks_for_the_newest_migration() -> None:
    newest = max(file.stem.split("_")[0] for file in (FOLDER / "versions").glob("[0-9]*.py"))

    assert newest == readiness.REVISION


async def test_tables_and_migrations_agree(owner_url: str) -> None:
    assert await asyncio.to_thread(migrations.differences, owner_url) == []
