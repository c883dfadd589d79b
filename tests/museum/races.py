"""Let things happen at the same moment: a lock holds them all until each has come as far as it can."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0
"""
CROSSED = """
    SELECT count(*) FROM pg_stat_activity AS one, unnest(pg_blocking_pids(one.pid)) AS other (pid)
    WHERE one.datname = current_database() AND one.pid = ANY (pg_blocking_pids(other.pid))
"""
patience_seconds = 10


@asynccontextmanager
async def held(shop: Any, table: str, where: str = "true") -> AsyncIterator[None]:
    """Hold rows of a table, so that whoever wants one stands before it."""
    async with asyncio.timeout(patience_seconds), shop.owner.transaction():
        await shop.owner.execute(f"SELECT FROM {table} WHERE {where} FOR UPDATE")
        yield


async def until_waiting(shop: Any, many: int) -> None:
    """Wait until so many stand before a lock."""
    while await shop.owner.fetchval(WAITING) < many:
        await shop.owner.execute("SELECT pg_stat_clear_snapshot()")
        await asyncio.sleep(0.01)


async def crossed(shop: Any, *working: asyncio.Task[Any]) -> bool:
    """Let work come to its end; tell whether any two stood before each other's locks on the way."""
    seen = False
    while not all(task.done() for task in working):
        await shop.owner.execute("SELECT pg_stat_clear_snapshot()")
        seen = seen or bool(await shop.owner.fetchval(CROSSED))
        await asyncio.sleep(0.01)
    return seen
