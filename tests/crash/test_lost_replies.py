"""A gateway that acts and then says nothing, forgets keys and cannot find what it did: nobody is charged twice.

300 payments on every change, 1,000 with TILL_TEST_FULL=1; nobody is killed here, only replies are lost.
"""

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import asyncpg
import httpx2
import pytest
from tests.crash.stage import Json, Stage

from tillkeeper.kernel import clock

payments_in_all = 1_000 if os.environ.get("TILL_TEST_FULL") else 300
buyers_at_once = 16
call_timeout_seconds = 60
stalled_seconds_max = 60
look_seconds = 0.3
hurry_seconds = 0.2
UNAVAILABLE = 503
PACKAGES = ("credits_50", "credits_120", "credits_300", "credits_600")
CURRENCIES = ("INR", "USD", "EUR", "JPY")
FAULTS = {
    "lost_reply_percent": 5,
    "error_before_percent": 2,
    "error_after_percent": 2,
    "forget_keys": True,
    "not_found_first": 2,
}
HURRY = "UPDATE operation SET due_at = now() WHERE state = 'asked' AND lease_token IS NULL"
"""Nobody waits here for the minutes and hours that pass between two questions; what is under way is left alone."""

Fits = Callable[[Json], bool]


@dataclass
class Market:
    """Many customers and one merchant, who never repeat what is unclear: our side finds out what became of it."""

    stage: Stage
    http: httpx2.AsyncClient
    dice: random.Random
    answers: Counter[str] = field(default_factory=Counter)
    door: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(buyers_at_once))

    async def trade(self, number: int) -> None:
        """Buy one thing: every second is captured by hand, two of five are refunded in part, one of ten in full."""
        async with self.door:
            by_hand = number % 2 == 0
            payment = await self._open(number, capture_method="manual" if by_hand else "automatic")
            await self._pay(payment)
            if by_hand:
                await self.until(payment, lambda shown: shown["status"] == "requires_capture")
                await self.post("capture", f"payments/{payment['id']}/capture", {}, f"capture-{number}")
            shown = await self.until(payment, lambda shown: shown["status"] == "succeeded")
            if number % 5 < 2:
                part = shown["amount"] // 5 if number % 10 else shown["amount"]
                await self.post("refund", "refunds", {"payment": payment["id"], "amount": part}, f"refund-{number}")

    async def post(self, what: str, path: str, body: Json, key: str) -> Json:
        """Ask our API for something, once; only where nothing was done at all, ask again as it tells us to."""
        headers = {"Authorization": f"Bearer {self.stage.key}", "Idempotency-Key": key}
        while True:
            answer = await self.http.post(f"{self.stage.api}/api/v1/{path}", json=body, headers=headers)
            self.answers[f"{what} {answer.status_code}"] += 1
            if answer.status_code != UNAVAILABLE:
                break
            await asyncio.sleep(int(answer.headers["retry-after"]))
        assert answer.status_code in {200, 201, 202}, answer.text
        shown: Json = answer.json()
        return shown

    async def until(self, payment: Json, fits: Fits) -> Json:
        """Look at a payment until it is as wanted."""
        headers, elapsed_ms = {"Authorization": f"Bearer {self.stage.key}"}, clock.timer_ms()
        while elapsed_ms() < stalled_seconds_max * 1000:
            answer = await self.http.get(f"{self.stage.api}/api/v1/payments/{payment['id']}", headers=headers)
            shown: Json = answer.json()
            if fits(shown):
                return shown
            await asyncio.sleep(look_seconds)
        message = f"nothing moved for {stalled_seconds_max} s: {shown}"
        raise AssertionError(message)

    async def _open(self, number: int, **more: str) -> Json:
        wish = {
            "package": self.dice.choice(PACKAGES),
            "currency": self.dice.choice(CURRENCIES),
            "quantity": self.dice.randint(2, 4),
            "user": f"user-{number % 37}",
        }
        payment = await self.post("create", "payments", wish | more, f"purchase-{number}")
        return await self.until(payment, lambda shown: shown["next_action"] is not None)

    async def _pay(self, payment: Json) -> None:
        pay = f"{self.stage.sandbox}/_control/stripe/sessions/{payment['gateway_reference']}/pay"
        paid = await self.http.post(pay, json={})
        assert paid.status_code == 200, paid.text


@asynccontextmanager
async def hurrying(stage: Stage) -> AsyncIterator[None]:
    """Let the time between two questions to the gateway pass at once."""
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


