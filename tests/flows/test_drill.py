"""A drill restores a backup beside everything else, proves it, leaves nothing behind, and says how it went."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.flows.vaults import KEY, backed_up, databases_like

from tillkeeper import backups
from tillkeeper.backups import Backup, Check, NoBackupError
from tillkeeper.flows.back_up import back_up
from tillkeeper.flows.drill import DrillUnderWayError, carry_out, drill, plan_drill, wish_drill
from tillkeeper.flows.read import read
from tillkeeper.kernel import ids
from tillkeeper.kernel.postgres_programs import renamed
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.mail import Office
from tillkeeper.reports import backups as reported
from tillkeeper.till import Till

SCRATCH = f"drill_of_{os.getpid()}_"
"""Not what a drill of another process of tests makes on the same server."""
patience_seconds = 60


@pytest.fixture(autouse=True)
def scratch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tillkeeper.flows.drill.SCRATCH", SCRATCH)


@pytest.fixture
def saving(till: Till, tmp_path: Path, owner_url: str) -> Till:
    return backed_up(till, tmp_path / "backups", owner_url)


async def test_a_drill_saves_the_present_state_passes_and_leaves_nothing_behind(
    shop: Any, saving: Till, owner_url: str
) -> None:
    await shop.paid()
    made = await back_up(saving)

    report = await drill(saving)

    assert report.passed, report.failures
    assert report.file == made.name
    assert report.snapshot in names(saving)
    assert report.rpo_seconds is not None
    assert report.rto_ms > 0
    assert await databases_like(owner_url, SCRATCH) == []
    assert await read(saving, reported.drill_success) is True


def older_of(made: Backup, days: int = 9) -> list[Path]:
    """Lay older backups beside one, as many nights as that."""
    older = [made.path.with_name(f"tillkeeper-202601{day:02}T020000Z.tillbackup") for day in range(1, days + 1)]
    for path in older:
        path.write_bytes(made.path.read_bytes())
    return older


async def test_the_safety_snapshot_of_a_drill_costs_no_backup(saving: Till) -> None:
    assert saving.vault
    older_of(await back_up(saving, keep=30))
    before = saving.vault.backups()

    report = await drill(saving)

    assert report.passed, report.failures
    assert saving.vault.backups() == before


async def test_the_oldest_backup_can_be_tried_with_a_safety_snapshot(saving: Till) -> None:
    [oldest, *_] = older_of(await back_up(saving, keep=30))

    report = await drill(saving, file=oldest.name)

    assert report.passed, report.failures
    assert (report.file, oldest.exists()) == (oldest.name, True)


async def test_a_new_safety_snapshot_takes_the_place_of_the_one_before(saving: Till) -> None:
    assert saving.vault
    await back_up(saving)
    first, second = await drill(saving), await drill(saving)
    assert (first.snapshot in names(saving), second.snapshot in names(saving)) == (False, True)


async def test_a_safety_snapshot_that_is_tried_itself_stays(saving: Till) -> None:
    await back_up(saving)
    first = await drill(saving)

    second = await drill(saving, file=first.snapshot)

    assert second.passed, second.failures
    assert {first.snapshot, second.snapshot} <= names(saving)


def names(till: Till) -> set[str]:
    return {path.name for path in Path(till.settings.backup_path).iterdir()}


async def test_the_very_file_that_was_named_is_tried_and_not_another_of_its_name(saving: Till, tmp_path: Path) -> None:
    made = await back_up(saving)
    copy = tmp_path / made.name
    copy.write_bytes(cut(made.path.read_bytes()))

    report = await drill(saving, file=str(copy), snapshot=False)

    assert [check.name for check in report.checks if not check.ok] == ["restore"]


async def test_a_file_that_lies_elsewhere_alone_is_tried(saving: Till, tmp_path: Path) -> None:
    made = await back_up(saving)
    moved = made.path.rename(tmp_path / made.name)

    report = await drill(saving, file=str(moved), snapshot=False)

    assert report.passed, report.failures


def cut(data: bytes) -> bytes:
    return data[:-100]


async def test_a_damaged_backup_fails_the_drill_and_operators_hear_of_it(saving: Till, owner_url: str) -> None:
    made = await back_up(saving)
    made.path.write_bytes(cut(made.path.read_bytes()))
    office = Office(
        secrets=Secrets({}),
        name="Shop",
        address="shop@example.com",
        alerts_to=("ops@example.com",),
        receipts=False,
        alerts_per_day_max=20,
        link="",
    )

    report = await drill(replace(saving, mail=office), snapshot=False)

    assert not report.passed
    assert [check.name for check in report.checks if not check.ok] == ["restore"]
    assert await databases_like(owner_url, SCRATCH) == []
    assert await read(saving, reported.drill_success) is False
    letters = await read(saving, lambda tx: tx.fetch("SELECT topic, data FROM mail_letter"))
    assert [(each["topic"], each["data"]["file"]) for each in letters] == [("drill.failed", made.name)]


async def test_a_drill_without_a_backup_fails_and_says_so(saving: Till) -> None:
    report = await drill(saving)
    assert not report.passed
    assert report.failures == [f"backup: {NoBackupError(f'{saving.settings.backup_path} holds none.').detail}"]


@pytest.fixture
async def server(owner_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Lend a session beside all databases; whatever a test leaves of drills goes with it."""
    connection = await asyncpg.connect(renamed(owner_url, "postgres"))
    yield connection
    for name in await databases_like(owner_url, SCRATCH):
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


