"""Real processes to be killed: PostgreSQL, the sandbox, the API and the worker, each as production runs it."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
from tests.crash.door import Door

from tillkeeper import catalog, gateways
from tillkeeper.flows.offer import offer
from tillkeeper.kernel import clock
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.ops import migrations
from tillkeeper.ops.embedded_postgres import APP_ROLE, EmbeddedPostgres
from tillkeeper.settings import Settings
from tillkeeper.till import Till

DATABASE = "till"
WEBHOOK_SECRET = "whsec_for_the_crash_tests"
STRIPE_KEY = "sk_test_for_the_crash_tests"
up_timeout_seconds = 40
poll_seconds = 0.05
OURS = (
    *("TILL_", "STRIPE_", "RAZORPAY_", "PAYPAL_", "SQUARE_", "DATABASE_", "MAINTENANCE_MODE", "PAYMENTS_ENABLED"),
    *("CELERY_", "REDIS_", "PAYMENT_", "FLOWER_"),
)

Json = dict[str, Any]


def free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports


class Stage:
    """Hold the processes of one installation; each can be killed and started again."""

    PARTS: tuple[str, ...] = ("sandbox", "api", "worker")

    def __init__(self, folder: Path, behind_doors: Iterable[str] = ()) -> None:
        """Plan everything; Stripe is the gateway, or else those that are named, each behind a door."""
        self.folder = folder
        self.postgres = EmbeddedPostgres(folder)
        self.api_port, self.sandbox_port = free_ports(2)
        self.api = f"http://127.0.0.1:{self.api_port}"
        self.sandbox = f"http://127.0.0.1:{self.sandbox_port}"
        self.key = ""
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.owner_url = self.postgres.databases.owner_url(DATABASE)
        self.environment = {
            "TILL_MODE": "sandbox",
            "TILL_PUBLIC_URL": self.api,
            "TILL_SECRET_KEY": "a secret that only the crash tests know",
            # A few customers who buy hundreds of times an hour would all be held.
            "TILL_RISK_REVIEW_SCORE": "101",
            "TILL_RISK_BLOCK_SCORE": "101",
            "DATABASE_URL": self.postgres.databases.app_url(DATABASE),
            "DATABASE_OWNER_URL": self.owner_url,
            "TILL_METRICS_PORT": "0",  # several of these run on one machine
            "STRIPE_SECRET_KEY": STRIPE_KEY,
            "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "STRIPE_API_BASE": f"{self.sandbox}/stripe",
        }
        names = [*behind_doors]
        self.gateways = names or ["stripe"]
        self.doors = {
            name: Door(self.sandbox_port, port) for name, port in zip(names, free_ports(len(names)), strict=True)
        }
        for stand in gateways.stands():
            if stand.name in self.doors:
                self.environment |= stand.invent(f"http://127.0.0.1:{self.doors[stand.name].port}")

    @property
    def full_environment(self) -> dict[str, str]:
        """Name all that a process of this installation sees, and nothing of the caller's own installation."""
        return {name: value for name, value in os.environ.items() if not name.startswith(OURS)} | self.environment

    async def open(self) -> None:
        """Start everything on a new database with something for sale, and make a key."""
        await asyncio.to_thread(self._begin)
        till = await Till.open(Settings.model_validate(self.environment), secrets=Secrets(self.environment))
        await offer(till, catalog.DEMO)
        await till.close()
        self.key = json.loads(self.run("keys", "create", "crash tests", "--scopes", "admin", "--json").stdout)["key"]
        for door in self.doors.values():
            await door.open()
        for name in self.PARTS:
            self.start(name)
        await self.await_up(f"{self.sandbox}/health")
        await self.await_up(f"{self.api}/ready")

    def _begin(self) -> None:
        """Start PostgreSQL, and make the database."""
        self.postgres.start()
        self._migrate()

    def _migrate(self) -> None:
        self.postgres.databases.create(DATABASE)
        migrations.upgrade(self.owner_url, app_role=APP_ROLE)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one command of the program to its end."""
        command = [sys.executable, "-m", "tillkeeper", *words]
        return subprocess.run(command, env=self.full_environment, capture_output=True, text=True, check=False)

    def start(self, name: str) -> None:
        """Start one part, on a leash so that it never outlives the test."""
        if name in self.processes:
            assert name not in self.alive(), f"{name} runs already"
            self._bury(self.processes[name])
        with self.log(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                self.command(name),
                env={**self.full_environment, **self.particulars(name)},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )

    def command(self, name: str) -> list[str]:
        """Write the command that starts a part."""
        return [sys.executable, "-m", "tillkeeper", *self.words(name), "--leash"]

    def words(self, name: str) -> Sequence[str]:
        """Choose the words of that command."""
        return {
            "sandbox": ("sandbox", "--port", str(self.sandbox_port), "--books", str(self.folder / "sandbox")),
            "api": ("serve", "--no-worker", "--port", str(self.api_port)),
            "worker": ("worker",),
        }[name]

    def particulars(self, name: str) -> Mapping[str, str]:
        """Name what only one part sees in its environment."""
        del name
        return {}

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
        self._bury(process)

    async def restart(self, name: str) -> None:
        """Start a killed part again; PostgreSQL recovers from its log first."""
        if name == "postgres":
            await asyncio.to_thread(self.postgres.start)
        else:
            self.start(name)

    def alive(self) -> list[str]:
        """List the parts that run."""
        return [name for name, process in self.processes.items() if process.poll() is None]

    async def await_up(self, url: str) -> None:
        """Wait until a part answers with success."""
        elapsed_ms = clock.timer_ms()
        async with httpx2.AsyncClient(trust_env=False, timeout=5) as client:
            while elapsed_ms() < up_timeout_seconds * 1000:
                with suppress(httpx2.HTTPError):
                    if (await client.get(url)).is_success:
                        return
                await asyncio.sleep(poll_seconds)
        message = f"{url} did not answer within {up_timeout_seconds} s"
        raise AssertionError(message)

    async def fetch(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        """Ask the database itself, as its owner."""
        connection = await asyncpg.connect(self.owner_url)
        try:
            rows: list[asyncpg.Record] = await connection.fetch(sql, *values)
            return rows
        finally:
            await connection.close()

    async def count(self, sql: str) -> int:
        """Ask the database itself for one number."""
        found: int = (await self.fetch(sql))[0][0]
        return found

    def sessions(self, which: str) -> int:
        """Count the sessions of a kind; only the superuser sees what those of others are about."""
        return int(self.postgres.databases.run(f"SELECT count(*) FROM pg_stat_activity WHERE {which}"))

    def close(self) -> None:
        """End every part and remove the data."""
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
            self._bury(process)
        self.postgres.destroy()

    @staticmethod
    def _bury(process: subprocess.Popen[bytes]) -> None:
        process.wait()
        if process.stdin:
            process.stdin.close()


@asynccontextmanager
async def opened(folder: Path, behind_doors: Iterable[str] = ()) -> AsyncIterator[Stage]:
    """Open a stage, and end all of it whatever happens."""
    stage = Stage(folder, behind_doors)
    try:
        await stage.open()
        yield stage
    finally:
        for door in stage.doors.values():
            await door.shut()
        await asyncio.to_thread(stage.close)