async def settle_down(stage: Stage, http: httpx2.AsyncClient) -> None:
    """Wait until nothing is pending, here and at the gateway; a minute in which nothing moves is a failure."""
    moved_ms, last = clock.timer_ms(), (-1, -1, -1)
    while moved_ms() < stalled_seconds_max * 1000:
        owed = (await http.get(f"{stage.sandbox}/_control/webhooks")).json()["data"]
        now = (
            sum(delivery["state"] != "delivered" for delivery in owed),
            (await http.get(f"{stage.api}/ready")).json()["pending"],
            await stage.count("SELECT count(*) FROM operation WHERE state = 'asked'"),
        )
        if now == (0, 0, 0):
            return
        if now != last:
            moved_ms, last = clock.timer_ms(), now
        await asyncio.sleep(look_seconds)
    pytest.fail(f"nothing moved for {stalled_seconds_max} s: {last} webhooks, messages and calls are unfinished")


async def check_ours(stage: Stage) -> dict[str, Json]:
    """See every payment and refund resolved and delivered once; return what we think of each payment."""
    rows = await stage.fetch("""
        SELECT gateway_reference, status, amount, amount_captured, amount_refunded, amount_refunding,
               (SELECT count(*) FROM refund WHERE payment_id = payment.id) AS refunds,
               (SELECT count(*) FROM refund WHERE payment_id = payment.id AND status = 'succeeded') AS refunded,
               (SELECT count(*) FROM entitlement WHERE payment_id = payment.id) AS deliveries,
               (SELECT count(*) FROM journal WHERE source_id = payment.id::text AND kind = 'capture') AS captures
        FROM payment
    """)
    assert len(rows) == payments_in_all
    for row in rows:
        assert (row["status"], row["amount_captured"], row["amount_refunding"]) == ("succeeded", row["amount"], 0), row
        assert (row["deliveries"], row["captures"], row["refunded"]) == (1, 1, row["refunds"]), row
    states = await stage.fetch("SELECT DISTINCT state FROM operation")
    assert {row["state"] for row in states} == {"done"}
    unhappy = await stage.fetch("SELECT status, reason FROM inbox_message WHERE status NOT IN ('processed', 'ignored')")
    assert unhappy == []
    return {row["gateway_reference"]: dict(row) for row in rows}


def check_theirs(books: Json, ours: dict[str, Json]) -> None:
    """See at the gateway: each payment captured once, for the right amount, and each refund made once."""
    charged = [line for line in books["payment_intents"] if line["charges"]]
    assert len(charged) == len({line["metadata"]["payment"] for line in charged}) == payments_in_all
    for line in charged:
        row = ours[line["payment_intent"]]
        assert (line["charges"], line["captures"], line["captured"]) == (1, 1, row["amount"]), line
        assert (line["refunds"], line["refunded"]) == (row["refunds"], row["amount_refunded"]), line


@pytest.mark.crash
@pytest.mark.timeout(900)
async def test_replies_that_get_lost_charge_and_refund_nobody_twice(stage: Stage, tell: Callable[[str], None]) -> None:
    seed = int(os.environ.get("TILL_CRASH_SEED") or random.randrange(10**6))
    limits, elapsed_ms = httpx2.Limits(max_connections=buyers_at_once * 2), clock.timer_ms()
    async with httpx2.AsyncClient(trust_env=False, timeout=call_timeout_seconds, limits=limits) as http:
        market = Market(stage, http, random.Random(seed))
        assert (await http.put(f"{stage.sandbox}/_control/faults", json=FAULTS | {"seed": seed})).is_success
        async with hurrying(stage):
            async with asyncio.TaskGroup() as tasks:
                for number in range(payments_in_all):
                    tasks.create_task(market.trade(number))
            await settle_down(stage, http)
        injected = (await http.get(f"{stage.sandbox}/_control/injected")).json()["counts"]
        books = (await http.get(f"{stage.sandbox}/_control/books/stripe")).json()
    counts = {fault: injected[fault] for fault in FAULTS}
    tell(
        f"{payments_in_all} payments, {await stage.count('SELECT count(*) FROM refund')} refunds, "
        f"{books['sessions'] - payments_in_all} checkouts opened in vain, {elapsed_ms() // 1000} s; "
        f"injected {counts}; answered {dict(sorted(market.answers.items()))}; TILL_CRASH_SEED={seed}"
    )
    check_theirs(books, await check_ours(stage))
    check = stage.run("ledger", "check", "--json")
    assert (check.returncode, json.loads(check.stdout)["wrong"]) == (0, [])
    assert min(counts.values()) > 0, counts
