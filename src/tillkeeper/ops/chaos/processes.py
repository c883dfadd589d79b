"""Real processes to be killed, stopped and started again: each on a leash, so that none outlives whoever began it."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import httpx2

from tillkeeper.kernel import clock
from tillkeeper.ops.embedded_postgres import EmbeddedPostgres

OURS = (
    *("TILL_", "STRIPE_", "RAZORPAY_", "PAYPAL_", "SQUARE_", "DATABASE_", "MAINTENANCE_MODE", "PAYMENTS_ENABLED"),
    *("CELERY_", "REDIS_", "PAYMENT_", "FLOWER_"),
)
poll_ms = 50
MARK = "CHAOS_STAGE"
"""The variable by which processes of a stage are known when whoever began them is gone."""


def free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(listener.getsockname()[1]) for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports


async def answers(url: str, seconds_max: int, look: Callable[[], None] = lambda: None) -> bool:
    """Wait until a part answers with success; false when that took too long. `look` may raise meanwhile."""
    elapsed_ms = clock.timer_ms()
    async with httpx2.AsyncClient(trust_env=False, timeout=5) as client:
        while elapsed_ms() < seconds_max * 1000:
            with suppress(httpx2.HTTPError):
                if (await client.get(url)).is_success:
                    return True
            look()
            await asyncio.sleep(poll_ms / 1000)
    return False


class Processes:
    """Hold the processes of one installation by their names, PostgreSQL among them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment: dict[str, str] = {}
        self.postgres = EmbeddedPostgres(folder)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def full_environment(self) -> dict[str, str]:
        """Name all that a process of this installation sees, and nothing of the caller's own installation."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        return kept | {MARK: str(self.folder)} | self.environment

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one command of the program to its end."""
        command = [sys.executable, "-m", "tillkeeper", *words]
        return subprocess.run(command, env=self.full_environment, capture_output=True, text=True, check=False)

    def launch(self, name: str, command: Sequence[str], more: Mapping[str, str]) -> None:
        """Start a part, whose standard input ends when we do."""
        if name in self.processes:
            assert name not in self.alive(), f"{name} runs already"
            bury(self.processes[name])
        with self.log(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                env={**self.full_environment, **more},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C goes to whoever began them, who then ends them in order
            )

    def log(self, name: str) -> Path:
        """Name the log of a part."""
        return self.folder / f"{name}.log"

    def kill(self, name: str) -> None:
        """Kill a part as `kill -9` does."""
        if name == "postgres":
            pid = self.postgres.pid
            assert pid, "PostgreSQL was to be killed and is not running"
            os.kill(pid, signal.SIGKILL)
            return
        process = self.processes[name]
        assert process.poll() is None, f"{name} was to be killed and has ended by itself: see {self.log(name)}"
        process.kill()
        bury(process)

    def signal(self, name: str, sign: signal.Signals) -> None:
        """Send a signal to a part and to the processes that it has made."""
        pid = self.postgres.pid if name == "postgres" else self.processes[name].pid
        for each in family(pid) if pid else ():
            with suppress(ProcessLookupError):
                os.kill(each, sign)

    def alive(self) -> list[str]:
        """List the parts that run."""
        return [name for name, process in self.processes.items() if process.poll() is None]

    def close(self) -> None:
        """End every part and remove the data."""
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
            bury(process)
        clear_away(self.folder, self.postgres)


def bury(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process that ends, and close the pipe to it."""
    process.wait()
    if process.stdin:
        process.stdin.close()


def family(pid: int) -> list[int]:
    """List a process and those that it has made, which it then cannot make more of."""
    found = [pid]
    with suppress(OSError):
        found += [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return found


def left_behind(folder: Path) -> Iterator[int]:
    """List processes of a stage that are still there, this one left out."""
    mark = f"{MARK}={folder}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int(process.name) != os.getpid() and mark in (process / "environ").read_bytes().split(b"\0"):
                yield int(process.name)


def clear_away(folder: Path, postgres: EmbeddedPostgres) -> None:
    """End whatever a stage has left behind, its PostgreSQL too."""
    for pid in left_behind(folder):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    postgres.destroy()
