"""PostgreSQL: one pool, one way to open a transaction, and the errors that mean "not reachable"."""

import asyncio
import functools
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, Literal, ParamSpec, Self, TypeVar

import asyncpg
import msgspec
import sqlalchemy
from asyncpg.protocol import protocol as wire

from tillkeeper.kernel import failpoints, meters, sockets
from tillkeeper.kernel.errors import DatabaseUnavailableError

connections_max = 10
connect_timeout_seconds = 5
acquire_timeout_seconds = 15
"""How long a request waits for a free connection before it is told to come back."""
entrance_timeout_seconds = 30
"""How long somebody new waits at the entrance, with nothing written yet, before they are told to come back."""
lock_timeout_seconds = 5
statement_timeout_seconds = 15
SESSION = {"application_name": "tillkeeper", "timezone": "UTC"}
"""What every session is told when it begins, and poolers take too."""
LIMITS = {
    "jit": "off",  # compiling costs tenths of a second, which is more than any statement of ours gains
    "lock_timeout": f"{lock_timeout_seconds}s",
    "statement_timeout": f"{statement_timeout_seconds}s",
    "idle_in_transaction_session_timeout": f"{statement_timeout_seconds}s",
}
"""What a session is told once, and each transaction where sessions are shared."""
KEEPALIVE = {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3"}
"""When PostgreSQL lets go of a machine that has vanished: by itself it would hold its connections for two hours."""
KEEPS_WHAT_IS_COMMITTED = ("fsync", "full_page_writes", "synchronous_commit")
statements_kept_max = 100
conflict_attempts_max = 6
conflict_pause_seconds = 0.02

metadata = sqlalchemy.MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "ix": "%(table_name)s_%(column_0_N_name)s_index",
        "uq": "%(table_name)s_%(column_0_N_name)s_unique",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)
"""Every table of every package, so that the migrations can be compared with them."""

UNREACHABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.DiskFullError,
    asyncpg.ReadOnlySQLTransactionError,  # a primary that was just demoted, or whose host keeps its disk from filling
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg says when the connection goes while it is about to commit
)
CONFLICTS = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
OUTAGES = (*CONFLICTS, *(kind for kind in UNREACHABLE if kind not in {OSError, TimeoutError}))
"""What PostgreSQL says when it, and not what it was asked, is the reason; others raise plain time-outs too."""

# asyncpg asks two abstract classes about each element of an array whether it is an array itself, which takes longer
# than to send it: a sixth of what the worker did. These are all the containers that can hold one.
wire.IterableABC = (list, tuple, set, frozenset)  # type: ignore[attr-defined]  # made by Cython, unseen by mypy

Record = asyncpg.Record
Params = ParamSpec("Params")
Result = TypeVar("Result")


class DatabaseRefusedError(DatabaseUnavailableError):
    """Report that PostgreSQL answers, and does not let this role into this database."""

    title = "PostgreSQL does not let us in"
    next_step = (
        "Check the role and the password in the address, and let pg_hba.conf admit the role to this database from here;"
        " deploy/postgresql/pg_hba.conf does. Then reload PostgreSQL and try again."
    )


_in_transaction: ContextVar[bool] = ContextVar("in_transaction", default=False)


def assert_no_transaction() -> None:
    """Fail when the caller holds a transaction open: the network is never touched inside one."""
    assert not _in_transaction.get(), "a gateway was called inside a database transaction"


class Transaction:
    """Hold one open transaction; whatever reads or writes takes it as its first argument."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def fetch(self, sql: str, *values: object) -> list[Record]:
        """Run a statement and return its rows."""
        rows: list[Record] = await self._connection.fetch(sql, *values)
        return rows

    async def fetch_long(self, sql: str, *values: object, seconds_max: int) -> list[Record]:
        """Run a statement that may take longer than any other, and wait for it that long."""
        await self._connection.execute(f"SET LOCAL statement_timeout = '{seconds_max}s'")
        rows: list[Record] = await self._connection.fetch(sql, *values, timeout=seconds_max + connect_timeout_seconds)
        return rows

    async def fetchrow(self, sql: str, *values: object) -> Record | None:
        """Run a statement and return its first row, if any."""
        row: Record | None = await self._connection.fetchrow(sql, *values)
        return row

    async def fetchval(self, sql: str, *values: object) -> Any:
        """Run a statement and return the first column of its first row."""
        return await self._connection.fetchval(sql, *values)

    async def execute(self, sql: str, *values: object) -> int:
        """Run a statement and return how many rows it touched."""
        status: str = await self._connection.execute(sql, *values)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Try something that may fail: an exception undoes what was done in the block, and goes on."""
        async with self._connection.transaction():
            yield


