"""An installation that is ready for real money, of which each test spoils one thing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tillkeeper.gateways.square import CREDENTIALS as SQUARE
from tillkeeper.gateways.stripe import CREDENTIALS as STRIPE
from tillkeeper.ops.preflight.broker import Broker
from tillkeeper.ops.preflight.ground import Database, Ground
from tillkeeper.reports.health import Signs
from tillkeeper.settings import Settings

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ENVIRONMENT = {
    "TILL_MODE": "live",
    "TILL_SECRET_KEY": "Qm3vZ8rT1yLk5WpXc9HnB2dFs7GjUaEo4iRt",
    "TILL_PUBLIC_URL": "https://pay.artbazaar.shop",
    "TILL_CORS_ORIGINS": "https://artbazaar.shop",
    "TILL_TRUSTED_PROXIES": "10.0.0.5",
    "TILL_SECOND_FACTOR_ROLES": "admin,finance",
    "TILL_MAIL_FROM": "pay@artbazaar.shop",
    "TILL_MAIL_ALERTS_TO": "ops@artbazaar.shop",
    "DATABASE_URL": "postgresql://till:Zx81kqPw93LmT0@db.artbazaar.net/till?sslmode=verify-full",
    "STRIPE_SECRET_KEY": "sk_live_" + "51HqLyjWDarjtT1zdp7dc",
    "STRIPE_WEBHOOK_SECRET": "whsec_" + "8fKq2Lw9ZtXb4Vn6",
    "SQUARE_WEBHOOK_SIGNATURE_KEY": "kQ8wZr5TyVb2NmXj7LpD",
    "SQUARE_WEBHOOK_URL": "https://pay.artbazaar.shop/webhooks/square",
}
POSTGRES = {
    "server_version": "15.8",
    "server_version_num": "150008",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "wal_level": "replica",
    "archive_mode": "on",
    "data_checksums": "on",
    "default_transaction_isolation": "read committed",
    "cluster_name": "15/main",
}
REDIS = {
    "maxmemory_policy": "noeviction",
    "maxmemory": 268_435_456,
    "used_memory": 2_000_000,
    "aof_enabled": 1,
    "rdb_last_bgsave_status": "ok",
    "aof_last_write_status": "ok",
    "role": "master",
    "connected_slaves": 1,
}
SIGNS = Signs(
    version="15.8",
    at=NOW,
    worked_at=NOW - timedelta(seconds=3),
    proved_at=NOW,
    queues=(),
    workers=("celery on one", "celery on two", "beat on one"),
)
DATABASE = Database(
    settings=POSTGRES,
    at=NOW,
    role="till",
    near=False,
    encrypted=True,
    standbys=1,
    standby=False,
    almighty=False,
    owner=False,
    rewrites=False,
    asked_at=NOW,
    signs=SIGNS,
    ages={"STRIPE_SECRET_KEY": 12, "TILL_SECRET_KEY": 80},
)


def ready(**changed: Any) -> Ground:
    """Make an installation in which all is well but what is named."""
    environment = ENVIRONMENT | changed.pop("environment", {})
    ground = Ground(
        environment=environment,
        checkout=Path(__file__).parents[3],
        now=NOW,
        uid=1000,
        settings=Settings.model_validate(environment),
        gateways=("square", "stripe"),
        credentials=(*STRIPE, *SQUARE),
        database=DATABASE,
        broker=Broker(kind="redis", info=REDIS),
        synchronized=True,
    )
    return replace(ground, **changed)


def database(**changed: Any) -> Ground:
    """Spoil something of the database."""
    return ready(database=replace(DATABASE, **changed))


def postgres(**changed: str) -> Ground:
    """Spoil a setting of PostgreSQL."""
    return database(settings=POSTGRES | changed)


def redis(**changed: object) -> Ground:
    """Spoil something of Redis."""
    return ready(broker=Broker(kind="redis", info=REDIS | changed))


def workers(*who: str) -> Ground:
    """Let only these be at work."""
    return database(signs=replace(SIGNS, workers=who, worked_at=None))
