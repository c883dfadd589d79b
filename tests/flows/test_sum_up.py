"""The figures of the overview are the sums of the books and of payments' history, at every moment, whoever dies."""

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.flows.test_claim import disputed, ended

from tillkeeper.figures import Span
from tillkeeper.flows.read import read
from tillkeeper.flows.seal import seal
from tillkeeper.flows.sum_up import Share, sum_up
from tillkeeper.kernel.failpoints import FailpointError
from tillkeeper.reports import overview, periods
from tillkeeper.reports.overview import Overview, Period

MONEY = ("captured", "refunded", "disputed", "fees", "other", "net")
LITTLE = Share(blocks=1, changes=3)
SUMMED = "SELECT span, coalesce(sum(count), 0)::bigint AS count FROM figure WHERE name = $1 GROUP BY span"


async def seen(shop: Any, *, currency: str | None = None, gateway: str | None = None) -> Overview:
    """Look at the last 30 days as the page does."""
    over = overview.window(Period.MONTH, shop.till.now())
    return await read(shop.till, lambda tx: overview.show(tx, over, currency=currency, gateway=gateway))


async def booked(shop: Any) -> Counter[tuple[str, str]]:
    """Sum up the same days as the reports by day do, which know nothing of figures."""
    over = overview.window(Period.MONTH, shop.till.now())
    shown: Any = await read(
        shop.till,
        lambda tx: periods.show(
            tx, periods.Step.DAILY, over.since, over.since + timedelta(days=30), datetime(9000, 1, 1, tzinfo=UTC)
        ),
    )
    sums: Counter[tuple[str, str]] = Counter()
    for row in shown["data"]:
        for name in MONEY:
            sums[row["currency"], name] += row[name]
    return sums


async def agree(shop: Any) -> None:
    """Compare what is shown with the books and with the rows."""
    shown, sums = (await seen(shop)).now, await booked(shop)
    for currency in ("EUR", "USD"):
        found = {name: shown.money[currency, name] for name in MONEY if name != "net"} | {"net": shown.net(currency)}
        assert found == {name: sums[currency, name] for name in MONEY}, currency
    assert shown.captured == await shop.count("payment", "status = 'succeeded'")
    assert shown.counts["created"] == await shop.count("payment")
    assert shown.failed == await shop.count("payment_change", "reason LIKE 'attempt failed%'")
    delivered = sum(count for name, count in shown.counts.items() if name.startswith("delivered:"))
    assert delivered == await shop.count("entitlement")


async def step(shop: Any, chance: random.Random, paid: list[Any]) -> None:
    """Let something happen that moves money, or tries to."""
    what = chance.choice(("pay", "pay", "fail", "refund", "dispute", "leave"))
    if what == "pay" or not paid:
        paid.append(await shop.paid(currency=chance.choice(("EUR", "USD"))))
    elif what == "fail":
        payment = await shop.opened()
        await shop.act(f"sessions/{payment['gateway_reference']}/decline")
        await shop.catch_up()
    elif what == "refund":
        payment = await shop.show(chance.choice(paid))
        left = payment["amount_captured"] - payment["amount_refunded"] - payment["amount_refunding"]
        if left > 1 and not payment["amount_disputed"]:
            await shop.refund(payment, chance.randint(1, left))
            await shop.operate()
            await shop.catch_up()
    elif what == "dispute":
        await ended(shop, await disputed(shop, paid.pop()), chance.choice(("win", "lose")))
    else:
        await shop.opened()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_what_is_shown_is_what_the_books_say_wherever_adding_up_stands(shop: Any, seed: int) -> None:
    chance = random.Random(seed)
    paid: list[Any] = []
    for _ in range(8):
        await step(shop, chance, paid)
        if chance.random() < 0.6:
            await seal(shop.till, limit=chance.choice((1, 5, 1000)))
        if chance.random() < 0.6:
            await sum_up(shop.till, LITTLE if chance.random() < 0.7 else Share())
        await agree(shop)
    await seal(shop.till)
    while await sum_up(shop.till, LITTLE):
        pass
    await agree(shop)
    assert await shop.count("figure") > 0
    totals = await shop.owner.fetch("SELECT sum(count) AS n, sum(amount) AS money FROM figure GROUP BY span")
    assert len(set(totals)) == 1
    assert len(totals) == len(Span)