class Shared(asyncpg.Connection):
    """Begin each transaction with the limits that a session cannot keep, because a pooler shares it with others."""

    async def execute(self, query: str, *args: object, timeout: Any = None) -> str:  # noqa: ASYNC109 (asyncpg's)
        """Run a statement; BEGIN takes the limits along, so that they cost no time."""
        if query.startswith("BEGIN"):
            query += "".join(f"SET LOCAL {name} = '{value}';" for name, value in LIMITS.items())
        status: str = await super().execute(query, *args, timeout=timeout)
        return status


def pool(url: str, *, shared: bool, connections: int, connections_min: int = 1) -> asyncpg.Pool:
    """Make a pool, which connects once it is awaited; `shared` says that its sessions may be those of a pooler.

    In a shared session nothing outlives a transaction, so no statement is prepared for the next.
    """
    kept = {} if shared else {**LIMITS, **KEEPALIVE}
    return asyncpg.create_pool(
        url,
        min_size=connections_min,
        max_size=connections,
        init=_prepare,
        reset=_keep,
        timeout=connect_timeout_seconds,
        # The server's own time-out cannot strike when the server itself hangs.
        command_timeout=statement_timeout_seconds + connect_timeout_seconds,
        server_settings={**SESSION, **kept},
        connection_class=Shared if shared else asyncpg.Connection,
        statement_cache_size=0 if shared else statements_kept_max,
    )


@contextmanager
def marked() -> Iterator[None]:
    """Know for the time of a block that a transaction is open; raises AssertionError where there is one."""
    assert not _in_transaction.get(), "transactions do not nest"
    token = _in_transaction.set(True)
    try:
        yield
    finally:
        _in_transaction.reset(token)


