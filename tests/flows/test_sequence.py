"""Committed events get one order without gaps, whoever writes and whoever numbers."""

import asyncio
from typing import Any

import asyncpg
import pytest

from tillkeeper import outbox
from tillkeeper.flows.sequence import sequence
from tillkeeper.kernel import ids


async def announce(shop: Any, type_: str = "payment.created", *, rest: asyncio.Event | None = None) -> None:
    async with shop.till.db.transaction() as tx:
        await outbox.announce(tx, [outbox.Event(type=type_, subject=ids.new(), payment=None, data={})])
        if rest:
            await rest.wait()


async def announce_and_fail(shop: Any) -> None:
    async with shop.till.db.transaction() as tx:
        await outbox.announce(tx, [outbox.Event(type="payment.failed", subject=ids.new(), payment=None, data={})])
        await tx.execute("SELECT 1 / 0")


async def numbers(shop: Any) -> list[int]:
    rows = await shop.owner.fetch("SELECT seq FROM outbox_event WHERE seq IS NOT NULL ORDER BY seq")
    return [row["seq"] for row in rows]


async def test_events_are_numbered_without_gaps_by_many_sequencers_while_many_write(shop: Any) -> None:
    writing = [announce(shop) for _ in range(60)]
    numbering = [sequence(shop.till, limit=3) for _ in range(20)]
    await asyncio.gather(*(job for pair in zip(writing[:20], numbering, strict=True) for job in pair), *writing[20:])
    while await sequence(shop.till, limit=7):
        pass
    assert await numbers(shop) == list(range(1, 61))


async def test_an_event_that_commits_late_comes_later_and_leaves_no_gap(shop: Any) -> None:
    held = asyncio.Event()
    slow = asyncio.create_task(announce(shop, "payment.canceled", rest=held))
    await asyncio.sleep(0.05)
    await announce(shop, "payment.expired")
    assert await sequence(shop.till) == 1
    held.set()
    await slow
    assert await sequence(shop.till) == 1
    rows = await shop.owner.fetch("SELECT type FROM outbox_event ORDER BY seq")
    assert [row["type"] for row in rows] == ["payment.expired", "payment.canceled"]


async def test_a_number_is_never_changed(shop: Any) -> None:
    await announce(shop)
    await sequence(shop.till)
    assert await sequence(shop.till) == 0
    await announce(shop)
    await sequence(shop.till)
    assert await numbers(shop) == [1, 2]


async def test_a_transaction_that_is_rolled_back_leaves_no_event_and_no_gap(shop: Any) -> None:
    with pytest.raises(asyncpg.DivisionByZeroError):
        await announce_and_fail(shop)
    await announce(shop)
    await sequence(shop.till)
    assert await numbers(shop) == [1]


async def test_a_purchase_owes_its_events_in_the_order_in_which_it_happened(shop: Any) -> None:
    payment = await shop.paid()
    await shop.refund(payment)
    await sequence(shop.till)
    rows = await shop.owner.fetch("SELECT type FROM outbox_event ORDER BY seq")
    assert [row["type"] for row in rows] == [
        "payment.created",
        "payment.requires_action",
        "payment.succeeded",
        "fulfilment.delivered",
        "refund.created",
        "fulfilment.revoked",
        "refund.succeeded",
    ]
