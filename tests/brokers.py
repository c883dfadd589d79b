"""Real brokers for a test: Redis from the test packages or the system, RabbitMQ from the system."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.crash.stage import free_ports

from tillkeeper.kernel import clock
from tillkeeper.ops.chaos.stage import redis_program

__all__ = ["RABBITMQ", "Redis", "await_port", "rabbitmq", "redis_program"]

start_seconds_max = 60
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
EPMD = Path("/usr/bin/epmd")


class Redis:
    """Hold a Redis that keeps nothing on disk, so that whoever ends it empties it."""

    def __init__(self) -> None:
        [self.port] = free_ports(1)
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        program = redis_program()
        assert program, "no Redis is here"
        command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        await_port(self.port)

    def kill(self) -> None:
        """End it as `kill -9` does."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def flush(self) -> None:
        """Forget everything."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as line:
            line.sendall(b"FLUSHALL\r\n")
            assert line.recv(64).startswith(b"+OK")


@contextmanager
def rabbitmq(folder: Path) -> Iterator[str]:
    """Run a RabbitMQ of one's own; lend its address."""
    port, distribution, mapper = free_ports(3)
    environment = os.environ | {
        "HOME": str(folder),
        "RABBITMQ_NODENAME": f"till{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(distribution),
        "ERL_EPMD_PORT": str(mapper),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_CONFIG_FILE": str(folder / "none"),
        "LANG": "C.UTF-8",
    }
    with (folder / "rabbitmq.log").open("wb") as log:
        process = subprocess.Popen([RABBITMQ], env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        await_port(port)
        yield f"amqp://guest:guest@127.0.0.1:{port}//"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        # The register of Erlang's nodes is a daemon of its own.
        for _ in range(50):  # it stays while it knows of a node, and hears only after a moment that one has died
            ended = subprocess.run([EPMD, "-kill"], env=environment, capture_output=True, check=False)
            if b"Killed" in ended.stdout + ended.stderr:
                break
            clock.pause_ms(100)


def await_port(port: int) -> None:
    """Wait until somebody listens."""
    elapsed_ms = clock.timer_ms()
    while elapsed_ms() < start_seconds_max * 1000:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        clock.pause_ms(50)
    message = f"nobody listened on port {port} within {start_seconds_max} s"
    raise TimeoutError(message)
