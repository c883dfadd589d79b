"""A till on a fresh database, and the real sandbox behind a line that can lose what a test wants lost."""

import asyncio
import hmac
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
import uvicorn

from tillkeeper import catalog, ledger
from tillkeeper.audit import Actor
from tillkeeper.facts import Notice
from tillkeeper.flows import settle as settling
from tillkeeper.flows.capture import capture
from tillkeeper.flows.checkout import Purchase, checkout
from tillkeeper.flows.offer import offer
from tillkeeper.flows.operate import operate
from tillkeeper.flows.read import read
from tillkeeper.flows.receive import Intake, receive
from tillkeeper.flows.refund import RefundWish, refund
from tillkeeper.flows.settle import settle
from tillkeeper.flows.spend import spend
from tillkeeper.flows.sweep import sweep
from tillkeeper.idempotency import Replay, Wish
from tillkeeper.kernel import clock, ids, logs
from tillkeeper.kernel.crypto import sha256
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.ledger import TrialBalance
from tillkeeper.reports import books as reported
from tillkeeper.reports import payment as payments_shown
from tillkeeper.reports import refund as refunds_shown
from tillkeeper.reports import wallet as wallets_shown
from tillkeeper.sandbox.app import build
from tillkeeper.sandbox.config import SandboxConfig
from tillkeeper.settings import Settings
from tillkeeper.till import Till

KEY = "sk_test_flows"
SECRET = "whsec_flows"
SECRETS = {"STRIPE_SECRET_KEY": KEY, "STRIPE_WEBHOOK_SECRET": SECRET}
patience_seconds = 10
line_timeout_seconds = 20

Json = dict[str, Any]


