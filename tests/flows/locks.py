"""Tell when somebody waits for a lock, so that a test can arrange who comes first."""

import asyncio

import asyncpg

patience_seconds = 20
WAITING = """
SELECT count(DISTINCT pid) FROM pg_locks AS awaited JOIN pg_locks AS known USING (pid)
WHERE NOT awaited.granted AND known.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


async def held_up(owner: asyncpg.Connection, *working: asyncio.Task[object]) -> None:
    """Wait until each of these waits for a lock of the database, or has ended."""
    async with asyncio.timeout(patience_seconds):
        while await owner.fetchval(WAITING) + sum(task.done() for task in working) < len(working):  # noqa: ASYNC110 (a database tells no event of it)
            await asyncio.sleep(0.01)
