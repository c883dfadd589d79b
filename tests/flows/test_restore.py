"""Out of a backup comes the database that it was made of, kept apart from the first moment on."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from tests.flows.vaults import KEY, OLDER, backed_up, beside, drop, vault_in

from tillkeeper.backups import Facts, isolation
from tillkeeper.flows.back_up import back_up
from tillkeeper.flows.read import read
from tillkeeper.flows.restore import (
    NotEmptyError,
    RolesMissingError,
    Source,
    _check_target,
    _halves,
    create,
    prove,
    restore,
)
from tillkeeper.flows.seal import seal
from tillkeeper.flows.subscribe import subscribe
from tillkeeper.flows.unseal import Keys
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
    sequences = await connection.fetch("SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'")
    found |= {row["sequencename"]: row["last_value"] for row in sequences}
    await connection.close()
    return found


async def test_a_restored_copy_is_the_same_database_with_the_same_rights_and_is_kept_apart(
    shop: Any, saving: Till, owner_url: str, elsewhere: str, databases: Any
) -> None:
    await shop.refund(await shop.paid(), 100)
    await seal(shop.till)
    made = await back_up(saving)
    before = await everything(owner_url)

    await restored(saving, made.path, elsewhere)

    after = await everything(elsewhere)
    differing = {name for name in before if before[name] != after.get(name)}
    assert differing == {"backup", "isolation"}  # that a backup was made is written after it was
    application = await asyncpg.connect(databases.app_url(urlsplit(elsewhere).path.lstrip("/")))
    assert await application.fetchval("SELECT count(*) FROM payment") == 1
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await application.execute("DELETE FROM posting")
    await application.close()
    apart = await asked(saving, elsewhere, isolation)
    assert apart is not None
    assert (apart.source, apart.taken_at) == (made.name, made.facts.taken_at)
    assert await read(saving, isolation) is None


async def asked(till: Till, url: str, question: Any) -> Any:
    db = await Database.connect(url)
    try:
        return await read(replace(till, db=db), question)
    finally:
        await db.close()


async def test_a_restored_copy_passes_every_check_and_each_check_finds_what_it_is_for(
    shop: Any, saving: Till, elsewhere: str
) -> None:
    await shop.paid()
    await subscribe(shop.till, url="https://shop.example/webhooks", types=("*",), description=None)
    await seal(shop.till)
    made = await back_up(saving)
    await restored(saving, made.path, elsewhere)
    db, owner = await Database.connect(elsewhere), await asyncpg.connect(elsewhere)

    well = await prove(db, made.facts, Keys(saving.settings.secret_key, ""))
    await owner.execute("ALTER TABLE posting DISABLE TRIGGER USER; UPDATE posting SET amount = amount + 1")
    await owner.execute("ALTER TABLE audit_entry DISABLE TRIGGER USER; UPDATE audit_entry SET action = 'forged'")
    await owner.execute("DELETE FROM inbox_body; UPDATE alembic_version SET version_num = '0001'")
    await owner.execute("DROP FUNCTION ledger_post CASCADE")
    ill = await prove(db, made.facts, Keys("not the key that sealed it", ""))
    await owner.close()
    await db.close()

    names = ["migrations", "rows", "books", "seals", "audit log", "sealed", "writing"]
    assert [check.name for check in well if check.ok] == names, well
    assert [check.name for check in ill if not check.ok] == names, ill


async def test_nothing_is_restored_over_a_database_that_holds_something(saving: Till, owner_url: str) -> None:
    made = await back_up(saving)
    before = await everything(owner_url)
    with pytest.raises(NotEmptyError):
        await restored(saving, made.path, owner_url)
    assert await everything(owner_url) == before


async def test_a_role_that_the_server_lacks_is_named_with_the_statement_that_makes_it(
    saving: Till, elsewhere: str
) -> None:
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
    await create(elsewhere, facts)

    with pytest.raises(RolesMissingError, match='CREATE ROLE "somebody_else"'):
        await asked(saving, elsewhere, lambda tx: _check_target(tx, facts))


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


def test_each_part_of_a_backup_is_in_one_half_in_its_order_and_what_counts_on_is_in_the_second() -> None:
    contents = [
        "3601; 0 16385 TABLE DATA public journal owner",
        "3602; 0 16390 TABLE DATA public payment owner",
        "3603; 0 16395 TABLE DATA public posting owner",
        "3604; 0 16399 TABLE DATA public seal owner",
        "3605; 0 0 SEQUENCE SET public posting_id_seq owner",
    ]

    first, second = _halves(contents, {"payment": 50, "posting": 60, "journal": 30, "seal": 1})

    assert first == [contents[2], contents[3]]
    assert second == [contents[0], contents[1], contents[4]]
