"""Real processes to be killed: PostgreSQL, the sandbox, the API and the worker, each as production runs it."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from tillkeeper import catalog, gateways
from tillkeeper.flows.offer import offer
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.ops import migrations
from tillkeeper.ops.chaos.processes import OURS, Processes, answers, free_ports
from tillkeeper.ops.chaos.proxy import Proxy
from tillkeeper.ops.embedded_postgres import APP_ROLE
from tillkeeper.settings import Settings
from tillkeeper.till import Till

__all__ = ["DATABASE", "OURS", "STRIPE_KEY", "WEBHOOK_SECRET", "Json", "Stage", "free_ports", "opened"]

DATABASE = "till"
WEBHOOK_SECRET = "whsec_for_the_crash_tests"
STRIPE_KEY = "sk_test_for_the_crash_tests"
WAITING = """
SELECT (SELECT count(*) FROM inbox_message WHERE status IN ('received', 'parked'))
     + (SELECT count(*) FROM operation WHERE state IN ('asked', 'given_up'))
     + (SELECT count(*) FROM late_delivery WHERE status IN ('pending', 'failed'))
     + (SELECT count(*) FROM late_revocation WHERE finished_at IS NULL)
"""
up_timeout_seconds = 40

Json = dict[str, Any]


class Stage(Processes):
    """Hold the processes of one installation; each can be killed and started again."""

    PARTS: tuple[str, ...] = ("sandbox", "api", "worker")

    def __init__(self, folder: Path, behind_doors: Iterable[str] = ()) -> None:
        """Plan everything; Stripe is the gateway, or else those that are named, each behind a door."""
        super().__init__(folder)
        self.api_port, self.sandbox_port = free_ports(2)
        self.api = f"http://127.0.0.1:{self.api_port}"
        self.sandbox = f"http://127.0.0.1:{self.sandbox_port}"
        self.key = ""
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
            name: Proxy([self.sandbox_port], port) for name, port in zip(names, free_ports(len(names)), strict=True)
        }
        for stand in gateways.stands():
            if stand.name in self.doors:
                self.environment |= stand.invent(f"http://127.0.0.1:{self.doors[stand.name].port}")

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

    def start(self, name: str) -> None:
        """Start one part, on a leash so that it never outlives the test."""
        self.launch(name, self.command(name), self.particulars(name))

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

    async def restart(self, name: str) -> None:
        """Start a killed part again; PostgreSQL recovers from its log first."""
        if name == "postgres":
            await asyncio.to_thread(self.postgres.start)
        else:
            self.start(name)

    async def await_up(self, url: str) -> None:
        """Wait until a part answers with success."""
        assert await answers(url, up_timeout_seconds), f"{url} did not answer within {up_timeout_seconds} s"

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

    async def waiting(self) -> int:
        """Count webhooks, gateway calls and deliveries that are still to be done, or that a person must look at."""
        return await self.count(WAITING)

    def sessions(self, which: str) -> int:
        """Count the sessions of a kind; only the superuser sees what those of others are about."""
        return int(self.postgres.databases.run(f"SELECT count(*) FROM pg_stat_activity WHERE {which}"))


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