async def test_a_drill_never_touches_a_database_that_no_drill_of_ours_made(
    saving: Till, owner_url: str, server: asyncpg.Connection
) -> None:
    await back_up(saving)
    others = [f"{SCRATCH}taken", f"{SCRATCH}{ids.new().hex}"]
    for name in others:
        await server.execute(f"CREATE DATABASE {name}")

    report = await drill(saving, snapshot=False)

    assert report.passed, report.failures
    assert set(await databases_like(owner_url, SCRATCH)) == set(others)


KILLED = """
import tillkeeper.flows.drill
from tillkeeper.cli.main import app
tillkeeper.flows.drill.SCRATCH = {scratch!r}
app(["restore-drill", "--no-snapshot"])
"""


async def killed(till: Till, owner_url: str, database_url: str) -> list[str]:
    """Let another process begin a drill, and kill it as soon as its database is there; return what it left."""
    environment = {
        "DATABASE_URL": database_url,
        "DATABASE_OWNER_URL": owner_url,
        "TILL_SECRET_KEY": till.settings.secret_key,
        "BACKUP_PATH": till.settings.backup_path,
        "TILL_BACKUP_KEY": KEY,
    }
    program = KILLED.format(scratch=SCRATCH)
    drilling = await asyncio.create_subprocess_exec(sys.executable, "-c", program, env={**os.environ, **environment})
    async with asyncio.timeout(patience_seconds):
        while not await databases_like(owner_url, SCRATCH):  # noqa: ASYNC110 (the other process tells us nothing)
            await asyncio.sleep(0.01)
    drilling.kill()
    await drilling.wait()
    return await databases_like(owner_url, SCRATCH)


@pytest.mark.usefixtures("server")
async def test_what_a_killed_drill_left_is_dropped_by_the_one_that_takes_it_over(
    shop: Any, saving: Till, owner_url: str, database_url: str
) -> None:
    await back_up(saving)
    assert len(await killed(saving, owner_url, database_url)) == 1
    await shop.owner.execute("UPDATE drill SET lease_until = now() - interval '1 second'")

    assert await carry_out(saving) == 1

    assert await read(saving, reported.drill_success) is True
    assert await databases_like(owner_url, SCRATCH) == []


async def test_whoever_asks_for_a_drill_takes_over_one_that_died_and_disturbs_none_that_lives(
    shop: Any, saving: Till
) -> None:
    """Where only a timer makes drills, nobody else would."""
    await back_up(saving)
    await wish_drill(saving)
    async with saving.db.transaction() as tx:
        await backups.take_drill(tx)
    with pytest.raises(DrillUnderWayError):
        await drill(saving, snapshot=False)
    await shop.owner.execute("UPDATE drill SET lease_until = now() - interval '1 second'")

    report = await drill(saving, snapshot=False)

    assert report.passed, report.failures


