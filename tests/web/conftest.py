"""The application on a database of its own, called without sockets, with its log and its rows in view."""

import itertools
import json
import logging
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

import asyncpg
import httpx2
import jwt
import pytest
import structlog
from starlette.types import ASGIApp

from tillkeeper import catalog
from tillkeeper.flows.authorize import issue
from tillkeeper.flows.offer import offer
from tillkeeper.kernel import clock, logs
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.ops.embedded_postgres import Databases
from tillkeeper.settings import Settings
from tillkeeper.till import Till
from tillkeeper.web.app import build

TEMPLATE = "tillkeeper_template"
WEBHOOK_SECRET = "whsec_web_tests"
JWT_SECRET = "a secret of those who issue tokens"
NOBODY = "http://127.0.0.1:9"
numbers = itertools.count(1)

Json = dict[str, Any]


def environment(database_url: str, gateway: str = NOBODY, **more: str) -> dict[str, str]:
    """Configure a till whose gateway is at an address."""
    return {
        "TILL_MODE": "sandbox",
        "DATABASE_URL": database_url,
        "TILL_SECRET_KEY": "a secret of the web tests",
        "TILL_JWT_SECRET": JWT_SECRET,
        "STRIPE_SECRET_KEY": "sk_test_web_tests",
        "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "STRIPE_API_BASE": f"{gateway}/stripe",
    } | more


def token(user: object, **claims: object) -> str:
    """Issue a token as the merchant would, good for a minute; None leaves a claim out."""
    said = {"sub": user, "exp": int(clock.now().timestamp()) + 60} | claims
    kept = {name: value for name, value in said.items() if value is not None}
    return jwt.encode(kept, JWT_SECRET, algorithm="HS256")


async def open_till(database_url: str, gateway: str = NOBODY, **more: str) -> Till:
    """Open a till with the demo's packages for sale."""
    configured = environment(database_url, gateway, **more)
    till = await Till.open(Settings.model_validate(configured), secrets=Secrets(configured))
    await offer(till, catalog.DEMO)
    return till


@dataclass
class Front:
    """Call the application as the network would, and look at what it stores and says."""

    till: Till
    app: ASGIApp
    http: httpx2.AsyncClient
    owner: asyncpg.Connection
    keys: dict[str, str] = field(default_factory=dict)

    async def call(self, method: str, path: str, content: object = b"", *, key: str = "write", **more: str) -> Any:
        """Send one request with good headers, unless others are given; an empty one is left out."""
        headers = {
            "Authorization": f"Bearer {self.keys.get(key, key)}" if key else "",
            "Content-Type": "application/json" if method in {"POST", "PUT", "PATCH"} else "",
            "Idempotency-Key": f"key-{next(numbers)}" if method == "POST" else "",
        } | {name.replace("_", "-"): value for name, value in more.items()}
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        given = [(name.encode(), value.encode()) for name, value in headers.items() if value]
        return await self.http.request(method, path, content=body, headers=given)

    async def counts(self) -> dict[str, int]:
        """Count the rows of every table."""
        tables = await self.owner.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        counted = [name for (name,) in tables if name != "rate_window"]  # how often somebody called is no effect
        return {name: await self.owner.fetchval(f"SELECT count(*) FROM {name}") for name in counted}

    async def rows(self) -> str:
        """Write out every row of every table."""
        tables = await self.owner.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        found = [await self.owner.fetch(f"SELECT to_jsonb(t)::text FROM {name} AS t") for (name,) in tables]
        return "\n".join(row[0] for rows in found for row in rows)


def holds(text: str, canary: str) -> bool:
    """Tell whether a canary is in a text, also when it is split by separators or encoded for a URL."""
    for seen in (text, unquote_plus(text), text.encode().decode("unicode_escape", errors="ignore")):
        if canary in seen or (canary.isdigit() and canary in re.sub(r"[\s\-_.]", "", seen)):
            return True
    return False


async def add_keys(front: Front) -> None:
    """Make a key of each sort that is accepted or refused."""
    for name, scopes in (("write", ["write"]), ("read", ["read"]), ("revoked", ["admin"])):
        _, front.keys[name] = await issue(front.till, name, scopes=scopes)
    await front.owner.execute("UPDATE api_key SET revoked_at = now() WHERE name = 'revoked'")
    _, front.keys["other"] = await issue(front.till, "of another mode", scopes=["admin"])
    await front.owner.execute("UPDATE api_key SET mode = 'test' WHERE name = 'of another mode'")


@pytest.fixture(scope="module")
async def front(databases: Databases) -> AsyncIterator[Front]:
    """Serve one application to all tests of a file; its gateway does not answer."""
    name = f"web_{os.getpid()}_{next(numbers)}"
    databases.clone(name, template=TEMPLATE)
    till = await open_till(databases.app_url(name))
    owner = await asyncpg.connect(databases.owner_url(name))
    app = build(till)
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://till.test") as http:
        front = Front(till, app, http, owner)
        await add_keys(front)
        yield front
    await owner.close()
    await till.close()
    databases.drop(name)


@pytest.fixture
def own_log() -> Any:
    """Log as the program does, to the standard error that a test captures."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()  # or configuring would close what pytest listens with
    logs.configure()
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
