"""A demo of one's own: `till demo` in a process, in a folder that nobody else uses."""

import io
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import structlog
from tests.crash.stage import OURS, free_ports

from tillkeeper.cli import main
from tillkeeper.kernel import clock
from tillkeeper.ops.embedded_postgres import EmbeddedPostgres

ready_seconds_max = 60
end_seconds_max = 25
poll_ms = 100
READY = "All of this stands in"


def environment() -> dict[str, str]:
    """Name what a newcomer's shell holds: nothing of any installation."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OURS)} | {"NO_COLOR": "1"}


@dataclass(frozen=True)
class Said:
    """How a command ended and what it printed where."""

    returncode: int
    stdout: str
    stderr: str


def till(*words: str, **more: str) -> Said:
    """Run one command to its end in this process: starting Python a hundred times would take minutes."""
    before, out, err = (dict(os.environ), sys.argv), io.StringIO(), io.StringIO()
    logging_before = structlog.get_config(), logging.root.handlers[:], logging.root.level
    os.environ.clear()
    os.environ.update(environment() | more)
    sys.argv = ["till", *words]
    try:
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
            main.run()
    finally:
        os.environ.clear()
        os.environ.update(before[0])
        sys.argv = before[1]
        structlog.configure(**logging_before[0])
        logging.root.handlers[:] = logging_before[1]
        logging.root.setLevel(logging_before[2])
    return Said(int(end.value.code or 0), out.getvalue(), err.getvalue())


def till_alone(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end in a process of its own, as people do."""
    command = [sys.executable, "-m", "tillkeeper", *words]
    return subprocess.run(command, env=environment() | more, capture_output=True, text=True, check=False)


def await_true(fits: Callable[[], bool], seconds: int, what: str) -> None:
    """Wait until something is so, or fail."""
    elapsed_ms = clock.timer_ms()
    while not fits():
        assert elapsed_ms() < seconds * 1000, f"{what} did not happen within {seconds} s"
        clock.pause_ms(poll_ms)


def runs(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be buried does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def children(pid: int) -> list[int]:
    """List the processes that a process has started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if stat.read_text().rpartition(")")[2].split()[1] == str(pid):
                found.append(int(stat.parent.name))
    return found


class Demo:
    """Run `till demo` on one data folder, as often as a test likes."""

    def __init__(
        self,
        data_dir: Path,
        command: tuple[str, ...] = (sys.executable, "-m", "tillkeeper"),
        words: tuple[str, ...] = ("--no-seed",),
    ) -> None:
        self.data_dir = data_dir
        self.command = command
        self.words = words
        self.output = data_dir.with_suffix(".out")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        self.launch()
        await_true(self._is_ready, ready_seconds_max, "the demo's start")

    def launch(self) -> None:
        """Start it."""
        where = ("--data-dir", str(self.data_dir), "--port", str(free_ports(1)[0]))
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                [*self.command, "demo", *where, *self.words],
                env=environment(),
                cwd=self.data_dir.parent,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    def _is_ready(self) -> bool:
        assert self.process, "started just above"
        assert self.process.poll() is None, self.output.read_text()
        return READY in self.output.read_text()

    @property
    def told(self) -> dict[str, Any]:
        """Read what the demo wrote about itself."""
        told: dict[str, Any] = json.loads((self.data_dir / "demo.json").read_text())
        return told

    @property
    def owner_url(self) -> str:
        """Name its database as the owner sees it."""
        return str(self.told["environment"]["DATABASE_OWNER_URL"])

    def till(self, *words: str) -> Said:
        """Run a command that is about this demo."""
        return till(*words, "--data-dir", str(self.data_dir))

    def till_alone(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run it in a process of its own."""
        return till_alone(*words, "--data-dir", str(self.data_dir))

    def get(self, path: str, *, key: str = "") -> httpx2.Response:
        """Call its API with its own key, or with another."""
        headers = {"Authorization": f"Bearer {key or self.told['key']}"}
        return httpx2.get(f"{self.told['api']}{path}", headers=headers, trust_env=False, timeout=10)

    def end(self, sign: signal.Signals) -> int:
        """Send a signal and wait for the end; return the exit code."""
        assert self.process, "it was started"
        self.process.send_signal(sign)
        return self.process.wait(end_seconds_max)

    def remove(self) -> None:
        """End it, whatever state it is in, and remove its data."""
        if self.process and self.process.poll() is None:
            try:
                self.end(signal.SIGTERM)
            except subprocess.TimeoutExpired:
                self.end(signal.SIGKILL)
        EmbeddedPostgres(self.data_dir).destroy()


@contextmanager
def running(folder: Path) -> Iterator[Demo]:
    """Run a demo for as long as the block lasts."""
    demo = Demo(folder / "demo")
    try:
        demo.start()
        yield demo
    finally:
        demo.remove()
