"""Programs of Debian that stand beside ours: where they are, and as whom they run."""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
from tests.crash.stage import Stage

from tillkeeper.kernel import clock

start_seconds_max = 20
PLACES = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def need(program: str, package: str) -> str:
    """Find a program; where it is absent, skip the test and say how to get it."""
    found = shutil.which(program, path=PLACES)
    if found is None:
        pytest.skip(f"{program} is absent: `apt-get install {package}` brings it")
    return found


@contextmanager
def running(command: Sequence[str | Path], log: Path, *, as_server_of: Stage | None = None) -> Iterator[int]:
    """Run a program beside the test, as the user that its PostgreSQL runs as where that is named."""
    user = as_server_of.postgres.user if as_server_of else None
    with log.open("wb") as output, spawned(command, output, user and user.pw_uid, user and user.pw_gid) as process:
        yield process.pid


@contextmanager
def spawned(
    command: Sequence[str | Path], output: IO[bytes], user: int | None, group: int | None
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program until the block ends."""
    process = subprocess.Popen(
        command,
        user=user,
        group=group,
        extra_groups=[] if user else None,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(start_seconds_max)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def answers(port: int, log: Path) -> None:
    """Wait until somebody listens at a port."""
    waited_ms = clock.timer_ms()
    while waited_ms() < start_seconds_max * 1000:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        await asyncio.sleep(0.05)
    message = f"nobody listens at {port}: see {log}"
    raise TimeoutError(message)
