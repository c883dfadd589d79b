"""Among a thousand webhooks one breaks what reads it and one kills the worker: all the others are delivered."""

import asyncio
import json
import os
from collections.abc import Callable

import httpx2
import pytest
from tests.crash.stage import STRIPE_KEY, Json, Stage
from tests.crash.test_redelivery import sign

from tillkeeper import inbox
from tillkeeper.inbox.rules import retry_seconds
from tillkeeper.kernel import clock, ids

webhooks_in_all = 1_000 if os.environ.get("TILL_TEST_FULL") else 150
calls_at_once = 16
stalled_seconds_max = 60
look_seconds = 0.2
ORDINARY = "payment_intent.succeeded"
RAISES = "checkout.session.completed"
KILLS = "payment_intent.amount_capturable_updated"
BROKEN = f"settle:{RAISES}=raise,settle:{KILLS}"
LEFT = """
    SELECT count(*) FILTER (WHERE status IN ('received', 'parked')) AS waiting,
           coalesce(sum(attempts + deaths), 0) AS tries
    FROM inbox_message
"""


async def buy(stage: Stage, http: httpx2.AsyncClient) -> dict[str, str]:
    """Let everybody pay while the gateway keeps its webhooks back; return what is to be heard of whom.

    Of one payment nothing will come but what breaks, of another, captured by hand, nothing but what kills.
    """
    assert (await http.put(f"{stage.sandbox}/_control/faults", json={"webhooks_held": True})).is_success
    door, heard_of = asyncio.Semaphore(calls_at_once), dict[str, str]()

    async def one(number: int, type_: str) -> None:
        headers = {"Authorization": f"Bearer {stage.key}", "Idempotency-Key": f"purchase {number}"}
        wish = {"package": "credits_120", "currency": "EUR", "user": f"user-{number}"}
        wish["capture_method"] = "manual" if type_ == KILLS else "automatic"
        async with door:
            made = await http.post(f"{stage.api}/api/v1/payments", json=wish, headers=headers)
            pay = f"{stage.sandbox}/_control/stripe/sessions/{made.json()['gateway_reference']}/pay"
            assert (await http.post(pay, json={})).is_success
        heard_of[made.json()["id"]] = type_

    async with asyncio.TaskGroup() as tasks:
        for number in range(webhooks_in_all):
            special = {webhooks_in_all // 3: RAISES, 2 * webhooks_in_all // 3: KILLS}
            tasks.create_task(one(number, special.get(number, ORDINARY)))
    return heard_of


async def deliver(stage: Stage, http: httpx2.AsyncClient, heard_of: dict[str, str]) -> None:
    """Bring one webhook for each payment, and then let the gateway be gone: nobody can ask it for the others."""
    bodies = [json.dumps(event).encode() for event in await happened(stage, http) if is_wanted(event, heard_of)]
    assert len(bodies) == webhooks_in_all
    door = asyncio.Semaphore(calls_at_once)

    async def one(body: bytes) -> None:
        async with door:
            answer = await http.post(f"{stage.api}/webhooks/stripe", content=body, headers=sign(body))
        assert answer.json() == {"status": "accepted"}

    async with asyncio.TaskGroup() as tasks:
        for body in bodies:
            tasks.create_task(one(body))
    stage.kill("sandbox")


async def happened(stage: Stage, http: httpx2.AsyncClient) -> list[Json]:
    """List what happened at the gateway."""
    found: list[Json] = []
    query = [("limit", "100"), *(("types[]", each) for each in (ORDINARY, RAISES, KILLS))]
    after: list[tuple[str, str]] = []
    while True:
        answer = await http.get(
            f"{stage.sandbox}/stripe/v1/events",
            params=[*query, *after],
            headers={"Authorization": f"Bearer {STRIPE_KEY}"},
        )
        page: Json = answer.json()
        found += page["data"]
        if not page["has_more"]:
            return found
        after = [("starting_after", found[-1]["id"])]


def is_wanted(event: Json, heard_of: dict[str, str]) -> bool:
    type_: str = event["type"]
    return heard_of[event["data"]["object"]["metadata"]["payment"]] == type_


async def hurry(stage: Stage) -> None:
    """Let the minutes between two tries pass, and the lease of a dead worker's batch run out."""
    await stage.fetch("UPDATE inbox_message SET due_at = now() WHERE status = 'received' AND attempts > 0")
    if "worker" not in stage.alive():
        await stage.fetch("UPDATE inbox_batch SET lease_until = now()")


async def work_off(stage: Stage) -> int:
    """Start the worker again whenever it was killed, until nothing waits; return how often it was killed."""
    killed, moved_ms, last = 0, clock.timer_ms(), None
    stage.start("worker")
    while moved_ms() < stalled_seconds_max * 1000:
        [now] = await stage.fetch(LEFT)
        if not now["waiting"]:
            return killed
        if now != last:
            moved_ms, last = clock.timer_ms(), now
        await hurry(stage)
        if "worker" not in stage.alive():
            killed += 1
            stage.start("worker")
        await asyncio.sleep(look_seconds)
    pytest.fail(f"nothing moved for {stalled_seconds_max} s: {last}")


async def of_type(stage: Stage, type_: str) -> Json:
    """Read the one message of a type."""
    [row] = await stage.fetch(f"SELECT * FROM inbox_message WHERE type = '{type_}'")
    return dict(row)


async def effects(stage: Stage, payment: str) -> tuple[str, int, int, int]:
    """Read the state of a payment, and count deliveries, captures in the books and events for the merchant."""
    [row] = await stage.fetch(f"""
        SELECT status, (SELECT count(*) FROM entitlement WHERE payment_id = payment.id) AS deliveries,
               (SELECT count(*) FROM journal WHERE source_id = payment.id::text AND kind = 'capture') AS captures,
               (SELECT count(*) FROM outbox_event WHERE payment_id = payment.id
                AND type IN ('payment.succeeded', 'payment.authorized')) AS events
        FROM payment WHERE id = '{ids.parse("payment", payment)}'
    """)
    return row["status"], row["deliveries"], row["captures"], row["events"]


async def check_neighbours(stage: Stage, heard_of: dict[str, str]) -> None:
    """See all the others delivered, once each."""
    delivered = await stage.fetch("""
        SELECT payment.id FROM payment JOIN entitlement ON payment_id = payment.id
        WHERE status = 'succeeded' AND amount_captured = amount
    """)
    ordinary = {payment for payment, type_ in heard_of.items() if type_ == ORDINARY}
    assert sorted(ids.text("payment", row["id"]) for row in delivered) == sorted(ordinary)
    assert await stage.count("SELECT count(*) FROM inbox_message WHERE status = 'processed'") == len(ordinary)


async def replay(stage: Stage, message: Json) -> None:
    """Bring a dead letter back by hand, as an operator does after the fix, and wait until it is done."""
    told = stage.run("events", "replay", ids.text("message", message["id"]))
    assert told.returncode == 0, told.stderr
    waiting = f"SELECT count(*) FROM inbox_message WHERE id = '{message['id']}' AND status = 'received'"
    elapsed_ms = clock.timer_ms()
    while await stage.count(waiting):
        assert elapsed_ms() < stalled_seconds_max * 1000, stage.log("worker").read_text()[-2000:]
        await asyncio.sleep(look_seconds)


@pytest.mark.crash
@pytest.mark.timeout(600)
async def test_a_webhook_that_raises_and_one_that_kills_end_as_dead_letters_and_replay_has_one_effect(
    stage: Stage, tell: Callable[[str], None]
) -> None:
    stage.kill("worker")
    async with httpx2.AsyncClient(trust_env=False, timeout=60) as http:
        heard_of = await buy(stage, http)
        await deliver(stage, http, heard_of)
    stage.environment["TILL_FAILPOINTS"] = BROKEN
    killed = await work_off(stage)

    await check_neighbours(stage, heard_of)
    raising, killing = await of_type(stage, RAISES), await of_type(stage, KILLS)
    assert (raising["status"], raising["attempts"]) == ("dead", len(retry_seconds))
    assert raising["reason"] == f"FailpointError: settle:{RAISES}"
    assert (killing["status"], killing["reason"]) == ("dead", "it ended every worker that touched it")
    assert killed == 1 + inbox.deaths_max, "once among others, and then alone until it has had enough"
    tell(
        f"{webhooks_in_all} webhooks; the worker was killed {killed} times; {raising['attempts'] + 1} tries to read one"
    )

    del stage.environment["TILL_FAILPOINTS"]
    stage.kill("worker")
    stage.start("worker")
    at = {type_: payment for payment, type_ in heard_of.items()}
    assert await effects(stage, at[RAISES]) == ("requires_action", 0, 0, 0)
    for _ in range(2):
        await replay(stage, raising)
        await replay(stage, killing)
        assert await effects(stage, at[RAISES]) == ("succeeded", 1, 1, 1)
        assert await effects(stage, at[KILLS]) == ("requires_capture", 0, 0, 1)
    assert stage.run("ledger", "check").returncode == 0
