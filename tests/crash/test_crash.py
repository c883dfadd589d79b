"""kill -9 of the worker, the API and PostgreSQL in the middle of 400 payments: everything once, nothing lost."""

import asyncio
import json
import os
import random
import sys
from collections import Counter
from contextlib import suppress

import httpx2
import pytest
from tests.crash.crowd import Crowd
from tests.crash.stage import Json, Stage

from tillkeeper.kernel import clock

payments_in_all = 400
stalled_seconds_max = 60
KILLS = ("worker",) * 4 + ("api",) * 2 + ("postgres",) * 2
down_ms_max = 600
asked_again_every = 7
UNITS = {"credits_50": 50, "credits_120": 120, "credits_300": 300, "credits_600": 600}


def say(text: str) -> None:
    """Print what a reader of a failed run needs to know."""
    sys.stdout.write(f"{text}\n")


async def disturb(stage: Stage, crowd: Crowd, dice: random.Random, killed: Counter[str]) -> None:
    """Kill parts at moments that the seed chose, while customers are buying, and start them again."""
    moments = sorted(dice.sample(range(15, payments_in_all - 60), len(KILLS)))
    for moment, victim in zip(moments, dice.sample(KILLS, len(KILLS)), strict=True):
        await crowd.has_acknowledged(moment)
        await asyncio.sleep(dice.randint(0, 100) / 1000)
        stage.kill(victim)
        killed[victim] += 1
        await asyncio.sleep(dice.randint(0, down_ms_max) / 1000)
        await stage.restart(victim)


async def converge(stage: Stage, client: httpx2.AsyncClient) -> int:
    """Wait until nothing is pending, here and at the gateway; return after how many milliseconds.

    A busy machine may need its time, but a minute in which nothing moves is a failure.
    """
    elapsed_ms, moved_ms, last = clock.timer_ms(), clock.timer_ms(), (-1, -1)
    while moved_ms() < stalled_seconds_max * 1000:
        with suppress(httpx2.TimeoutException):
            owed = (await client.get(f"{stage.sandbox}/_control/webhooks")).json()["data"]
            undelivered = sum(delivery["state"] != "delivered" for delivery in owed)
            pending = (await client.get(f"{stage.api}/ready")).json()["pending"]
            if (undelivered, pending) == (0, 0):
                return elapsed_ms()
            if (undelivered, pending) != last:
                moved_ms, last = clock.timer_ms(), (undelivered, pending)
        await asyncio.sleep(0.5)
    pytest.fail(f"nothing moved for {stalled_seconds_max} s: {last[0]} webhooks undelivered, {last[1]} pending")


async def check_database(stage: Stage, told: dict[str, Json]) -> None:
    """Ask the database whether every payment was captured and delivered exactly once, its events in one order."""
    rows = await stage.fetch("""
        SELECT payment.metadata ->> 'purchase' AS purchase, status, amount, amount_captured,
               (SELECT count(*) FROM entitlement WHERE payment_id = payment.id) AS entitlements,
               (SELECT count(*) FROM wallet_entry WHERE source = payment.id AND kind = 'grant') AS grants,
               (SELECT sum(amount) FROM wallet_entry WHERE source = payment.id AND kind = 'grant') AS units,
               (SELECT count(*) FROM outbox_event
                WHERE payment_id = payment.id AND type = 'payment.succeeded') AS events,
               (SELECT count(*) FROM journal WHERE source_id = payment.id::text AND kind = 'capture') AS captures
        FROM payment""")
    assert len(rows) == payments_in_all
    assert {row["purchase"] for row in rows} == told.keys()
    for row in rows:
        wish = told[row["purchase"]]
        assert (row["status"], row["amount_captured"]) == ("succeeded", row["amount"])
        assert [row[name] for name in ("entitlements", "grants", "events", "captures")] == [1, 1, 1, 1]
        assert row["units"] == UNITS[wish["package"]] * wish["quantity"]
    unfinished = "SELECT count(*) FROM inbox_message WHERE status NOT IN ('processed', 'ignored')"
    assert await stage.count(unfinished) == 0
    for _ in range(20):  # the last events get their place within the second that the worker takes between looks
        if not await stage.count("SELECT count(*) FROM outbox_event WHERE seq IS NULL"):
            break
        await asyncio.sleep(0.5)
    gaps = "SELECT count(*) - coalesce(max(seq), 0) FROM outbox_event"
    assert await stage.count(gaps) == 0, "a committed event has no place in the order, or the order has a gap"


def check_books(books: Json, told: dict[str, Json]) -> None:
    """Compare the gateway's own books: one session, one charge, the same amount for every payment."""
    lines = {line["metadata"]["payment"]: line for line in books["payment_intents"] if line["captured"]}
    assert books["sessions"] == payments_in_all
    assert len(lines) == sum(line["captures"] for line in books["payment_intents"]) == payments_in_all
    for wish in told.values():
        line = lines[wish["id"]]
        assert (line["captured"], line["currency"].upper()) == (wish["amount"], wish["currency"])
        assert line["session"] == wish["gateway_reference"]


async def check_api(crowd: Crowd, client: httpx2.AsyncClient) -> None:
    """Ask the API: what it acknowledged is there, and the same key gets the same payment."""
    for journal in crowd.journals[::asked_again_every]:
        assert journal.acknowledged
        path = f"/api/v1/payments/{journal.acknowledged['id']}"
        shown = (await client.get(f"{crowd.stage.api}{path}", headers=crowd.bearer)).json()
        assert (shown["status"], shown["fulfilment"]["status"]) == ("succeeded", "delivered")
        again = await crowd.ask_again(client, journal)
        assert (again.status_code, again.json()) == (journal.status, journal.acknowledged)
        assert again.headers["idempotent-replayed"] == "true"


@pytest.mark.crash
@pytest.mark.timeout(600)
async def test_kill_9_in_the_middle_of_400_payments_delivers_each_exactly_once(stage: Stage) -> None:
    seed = int(os.environ.get("TILL_CRASH_SEED") or random.randrange(10**6))
    say(f"\nseed {seed}: TILL_CRASH_SEED={seed} repeats the moments")
    killed = Counter[str]()
    crowd = Crowd(stage, random.Random(seed))
    elapsed_ms = clock.timer_ms()
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        dial = {"webhook_copies": 3, "webhook_shuffle": True}
        assert (await client.put(f"{stage.sandbox}/_control/faults", json=dial)).is_success
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(crowd.buy(payments_in_all))
            tasks.create_task(disturb(stage, crowd, random.Random(seed), killed))
        bought_ms = elapsed_ms()
        converged_ms = await converge(stage, client)
        say(f"killed {dict(killed)}; bought in {bought_ms} ms; converged {converged_ms} ms later; {crowd.statuses}")

        told = {str(journal.number): journal.opened for journal in crowd.journals if journal.opened}
        assert killed == Counter(KILLS)
        await check_database(stage, told)
        books = (await client.get(f"{stage.sandbox}/_control/books/stripe")).json()
        check_books(books, told)
        await check_api(crowd, client)
    check = stage.run("ledger", "check", "--json")
    assert (check.returncode, json.loads(check.stdout)["wrong"]) == (0, [])
    duplicates = await stage.count("SELECT count(*) FROM inbox_duplicate")
    assert duplicates > payments_in_all, "the webhooks were to arrive three times"
    assert stage.alive() == ["sandbox", "api", "worker"], "a part did not survive the death of another"
