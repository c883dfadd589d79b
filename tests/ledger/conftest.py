"""What the tests of the books share: the owner's own connection, and many connections of the application."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tillkeeper.kernel.db import Database

connections_wide = 20


@pytest.fixture
async def owner(owner_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Connect as the owner of the database."""
    connection = await asyncpg.connect(owner_url)
    yield connection
    await connection.close()


@pytest.fixture
async def wide(database_url: str) -> AsyncIterator[Database]:
    """Connect as the application, with connections enough to collide."""
    database = await Database.connect(database_url, connections=connections_wide)
    yield database
    await database.close()
