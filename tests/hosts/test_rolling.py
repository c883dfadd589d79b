"""A new version comes while people buy: the schema first, then one process after the other, and nobody notices."""

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from tests.crash.crowd import Crowd
from tests.crash.oracle import check_api, check_books, check_database, converge
from tests.crash.stage import DATABASE, Stage
from tests.hosts.programs import need

from tillkeeper.reports import readiness

ROOT = Path(__file__).parents[2]
purchases = 300 if os.environ.get("TILL_TEST_FULL") else 45
pause_seconds = 0.15
end_seconds_max = 40


def git(*words: str) -> bytes:
    answer = subprocess.run([need("git", "git"), "-C", str(ROOT), *words], capture_output=True, check=False)
    if answer.returncode:
        pytest.skip(f"there is no history of this checkout here: {answer.stderr.decode()[:200]}")
    return answer.stdout


def before_the_newest_migration(folder: Path) -> Path:
    """Unpack the program as it was before it needed its newest migration; skip where nobody knows how that was."""
    file = "src/tillkeeper/reports/readiness.py"
    needed = git("log", "--format=%H", f'-SREVISION = "{readiness.REVISION}"', "--", file).decode().split()
    if not needed:
        pytest.skip(f"migration {readiness.REVISION} was not committed yet, so there is no version before it")
    archive = git("archive", f"{needed[-1]}^", "src", "docs")
    folder.mkdir()
    subprocess.run([need("tar", "tar"), "-x", "-C", str(folder)], input=archive, check=True)
    subprocess.run(
        [sys.executable, "-m", "compileall", "-q", "-j", "2", str(folder)], check=False
    )  # three will read it
    return folder / "src"


class Rolling(Stage):
    """Run the version before, until a part is started as the present one."""

    def __init__(self, folder: Path, before: Path) -> None:
        super().__init__(folder)
        self.before = before
        self.old = True

    @property
    def full_environment(self) -> dict[str, str]:
        return super().full_environment | ({"PYTHONPATH": str(self.before)} if self.old else {})

    def _migrate(self) -> None:
        self.postgres.databases.create(DATABASE)
        answer = self.run("migrate")
        assert answer.returncode == 0, answer.stderr

    async def replace(self, name: str) -> None:
        """Let a part finish what is under way, and start the present version in its place."""
        process = self.processes[name]
        process.terminate()
        await asyncio.to_thread(process.wait, end_seconds_max)
        self.old = False
        self.start(name)


@pytest.fixture
async def rolling(tmp_path: Path) -> AsyncIterator[Rolling]:
    stage = Rolling(tmp_path / "stage", before_the_newest_migration(tmp_path / "before"))
    try:
        await stage.open()
        yield stage
    finally:
        await asyncio.to_thread(stage.close)


def version_of(stage: Rolling) -> str:
    """Ask the program that this stage runs now which migration it needs."""
    command = [sys.executable, "-c", "from tillkeeper.reports import readiness; print(readiness.REVISION)"]
    return subprocess.run(
        command, env=stage.full_environment, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.mark.timeout(900)
async def test_the_version_before_goes_on_with_the_new_schema_until_it_is_replaced(rolling: Rolling) -> None:
    before = version_of(rolling)
    crowd = Crowd(rolling, random.Random(1))

    async def roll() -> None:
        await crowd.has_acknowledged(purchases // 5)
        rolling.old = False
        migrated = await asyncio.to_thread(rolling.run, "migrate")
        assert migrated.returncode == 0, migrated.stderr
        assert version_of(rolling) > before
        await crowd.has_acknowledged(3 * purchases // 5)  # with the version before, on the schema of the present one
        await rolling.replace("api")
        await crowd.has_acknowledged(4 * purchases // 5)  # both versions at work
        await rolling.replace("worker")

    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(crowd.buy(purchases, pause_seconds=pause_seconds))
            tasks.create_task(roll())
        await converge(rolling, client)
        told = {str(journal.number): journal.opened for journal in crowd.journals if journal.opened}
        assert len(told) == purchases
        await check_database(rolling, told)
        check_books((await client.get(f"{rolling.sandbox}/_control/books/stripe")).json(), told)
        await check_api(crowd, client)
    await rolling.await_up(f"{rolling.api}/ready")
    assert rolling.run("ledger", "check").returncode == 0
