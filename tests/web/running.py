"""The application, the sandbox and the worker over real sockets, in the loop of the tests."""

import asyncio
import itertools
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from starlette.types import ASGIApp
from tests.web.conftest import WEBHOOK_SECRET, Json, open_till

from tillkeeper.flows.authorize import issue
from tillkeeper.sandbox.app import build as build_sandbox
from tillkeeper.sandbox.config import SandboxConfig
from tillkeeper.till import Till
from tillkeeper.web import wire
from tillkeeper.web.app import build
from tillkeeper.web.intake import Webhooks
from tillkeeper.worker.loop import work

patience_seconds = 15
numbers = itertools.count(1)


@dataclass(frozen=True)
class Shop:
    """Buy, refund and look, as a merchant's program would."""

    till: Till
    url: str
    sandbox: str
    key: str
    http: httpx2.AsyncClient

    async def get(self, path: str) -> Json:
        """Read something that is there."""
        answer = await self.http.get(f"{self.url}{path}", headers={"Authorization": f"Bearer {self.key}"})
        assert answer.status_code == 200, answer.text
        assert answer.headers["request-id"].startswith("request_")
        shown: Json = answer.json()
        return shown

    async def post(self, path: str, body: Json, *, key: str | None = None, **more: str) -> httpx2.Response:
        """Ask for something, under a new Idempotency-Key unless one is given."""
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": key or f"key-{next(numbers)}"} | more
        return await self.http.post(f"{self.url}{path}", json=body, headers=headers)

    async def open(self, user: str = "ana", *, key: str | None = None, **more: Any) -> Json:
        """Open a checkout for 120 credits."""
        wish = {"package": "credits_120", "currency": "EUR", "user": user} | more
        answer = await self.post("/api/v1/payments", wish, key=key)
        assert answer.status_code == 201, answer.text
        opened: Json = answer.json()
        return opened

    async def act(self, path: str, body: Json | None = None) -> Json:
        """Act as the customer or the gateway."""
        answer = await self.http.post(f"{self.sandbox}/_control/{path}", json=body or {})
        assert answer.status_code == 200, answer.text
        done: Json = answer.json()
        return done

    async def until(self, path: str, fits: Callable[[Json], bool]) -> Json:
        """Read something again and again until it is as wanted."""
        async with asyncio.timeout(patience_seconds):
            while True:
                shown = await self.get(path)
                if fits(shown):
                    return shown
                await asyncio.sleep(0.02)

    async def buy(self, user: str = "ana", **more: Any) -> Json:
        """Pay for 120 credits and wait until they are delivered."""
        opened = await self.open(user, **more)
        await self.act(f"stripe/sessions/{opened['gateway_reference']}/pay")
        return await self.until(f"/api/v1/payments/{opened['id']}", lambda shown: shown["status"] == "succeeded")


@asynccontextmanager
async def served(app: ASGIApp, listener: socket.socket, *, lifespan: Any) -> AsyncIterator[None]:
    """Serve an application on a socket."""
    lane = app.take_at_once if isinstance(app, Webhooks) else None
    how = {"lifespan": lifespan, "log_config": None, "timeout_graceful_shutdown": 2, "http": wire.protocol(lane)}
    server = uvicorn.Server(uvicorn.Config(app, **how))
    running = asyncio.create_task(server._serve([listener]))
    while not server.started:  # noqa: ASYNC110 (uvicorn offers no event)
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await running
        listener.close()


def listening() -> tuple[socket.socket, str]:
    """Listen on a free port."""
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


@asynccontextmanager
async def opened(database_url: str, folder: Path, **more: str) -> AsyncIterator[Shop]:
    """Run everything on a migrated database, with more in the environment when it is wanted."""
    (door, url), (gate, sandbox_url) = listening(), listening()
    sandbox = build_sandbox(
        SandboxConfig(
            books=folder / "books.sqlite",
            public_url=sandbox_url,
            secrets={"STRIPE_SECRET_KEY": "sk_test_web_tests", "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET},
            webhook_urls={"stripe": f"{url}/webhooks/stripe"},
        )
    )
    till, stop = await open_till(database_url, sandbox_url, TILL_PUBLIC_URL=url, **more), asyncio.Event()
    working = asyncio.create_task(work(till, stop))
    _, key = await issue(till, "merchant", scopes=["write"])
    try:
        async with (
            served(sandbox, gate, lifespan="on"),
            served(build(till), door, lifespan="off"),
            httpx2.AsyncClient(trust_env=False, timeout=20) as http,
        ):
            yield Shop(till, url, sandbox_url, key, http)
    finally:
        stop.set()
        await working
        await till.close()


def as_json(text: str) -> list[Json]:
    """Read a log of JSON lines."""
    return [json.loads(line) for line in text.splitlines()]
