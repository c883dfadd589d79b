"""Whether this version can work with its database."""

from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import DatabaseUnavailableError

REVISION = "0041"
"""The last migration; a test compares it with the migrations themselves."""


async def check(tx: Transaction) -> None:
    """Raise DatabaseUnavailableError unless the database has what this version needs.

    One that a newer version has migrated has it too: what the version before needs is not taken away, so that during
    an upgrade both can serve.
    """
    found = await tx.fetchval("SELECT to_regclass('alembic_version') IS NOT NULL")
    revision = await tx.fetchval("SELECT version_num FROM alembic_version") if found else None
    if revision is None or revision < REVISION:
        message = f"The database is at migration {revision or 'none'}, and this version needs {REVISION}."
        raise DatabaseUnavailableError(message)
