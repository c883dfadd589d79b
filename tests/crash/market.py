"""Many customers and one merchant at whatever gateways there are, and the oracle that looks into everybody's books."""

import asyncio
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import asyncpg
import httpx2
from tests.crash.stage import Json, Stage
from tests.gateways.subject import SUBJECTS, Line

from tillkeeper.gateway import Accepted, Order
from tillkeeper.kernel import clock, ids

buyers_at_once = 16
calls_at_once_max = 64
call_timeout_seconds = 60
idle_seconds_max = 2
"""Servers close a connection that was idle for 5 s; a call that is just being sent then would be lost."""
stalled_seconds_max = 90
look_seconds = 0.3
hurry_seconds = 0.2
payment_tries_max = 5
UNAVAILABLE = 503
TOO_LATE = 409
BAD = 400
PACKAGES = ("credits_50", "credits_120", "credits_300", "credits_600")
CURRENCIES = ("INR", "USD", "EUR", "JPY")
WAYS: Sequence[Json] = (
    {"capture_method": "manual", "checkout": "embedded"},
    {},
    {"capture_method": "manual", "checkout": "embedded"},
    {"checkout": "embedded"},
)
"""How payments are made, in turn: as every gateway can."""
PAID = ("requires_capture", "succeeded")
LET_GO = "canceled"
"""A card that was held and could not be found was let go, and what was told of it came after all: nothing was taken,
and the customer buys anew. Mostly another card pays; how many may end like this is bounded."""
REFUSED = "failed"
"""No gateway took the payment, each certainly did nothing, and our API said 503: the same key then makes another."""
HURRY = """
UPDATE operation SET due_at = now() WHERE state = 'asked' AND lease_token IS NULL;
UPDATE gateway_state SET retry_at = now() WHERE breaker <> 'closed';
"""
"""Nobody waits here for what passes between two questions; what is under way is left alone."""
OURS = re.compile(r"\bpayment_[0-9a-z]{26}\b")

Fits = Callable[[Json], bool]


@dataclass
class Market:
    """Buy, pay, capture and refund; nobody repeats what is unclear: our side finds out what became of it."""

    stage: Stage
    http: httpx2.AsyncClient
    dice: random.Random
    answers: Counter[str] = field(default_factory=Counter)
    anew: Iterator[int] = field(default_factory=count)
    door: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(buyers_at_once))

    async def trade(self, number: int) -> None:
        """Buy one thing: every second is captured by hand, two of five are refunded in part, one of ten in full."""
        async with self.door:
            way = WAYS[number % len(WAYS)]
            shown = await self.buy(f"purchase-{number}", way)
            while shown["status"] == LET_GO:
                shown = await self.buy(f"purchase-{number} anew-{next(self.anew)}", way)
            if number % 5 < 2:
                part = shown["amount"] // 2 if number % 10 else shown["amount"]
                await self.post("refund", "refunds", {"payment": shown["id"], "amount": part}, f"refund-{number}")

    async def buy(self, key: str, way: Json) -> Json:
        """Buy one thing once; what was held may be let go before it is captured, and then another card may pay."""
        shown = await self.pay(await self.open(key, **way))
        while shown["status"] not in ("succeeded", LET_GO) and "capture_method" in way:
            held = shown["gateway_reference"]
            await self.post("capture", f"payments/{shown['id']}/capture", {}, f"capture {held}")
            shown = await self.until(shown, lambda shown: shown["status"] in ("succeeded", LET_GO, "requires_action"))
            if shown["status"] == "requires_action":
                shown = await self.pay(shown)
        return shown

    async def open(self, key: str, **more: str) -> Json:
        """Open a checkout somewhere, and wait until it is known where."""
        payment = await self.create(key, **more)
        return await self.until(payment, lambda shown: shown["next_action"] is not None)

    async def create(self, key: str, **more: str) -> Json:
        """Ask for a checkout; the answer may be that nobody knows yet."""
        wish = {
            "package": self.dice.choice(PACKAGES),
            "currency": self.dice.choice(CURRENCIES),
            "quantity": self.dice.randint(2, 4),
            "user": f"user-{self.dice.randrange(37)}",
        }
        return await self.post("create", "payments", wish | more, key)

    async def pay(self, payment: Json) -> Json:
        """Pay, and pay anew only when our side says that the last try took nothing."""
        opened = Accepted(references=(payment["gateway_reference"],) if payment["gateway_reference"] else ())
        subject = SUBJECTS[payment["gateway"]]
        for _ in range(payment_tries_max):
            before = payment["last_error"]
            brought = await subject.pay(lambda path, body=None: self.act(subject.name, path, body), opened)
            tried = payment
            if brought:
                tried = await self.post("confirm", f"payments/{payment['id']}/confirm", dict(brought), "")
            payment = await self.until(payment, _went_on(before, tried))
            if payment["status"] in (*PAID, LET_GO):
                return payment
        message = f"{payment_tries_max} tries have not paid {payment}"
        raise AssertionError(message)

    async def act(self, gateway: str, path: str, body: Json | None = None) -> Json:
        """Act as the customer at a gateway."""
        answer = await self.http.post(f"{self.stage.sandbox}/_control/{gateway}/{path}", json=body or {})
        assert answer.status_code == 200, answer.text
        done: Json = answer.json()
        return done

    async def post(self, what: str, path: str, body: Json, key: str) -> Json:
        """Ask our API for something, once; only where it says that the same may be sent again, send it again."""
        headers = {"Authorization": f"Bearer {self.stage.key}"} | ({"Idempotency-Key": key} if key else {})
        while True:
            answer = await self.http.post(f"{self.stage.api}/api/v1/{path}", json=body, headers=headers)
            self.answers[f"{what} {answer.status_code}"] += 1
            if answer.status_code < BAD or not answer.json()["retryable"]:
                break
            await asyncio.sleep(int(answer.headers.get("retry-after", "1")))
        let_go = what in {"capture", "confirm"} and answer.status_code == TOO_LATE
        assert answer.status_code in {200, 201, 202} or let_go, answer.text
        shown: Json = answer.json()
        return shown

    async def get(self, path: str) -> Json:
        """Read something from our API, again where it has no time just now."""
        headers = {"Authorization": f"Bearer {self.stage.key}"}
        answer = await self.http.get(f"{self.stage.api}/api/v1/{path}", headers=headers)
        while answer.status_code == UNAVAILABLE:
            self.answers[f"read {answer.status_code}"] += 1
            await asyncio.sleep(int(answer.headers["retry-after"]))
            answer = await self.http.get(f"{self.stage.api}/api/v1/{path}", headers=headers)
        assert answer.status_code == 200, answer.text
        shown: Json = answer.json()
        return shown

    async def prefer(self, gateway: str, priority: int) -> None:
        """Change a gateway's place in the order."""
        where = f"{self.stage.api}/api/v1/admin/gateways/{gateway}/config"
        headers = {"Authorization": f"Bearer {self.stage.key}"}
        answer = await self.http.put(where, json={"priority": priority}, headers=headers)
        assert answer.status_code == 200, answer.text

    async def until(self, payment: Json, fits: Fits) -> Json:
        """Look at a payment until it is as wanted."""
        elapsed_ms = clock.timer_ms()
        while elapsed_ms() < stalled_seconds_max * 1000:
            shown = await self.get(f"payments/{payment['id']}")
            if fits(shown):
                return shown
            await asyncio.sleep(look_seconds)
        calls = await self.stage.fetch(
            "SELECT * FROM operation WHERE payment_id = $1 ORDER BY id", ids.parse("payment", payment["id"])
        )
        others = await self.stage.fetch("""
            SELECT state, gateway, kind, lease_until > clock_timestamp() AS leased, count(*), max(finished_at)
            FROM operation GROUP BY 1, 2, 3, 4
        """)
        message = f"nothing moved for {stalled_seconds_max} s: {shown}\n{calls}\n{others}"
        raise AssertionError(message)


