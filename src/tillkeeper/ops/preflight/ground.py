"""What preflight looks at, gathered once: the environment, the database, the broker, the clock."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from tillkeeper import backups, gateways, settings
from tillkeeper.gateway import Credential
from tillkeeper.kernel import clock
from tillkeeper.kernel.db import UNREACHABLE, Transaction
from tillkeeper.kernel.errors import TillError
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.ops import migrations
from tillkeeper.ops.preflight.broker import Broker, BrokerSilentError, ask
from tillkeeper.reports import health, readiness, secrets
from tillkeeper.reports.health import Signs
from tillkeeper.settings import Settings

answer_seconds = 5
CLOCK_PROGRAM = "timedatectl"
NAMES = (
    "server_version",
    "server_version_num",
    "fsync",
    "full_page_writes",
    "synchronous_commit",
    "wal_level",
    "archive_mode",
    "data_checksums",
    "default_transaction_isolation",
    "cluster_name",
)
FACTS = """
SELECT clock_timestamp() AS at,
       current_user::text AS role,
       coalesce(inet_server_addr() <<= '127.0.0.0/8' OR inet_server_addr() = '::1', true) AS near,
       coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS encrypted,
       (SELECT count(*) FROM pg_stat_replication) AS standbys,
       pg_is_in_recovery() AS standby,
       (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) AS almighty,
       EXISTS (
           SELECT FROM pg_tables WHERE schemaname = 'public' AND pg_has_role(current_user, tableowner, 'MEMBER')
       ) AS owner,
       coalesce(has_table_privilege(to_regclass('public.posting'), 'UPDATE, DELETE'), false) AS rewrites
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """Hold what a database says about itself, asked in the application's own role."""

    settings: Mapping[str, str]
    at: datetime
    role: str
    near: bool
    """It is on this machine, so that nobody can listen in between."""
    encrypted: bool
    standbys: int
    standby: bool
    almighty: bool
    owner: bool
    rewrites: bool
    asked_at: datetime
    """What our own clock said half-way between question and answer."""
    pending: tuple[str, ...] = ()
    signs: Signs | None = None
    """How the installation does; unknown while migrations are missing."""
    ages: Mapping[str, int] = field(default_factory=dict)
    """For how many days each secret has been the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Hold everything that is looked at; what could not be read is None, and its trouble says why."""

    environment: Mapping[str, str]
    checkout: Path
    now: datetime
    uid: int = field(default_factory=os.geteuid)
    production: bool = True
    settings: Settings | None = None
    trouble: str = ""
    gateways: tuple[str, ...] = ()
    gateway_trouble: str = ""
    credentials: tuple[Credential, ...] = ()
    database: Database | None = None
    database_trouble: str = ""
    left_by_drills: tuple[str, ...] = ()
    """Databases in which backups were tried, and that nobody dropped."""
    broker: Broker | None = None
    broker_trouble: str = ""
    synchronized: bool | None = None
    """What this machine says of its clock, when it says anything."""

    @property
    def secrets(self) -> Secrets:
        """Read secrets as the program does."""
        return Secrets(self.environment)


async def gather(checkout: Path, *, production: bool) -> Ground:
    """Look at this machine, the settings of this shell, and what those lead to; nothing is changed anywhere."""
    found: dict[str, Any] = {
        "environment": dict(os.environ),
        "checkout": checkout,
        "now": clock.now(),
        "production": production,
        "synchronized": _synchronized(),
    }
    try:
        configured = settings.load()
    except TillError as error:
        return Ground(**found, trouble=error.detail)
    found |= {"settings": configured, **await _gateways(configured)}
    try:
        found["database"] = await _database(configured)
    except TillError as error:
        found["database_trouble"] = error.detail
    with suppress(TillError):  # whoever makes no drills need not be let in there
        async with backups.server(configured.drills_url) as server:
            found["left_by_drills"] = tuple(await server.left_over(backups.SCRATCH))
    if configured.broker_url:
        try:
            found["broker"] = ask(configured.broker_url, seconds=answer_seconds)
        except BrokerSilentError as error:
            found["broker_trouble"] = error.detail
    return Ground(**found)


async def _gateways(configured: Settings) -> dict[str, Any]:
    """Open every gateway, as each process does when it begins, and close it again."""
    held = Secrets()
    try:
        opened = gateways.connect(held, mode=configured.mode)
    except TillError as error:
        return {"gateway_trouble": error.detail}
    for each in opened.values():
        await each.close()
    used = [connector for connector in gateways.connectors() if connector.name in opened]
    return {
        "gateways": tuple(opened),
        "credentials": tuple(credential for connector in used for credential in connector.credentials),
    }


async def _database(configured: Settings) -> Database:
    try:
        connection = await asyncpg.connect(configured.database_url, timeout=answer_seconds, statement_cache_size=0)
    except (*UNREACHABLE, asyncpg.PostgresError, ValueError) as error:
        raise DatabaseSilentError(_why(error)) from error
    try:
        tx = Transaction(connection)
        before, read_ms = clock.now(), clock.timer_ms()
        facts = await tx.fetchrow(FACTS)
        asked_at = before + timedelta(milliseconds=read_ms()) / 2
        assert facts, "one row of facts"
        said = await tx.fetch("SELECT name, setting FROM pg_settings WHERE name = ANY($1::text[])", list(NAMES))
        pending = await _pending(tx)
        known = not pending
        return Database(
            settings={row["name"]: row["setting"] for row in said},
            **dict(facts),
            asked_at=asked_at,
            pending=pending,
            signs=await health.signs(tx) if known else None,
            ages=await secrets.ages(tx, before) if known else {},
        )
    except (*UNREACHABLE, asyncpg.PostgresError) as error:
        raise DatabaseSilentError(_why(error)) from error
    finally:
        await connection.close()


async def _pending(tx: Transaction) -> tuple[str, ...]:
    """List the migrations that are missing."""
    if await tx.fetchval("SELECT to_regclass('public.alembic_version') IS NULL"):
        return ("all of them",)
    found = await tx.fetchval("SELECT version_num FROM alembic_version")
    return tuple(each for each in migrations.revisions() if str(found) < each <= readiness.REVISION)


class DatabaseSilentError(TillError):
    """Report a database that does not answer, without its address, which holds a password."""

    code = "database_silent"
    title = "The database does not answer"
    next_step = "Start PostgreSQL, and check host, port and role in DATABASE_URL."


def _why(error: BaseException) -> str:
    return f"PostgreSQL does not answer ({type(error).__name__})."


def _synchronized() -> bool | None:
    """Ask the system whether its clock follows others; None in a container or where nobody says."""
    program = shutil.which(CLOCK_PROGRAM)
    if not program:
        return None
    try:
        command = [program, "show", "--property=NTPSynchronized", "--value"]
        said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=answer_seconds)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return {"yes": True, "no": False}.get(said.stdout.strip())
