"""A webhook delivered fifty times at once, and again after a crash of everything that heard it: one effect."""

import asyncio
import hmac
import json
from collections import Counter
from hashlib import sha256

import httpx2
import pytest
from tests.crash.stage import STRIPE_KEY, WEBHOOK_SECRET, Json, Stage

from tillkeeper.kernel import clock

copies = 50
delivery_seconds_max = 20


def sign(body: bytes) -> dict[str, str]:
    """Sign a body as Stripe documents it."""
    moment = str(int(clock.now().timestamp()))
    digest = hmac.new(WEBHOOK_SECRET.encode(), moment.encode() + b"." + body, sha256).hexdigest()
    return {"Stripe-Signature": f"t={moment},v1={digest}", "Content-Type": "application/json"}


async def deliver(stage: Stage, client: httpx2.AsyncClient, bodies: list[bytes]) -> Counter[tuple[int, str]]:
    """Send every body fifty times at once."""
    url = f"{stage.api}/webhooks/stripe"
    calls = [client.post(url, content=body, headers=sign(body)) for body in bodies for _ in range(copies)]
    return Counter((answer.status_code, answer.text) for answer in await asyncio.gather(*calls))


async def buy(stage: Stage, client: httpx2.AsyncClient) -> tuple[str, list[bytes]]:
    """Pay while the gateway keeps its webhooks back; return the payment and the events that happened."""
    held = await client.put(f"{stage.sandbox}/_control/faults", json={"webhooks_held": True})
    assert held.is_success
    headers = {"Authorization": f"Bearer {stage.key}", "Idempotency-Key": "one purchase"}
    wish = {"package": "credits_120", "currency": "EUR", "user": "ana"}
    payment: Json = (await client.post(f"{stage.api}/api/v1/payments", json=wish, headers=headers)).json()
    pay = f"{stage.sandbox}/_control/stripe/sessions/{payment['gateway_reference']}/pay"
    assert (await client.post(pay, json={})).is_success
    events = await client.get(f"{stage.sandbox}/stripe/v1/events", headers={"Authorization": f"Bearer {STRIPE_KEY}"})
    return payment["id"], [json.dumps(event).encode() for event in events.json()["data"]]


async def await_delivery(stage: Stage, client: httpx2.AsyncClient, payment: str) -> None:
    """Wait until the goods are there and nothing is left to do."""
    headers, elapsed_ms = {"Authorization": f"Bearer {stage.key}"}, clock.timer_ms()
    while elapsed_ms() < delivery_seconds_max * 1000:
        shown = (await client.get(f"{stage.api}/api/v1/payments/{payment}", headers=headers)).json()
        pending = await stage.waiting()
        if shown["status"] == "succeeded" and not pending:
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"{payment} is still {shown['status']}, {pending} pending")


async def effects(stage: Stage) -> list[int]:
    """Count what a payment may have only one of, and its credits."""
    tables = ("entitlement", "wallet_entry", "credit_lot")
    events = "SELECT count(*) FROM outbox_event WHERE type = 'payment.succeeded'"
    captures = "SELECT count(*) FROM journal WHERE kind = 'capture'"
    balance = "SELECT balance FROM wallet"
    counts = [await stage.count(f"SELECT count(*) FROM {table}") for table in tables]
    return [*counts, *[await stage.count(sql) for sql in (events, captures, balance)]]


@pytest.mark.crash
async def test_a_webhook_sent_50_times_at_once_and_again_after_a_crash_has_one_effect(stage: Stage) -> None:
    limits = httpx2.Limits(max_connections=copies)
    async with httpx2.AsyncClient(trust_env=False, timeout=30, limits=limits) as client:
        payment, bodies = await buy(stage, client)
        first = await deliver(stage, client, bodies)
        assert first == {
            (200, '{"status":"accepted"}'): len(bodies),
            (200, '{"status":"duplicate"}'): len(bodies) * (copies - 1),
        }
        await await_delivery(stage, client, payment)
        assert await effects(stage) == [1, 1, 1, 1, 1, 120]

        for part in ("api", "worker"):
            stage.kill(part)
            await stage.restart(part)
        await stage.await_up(f"{stage.api}/ready")
        again = await deliver(stage, client, bodies)
        assert again == {(200, '{"status":"duplicate"}'): len(bodies) * copies}
        # The gateway's own deliveries come last, with the same events in other bytes.
        await client.put(f"{stage.sandbox}/_control/faults", json={"webhooks_held": False})
        await await_delivery(stage, client, payment)
        assert await effects(stage) == [1, 1, 1, 1, 1, 120]
    assert stage.run("ledger", "check").returncode == 0


@pytest.mark.crash
async def test_a_webhook_that_was_acknowledged_before_kill_9_of_everything_is_still_worked_on(stage: Stage) -> None:
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        payment, bodies = await buy(stage, client)
        stage.kill("worker")
        answers = await deliver(stage, client, bodies)
        assert answers[200, '{"status":"accepted"}'] == len(bodies)
        for part in ("postgres", "api"):
            stage.kill(part)
        for part in ("postgres", "api", "worker"):
            await stage.restart(part)
        await stage.await_up(f"{stage.api}/ready")
        await await_delivery(stage, client, payment)
        assert await effects(stage) == [1, 1, 1, 1, 1, 120]
