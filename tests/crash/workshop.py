"""An installation whose work is done by two Celery workers, woken through a broker."""

import os
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from tests.crash.stage import Stage, free_ports

from tillkeeper.kernel import clock
from tillkeeper.ops.chaos.processes import bury

WORKERS = ("celery-1", "celery-2")
end_seconds_max = 60


class Workshop(Stage):
    """Hold an API, two Celery workers with two processes each, and what wakes them."""

    PARTS: tuple[str, ...] = ("sandbox", "api")

    def __init__(self, folder: Path, broker: str) -> None:
        super().__init__(folder)
        self.environment["CELERY_BROKER_URL"] = broker
        [self.flower_port] = free_ports(1)
        self.flower = f"http://127.0.0.1:{self.flower_port}"

    async def open(self) -> None:
        """Start everything; what answers to nobody comes last, for on a small machine it takes the others' time."""
        await super().open()
        for name in (*WORKERS, "beat"):
            self.start(name)

    def words(self, name: str) -> Sequence[str]:
        """Say by which words a part is started."""
        if name in WORKERS:
            return ("celery", "worker", "--concurrency", "2")
        if name == "flower":
            return ("celery", "flower", "--port", str(self.flower_port))
        return ("celery", "beat") if name == "beat" else super().words(name)

    def children(self, name: str) -> list[int]:
        """List the processes in which a worker does its work."""
        pid = self.processes[name].pid
        with suppress(FileNotFoundError):
            return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return []

    def kill_child(self, name: str) -> bool:
        """Kill one of these processes, whose worker then makes another; false when there is none."""
        children = self.children(name)
        if children:
            with suppress(ProcessLookupError):
                os.kill(children[0], signal.SIGKILL)
        return bool(children)

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Keep one process of a worker from its work, so that the worker holds a message and still asks for more."""
        [child, *_] = self.children(name)
        os.kill(child, signal.SIGSTOP)
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGCONT)

    def end(self, name: str) -> int:
        """End a part in good order; return its exit code."""
        process = self.processes[name]
        process.terminate()
        code = process.wait(end_seconds_max)
        bury(process)
        return code


@asynccontextmanager
async def opened(folder: Path, broker: str) -> AsyncIterator[Workshop]:
    """Open a workshop, and end all of it whatever happens."""
    workshop = Workshop(folder, broker)
    try:
        await workshop.open()
        yield workshop
    finally:
        workshop.close()


def gone(pids: list[int], seconds: int) -> bool:
    """Tell whether processes end by themselves within some time."""
    elapsed_ms = clock.timer_ms()
    while elapsed_ms() < seconds * 1000:
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return True
        clock.pause_ms(100)
    return False
