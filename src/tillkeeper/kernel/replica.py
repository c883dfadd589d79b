"""A copy of the database to read from, as long as it keeps up: what it shows is never older than what was asked for."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Self

import asyncpg

from tillkeeper.kernel import clock, logs
from tillkeeper.kernel import db as database
from tillkeeper.kernel.db import CONFLICTS, UNREACHABLE, Transaction
from tillkeeper.kernel.errors import DatabaseUnavailableError

catch_up_seconds = 0.5
"""How long a reader waits for the replica to have what was asked for; it mostly lacks a few milliseconds."""
answer_seconds = 2
rest_seconds = 5
"""How long a replica in trouble is not asked again."""
look_seconds = 0.01

POSITION = "SELECT pg_current_wal_flush_lsn()::text"
"""Up to where PostgreSQL has written down what happened: whatever anybody was told stands before it."""
STANDING = """
SELECT pg_is_in_recovery() AS follows,
       coalesce(pg_last_wal_replay_lsn() >= $1::text::pg_lsn, false) AS caught_up,
       clock_timestamp() - pg_last_xact_replay_timestamp() AS behind
"""


class ReplicaUnusableError(Exception):
    """Report that the replica cannot answer now, so that the database itself is asked."""


class Replica:
    """Lend transactions in which can only be read; a replica in trouble is left alone for a while."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._opened = False
        self._opening = asyncio.Lock()
        self._resting_ms: Callable[[], int] | None = None
        self.trouble = ""
        """Why it was not used when it was last asked; empty while it is."""

    @classmethod
    def at(cls, url: str, *, shared: bool, connections: int) -> Self:
        """Name a replica; nothing connects before somebody asks, so that a dead one keeps nobody from starting."""
        return cls(database.pool(url, shared=shared, connections=connections, connections_min=0))

    @property
    def resting(self) -> bool:
        """Tell whether it is left alone."""
        return self._resting_ms is not None and self._resting_ms() < rest_seconds * 1000

    async def close(self) -> None:
        """Close every connection, if there are any."""
        if not self._opened:
            return
        try:
            await asyncio.wait_for(self._pool.close(), timeout=database.connect_timeout_seconds)
        except (TimeoutError, *UNREACHABLE):
            self._pool.terminate()

    @asynccontextmanager
    async def transaction(self, position: str) -> AsyncIterator[Transaction]:
        """Open a transaction that sees everything up to a position, as of one moment.

        Raises ReplicaUnusableError, also where it breaks off in between: nothing was changed by it.
        """
        with database.marked():
            connection = await self._connection()
            try:
                await self._await(connection, position)
                async with connection.transaction(isolation="repeatable_read", readonly=True):
                    yield Transaction(connection)
            except asyncpg.QueryCanceledError as error:  # what takes too long here takes too long there
                raise DatabaseUnavailableError(database.unreachable(error)) from error
            except CONFLICTS as error:  # what it reads was cleared away under it, which says nothing about the next
                raise ReplicaUnusableError from error
            except UNREACHABLE as error:
                if isinstance(error, ValueError):
                    raise
                raise self._silent(error) from error
            finally:
                await self._give_back(connection)

    async def _connection(self) -> Any:
        try:
            async with asyncio.timeout(answer_seconds):
                async with self._opening:
                    if not self._opened:
                        await self._pool
                        self._opened = True
                return await self._pool.acquire(timeout=answer_seconds)
        except (*UNREACHABLE, asyncpg.PostgresError) as error:
            raise self._silent(error) from error

    async def _give_back(self, connection: Any) -> None:
        try:
            await self._pool.release(connection, timeout=answer_seconds)
        except UNREACHABLE:
            connection.terminate()

    async def _await(self, connection: Any, position: str) -> None:
        """Wait until a position is reached; raises ReplicaUnusableError when that takes too long."""
        waited_ms = clock.timer_ms()
        while True:
            async with (
                connection.transaction()
            ):  # a pooler shares the session, so both halves of a question stay together
                standing = await connection.fetchrow(STANDING, position, timeout=answer_seconds)
            if not standing["follows"]:
                why = "it follows nobody any more"
                raise self._rest(why)
            if standing["caught_up"]:
                break
            if waited_ms() > catch_up_seconds * 1000:
                behind = standing["behind"] or timedelta()
                why = f"it is {max(behind.total_seconds(), catch_up_seconds):.1f} s behind"
                raise self._rest(why)
            await asyncio.sleep(look_seconds)
        if self.trouble:
            logs.intent.warning("replica_back")
        self.trouble, self._resting_ms = "", None

    def _silent(self, error: BaseException) -> ReplicaUnusableError:
        return self._rest(f"it does not answer ({type(error).__name__})")

    def _rest(self, why: str) -> ReplicaUnusableError:
        if not self.trouble:
            logs.intent.warning("replica_left", reason=why)
        self.trouble, self._resting_ms = why, clock.timer_ms()
        return ReplicaUnusableError(why)
