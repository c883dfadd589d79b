"""The disk of the database is full: nothing is acknowledged that is not kept, and all goes on once there is room."""

import asyncio
import errno
import os
import random
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from tests.crash.crowd import Crowd
from tests.crash.oracle import check_books, check_database, converge
from tests.crash.stage import Stage, opened

from tillkeeper.ops.embedded_postgres import EmbeddedPostgres

disk_mib = 256
purchases = 240
pause_seconds = 0.1
"""Somebody still comes long after the disk is full."""
refused_min = 20
patience_seconds = 90


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk where PostgreSQL keeps its data, and nobody else anything."""
    server = EmbeddedPostgres(tmp_path)
    if server.user is None:
        pytest.skip("only root can mount a small disk")
    server.home.mkdir(parents=True)
    owner = f"uid={server.user.pw_uid},gid={server.user.pw_gid}"
    command = ["/bin/mount", "-t", "tmpfs", "-o", f"size={disk_mib}m,mode=700,{owner}", "tmpfs", str(server.home)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted on this machine")
    try:
        yield server.home
    finally:
        subprocess.run(["/bin/umount", "--lazy", str(server.home)], check=True)
        server.home.rmdir()


@pytest.fixture
async def stage(tmp_path: Path, small_disk: Path) -> AsyncIterator[Stage]:
    async with opened(tmp_path) as stage:
        assert stage.postgres.home == small_disk
        yield stage


def fill(disk: Path, ballast: int) -> None:
    """Leave no room, though somebody else takes and returns some meanwhile."""
    page = os.statvfs(disk).f_frsize
    part = os.statvfs(disk).f_bavail
    while part:
        try:
            os.posix_fallocate(ballast, os.fstat(ballast).st_size, part * page)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            part //= 2
        else:
            part = os.statvfs(disk).f_bavail


async def keep_full(disk: Path, crowd: Crowd) -> None:
    """Keep the disk full until enough were told to come back."""
    ballast = disk / "ballast"
    try:
        with ballast.open("wb") as file:
            async with asyncio.timeout(patience_seconds):
                while crowd.statuses["503"] < refused_min:
                    await asyncio.to_thread(fill, disk, file.fileno())
                    await asyncio.sleep(0.2)
    finally:
        ballast.unlink()


@pytest.mark.timeout(600)
async def test_while_the_disk_is_full_everybody_is_told_to_come_back_and_afterwards_each_is_served_once(
    stage: Stage, small_disk: Path, tell: Callable[[str], None]
) -> None:
    crowd = Crowd(stage, random.Random(11))

    async def run_full() -> None:
        await crowd.has_acknowledged(20)
        await keep_full(small_disk, crowd)
        if stage.postgres.pid is None:  # a server that could not even write its log ended, and an operator starts it
            await stage.restart("postgres")

    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(crowd.buy(purchases, pause_seconds=pause_seconds))
            tasks.create_task(run_full())
        converged_ms = await converge(stage, client)
        told = {str(journal.number): journal.opened for journal in crowd.journals if journal.opened}
        assert len(told) == purchases
        await check_database(stage, told)
        check_books((await client.get(f"{stage.sandbox}/_control/books/stripe")).json(), told)
    assert set(stage.alive()) == set(stage.PARTS), "nobody had to be started again"
    assert stage.run("ledger", "check").returncode == 0
    tell(f"{crowd.statuses['503']} × 503; all {purchases} served {converged_ms / 1000:.1f} s after the last webhook")