def _went_on(error: Json | None, tried: Json) -> Fits:
    """Wait for the money, or for the news that the last try took none, which may be in the same words as before."""

    def went_on(shown: Json) -> bool:
        failed_again = (tried["status"], shown["status"]) == ("outcome_unknown", "requires_action")
        news = shown["last_error"] != error or (failed_again and error is not None)
        return shown["status"] in (*PAID, LET_GO) or news

    return went_on


@asynccontextmanager
async def opened(stage: Stage, seed: int) -> AsyncIterator[Market]:
    """Open a market."""
    limits = httpx2.Limits(max_connections=calls_at_once_max, keepalive_expiry=idle_seconds_max)
    async with httpx2.AsyncClient(trust_env=False, timeout=call_timeout_seconds, limits=limits) as http:
        yield Market(stage, http, random.Random(seed))


@asynccontextmanager
async def hurrying(stage: Stage) -> AsyncIterator[None]:
    """Let no time pass between two questions to a gateway."""
    connection = await asyncpg.connect(stage.owner_url)

    async def hurry() -> None:
        while True:
            await connection.execute(HURRY)
            await asyncio.sleep(hurry_seconds)

    task = asyncio.create_task(hurry())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await connection.close()


async def settle_down(market: Market) -> None:
    """Wait until nothing is pending, here and at the gateways; a time in which nothing moves is a failure."""
    stage, http = market.stage, market.http
    moved_ms, last = clock.timer_ms(), (-1, -1, -1, -1)
    while moved_ms() < stalled_seconds_max * 1000:
        owed = (await http.get(f"{stage.sandbox}/_control/webhooks")).json()["data"]
        now = (
            sum(delivery["state"] != "delivered" for delivery in owed),
            await stage.waiting(),
            await stage.count("SELECT count(*) FROM operation WHERE state = 'asked'"),
            await stage.count("SELECT count(*) FROM refund WHERE status = 'pending'"),
        )
        if now == (0, 0, 0, 0):
            return
        if now != last:
            moved_ms, last = clock.timer_ms(), now
        await asyncio.sleep(look_seconds)
    rows = await stage.fetch("""
        SELECT status, gateway, type, reason, count(*) FROM inbox_message
        WHERE status IN ('received', 'parked') GROUP BY 1, 2, 3, 4
    """)
    unfinished = [" ".join(map(str, row.values())) for row in rows]
    message = (
        f"nothing moved for {stalled_seconds_max} s: {last} webhooks, messages, calls and refunds wait; {unfinished}"
    )
    raise AssertionError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Hold what the oracle saw: how the payments ended, and what a person must look at."""

    payments: int
    let_go: int
    refunds: int
    flagged: Sequence[str]
    rerouted: int
    """Tries that a gateway certainly refused, so that the payment went on elsewhere."""
    by_gateway: Counter[str]


async def look(market: Market) -> Findings:
    """See that every payment is resolved and delivered once, and captured and refunded alike in everybody's books."""
    stage = market.stage
    rows = await stage.fetch("""
        SELECT id, gateway, status, currency, amount, amount_captured, amount_refunded, amount_refunding,
               (SELECT count(*) FROM refund WHERE payment_id = payment.id) AS refunds,
               (SELECT count(*) FROM refund WHERE payment_id = payment.id AND status = 'succeeded') AS refunded,
               (SELECT count(*) FROM entitlement WHERE payment_id = payment.id) AS deliveries,
               (SELECT count(*) FROM journal WHERE source_id = payment.id::text AND kind = 'capture') AS captures,
               (SELECT count(*) FROM attempt WHERE payment_id = payment.id AND outcome = 'refused') AS refusals,
               (SELECT count(*) FROM attempt WHERE payment_id = payment.id) AS attempts
        FROM payment
    """)
    books = {name: await _books(market, name) for name in stage.gateways}
    for row in rows:
        once = 1 if row["status"] == "succeeded" else 0
        assert once or row["status"] == LET_GO or _is_refused(row), row
        assert (row["amount_captured"], row["amount_refunding"]) == (row["amount"] * once, 0), row
        assert (row["deliveries"], row["captures"], row["refunded"]) == (once, once, row["refunds"]), row
        lines = [_line(name, theirs, row) for name, theirs in books.items()]
        assert sum(line.captured for line in lines) == row["amount_captured"], (row, lines)
        assert sum(line.refunded for line in lines) == row["amount_refunded"], (row, lines)
    stray = [ours for theirs in books.values() for ours in theirs if ours not in {_name(row) for row in rows}]
    assert stray == [], "money was taken for what is no payment of ours"
    assert sum(_is_refused(row) for row in rows) <= market.answers[f"create {UNAVAILABLE}"], market.answers
    return Findings(
        payments=sum(row["status"] == "succeeded" for row in rows),
        let_go=sum(row["status"] == LET_GO for row in rows),
        refunds=sum(row["refunds"] for row in rows),
        flagged=await _flagged(stage),
        rerouted=sum(row["refusals"] for row in rows),
        by_gateway=Counter(row["gateway"] for row in rows),
    )


