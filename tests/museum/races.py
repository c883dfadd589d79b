"""Let things happen at the same moment: a lock holds them all until each has come as far as it can."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0
"""
patience_seconds = 10


@asynccontextmanager
async def held(shop: Any, table: str) -> AsyncIterator[None]:
    """Hold every row of a table, so that whoever wants one stands before it."""
    async with asyncio.timeout(patience_seconds), shop.owner.transaction():
        await shop.owner.execute(f"SELECT FROM {table} FOR UPDATE")
        yield


async def until_waiting(shop: Any, many: int) -> None:
    """Wait until so many stand before a lock."""
    while await shop.owner.fetchval(WAITING) < many:
        await shop.owner.execute("SELECT pg_stat_clear_snapshot()")
        await asyncio.sleep(0.01)
