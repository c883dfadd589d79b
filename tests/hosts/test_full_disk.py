"""The disk of the database is full: nothing is acknowledged that is not kept, and all goes on once there is room."""

import asyncio
import os
import random
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest
from tests.crash.crowd import Crowd
from tests.crash.oracle import check_books, check_database, converge
from tests.crash.stage import Stage, opened

disk_mib = 256
left_kib = 96
"""Less than one more batch of webhooks needs."""
purchases = 60
refused_min = 5
patience_seconds = 60


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of its own, of which nobody else has a part."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["/bin/mount", "-t", "tmpfs", "-o", f"size={disk_mib}m,mode=755", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk, and not on every machine")
    try:
        yield disk
    finally:
        subprocess.run(["/bin/umount", "--lazy", str(disk)], check=True)


@pytest.fixture
async def stage(small_disk: Path) -> AsyncIterator[Stage]:
    async with opened(small_disk) as stage:
        yield stage


async def fill(disk: Path) -> Path:
    """Leave next to no room."""
    ballast = disk / "ballast"
    room = os.statvfs(disk)
    size = room.f_bavail * room.f_frsize - left_kib * 1024
    await asyncio.to_thread(ballast.write_bytes, b"x" * size)
    return ballast


async def is_refused(crowd: Crowd) -> None:
    """Wait until enough were told to come back."""
    async with asyncio.timeout(patience_seconds):
        while crowd.statuses["503"] < refused_min:  # noqa: ASYNC110 (other processes)
            await asyncio.sleep(0.2)


@pytest.mark.timeout(400)
async def test_while_the_disk_is_full_everybody_is_told_to_come_back_and_afterwards_each_is_served_once(
    stage: Stage, small_disk: Path, tell: Callable[[str], None]
) -> None:
    crowd = Crowd(stage, random.Random(11))

    async def run_full() -> None:
        await crowd.has_acknowledged(purchases // 3)
        ballast = await fill(small_disk)
        try:
            await is_refused(crowd)
        finally:
            ballast.unlink()
        if stage.postgres.pid is None:  # a server that cannot even write its log ends, and is started again by hand
            with suppress(Exception):
                await stage.restart("postgres")

    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(crowd.buy(purchases, pause_seconds=0.05))
            tasks.create_task(run_full())
        converged_ms = await converge(stage, client)
        told = {str(journal.number): journal.opened for journal in crowd.journals if journal.opened}
        assert len(told) == purchases
        await check_database(stage, told)
        check_books((await client.get(f"{stage.sandbox}/_control/books/stripe")).json(), told)
    assert set(stage.alive()) == set(stage.PARTS), "nobody had to be started again"
    assert stage.run("ledger", "check").returncode == 0
    tell(f"{crowd.statuses['503']} × 503; all {purchases} served {converged_ms / 1000:.1f} s after the last webhook")