def _is_refused(row: Any) -> bool:
    """Tell whether every gateway that a payment was offered to certainly did nothing."""
    return bool(row["status"] == REFUSED and row["attempts"] == row["refusals"] > 0)


async def _books(market: Market, gateway: str) -> dict[str, Json]:
    """Read a gateway's own books, cut into the pages of our payments; what nobody paid is left out."""
    answer = await market.http.get(f"{market.stage.sandbox}/_control/books/{gateway}")
    pages: dict[str, Json] = defaultdict(lambda: defaultdict(list))
    for name, lines in answer.json().items():
        for line in lines if isinstance(lines, list) else ():
            if line.get("captured") or line.get("refunded"):
                named = OURS.search(json.dumps(line))
                pages[named[0] if named else f"{gateway}: {line}"][name].append(line)
    return pages


def _line(gateway: str, books: dict[str, Json], row: Any) -> Line:
    """Read what one gateway's books say of one payment."""
    page = books.get(_name(row))
    if page is None:
        return Line(captured=0, refunded=0, disputed=0, fee=0, charges=0)
    now = clock.now()
    order = Order(
        payment=row["id"],
        key="",
        amount=row["amount"],
        currency=row["currency"],
        title="",
        return_url="",
        manual_capture=False,
        embedded=False,
        created_at=now,
        expires_at=now,
    )
    return SUBJECTS[gateway].line(page, order)


def _name(row: Any) -> str:
    return ids.text("payment", row["id"])


async def _flagged(stage: Stage) -> list[str]:
    """List what waits for a person: calls that were given up, and messages that were set aside."""
    calls = await stage.fetch("SELECT kind, gateway, error FROM operation WHERE state = 'given_up'")
    messages = await stage.fetch(
        "SELECT status, gateway, type, reason FROM inbox_message WHERE status NOT IN ('processed', 'ignored')"
    )
    unfinished = await stage.count("SELECT count(*) FROM operation WHERE state = 'asked'")
    assert unfinished == 0, f"{unfinished} calls have no answer"
    return [" ".join(map(str, row.values())) for row in (*calls, *messages)]
