"""Bring a database to the shape that this version needs."""

import asyncio
import importlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from tillkeeper.kernel.db import UNREACHABLE
from tillkeeper.kernel.errors import DatabaseUnavailableError, TillError

FOLDER = Path(__file__).parent
PACKAGE = FOLDER.parents[1]
LEDGER_TABLES = "account, balance, balance_daily, balance_delta, journal, posting, seal, unsealed"
LOCKED = asyncpg.LockNotAvailableError.sqlstate
HISTORY_TABLES = "payment_change, payment_note, wallet_entry, wallet_adjustment, audit_entry"
LEDGER_FUNCTIONS = ("ledger_post", "ledger_roll", "ledger_seal", "ledger_recount")
HISTORY_FUNCTIONS = ("erase_history", "erase_audit", "retire_audit")
"""What takes words about people out of histories, and can do nothing else to them."""


class NewerDatabaseError(TillError):
    """Report a database that a newer version has migrated: what is booked since then has no place in an older one."""

    code = "database_newer"
    title = "The database belongs to a newer version"
    next_step = "Run that version or a later one. Nothing goes back: what is booked since then would be lost."


def upgrade(owner_url: str, *, app_role: str | None = None) -> list[str]:
    """Run the missing migrations and grant the application its rights; return what was run."""
    return _run(owner_url, lambda connection: _upgrade(connection, app_role))


def pending(url: str) -> list[str]:
    """List the migrations that a database still needs."""
    return _run(url, _pending)


def differences(owner_url: str) -> list[str]:
    """Compare the tables in code with the database; an empty list means that they agree."""
    return _run(owner_url, _differences)


def revisions() -> list[str]:
    """List every migration, the first one first."""
    script = ScriptDirectory(str(FOLDER))
    return [item.revision for item in script.walk_revisions()][::-1]


def load_tables() -> None:
    """Import every package's tables, so that the metadata is whole."""
    for file in sorted(PACKAGE.rglob("tables.py")):
        importlib.import_module(".".join(("tillkeeper", *file.relative_to(PACKAGE).with_suffix("").parts)))


def _config(connection: Connection) -> Config:
    config = Config(stdout=io.StringIO())  # Alembic reports on standard output; we return what there is to say
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection, app_role: str | None) -> list[str]:
    missing = _pending(connection)
    connection.commit()  # Alembic begins its own transaction, and may end it for an index that is built beside the work
    command.upgrade(_config(connection), "head")
    if app_role:
        _grant(connection, app_role)
    connection.commit()
    return missing


def _pending(connection: Connection) -> list[str]:
    script = ScriptDirectory.from_config(_config(connection))
    current = MigrationContext.configure(connection).get_current_revision()
    revisions = [item.revision for item in script.walk_revisions()][::-1]
    if current is None:
        return revisions
    if current not in revisions:
        message = (
            f"It is at migration {current}, and this version knows them up to {revisions[-1]}. Nothing was changed."
        )
        raise NewerDatabaseError(message)
    return revisions[revisions.index(current) + 1 :]


def _differences(connection: Connection) -> list[str]:
    try:
        command.check(_config(connection))
    except CommandError as error:
        return [str(error)]
    return []


def _grant(connection: Connection, role: str) -> None:
    """Let the application work on everything but the books, which it reads, and writes only by posting."""
    name = connection.dialect.identifier_preparer.quote_identifier(role)
    for statement in (
        f"GRANT USAGE ON SCHEMA public TO {name}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}",
        f"REVOKE INSERT, UPDATE, DELETE ON {LEDGER_TABLES}, {HISTORY_TABLES} FROM {name}",
        f"GRANT INSERT ON {HISTORY_TABLES} TO {name}",
        f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {name}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {name}",
        *(f"GRANT EXECUTE ON FUNCTION {function} TO {name}" for function in (*LEDGER_FUNCTIONS, *HISTORY_FUNCTIONS)),
    ):
        connection.exec_driver_sql(statement)


def _run(url: str, work: Callable[[Connection], list[str]]) -> list[str]:
    async def run() -> list[str]:
        async def connect() -> Any:
            return await asyncpg.connect(url)

        engine = create_async_engine("postgresql+asyncpg://", async_creator=connect)
        try:
            async with engine.connect() as connection:
                return await connection.run_sync(work)
        finally:
            await engine.dispose()

    try:
        return asyncio.run(run())
    except (*UNREACHABLE, asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError) as error:
        message = f"PostgreSQL does not answer ({error}). Nothing was changed."
        raise DatabaseUnavailableError(message) from error
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", "") != LOCKED:
            raise
        message = "Somebody held a table for longer than five seconds. Nothing was changed; run it again in a moment."
        raise DatabaseUnavailableError(message) from error