async def test_what_an_earlier_drill_could_not_drop_is_dropped_by_the_next(
    shop: Any, saving: Till, owner_url: str, server: asyncpg.Connection
) -> None:
    await back_up(saving)
    assert (await drill(saving, snapshot=False)).passed
    earlier = await shop.owner.fetchval("SELECT id FROM drill")
    await server.execute(f"CREATE DATABASE {SCRATCH}{earlier.hex}")

    assert (await drill(saving, snapshot=False)).passed

    assert await databases_like(owner_url, SCRATCH) == []


async def test_a_database_in_which_a_drill_still_works_is_left_alone(
    shop: Any, saving: Till, owner_url: str, server: asyncpg.Connection
) -> None:
    await back_up(saving)
    await wish_drill(saving)
    name = f"{SCRATCH}{(await shop.owner.fetchval('SELECT id FROM drill')).hex}"
    await server.execute(f"CREATE DATABASE {name}")
    await server.execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", name)

    assert await carry_out(saving) == 1

    last = await read(saving, reported.last_drill)
    assert last is not None
    assert [check["name"] for check in last["report"]["checks"] if not check["ok"]] == ["restore"]
    assert await databases_like(owner_url, SCRATCH) == [name]


async def test_what_nobody_works_in_is_known_to_be_left_over(owner_url: str, server: asyncpg.Connection) -> None:
    for end in ("held", "left", "used"):
        await server.execute(f"CREATE DATABASE {SCRATCH}{end}")
    used = await asyncpg.connect(renamed(owner_url, f"{SCRATCH}used"))
    async with backups.server(owner_url) as drilling, backups.server(owner_url) as looking:
        assert await drilling.hold(f"{SCRATCH}held")
        assert await looking.left_over(SCRATCH) == [f"{SCRATCH}left"]
    await used.close()


async def test_a_drill_that_lost_its_hold_drops_nothing(
    saving: Till, owner_url: str, server: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another may have begun by then, in a database of the same name."""
    await back_up(saving)

    async def cut_off(*_: object) -> list[Check]:
        await server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON datname = $1"
            " WHERE locktype = 'advisory' AND (classid::bigint << 32) | objid::bigint = hashtextextended(datname, 0)",
            *await databases_like(owner_url, SCRATCH),
        )
        return []

    monkeypatch.setattr("tillkeeper.flows.drill.prove", cut_off)

    report = await drill(saving, snapshot=False)

    assert [check.name for check in report.checks if not check.ok] == ["scratch database"]
    assert len(await databases_like(owner_url, SCRATCH)) == 1


async def test_a_wish_is_carried_out_once_also_when_the_worker_that_had_it_died(saving: Till, shop: Any) -> None:
    await back_up(saving)
    await wish_drill(saving)
    with pytest.raises(DrillUnderWayError):
        await wish_drill(saving)
    await plan_drill(saving)
    async with saving.db.transaction() as tx:
        await backups.take_drill(tx)
    assert await carry_out(saving) == 0
    await shop.owner.execute("UPDATE drill SET lease_until = now() - interval '1 second'")

    assert [await carry_out(saving), await carry_out(saving)] == [1, 0]

    last = await read(saving, reported.last_drill)
    assert last is not None
    assert (last["status"], last["wished_by"]) == ("passed", saving.by.name)


async def test_without_a_folder_for_backups_no_drill_is_due(till: Till) -> None:
    assert await plan_drill(till) == 0
    assert await carry_out(till) == 0
    assert await read(till, reported.drill_under_way) is None


async def test_a_redis_that_does_not_answer_fails_the_drill(saving: Till) -> None:
    await back_up(saving)
    away = saving.settings.model_copy(update={"redis_url": "redis://:secret-word@127.0.0.1:1/0"})

    report = await drill(replace(saving, settings=away), snapshot=False)

    assert [check.name for check in report.checks if not check.ok] == ["broker"]
    assert "secret-word" not in str(report.written())