@dataclass
class Line:
    """Carry calls to the sandbox; `fault` says what is lost on the way, and `faults` on the way to some addresses.

    cut: the request gets lost · lost: the gateway acts and its reply gets lost · broken: it acts and answers 500 ·
    busy: it answers 429 and does nothing.
    """

    sandbox: str
    fault: str | None = None
    faults: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    port: int = 0
    server: asyncio.Server | None = None
    gate: asyncio.Event | None = None
    called: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self) -> None:
        """Listen, at the same address as before if there was one."""
        self.server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Refuse connections from now on."""
        if self.server:
            self.server.close()
            await self.server.wait_closed()
        self.server = None

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answer = await self._answer(reader)
            if answer:
                writer.write(answer)
                await writer.drain()
        finally:
            writer.close()
            await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes | None:
        request, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        method, path, _ = request.split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        content = await reader.readexactly(int(headers.get("content-length", 0)))
        self.calls.append(f"{method} {path}")
        if method == "POST":
            self.keys.append(headers.get("idempotency-key", ""))
        self.called.set()
        if self.gate:
            await self.gate.wait()
        fault = next((fault for end, fault in self.faults.items() if path.endswith(end)), self.fault)
        if fault == "cut":
            return None
        if fault == "busy":
            return _response(429, b'{"error": {"type": "invalid_request_error", "code": "rate_limit"}}')
        passed = {
            name: value for name, value in headers.items() if name not in {"host", "content-length", "connection"}
        }
        async with httpx2.AsyncClient(trust_env=False, timeout=line_timeout_seconds) as http:
            try:
                answer = await http.request(method, f"{self.sandbox}{path}", headers=passed, content=content)
            except httpx2.HTTPError:  # the sandbox lost the reply itself
                return None
        if fault == "lost":
            return None
        if fault == "broken":
            return _response(500, b'{"error": {"type": "api_error"}}')
        return _response(answer.status_code, answer.content)


def _response(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body


@dataclass
class Shop:
    """Play the merchant, the customer and the gateway around one till."""

    till: Till
    line: Line
    http: httpx2.AsyncClient
    owner: asyncpg.Connection
    intake: Intake
    heard: set[str] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def wish(self, key: str | None = None, asked: object = "") -> Wish:
        """Name a request; a key of its own when none is given."""
        return Wish(scope="sandbox", key=key or f"key-{next(self.numbers)}", request_sha=sha256(repr(asked).encode()))

    async def create(self, key: str | None = None, *, till: Till | None = None, **wanted: Any) -> Replay:
        """Ask for a checkout."""
        purchase = Purchase(**{"package": "credits_120", "currency": "EUR", "user": "ana"} | wanted)
        return await checkout(till or self.till, self.wish(key, purchase), purchase)

    async def opened(self, **wanted: Any) -> Any:
        """Open a checkout and return the payment."""
        replay = await self.create(**wanted)
        assert replay.status == 201, replay.body
        return replay.body

    async def pay(self, payment: Json) -> None:
        """Pay as the customer; nobody hears of it yet."""
        await self.act(f"sessions/{payment['gateway_reference']}/pay")

    async def paid(self, **wanted: Any) -> Any:
        """Buy, pay, and let all webhooks be settled."""
        payment = await self.opened(**wanted)
        await self.pay(payment)
        await self.catch_up()
        shown = await self.show(payment)
        assert shown["status"] == "succeeded", shown
        return shown

    async def act(self, path: str, body: Json | None = None) -> Any:
        """Act as the customer or in the gateway's dashboard."""
        answer = await self.http.post(f"{self.line.sandbox}/_control/stripe/{path}", json=body or {})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def turn(self, **dial: Any) -> None:
        """Turn the sandbox's fault dial."""
        answer = await self.http.put(f"{self.line.sandbox}/_control/faults", json=dial)
        assert answer.status_code == 200, answer.text

    async def events(self, *types: str) -> list[Json]:
        """List what happened at the gateway, oldest first; only these types when some are named."""
        found: list[Json] = []
        more, after = True, ""
        while more:
            url = f"{self.line.sandbox}/stripe/v1/events?limit=100{after}"
            page = (await self.http.get(url, headers={"Authorization": f"Bearer {KEY}"})).json()
            found += page["data"]
            more, after = page["has_more"], f"&starting_after={found[-1]['id']}" if found else ""
        return [event for event in reversed(found) if not types or event["type"] in types]

    async def hear(self, event: Json, *, secret: str = SECRET) -> bool:
        """Deliver one webhook, signed now; true when it is new."""
        self.heard.add(event["id"])
        body = json.dumps(event, indent=2).encode()
        return await receive(self.intake, "stripe", sign(body, secret=secret), body)

    async def hear_news(self, *types: str) -> None:
        """Deliver what happened at the gateway and was not delivered yet."""
        for event in await self.events(*types):
            if event["id"] not in self.heard:
                await self.hear(event)

    async def settle(self) -> int:
        """Settle until nothing is due; return how many messages were looked at."""
        total = 0
        while looked := await settle(self.till):
            total += looked
        return total

    async def operate(self) -> int:
        """Make every unfinished call now, also one whose time has not come, at gateways that have had their rest."""
        await self.owner.execute("UPDATE gateway_state SET breaker = 'closed', failures = 0, retry_at = NULL")
        await self.owner.execute("UPDATE operation SET due_at = now(), lease_until = now() WHERE state = 'asked'")
        return sum([await operate(self.till, gateway) for gateway in self.till.gateways])

    async def apply(self, *notices: Notice) -> list[Any]:
        """Apply notices in one transaction, as an answer of the gateway would be."""
        async with self.till.db.transaction() as tx:
            return await settling.apply(tx, self.till, notices, ["test"] * len(notices))

    async def catch_up(self) -> None:
        """Hear and settle everything, also what is parked."""
        await self.hear_news()
        await self.settle()
        await self.owner.execute("UPDATE inbox_message SET due_at = now() WHERE status = 'parked'")
        await self.settle()

    async def capture(self, payment: Json, amount: int | None = None, key: str | None = None) -> Replay:
        """Capture an authorised payment."""
        return await capture(self.till, self.wish(key, amount), uuid_of(payment), amount=amount)

    async def refund(self, payment: Json, amount: int | None = None, key: str | None = None) -> Any:
        """Refund, and return the refund as it is shown."""
        wanted = RefundWish(payment=uuid_of(payment), amount=amount)
        return (await refund(self.till, self.wish(key, wanted), wanted)).body

    async def spend(self, amount: int, key: str | None = None, *, user: str = "ana") -> Replay:
        """Spend credits."""
        return await spend(self.till, self.wish(key, amount), user=user, amount=amount, reason="game")

    async def show(self, payment: Json) -> Any:
        """Read a payment."""
        return await read(self.till, lambda tx: payments_shown.show(tx, uuid_of(payment)))

    async def show_refund(self, made: Json) -> Any:
        """Read a refund."""
        return await read(self.till, lambda tx: refunds_shown.show(tx, ids.parse("refund", made["id"])))

    async def wallet(self, user: str = "ana") -> tuple[int, int]:
        """Read balance and debt."""
        shown: Any = await read(self.till, lambda tx: wallets_shown.show(tx, user))
        return shown["balance"], shown["debt"]

    async def ledger(self, *codes: str) -> list[int]:
        """Read what accounts stand at."""
        found = await read(self.till, lambda tx: ledger.balances(tx, codes))
        return [found[code].amount if code in found else 0 for code in codes]

    async def inbox(self, event: Json | None = None) -> list[str]:
        """List the states of messages, or of one, oldest first."""
        rows = await self.owner.fetch(
            "SELECT status FROM inbox_message WHERE $1::text IS NULL OR event_id = $1 ORDER BY received_at, id",
            event and event["id"],
        )
        return [row["status"] for row in rows]

    async def books(self) -> Any:
        """Read the gateway's own books."""
        return (await self.http.get(f"{self.line.sandbox}/_control/books/stripe")).json()

    async def asked(self, route: str) -> int:
        """Count how often the gateway really carried out a call, leaving out replays."""
        calls = (await self.books())["calls"].get(route, {"calls": 0, "replayed": 0})
        return int(calls["calls"] - calls["replayed"])

    async def count(self, table: str, where: str = "true") -> int:
        """Count rows."""
        return int(await self.owner.fetchval(f"SELECT count(*) FROM {table} WHERE {where}"))

    def by(self, name: str) -> Till:
        """Lend the till to somebody, in whose name changes are made."""
        return replace(self.till, by=Actor(id=name, name=name))

    def later(self, **passed: int) -> Till:
        """Lend the till as it is after some time."""
        return replace(self.till, now=lambda: clock.now() + timedelta(**passed))


