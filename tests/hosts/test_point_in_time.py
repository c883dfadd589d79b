"""What is committed is copied as it happens, and the database can be put back to a chosen second."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from tests.cli.demo import await_true
from tests.hosts.programs import spawned

from tillkeeper.kernel import clock
from tillkeeper.ops import migrations
from tillkeeper.ops.embedded_postgres import APP_ROLE, PORT, SUPERUSER, EmbeddedPostgres, find_binaries

SCRIPT = Path(__file__).parents[2] / "deploy" / "postgresql" / "pitr.sh"
DEBIAN = Path("/usr/lib/postgresql/15/bin")
lost_max = timedelta(seconds=5)
patience_seconds = 30
DATABASE = "books"


class Site:
    """Run a server, the stream of what it commits, and what is restored from it."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self.server = server
        self.script = server.home / "pitr.sh"
        shutil.copy(SCRIPT, self.script)
        self._give(self.script)
        self.copies = server.home / "copies"
        self.environment = {
            "PATH": "/usr/bin:/bin",
            "PGHOST": str(server.databases.socket_folder),
            "PGPORT": str(PORT),
            "PGUSER": SUPERUSER,
            "TILL_PITR": str(self.copies),
            "TILL_POSTGRES_BIN": str(server.binaries),
        }

    def _give(self, path: Path) -> None:
        if self.server.user:
            shutil.chown(path, self.server.user.pw_uid, self.server.user.pw_gid)

    def pitr(self, *words: str) -> "subprocess.CompletedProcess[str]":
        user = self.server.user
        return subprocess.run(
            ["/bin/sh", str(self.script), *words],
            env=self.environment,
            user=user and user.pw_uid,
            group=user and user.pw_gid,
            extra_groups=[] if user else None,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )

    @contextmanager
    def streaming(self) -> Iterator[None]:
        """Copy what is committed, as the service does."""
        user = self.server.user
        command = ["env", *(f"{name}={value}" for name, value in self.environment.items()), "sh", str(self.script)]
        with (
            (self.server.home / "stream.log").open("wb") as log,
            spawned([*command, "stream"], log, user and user.pw_uid, user and user.pw_gid),
        ):
            yield

    @contextmanager
    def restored(self, when: str, name: str) -> Iterator[str]:
        """Start a server on what is restored; it is reached in the folder of the data."""
        data = self.server.home / name
        made = self.pitr("restore", when, str(data))
        assert made.returncode == 0, made.stderr
        words = ["postgres", "-D", str(data), f"--unix_socket_directories={data}", "--listen_addresses="]
        user = self.server.user
        command: Sequence[str] = [str(self.server.binaries / words[0]), *words[1:], f"--port={PORT}"]
        with (
            (self.server.home / f"{name}.log").open("wb") as log,
            spawned(command, log, user and user.pw_uid, user and user.pw_gid),
        ):
            yield f"postgresql://{SUPERUSER}@/{DATABASE}?host={data}&port={PORT}"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    binaries = DEBIAN if (DEBIAN / "postgres").exists() else find_binaries()
    server = EmbeddedPostgres(tmp_path, binaries=binaries)
    server.start()
    server.databases.create(DATABASE)
    migrations.upgrade(server.databases.owner_url(DATABASE), app_role=APP_ROLE)
    yield Site(server)
    server.destroy()


async def write(url: str, until: asyncio.Event, written: list[tuple[str, datetime]]) -> None:
    """Commit a row again and again, and note when PostgreSQL said that it had; ends with the server."""
    connection = await asyncpg.connect(url)
    number = 0
    try:
        while not until.is_set():
            number += 1
            name = f"row {number}"
            await connection.execute("INSERT INTO end_user (id, name) VALUES (gen_random_uuid(), $1)", name)
            written.append((name, await connection.fetchval("SELECT clock_timestamp()")))
            await asyncio.sleep(0.02)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        return
    finally:
        connection.terminate()


async def read(url: str) -> set[str]:
    """Read the rows once recovery is over."""
    waited_ms = clock.timer_ms()
    while True:
        try:
            connection = await asyncpg.connect(url, timeout=5)
            try:
                if not await connection.fetchval("SELECT pg_is_in_recovery()"):
                    return {row["name"] for row in await connection.fetch("SELECT name FROM end_user")}
            finally:
                await connection.close()
        except (OSError, asyncpg.PostgresError):
            pass
        assert waited_ms() < patience_seconds * 1000, "recovery did not end"
        await asyncio.sleep(0.1)


async def test_the_database_is_put_back_to_a_chosen_second_and_to_the_last(
    site: Site, tell: Callable[[str], None]
) -> None:
    written: list[tuple[str, datetime]] = []
    stop = asyncio.Event()
    with site.streaming():
        made = await asyncio.to_thread(site.pitr, "base")
        assert made.returncode == 0, made.stderr
        writing = asyncio.create_task(write(site.server.databases.owner_url(DATABASE), stop, written))
        await asyncio.sleep(3)
        chosen = written[-1][1] - timedelta(seconds=1)
        assert site.server.pid
        # The machine is gone between one moment and the next, and its disk with it.
        kill_all_inside(site.server.data)
        await writing
        shutil.rmtree(site.server.data)
        await asyncio.sleep(1)

    took_ms = clock.timer_ms()
    with site.restored("latest", "last") as url:
        last = await read(url)
    restored_ms = took_ms()
    with site.restored(chosen.isoformat(), "then") as url:
        then = await read(url)

    lost = [at for name, at in written if name not in last]
    gone = written[-1][1] - min(lost) if lost else timedelta(0)
    tell(f"lost {len(lost)} of {len(written)} commits ({gone.total_seconds():.3f} s); recovered in {restored_ms} ms")
    assert gone <= lost_max
    before = {name for name, at in written if at <= chosen}
    assert before
    assert then >= {name for name, at in written if at <= chosen - timedelta(milliseconds=100)}
    assert then <= {name for name, at in written if at <= chosen + timedelta(milliseconds=100)}
    assert then < last


def kill_all_inside(data: Path) -> None:
    """End every process of a server at once."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink() == data:
                os.kill(int(process.name), signal.SIGKILL)


def test_a_moment_before_the_first_copy_is_refused_with_what_to_do(site: Site) -> None:
    refused = site.pitr("restore", "2020-01-01 00:00:00 UTC", str(site.server.home / "never"))
    assert refused.returncode == 1
    assert "no copy from before" in refused.stderr
    assert not (site.server.home / "never").exists()


def test_whoever_ends_the_service_ends_the_copying(site: Site) -> None:
    with site.streaming():
        await_true(lambda: copying(site), patience_seconds, "copying")
    await_true(lambda: not copying(site), patience_seconds, "its end")


def copying(site: Site) -> bool:
    """Tell whether anybody copies into this folder."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_bytes().split(b"\0")
            if words[0].endswith(b"pg_receivewal") and f"--directory={site.copies}/wal".encode() in words:
                return True
    return False
