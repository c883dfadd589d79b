"""Which tables the books are, the database itself says: what only its posting functions write, and what only grows."""

import asyncpg
import pytest

from tillkeeper.kernel.db import Database
from tillkeeper.ops.migrations import LEDGER_TABLES

WRITTEN_BY_FUNCTIONS = r"""
SELECT DISTINCT relname FROM pg_class JOIN pg_proc ON pronamespace = relnamespace
WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace AND prosecdef
  AND proname NOT LIKE 'erase\_%' AND proname NOT LIKE 'retire\_%'
  AND prosrc ~* ('(insert\s+into|update|delete\s+from|truncate)\s+' || relname || '\M')
"""
"""What is written with the rights of the owner, on behalf of an application that has none.

Functions that erase or retire take words out of other histories, and are told apart by their names.
"""
ONLY_GROWING = """
SELECT relname, min(attname) AS a_column
FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_proc ON pg_proc.oid = tgfoid
JOIN pg_attribute ON attrelid = tgrelid AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity = ''
WHERE proname = 'ledger_refuse' GROUP BY relname ORDER BY relname
"""
CHANGES = ("UPDATE {0} SET {1} = DEFAULT", "DELETE FROM {0}", "TRUNCATE {0} CASCADE")
RIGHTS = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")


async def guarded(owner: asyncpg.Connection) -> dict[str, str]:
    """List the tables that refuse changes, each with one of its columns."""
    return {row["relname"]: row["a_column"] for row in await owner.fetch(ONLY_GROWING)}


async def of_the_books(owner: asyncpg.Connection) -> set[str]:
    """List the tables of the books."""
    return {row["relname"] for row in await owner.fetch(WRITTEN_BY_FUNCTIONS)} | set(await guarded(owner))


async def test_the_tables_whose_rights_are_withheld_are_those_of_the_books(owner: asyncpg.Connection) -> None:
    assert await of_the_books(owner) == set(LEDGER_TABLES.split(", "))


async def test_the_application_has_no_right_to_write_any_table_of_the_books(
    db: Database, owner: asyncpg.Connection
) -> None:
    tables = sorted(await of_the_books(owner))
    asked = "SELECT array_agg(name) FROM unnest($1::text[]) AS name WHERE has_table_privilege(current_user, name, $2)"
    async with db.transaction() as tx:
        assert await tx.fetchval(asked, tables, "SELECT") == tables
        assert [await tx.fetchval(asked, tables, right) for right in RIGHTS] == [None] * len(RIGHTS)


@pytest.mark.parametrize("change", CHANGES)
async def test_what_only_grows_refuses_every_change_to_its_owner_and_to_the_application(
    db: Database, owner: asyncpg.Connection, change: str
) -> None:
    tables = await guarded(owner)
    assert tables.keys() >= {"journal", "posting"}
    for table, column in tables.items():
        with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
            await owner.execute(change.format(table, column))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with db.transaction() as tx:
                await tx.execute(change.format(table, column))
