"""Everything through pgbouncer in transaction mode, whose pool is smaller than ours: a session lasts a transaction."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from tests.crash import market
from tests.crash.stage import DATABASE, Stage, free_ports
from tests.hosts import programs

from tillkeeper.kernel import db as database
from tillkeeper.kernel.db import Database
from tillkeeper.kernel.errors import DatabaseUnavailableError
from tillkeeper.ops.embedded_postgres import APP_ROLE, OWNER_ROLE, PORT

sessions_max = 4
"""Each process of ours would take twelve."""
purchases = 20
CONFIGURATION = """
[databases]
{database} = host={folder} port={postgres_port} dbname={database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {users}
pool_mode = transaction
default_pool_size = {sessions}
max_client_conn = 200
query_wait_timeout = 20
server_idle_timeout = 5
logfile =
pidfile =
"""


class Pooled(Stage):
    """Let every part of it go through a pooler, and only what needs a session to PostgreSQL itself."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        [self.port] = free_ports(1)
        self.pooled_url = f"postgresql://{APP_ROLE}@127.0.0.1:{self.port}/{DATABASE}"

    def configure(self) -> Path:
        """Write the pooler's configuration where the user may read it who runs it."""
        home = self.postgres.home
        users, file = home / "users.txt", home / "pgbouncer.ini"
        users.write_text(f'"{APP_ROLE}" ""\n"{OWNER_ROLE}" ""\n')
        file.write_text(
            CONFIGURATION.format(
                database=DATABASE,
                folder=self.postgres.databases.socket_folder,
                postgres_port=PORT,
                port=self.port,
                users=users,
                sessions=sessions_max,
            )
        )
        for each in (users, file):
            each.chmod(0o644)
        return file


@asynccontextmanager
async def pooled(folder: Path) -> AsyncIterator[Pooled]:
    """Open a stage whose database is reached through pgbouncer."""
    program = programs.need("pgbouncer", "pgbouncer")
    stage = Pooled(folder)
    try:
        await asyncio.to_thread(stage.postgres.start)
        log = folder / "pgbouncer.log"
        with programs.running([program, stage.configure()], log, as_server_of=stage):
            await programs.answers(stage.port, log)
            stage.environment["DATABASE_DIRECT_URL"] = stage.environment["DATABASE_URL"]
            stage.environment["DATABASE_URL"] = stage.pooled_url
            await stage.open()
            yield stage
    finally:
        await asyncio.to_thread(stage.close)


@pytest.fixture(scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pooled]:
    async with pooled(tmp_path_factory.mktemp("pooled")) as stage:
        yield stage


@pytest.fixture
async def pool(stage: Pooled) -> AsyncIterator[Database]:
    """Connect as a process of ours does."""
    opened = await Database.connect(stage.pooled_url, direct_url=stage.environment["DATABASE_DIRECT_URL"])
    yield opened
    await opened.close()


@pytest.mark.timeout(300)
async def test_everything_that_is_bought_refunded_and_delivered_comes_out_right(stage: Pooled) -> None:
    async with market.opened(stage, random.randrange(10**6)) as market_:
        await asyncio.gather(*(market_.trade(number) for number in range(purchases)))
        await market.settle_down(market_)
        findings = await market.look(market_)
    assert (findings.payments, findings.flagged) == (purchases, [])
    assert findings.refunds > 0
    assert 0 < stage.sessions("application_name = 'tillkeeper'") <= sessions_max, "there are no more"


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "words",
    [
        ("payments", "ls", "--json"),
        ("ledger", "check", "--json"),
        ("ledger", "balances", "--json"),
        ("reconcile", "run", "--gateway", "stripe", "--day", "2026-11-19", "--json"),
        ("gateways", "ls", "--json"),
        ("events", "ls", "--json"),
        ("migrate", "--check"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
async def test_commands_work_through_it(stage: Pooled, words: tuple[str, ...]) -> None:
    told = await asyncio.to_thread(stage.run, *words)

    assert told.returncode == 0, told.stderr + told.stdout
    if "--json" in words:
        json.loads(told.stdout)


async def test_each_transaction_has_the_limits_that_a_session_would_have(pool: Database) -> None:
    async def ask(_: int) -> tuple[str, ...]:
        async with pool.transaction() as tx:
            return tuple([await tx.fetchval(f"SHOW {name}") for name in database.LIMITS])

    for told in await asyncio.gather(*(ask(number) for number in range(3 * sessions_max))):
        assert dict(zip(database.LIMITS, told, strict=True)) == database.LIMITS


async def test_no_session_keeps_what_a_transaction_of_ours_was_told(stage: Pooled, pool: Database) -> None:
    async with pool.transaction() as tx:
        first = await tx.fetchval("SHOW lock_timeout")
    kept = await stage.fetch("SELECT DISTINCT setting FROM pg_settings WHERE name = 'lock_timeout'")

    assert first == f"{database.lock_timeout_seconds}s"
    assert [row["setting"] for row in kept] == ["0"]


async def test_a_statement_that_hangs_is_ended_and_the_next_one_works(pool: Database) -> None:
    async def hang() -> None:
        async with pool.transaction() as tx:
            await tx.execute("SET LOCAL statement_timeout = '200ms'")
            await tx.execute("SELECT pg_sleep(5)")

    with pytest.raises(DatabaseUnavailableError):
        await hang()
    async with pool.transaction() as tx:
        assert await tx.fetchval("SELECT $1::jsonb", {"a": [1]}) == {"a": [1]}
        async with tx.savepoint():
            assert await tx.fetchval("SELECT 1") == 1


async def test_who_listens_hears_through_a_session_of_its_own(pool: Database) -> None:
    heard = asyncio.Event()
    listener = await pool.listen("till_test", heard.set)
    try:
        async with pool.transaction() as tx:
            await tx.execute("SELECT pg_notify('till_test', '')")
        async with asyncio.timeout(5):
            await heard.wait()
    finally:
        await listener.close()


@pytest.mark.timeout(120)
async def test_open_pages_hear_the_news(stage: Pooled) -> None:
    told = await asyncio.to_thread(stage.run, "users", "create", "ada@example.com", "--role", "admin", "--json")
    assert told.returncode == 0, told.stderr
    password = json.loads(told.stdout)["password"]
    async with httpx2.AsyncClient(trust_env=False, timeout=30, base_url=stage.api) as http:
        begun = await http.post("/api/v1/session", json={"email": "ada@example.com", "password": password})
        assert begun.status_code == 201, begun.text
        async with http.stream("GET", "/admin/live") as news:
            headers = {"Authorization": f"Bearer {stage.key}", "Idempotency-Key": "while somebody watches"}
            wish = {"package": "credits_120", "currency": "EUR", "user": "ana"}
            async with httpx2.AsyncClient(trust_env=False, timeout=30, base_url=stage.api) as buyer:
                assert (await buyer.post("/api/v1/payments", json=wish, headers=headers)).status_code == 201
            async with asyncio.timeout(20):
                async for line in news.aiter_lines():
                    if "payment.created" in line:
                        break
                else:
                    pytest.fail("the stream ended before it told anything")
