"""What is asked of everybody's books once all is quiet: each payment once, nothing lost."""

import asyncio
from contextlib import suppress

import asyncpg
import httpx2
from tests.crash.crowd import Crowd, Place
from tests.crash.stage import Json, Stage

from tillkeeper.kernel import clock

stalled_seconds_max = 60
asked_again_every = 7
AWAY = (httpx2.TransportError, KeyError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What an outage brings: there is no answer, or none that says how much waits."""
UNITS = {"credits_50": 50, "credits_120": 120, "credits_300": 300, "credits_600": 600}


async def converge(place: Place, client: httpx2.AsyncClient) -> int:
    """Wait until nothing is pending here; return how many milliseconds after the gateway's last webhook was taken.

    The imitated gateway tells of thousands of payments one after the other, which may take longer than all they ask
    for. A busy machine may need its time, but a minute in which nothing moves is a failure.
    """
    told_ms, moved_ms, last = clock.timer_ms(), clock.timer_ms(), (-1, -1)
    while moved_ms() < stalled_seconds_max * 1000:
        with suppress(*AWAY):
            owed = (await client.get(f"{place.sandbox}/_control/webhooks")).json()["data"]
            undelivered = sum(delivery["state"] != "delivered" for delivery in owed)
            pending = await place.waiting()
            if (undelivered, pending) == (0, 0):
                return told_ms()
            if undelivered:
                told_ms = clock.timer_ms()
            if (undelivered, pending) != last:
                moved_ms, last = clock.timer_ms(), (undelivered, pending)
        await asyncio.sleep(0.5)
    message = f"nothing moved for {stalled_seconds_max} s: {last[0]} webhooks undelivered, {last[1]} pending"
    raise AssertionError(message)


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
    assert len(rows) == len(told)
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
    assert books["sessions"] == len(told)
    assert len(lines) == sum(line["captures"] for line in books["payment_intents"]) == len(told)
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
