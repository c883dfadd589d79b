"""The API, the worker, the database and the customers, each at a host of its own: a cut link heals without loss."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import pytest
from tests.crash.oracle import check_books, check_database
from tests.crash.stage import DATABASE, Json, Stage
from tests.hosts import network as networks
from tests.hosts.network import Network

from tillkeeper import catalog
from tillkeeper.flows.offer import offer
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.ops import migrations
from tillkeeper.ops.embedded_postgres import APP_ROLE, OPEN_TO_OTHERS, OWNER_ROLE, PORT
from tillkeeper.settings import Settings
from tillkeeper.till import Till

FULL = bool(os.environ.get("TILL_TEST_FULL"))
cut_seconds = 20 if FULL else 5
before_seconds = 5 if FULL else 2
between_seconds = 15 if FULL else 3
purchases = 100 if FULL else 40
heal_seconds_max = 60
patience_seconds = 240
HOSTS = ("api", "worker", "database", "clients")
api_port, sandbox_port = 8000, 8010
NANOSECONDS = 1_000_000_000
LISTENS = "application_name = 'tillkeeper listens'"
BUYERS = """
import runpy, sys, types
tests = sys.modules["tests"] = types.ModuleType("tests")
tests.__path__ = [sys.argv.pop(1)]
runpy.run_module("tests.hosts.buyers", run_name="__main__")
"""
"""A library brings a package `tests` of its own, which Python would find before ours."""


class Spread(Stage):
    """Run each part at its host; only the test itself reaches the database by its socket, which no cut concerns."""

    def __init__(self, folder: Path, network: Network) -> None:
        super().__init__(folder)
        self.network = network
        self.api = f"http://{network.address('api')}:{api_port}"
        self.sandbox = f"http://{network.address('clients')}:{sandbox_port}"
        self.environment |= {"TILL_PUBLIC_URL": self.api, "STRIPE_API_BASE": f"{self.sandbox}/stripe"}
        self._server: subprocess.Popen[bytes] | None = None

    def words(self, name: str) -> Sequence[str]:
        everywhere = ("--host", "0.0.0.0")  # noqa: S104 (the host is all the network there is)
        return {
            "sandbox": ("sandbox", "--port", str(sandbox_port), "--books", str(self.folder / "sandbox"), *everywhere),
            "api": ("serve", "--no-worker", "--processes", "2", "--port", str(api_port), *everywhere),
            "worker": ("worker",),
        }[name]

    def command(self, name: str) -> list[str]:
        host = "clients" if name == "sandbox" else name
        return [*self.network.within(host), *super().command(name)]

    def particulars(self, name: str) -> Mapping[str, str]:
        del name
        return {"DATABASE_URL": f"postgresql://{APP_ROLE}@{self.network.address('database')}:{PORT}/{DATABASE}"}

    async def open(self) -> None:
        """Prepare the database where it is, move it to its host, and start the parts at theirs."""
        postgres = self.postgres
        await asyncio.to_thread(postgres.start)
        postgres.databases.create(DATABASE)
        await asyncio.to_thread(migrations.upgrade, self.owner_url, app_role=APP_ROLE)
        till = await Till.open(Settings.model_validate(self.environment), secrets=Secrets(self.environment))
        await offer(till, catalog.DEMO)
        await till.close()
        self.key = json.loads(self.run("keys", "create", "hosts", "--scopes", "admin", "--json").stdout)["key"]
        await asyncio.to_thread(postgres.stop)
        self._move()
        for name in ("sandbox", "api", "worker"):
            self.start(name)

    def _move(self) -> None:
        """Start the same database at its host, where it also listens to the network."""
        data, user = self.postgres.data, self.postgres.user
        rules = data / "pg_hba.conf"
        rules.write_text(f"host {DATABASE} {APP_ROLE},{OWNER_ROLE} {networks.PREFIX}.0/24 trust\n{rules.read_text()}")
        place = f"--unix_socket_directories={self.postgres.databases.socket_folder}"
        listening = f"--listen_addresses={self.network.address('database')}"
        command = [str(self.postgres.binaries / "postgres"), "-D", str(data), place, listening, f"--port={PORT}"]
        with (self.folder / "postgres.log").open("wb") as log:
            self._server = subprocess.Popen(
                [*self.network.within("database"), *as_user(user.pw_name if user else None), *command],
                umask=OPEN_TO_OTHERS,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        for _ in range(200):
            if (
                subprocess.run(
                    [str(self.postgres.binaries / "pg_isready"), "-h", str(self.postgres.databases.socket_folder)],
                    check=False,
                    capture_output=True,
                ).returncode
                == 0
            ):
                return
            time.sleep(0.1)
        raise AssertionError((self.folder / "postgres.log").read_text())

    def close(self) -> None:
        if self._server:
            self._server.send_signal(signal.SIGQUIT)  # it would wait for whoever is connected if it were asked politely
            self._server.wait()
        super().close()


def as_user(name: str | None) -> list[str]:
    """Write what stands before a command that another user is to run."""
    return ["setpriv", "--reuid", name, "--regid", name, "--clear-groups"] if name else []


@pytest.fixture
async def spread(tmp_path: Path) -> AsyncIterator[Spread]:
    network = networks.need(HOSTS)
    stage = Spread(tmp_path, network)
    try:
        await stage.open()
        yield stage
    finally:
        await asyncio.to_thread(stage.close)
        network.close()


async def count(stage: Stage, what: str) -> int:
    """Count rows, past every cut."""
    return await stage.count(f"SELECT count(*) FROM {what}")


async def grows(stage: Stage, what: str, beyond: int) -> float:
    """Wait until there is more of something; return after how many seconds."""
    start = time.monotonic_ns()
    async with asyncio.timeout(heal_seconds_max):
        while await count(stage, what) <= beyond:  # noqa: ASYNC110 (another process is looked at)
            await asyncio.sleep(0.1)
    return (time.monotonic_ns() - start) / NANOSECONDS


async def cut(stage: Spread, host: str, what: str) -> tuple[float, int]:
    """Cut a link for a while; return after how many seconds work went on, and how much was done meanwhile."""
    before = await count(stage, what)
    stage.network.cut(host)
    await asyncio.sleep(cut_seconds)
    after = await count(stage, what)
    stage.network.heal(host)
    return await grows(stage, what, after), after - before


@pytest.mark.timeout(600)
async def test_a_link_that_is_cut_and_healed_loses_nothing_and_doubles_nothing(
    spread: Spread, tell: Callable[[str], None]
) -> None:
    pause_seconds = (before_seconds + 2 * cut_seconds + between_seconds) / purchases
    buying = await asyncio.create_subprocess_exec(
        *spread.network.within("clients"),
        *(sys.executable, "-c", BUYERS, str(Path(__file__).parents[1])),
        *(spread.api, spread.sandbox, spread.key, str(purchases), str(pause_seconds)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert buying.stdout
    said = asyncio.create_task(buying.stdout.read())
    try:
        await grows(spread, "payment", 2)
        await asyncio.sleep(before_seconds)
        database_seconds, meanwhile = await cut(spread, "database", "payment")
        assert meanwhile <= 1, "nothing is written over a cut link; what was on its way may still be"
        await asyncio.sleep(between_seconds)
        [[cut_at]] = await spread.fetch("SELECT clock_timestamp()::text")
        worker_seconds, meanwhile = await cut(spread, "worker", "entitlement")
        healed_at = time.monotonic_ns() - int(worker_seconds * NANOSECONDS)
        assert meanwhile <= 1, "nobody hands anything over without a worker"
        async with asyncio.timeout(patience_seconds):
            told: Json = json.loads(await said)
    finally:
        if buying.returncode is None:
            buying.kill()
        await buying.wait()
    converged_seconds = (told["converged_at"] - healed_at) / NANOSECONDS
    tell(
        f"{purchases} purchases, two cuts of {cut_seconds} s; payments went on {database_seconds:.1f} s after the"
        f" database's link was healed, deliveries {worker_seconds:.1f} s after the worker's; everything was delivered"
        f" {converged_seconds:.1f} s after the last; answers {told['statuses']}"
    )
    assert len(told["told"]) == purchases
    assert all(told["told"].values())
    assert set(told["statuses"]) <= {"201", "202", "409", "503"}, "nobody was told anything else"
    assert "503" in told["statuses"] or not FULL, "a short cut is waited for; nobody is left waiting for 20 s"
    assert converged_seconds < heal_seconds_max
    if FULL:  # a shorter cut is over before anybody takes the connection for dead
        async with asyncio.timeout(heal_seconds_max):
            while not spread.sessions(f"{LISTENS} AND backend_start > '{cut_at}'"):  # noqa: ASYNC110 (another process)
                await asyncio.sleep(1)
    async with asyncio.timeout(heal_seconds_max):  # what no customer waits for comes a moment later
        while await spread.waiting():  # noqa: ASYNC110 (another process is looked at)
            await asyncio.sleep(0.1)
    await check_database(spread, told["told"])
    check_books(told["books"], told["told"])
    assert spread.run("ledger", "check").returncode == 0
    assert sorted(spread.alive()) == ["api", "sandbox", "worker"]