@pytest.mark.parametrize("place", ["sum_up:added", "sum_up:committed"])
async def test_whoever_dies_over_adding_up_neither_loses_nor_doubles_anything(
    shop: Any, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    await shop.paid()
    await seal(shop.till)
    monkeypatch.setenv("TILL_FAILPOINTS", f"{place}=raise")
    with pytest.raises(FailpointError):
        await sum_up(shop.till)
    monkeypatch.delenv("TILL_FAILPOINTS")
    await agree(shop)
    assert await sum_up(shop.till) is False
    await agree(shop)
    assert {row["count"] for row in await shop.owner.fetch(SUMMED, "captured")} == {1}


async def test_four_workers_at_once_add_everything_once(shop: Any) -> None:
    for _ in range(2):
        await shop.paid()
    await seal(shop.till)
    await asyncio.gather(*(sum_up(shop.till) for _ in range(4)))
    assert {row["count"] for row in await shop.owner.fetch(SUMMED, "captured")} == {2}
    await agree(shop)


async def test_a_change_that_is_committed_after_a_later_one_is_waited_for(shop: Any) -> None:
    """Ids are given out in another order than they are committed in."""
    early, late = await shop.opened(), await shop.opened()
    change = """
        INSERT INTO payment_change (payment_id, status_before, status_after, step, reason, cause, at)
        SELECT id, status, status, 'none', 'attempt failed: slow', 'test', now() FROM payment
        WHERE created_at = (SELECT {}(created_at) FROM payment)"""
    slow = shop.owner.transaction()
    await slow.start()
    await shop.owner.execute(change.format("min"))
    async with shop.till.db.transaction() as tx:
        await tx.execute(change.format("max"))
    adding = asyncio.create_task(sum_up(shop.till))
    await asyncio.wait([adding], timeout=0.5)
    assert not adding.done()
    await slow.commit()
    await adding
    assert [row["count"] for row in await shop.owner.fetch(SUMMED, "failed:slow")] == [2, 2]
    assert early["id"] != late["id"]


async def test_nothing_new_costs_no_row(shop: Any) -> None:
    await shop.paid()
    await seal(shop.till)
    await sum_up(shop.till)
    moved = await shop.owner.fetchval("SELECT moved_at FROM figure_mark")
    assert await sum_up(shop.till) is False
    assert await shop.owner.fetchval("SELECT moved_at FROM figure_mark") == moved


async def test_a_currency_and_a_gateway_narrow_the_figures_down(shop: Any) -> None:
    await shop.paid(currency="EUR")
    await shop.paid(currency="USD")
    assert (await seen(shop)).now.captured == 2
    assert (await seen(shop, currency="USD")).now.captured == 1
    assert (await seen(shop, gateway="paypal")).now.captured == 0
    assert set((await seen(shop, currency="USD")).currencies) == {"EUR", "USD"}


async def test_what_was_before_the_period_is_kept_apart(shop: Any) -> None:
    await shop.paid()
    await seal(shop.till)
    await sum_up(shop.till)
    await shop.owner.execute("UPDATE figure SET at = at - interval '30 days'")
    found = await seen(shop)
    assert (found.now.captured, found.before.captured) == (0, 1)


async def test_a_page_counts_nothing_itself_while_much_waits_to_be_added_up(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.paid()
    assert (await seen(shop)).behind is False
    monkeypatch.setattr(overview, "changes_fresh_max", 1)
    found = await seen(shop)
    assert (found.behind, found.now.captured) == (True, 0)
    await seal(shop.till)
    while await sum_up(shop.till, LITTLE):
        pass
    found = await seen(shop)
    assert (found.behind, found.now.captured) == (False, 1)
