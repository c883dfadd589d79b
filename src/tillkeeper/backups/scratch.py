"""The databases in which drills try backups: one is named after its drill, and held as long as that drill lives."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Self

import asyncpg

from tillkeeper.kernel import logs
from tillkeeper.kernel.db import KEEPALIVE, UNREACHABLE
from tillkeeper.kernel.errors import TillError
from tillkeeper.kernel.postgres_programs import renamed

connect_timeout_seconds = 10
SCRATCH = "tillkeeper_drill_"
"""How the name of every database of a drill begins."""
SESSION = {"application_name": "tillkeeper drill", "statement_timeout": "0", "idle_session_timeout": "0", **KEEPALIVE}
"""It waits for as long as a drill takes, and is given up soon once whoever had it is gone."""
LEFT = """
SELECT datname FROM pg_database AS made
WHERE starts_with(datname, $1) AND datdba = (SELECT oid FROM pg_roles WHERE rolname = current_user)
  AND NOT EXISTS (SELECT FROM pg_stat_activity AS busy WHERE busy.datid = made.oid)
  AND NOT EXISTS (
      SELECT FROM pg_locks AS held JOIN pg_database AS here ON here.oid = held.database
      WHERE held.locktype = 'advisory' AND here.datname = current_database()
        AND (held.classid::bigint << 32) | held.objid::bigint = hashtextextended(made.datname, 0)
  )
ORDER BY datname
"""
"""What nobody is at work in: neither connected to it nor holding it."""


class DrillServerError(TillError):
    """Report a server for drills that does not do what it is asked."""

    code = "drill_server"
    title = "The server on which backups are tried does not do what it is asked"
    next_step = "Mend what it says above; the next drill drops what this one may have left."


class Server:
    """Hold one session beside all databases of a server; what it holds is let go when it ends, however it ends."""

    def __init__(self, session: asyncpg.Connection) -> None:
        self._session = session

    @classmethod
    async def connect(cls, url: str) -> Self:
        """Connect to the server that a URL names; raises DrillServerError."""
        with _told():
            place = renamed(url, "postgres")
            return cls(
                await asyncpg.connect(
                    place, timeout=connect_timeout_seconds, statement_cache_size=0, server_settings=SESSION
                )
            )

    async def close(self) -> None:
        """Let go of everything."""
        try:
            await self._session.close(timeout=connect_timeout_seconds)
        except UNREACHABLE:
            self._session.terminate()

    async def databases(self, prefix: str) -> list[str]:
        """List the databases whose names begin so."""
        with _told():
            rows = await self._session.fetch(
                "SELECT datname FROM pg_database WHERE starts_with(datname, $1) ORDER BY datname", prefix
            )
        return [row["datname"] for row in rows]

    async def left_over(self, prefix: str) -> list[str]:
        """List the databases of drills that were made by this role and that nobody works in."""
        with _told():
            return [row["datname"] for row in await self._session.fetch(LEFT, prefix)]

    async def hold(self, name: str) -> bool:
        """Hold a database, whether or not it is there; false while another drill does."""
        with _told():
            held: bool = await self._session.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", name)
        return held

    async def let_go(self, name: str) -> None:
        """Hold a database no more."""
        with _told():
            await self._session.execute("SELECT pg_advisory_unlock(hashtextextended($1, 0))", name)

    async def drop(self, name: str) -> None:
        """Drop a database that this session holds: by the same session, so that it never drops what it lost."""
        quoted = name.replace('"', '""')
        with _told():
            await self._session.execute(f'DROP DATABASE IF EXISTS "{quoted}" WITH (FORCE)')


@asynccontextmanager
async def server(url: str) -> AsyncIterator[Server]:
    """Lend a session for the time of a block; raises DrillServerError."""
    opened = await Server.connect(url)
    try:
        yield opened
    finally:
        await opened.close()


@contextmanager
def _told() -> Iterator[None]:
    """Say what a server complains of."""
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, ValueError) as error:
        raise DrillServerError(logs.mask(str(error)) or f"{type(error).__name__}.") from error
