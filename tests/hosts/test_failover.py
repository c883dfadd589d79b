"""PostgreSQL with TLS and a replica, configured as deploy/postgresql has it: the primary dies, the replica goes on."""

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import httpx2
import pytest
from tests.crash.crowd import Crowd
from tests.crash.oracle import check_books, check_database, converge
from tests.crash.stage import Stage
from tests.hosts import redundant
from tests.hosts.redundant import PostgresPair

from tillkeeper.kernel import clock
from tillkeeper.kernel.db import Database
from tillkeeper.kernel.errors import DatabaseUnavailableError
from tillkeeper.kernel.postgres_programs import renamed
from tillkeeper.ops import migrations

purchases = 60
ENCRYPTED = """
SELECT DISTINCT version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'tillkeeper_app'
"""
WRITE = """
INSERT INTO maintenance (id, active, reason, changed_by, at) VALUES (1, false, 'after', 'test', now())
ON CONFLICT (id) DO UPDATE SET reason = 'after'
"""
patience_seconds = 30


class Redundant(Stage):
    """Keep the books in a pair of PostgreSQL."""

    def __init__(self, folder: Path, postgres: PostgresPair) -> None:
        super().__init__(folder)
        self.owner_url = postgres.url("owner_")
        self.environment |= {"DATABASE_URL": postgres.url(), "DATABASE_OWNER_URL": self.owner_url}

    def _migrate(self) -> None:
        migrations.upgrade(self.owner_url, app_role="tillkeeper_app")


@pytest.fixture
def pair() -> Iterator[PostgresPair]:
    with redundant.pair() as pair:
        yield pair


async def goes_on(database: Database) -> int:
    """Wait until something can be written; return after how many milliseconds."""
    waited_ms = clock.timer_ms()
    while True:
        try:
            async with database.transaction() as tx:
                await tx.execute(WRITE)
        except DatabaseUnavailableError:
            assert waited_ms() < patience_seconds * 1000
            await asyncio.sleep(0.2)
        else:
            return waited_ms()


@pytest.mark.timeout(120)
async def test_whoever_has_a_password_comes_in_over_tls_alone_and_the_replica_takes_over_when_the_primary_dies(
    pair: PostgresPair,
) -> None:
    first, second = pair.ports
    await asyncio.to_thread(migrations.upgrade, pair.url("owner_"), app_role="tillkeeper_app")
    database = await Database.connect(pair.url())
    try:
        assert pair.ask(first, "-c", ENCRYPTED) == "TLSv1.3"
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError, match="no encryption"):
            await asyncpg.connect(pair.url().replace("verify-full", "disable"))
        with pytest.raises(OSError, match="certificate"):
            await asyncpg.connect(pair.url().replace("localhost", "127.0.0.1"))
        pair.await_answer(second, "SELECT count(*) > 0 FROM alembic_version", "t")

        await redundant.promoted(pair)
        await goes_on(database)

        assert pair.ask(second, "-c", "SELECT reason FROM maintenance") == "after"
    finally:
        await database.close()


def operate(pair: PostgresPair, backups: Path, *words: str) -> str:
    """Do as the timers of deploy/systemd do; return what was said, which must be that all went well."""
    known = {
        "PATH": os.environ["PATH"],
        "TILL_MODE": "sandbox",
        "TILL_SECRET_KEY_FILE": str(pair.secrets / "till_secret_key"),
        "DATABASE_URL": pair.url(),
        "DATABASE_OWNER_URL": pair.url("owner_"),
        "TILL_BACKUP_KEY_FILE": str(pair.secrets / "till_backup_key"),
        "BACKUP_PATH": str(backups),
    }
    command = [sys.executable, "-m", "tillkeeper", *words]
    done = subprocess.run(command, env=known, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(180)
def test_a_backup_is_tried_beside_the_database_and_comes_back_into_one_that_did_not_exist(
    pair: PostgresPair, tmp_path: Path
) -> None:
    migrations.upgrade(pair.url("owner_"), app_role="tillkeeper_app")
    operate(pair, tmp_path, "backup")
    assert '"passed": true' in operate(pair, tmp_path, "restore-drill", "--json")

    [newest, *_] = sorted(tmp_path.glob("*.tillbackup"), reverse=True)
    operate(pair, tmp_path, "restore", newest.name, "--yes", "--into", renamed(pair.url("owner_"), "tillkeeper_again"))
    restored = pair.ask(pair.ports[0], "-c", "SELECT count(*) > 0 FROM alembic_version", database="tillkeeper_again")
    assert restored == "t"


@pytest.fixture
async def stage(tmp_path: Path, pair: PostgresPair) -> AsyncIterator[Redundant]:
    stage = Redundant(tmp_path, pair)
    try:
        await stage.open()
        yield stage
    finally:
        await asyncio.to_thread(stage.close)


@pytest.mark.timeout(600)
@pytest.mark.skipif(not os.environ.get("TILL_TEST_FULL"), reason="the full run buys meanwhile: TILL_TEST_FULL=1")
async def test_the_primary_is_killed_while_people_buy_and_nothing_that_was_acknowledged_is_lost(
    stage: Redundant, pair: PostgresPair, tell: Callable[[str], None]
) -> None:
    await asyncio.to_thread(pair.wait_for_the_replica)
    crowd = Crowd(stage, random.Random(7))

    async def fail_over() -> int:
        await crowd.has_acknowledged(purchases // 3)
        watching = await Database.connect(pair.url())
        await redundant.promoted(pair)
        away_ms = await goes_on(watching)
        await watching.close()
        return away_ms

    async with httpx2.AsyncClient(timeout=30) as client:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(crowd.buy(purchases, pause_seconds=0.1))
            away = tasks.create_task(fail_over())
        converged_ms = await converge(stage, client)
        told = {str(journal.number): journal.opened for journal in crowd.journals if journal.opened}
        assert len(told) == purchases
        await check_database(stage, told)
        check_books((await client.get(f"{stage.sandbox}/_control/books/stripe")).json(), told)
    assert set(stage.alive()) == set(stage.PARTS), "nobody had to be started again"
    assert stage.run("ledger", "check").returncode == 0
    tell(f"written again {away.result() / 1000:.1f} s after the promotion, all done {converged_ms / 1000:.1f} s later")
