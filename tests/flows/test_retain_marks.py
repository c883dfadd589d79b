"""How far retention has come follows what there is: older records bring it back, a night without any moves it on."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from tests.flows.test_adopt import a_payment, fates
from tests.flows.test_retain import ANA, WORDS, everything, later

from tillkeeper import audit
from tillkeeper.audit import Action
from tillkeeper.flows.retain import cut, retain
from tillkeeper.kernel import clock
from tillkeeper.retention import Kind

patience_seconds = 10


async def said(shop: Any) -> list[str | None]:
    rows = await shop.owner.fetch("SELECT description FROM payment ORDER BY created_at")
    return [row["description"] for row in rows]


@pytest.mark.parametrize(("status", "days"), [("failed", 400), ("succeeded", 8 * 365)])
async def test_payments_that_are_taken_over_behind_the_mark_lose_their_words_too(
    shop: Any, status: str, days: int
) -> None:
    old = clock.now() - timedelta(days=days)
    await fates(shop, a_payment(status=status, created_at=old, description=WORDS))
    await everything(shop.till)
    older = a_payment(id="p-2", status=status, created_at=old - timedelta(days=30), description=WORDS)
    await fates(shop, older)
    await everything(shop.till)
    assert await said(shop) == [None, None]


async def test_a_payment_of_today_brings_nothing_back(shop: Any) -> None:
    await everything(shop.till)
    before = await shop.owner.fetch("SELECT * FROM retention_mark ORDER BY kind")
    await fates(shop, a_payment(created_at=clock.now()))
    assert await shop.owner.fetch("SELECT * FROM retention_mark ORDER BY kind") == before


async def test_what_is_taken_over_while_retention_runs_for_the_first_time_is_not_overlooked(shop: Any) -> None:
    old = clock.now() - timedelta(days=400)
    records = [a_payment(id=f"p-{each}", status="failed", created_at=old, description=WORDS) for each in range(40)]
    await asyncio.gather(*(fates(shop, each) for each in records), *(retain(shop.till) for _ in range(5)))
    await everything(shop.till)
    assert set(await said(shop)) == {None}


async def test_where_nothing_was_due_the_mark_moves_on_all_the_same(shop: Any) -> None:
    await shop.paid()
    till = later(shop.till, 2)
    assert await retain(till) == 0
    at = await shop.owner.fetchval("SELECT at FROM retention_mark WHERE kind = 'unpaid'")
    assert cut(till.settings, Kind.UNPAID, till.now()) - at < timedelta(minutes=1)


async def entry(shop: Any, name: str, *, years_ago: int = 0) -> None:
    at = shop.till.now() - timedelta(days=365 * years_ago)
    async with shop.till.db.transaction() as tx:
        await audit.record(tx, ANA, Action.PAYMENT_NOTED, name, after={"note": WORDS}, reason=WORDS, at=at)


async def test_old_entries_are_looked_for_among_the_next_alone(shop: Any) -> None:
    for number in range(3):
        await entry(shop, f"young_{number}")
    await entry(shop, "old", years_ago=8)
    assert await retain(shop.till, limit=2) == 0
    assert await shop.count("audit_entry", f"reason = '{WORDS}'") == 4
    assert await retain(shop.till, limit=9) > 0
    assert await shop.count("audit_entry", f"reason = '{WORDS}'") == 3


async def test_while_no_entry_is_due_nobody_who_writes_one_waits(shop: Any, owner_url: str) -> None:
    await entry(shop, "young")
    writer = await asyncpg.connect(owner_url)
    try:
        async with writer.transaction():
            await writer.execute("SELECT pg_advisory_xact_lock(hashtextextended('audit_entry', 0))")
            assert await asyncio.wait_for(retain(shop.till), timeout=patience_seconds) == 0
    finally:
        await writer.close()
