"""A drill restores a backup beside everything else, proves it, leaves nothing behind, and says how it went."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.flows.vaults import backed_up, databases_like

from tillkeeper import backups
from tillkeeper.backups import NoBackupError
from tillkeeper.flows.back_up import back_up
from tillkeeper.flows.drill import DrillUnderWayError, carry_out, drill, plan_drill, wish_drill
from tillkeeper.flows.read import read
from tillkeeper.kernel.postgres_programs import renamed
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.mail import Office
from tillkeeper.reports import backups as reported
from tillkeeper.till import Till

SCRATCH = f"drill_of_{os.getpid()}_"
"""Not what a drill of another process of tests makes on the same server."""


@pytest.fixture(autouse=True)
def scratch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tillkeeper.flows.drill.SCRATCH", SCRATCH)


@pytest.fixture
def saving(till: Till, tmp_path: Path, owner_url: str) -> Till:
    return backed_up(till, tmp_path / "backups", owner_url)


async def test_a_drill_saves_the_present_state_passes_and_leaves_nothing_behind(
    shop: Any, saving: Till, owner_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.paid()
    made = await back_up(saving)
    second = made.path.with_name("tillkeeper-20990101T000000Z.tillbackup")
    monkeypatch.setattr("tillkeeper.backups.name", lambda _: second.name)

    report = await drill(saving)

    assert report.passed, report.failures
    assert (report.file, report.snapshot, second.exists()) == (made.name, second.name, True)
    assert report.rpo_seconds is not None
    assert report.rto_ms > 0
    assert await databases_like(owner_url, SCRATCH) == []
    assert await read(saving, reported.drill_success) is True


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


async def test_a_drill_never_touches_a_database_that_is_there(
    saving: Till, owner_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await back_up(saving)
    monkeypatch.setattr("secrets.token_hex", lambda _: "taken")
    connection = await asyncpg.connect(renamed(owner_url, "postgres"))
    await connection.execute(f"CREATE DATABASE {SCRATCH}taken")

    report = await drill(saving, snapshot=False)

    assert not report.passed
    assert await databases_like(owner_url, SCRATCH) == [f"{SCRATCH}taken"]
    await connection.execute(f"DROP DATABASE {SCRATCH}taken")
    await connection.close()


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