def uuid_of(payment: Json) -> UUID:
    """Read the id of a payment as it is shown."""
    return ids.parse("payment", payment["id"])


def sign(body: bytes, *, secret: str = SECRET, at: int | None = None) -> dict[str, str]:
    """Sign a body as the sandbox does; header names come in lower case, as a server hands them over."""
    moment = int(clock.now().timestamp()) if at is None else at
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, "sha256").hexdigest()
    return {"stripe-signature": f"t={moment},v1={digest}"}


@contextmanager
def serving(config: SandboxConfig, listener: socket.socket) -> Iterator[None]:
    """Serve the sandbox from a thread."""
    server = uvicorn.Server(uvicorn.Config(build(config), log_level="error", lifespan="on", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    pause = threading.Event()
    for _ in range(patience_seconds * 200):
        if server.started:
            break
        pause.wait(0.005)
    assert server.started, "the sandbox did not start"
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    """Log as the application does: pictures of tracebacks take a second each."""
    logs.configure()


@asynccontextmanager
async def lined(folder: Path) -> AsyncIterator[Line]:
    """Serve the sandbox, and put a line before it."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = SandboxConfig(books=folder / "books.sqlite", public_url=url, secrets=SECRETS)
    with serving(config, listener):
        opened = Line(url)
        await opened.open()
        try:
            yield opened
        finally:
            await opened.close()


@asynccontextmanager
async def tilled(line: Line, database_url: str) -> AsyncIterator[Till]:
    """Open a till that calls its gateway through the line."""
    environment = {
        "STRIPE_SECRET_KEY": KEY,
        "STRIPE_WEBHOOK_SECRET": SECRET,
        "STRIPE_API_BASE": f"http://127.0.0.1:{line.port}/stripe",
    }
    settings = Settings(mode="sandbox", database_url=database_url, secret_key="flows " * 4, webhooks_allow_private=True)
    opened = await Till.open(settings, secrets=Secrets(environment))
    try:
        yield opened
    finally:
        await opened.close()


@asynccontextmanager
async def shopped(till: Till, line: Line, owner_url: str) -> AsyncIterator[Shop]:
    """Play the merchant around a till."""
    owner = await asyncpg.connect(owner_url)
    try:
        async with httpx2.AsyncClient(trust_env=False) as http:
            yield Shop(till, line, http, owner, Intake(till))
    finally:
        await owner.close()


async def prove(till: Till) -> None:
    """Hold the books against every invariant, with what is not rolled up yet and without."""
    wrong, balance = await read(till, _prove)
    assert wrong == []
    assert balance.balanced
    await sweep(till)
    assert (await read(till, _prove))[0] == []


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    """Lend a line to a sandbox of its own."""
    async with lined(tmp_path) as line:
        yield line


@pytest.fixture
async def till(line: Line, database_url: str) -> AsyncIterator[Till]:
    """Open a till with the demo catalogue on a fresh database."""
    async with tilled(line, database_url) as till:
        await offer(till, catalog.DEMO)
        yield till


@pytest.fixture
async def shop(till: Till, line: Line, owner_url: str) -> AsyncIterator[Shop]:
    """Open a shop; whatever a test did there, the books are sound afterwards."""
    async with shopped(till, line, owner_url) as shop:
        yield shop
    await prove(till)


async def _prove(tx: Any) -> tuple[list[str], TrialBalance]:
    return await reported.check(tx), await ledger.trial_balance(tx)
