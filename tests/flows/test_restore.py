"""Out of a backup comes the database that it was made of, kept apart from the first moment on."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from tests.flows.vaults import KEY, OLDER, backed_up, beside, vault_in

from tillkeeper.backups import Facts, isolation
from tillkeeper.flows.back_up import back_up
from tillkeeper.flows.read import read
from tillkeeper.flows.restore import NotEmptyError, RolesMissingError, Source, _check_target, drop, prove, restore
from tillkeeper.flows.seal import seal
from tillkeeper.kernel import clock
from tillkeeper.kernel.db import Database
from tillkeeper.kernel.encrypted import DamagedFileError, WrongKeyError
from tillkeeper.till import Till


@pytest.fixture
def saving(till: Till, tmp_path: Path, owner_url: str) -> Till:
    return backed_up(till, tmp_path / "backups", owner_url)


@pytest.fixture
async def elsewhere(owner_url: str) -> AsyncIterator[str]:
    """Name a database that does not exist; whatever becomes of it goes with the test."""
    url = beside(owner_url, "restored")
    yield url
    await drop(url)


async def restored(till: Till, path: Path, into: str) -> Facts:
    assert till.vault
    return await restore(till.vault, path, into, now=till.now())


async def everything(url: str) -> dict[str, Any]:
    connection = await asyncpg.connect(url)
    tables = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname"
    )
    digest = "SELECT md5(coalesce(string_agg(row::text, ',' ORDER BY row::text), '')) FROM {} AS row"
    found = {row["relname"]: await connection.fetchval(digest.format(row["relname"])) for row in tables}
    await connection.close()
    return found


async def test_a_restored_copy_is_the_database_that_was_backed_up(
    shop: Any, saving: Till, owner_url: str, elsewhere: str
) -> None:
    await shop.refund(await shop.paid(), 100)
    await seal(shop.till)
    made = await back_up(saving)
    before = await everything(owner_url)

    await restored(saving, made.path, elsewhere)

    after = await everything(elsewhere)
    differing = {name for name in before if before[name] != after.get(name)}
    assert differing == {"backup", "isolation"}  # that it was made is written after it was


async def test_a_restored_copy_passes_every_check(shop: Any, saving: Till, elsewhere: str) -> None:
    await shop.paid()
    await seal(shop.till)
    made = await back_up(saving)
    await restored(saving, made.path, elsewhere)

    db = await Database.connect(elsewhere)
    checks = await prove(db, made.facts)
    await db.close()

    assert {check.name: check.ok for check in checks} == dict.fromkeys(
        ("migrations", "rows", "books", "audit log", "writing"), True
    ), checks


async def test_each_check_finds_what_it_is_for(shop: Any, saving: Till, elsewhere: str) -> None:
    await shop.paid()
    await seal(shop.till)
    made = await back_up(saving)
    await restored(saving, made.path, elsewhere)
    owner = await asyncpg.connect(elsewhere)
    await owner.execute("ALTER TABLE posting DISABLE TRIGGER USER; UPDATE posting SET amount = amount + 1")
    await owner.execute("ALTER TABLE audit_entry DISABLE TRIGGER USER; UPDATE audit_entry SET action = 'forged'")
    await owner.execute("DELETE FROM inbox_body; UPDATE alembic_version SET version_num = '0001'")
    await owner.execute("DROP FUNCTION IF EXISTS ledger_post CASCADE")
    await owner.close()

    db = await Database.connect(elsewhere)
    checks = await prove(db, made.facts)
    await db.close()

    assert [check.name for check in checks if check.ok] == []


async def test_a_restored_copy_is_kept_apart(saving: Till, elsewhere: str) -> None:
    made = await back_up(saving)
    await restored(saving, made.path, elsewhere)

    db = await Database.connect(elsewhere)
    apart = await read(replace(saving, db=db), isolation)
    await db.close()

    assert apart is not None
    assert (apart.source, apart.taken_at) == (made.name, made.facts.taken_at)
    assert await read(saving, isolation) is None


async def test_what_the_application_may_do_is_restored_too(saving: Till, elsewhere: str, databases: Any) -> None:
    made = await back_up(saving)
    await restored(saving, made.path, elsewhere)

    application = await asyncpg.connect(databases.app_url(urlsplit(elsewhere).path.lstrip("/")))
    assert await application.fetchval("SELECT count(*) FROM payment") == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await application.execute("DELETE FROM posting")
    await application.close()


async def test_nothing_is_restored_over_a_database_that_holds_something(saving: Till, owner_url: str) -> None:
    made = await back_up(saving)
    before = await everything(owner_url)
    with pytest.raises(NotEmptyError):
        await restored(saving, made.path, owner_url)
    assert await everything(owner_url) == before


async def test_a_role_that_the_server_lacks_is_named_with_the_statement_that_makes_it(saving: Till) -> None:
    facts = Facts(
        taken_at=datetime(2026, 1, 1, tzinfo=UTC),
        revision="0036",
        server_version="18.0",
        database="books",
        encoding="UTF8",
        collate="C",
        ctype="C",
        roles=("tillkeeper_app", "somebody_else"),
        tables={},
        seal_number=0,
        seal_hash="",
    )

    async def check(tx: Any) -> None:
        await tx.execute("SET LOCAL search_path TO public")
        await _check_target(tx, facts)

    db = await Database.connect(saving.settings.migrations_url.replace(saving.settings.database_url, ""))
    with pytest.raises((RolesMissingError, NotEmptyError)):
        await read(replace(saving, db=db), check)
    await db.close()


async def test_a_damaged_backup_makes_no_database(saving: Till, elsewhere: str) -> None:
    made = await back_up(saving)
    data = bytearray(made.path.read_bytes())
    data[-20] ^= 1
    made.path.write_bytes(data)

    with pytest.raises(DamagedFileError):
        await restored(saving, made.path, elsewhere)

    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(elsewhere)


async def test_a_backup_of_the_previous_key_can_still_be_restored(saving: Till, tmp_path: Path, elsewhere: str) -> None:
    older = replace(saving, vault=vault_in(tmp_path / "backups", TILL_BACKUP_KEY=OLDER))
    made = await back_up(older)

    with pytest.raises(WrongKeyError):
        await restored(saving, made.path, elsewhere)
    both = replace(saving, vault=vault_in(tmp_path / "backups", TILL_BACKUP_KEY_PREVIOUS=OLDER))
    await restored(both, made.path, elsewhere)

    assert Source(made.path, [KEY, OLDER]).facts() == made.facts
    assert clock.now() > made.facts.taken_at