class Database:
    """Lend transactions from a bounded pool."""

    def __init__(self, direct_url: str, pool_: asyncpg.Pool, *, shared: bool) -> None:
        self._direct_url = direct_url
        self._pool = pool_
        self._shared = shared
        self._entrance = asyncio.Semaphore(max(pool_.get_max_size() // 2, 1))

    @classmethod
    async def connect(cls, url: str, *, direct_url: str = "", connections: int = connections_max) -> Self:
        """Open the pool; raises DatabaseUnavailableError when PostgreSQL does not answer, or refuses.

        `direct_url` is for what needs a session of its own; where it is another one, `url` goes through a transaction
        pooler.
        """
        shared = bool(direct_url) and direct_url != url
        try:
            opened = await pool(url, shared=shared, connections=connections)
        except (*UNREACHABLE, asyncpg.InvalidCatalogNameError) as error:
            raise DatabaseUnavailableError(unreachable(error)) from error
        except asyncpg.InvalidAuthorizationSpecificationError as error:
            message = f"PostgreSQL does not let us in: {error}."
            raise DatabaseRefusedError(message) from error
        return cls(direct_url or url, opened, shared=shared)

    async def close(self) -> None:
        """Let running statements end, then close every connection."""
        try:
            await asyncio.wait_for(self._pool.close(), timeout=connect_timeout_seconds)
        except (TimeoutError, *UNREACHABLE):
            self._pool.terminate()

    async def forgetful(self) -> list[str]:
        """List the settings that are off without which PostgreSQL may lose what it has committed."""
        async with self.transaction(read_only=True) as tx:
            rows = await tx.fetch(
                "SELECT name FROM pg_settings WHERE name = ANY($1::text[]) AND setting = 'off' ORDER BY name",
                list(KEEPS_WHAT_IS_COMMITTED),
            )
        return [row["name"] for row in rows]

    async def plan_anew(self) -> None:
        """Let every statement be planned anew when it comes next, for tables that are larger by now."""
        await self._pool.expire_connections()

    @asynccontextmanager
    async def transaction(self, *, read_only: bool = False) -> AsyncIterator[Transaction]:
        """Open a transaction; leaving the block commits, an exception rolls everything back.

        A read-only one sees the database as of one moment.
        """
        isolation: Literal["repeatable_read", "read_committed"] = "repeatable_read" if read_only else "read_committed"
        async with self._lent() as connection, connection.transaction(isolation=isolation, readonly=read_only):
            yield Transaction(connection)
            failpoints.reach("commit")
        failpoints.reach("committed")

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[Transaction]:
        """Lend what runs one statement, which commits by itself: three journeys to PostgreSQL less than a transaction.

        A session of a pooler has its limits from the transaction alone, and gets one.
        """
        if self._shared:
            async with self.transaction() as tx:
                yield tx
            return
        failpoints.reach("commit")
        async with self._lent() as connection:
            yield Transaction(connection)
        failpoints.reach("committed")

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator[Any]:
        with marked():
            try:
                async with self._pool.acquire(timeout=acquire_timeout_seconds) as connection:
                    yield connection
            except UNREACHABLE as error:
                if isinstance(error, ValueError):  # a value that does not fit its parameter: our bug, and no outage
                    raise
                meters.count(meters.db_failures, "unavailable")
                raise DatabaseUnavailableError(unreachable(error)) from error

    @asynccontextmanager
    async def entrance(self) -> AsyncIterator[None]:
        """Let in whoever begins something new, while half of the connections stay for those who are finishing.

        A thousand who come at once would otherwise take turns at every step, and all of them would be done last.
        """
        try:
            async with asyncio.timeout(entrance_timeout_seconds):
                await self._entrance.acquire()
        except TimeoutError as error:
            message = "Too many wait for PostgreSQL; nothing was begun."
            raise DatabaseUnavailableError(message) from error
        try:
            yield
        finally:
            self._entrance.release()

    async def listen(self, channel: str, heard: Callable[[], None]) -> "Listener":
        """Call `heard` for each notification on `channel`, on a connection of its own."""
        try:
            connection = await asyncpg.connect(
                self._direct_url,
                timeout=connect_timeout_seconds,
                server_settings={**KEEPALIVE, "application_name": "tillkeeper listens"},
            )
        except (*UNREACHABLE, asyncpg.PostgresError) as error:
            raise DatabaseUnavailableError(unreachable(error)) from error
        listener = Listener(connection)
        sockets.guard(connection)
        try:
            await connection.add_listener(channel, lambda *_: heard())
        except (*UNREACHABLE, asyncpg.PostgresError) as error:
            await listener.close()
            raise DatabaseUnavailableError(unreachable(error)) from error
        return listener


class Listener:
    """Hold a listening connection."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @property
    def lost(self) -> bool:
        """Tell whether the connection has gone, so that the owner opens another."""
        return bool(self._connection.is_closed())

    async def close(self) -> None:
        """Stop listening."""
        try:
            await self._connection.close(timeout=connect_timeout_seconds)
        except UNREACHABLE:
            self._connection.terminate()


def is_conflict(error: BaseException) -> bool:
    """Tell whether a transaction collided with another, so that it must be run again as a whole."""
    return isinstance(error, CONFLICTS)


def is_outage(error: BaseException) -> bool:
    """Tell whether the database is the reason, so that the same transaction can succeed at another time."""
    return isinstance(error, OUTAGES) and not isinstance(error, ValueError)  # a value that does not fit is our bug


def took_too_long(error: BaseException) -> bool:
    """Tell whether a statement ran out of time; the transaction goes on from its last savepoint."""
    return isinstance(error, TimeoutError | asyncpg.QueryCanceledError)


def retry_conflicts(work: Callable[Params, Awaitable[Result]]) -> Callable[Params, Awaitable[Result]]:
    """Run a function of one transaction again when PostgreSQL says that it collided with another."""

    @functools.wraps(work)
    async def run(*args: Params.args, **kwargs: Params.kwargs) -> Result:
        for attempt in range(1, conflict_attempts_max):
            try:
                return await work(*args, **kwargs)
            except CONFLICTS:
                await asyncio.sleep(conflict_pause_seconds * 2**attempt * random.random())  # noqa: S311 (jitter)
        try:
            return await work(*args, **kwargs)
        except CONFLICTS:
            meters.count(meters.db_failures, "conflict")
            raise

    return run


def unreachable(error: BaseException) -> str:
    """Say that a database does not answer, or only reads."""
    if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
        return "PostgreSQL takes no writes now: it is a replica, or its host keeps its disk from filling up."
    return f"PostgreSQL does not answer ({type(error).__name__})."


async def _keep(_: Any) -> None:
    """Hand a connection back as it is: asyncpg has ended the transaction, and nothing here outlives one."""


async def _prepare(connection: Any) -> None:
    """Exchange jsonb as Python values, and notice a cut link."""
    sockets.guard(connection)
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: msgspec.json.encode(value).decode(),
        decoder=msgspec.json.decode,
    )
