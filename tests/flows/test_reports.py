"""Reports by day and by month agree with the trial balance, and say the same again whatever comes later."""

import re
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.flows.test_money_afterwards import second_capture
from tests.flows.test_refund import dashboard_refund

from tillkeeper import ledger
from tillkeeper.flows.read import read, read_settled
from tillkeeper.flows.seal import seal
from tillkeeper.kernel import ids
from tillkeeper.ledger import recipes
from tillkeeper.reports import periods
from tillkeeper.reports.periods import Step

Rows = list[dict[str, Any]]


async def report(shop: Any, step: Step = Step.DAILY, *, days: int = 0, cut: datetime | None = None) -> Rows:
    """Read a report of today, or of as many days more on both sides."""
    now = shop.till.now()
    first, last = ((now + timedelta(days=sign * days)).date().isoformat() for sign in (-1, 1))
    since, until = periods.bounds(step, first, last, now)
    found: Any = await read_settled(
        shop.till, lambda tx, known: periods.show(tx, step, since, until, known), recorded_before=cut
    )
    rows: Rows = found["data"]
    return rows


def summed(rows: Rows, currency: str) -> Counter[str]:
    """Add up the rows of a currency."""
    total: Counter[str] = Counter()
    for row in rows:
        if row["currency"] == currency:
            total.update({name: value for name, value in row.items() if isinstance(value, int)})
    return total


async def life(shop: Any) -> None:
    """Let everything happen that is booked: in two currencies, with refunds, failures, spends and a second capture."""
    first = await shop.paid(package="credits_120")
    await shop.spend(30)
    await shop.refund(first, 20)
    second = await shop.paid(package="credits_300", user="eve")
    made = await shop.refund(second, 50)
    await shop.catch_up()
    await shop.act(f"refunds/{made['gateway_reference']}/fail")
    third = await shop.paid(package="credits_120", user="bob")
    await shop.spend(100, user="bob")
    await dashboard_refund(shop, third)
    await shop.paid(package="credits_50", currency="JPY", user="kim")
    await second_capture(shop, first)
    claimed = await shop.paid(package="credits_120", user="zoe")
    await shop.spend(60, user="zoe")
    opened = await shop.act("disputes", {"payment_intent": claimed["gateway_reference"]})
    await shop.catch_up()
    await shop.act(f"disputes/{opened['id']}/lose")
    await shop.catch_up()
    await shop.operate()
    await shop.catch_up()


@pytest.mark.parametrize("step", Step)
async def test_a_report_agrees_with_the_trial_balance_to_the_last_minor_unit(shop: Any, step: Step) -> None:
    await life(shop)
    rows = await report(shop, step)
    balance = await read(shop.till, ledger.trial_balance)
    stands = {each.code: each.debits - each.credits for each in balance.accounts}
    disputed = {"EUR": 199, "JPY": 0}  # it was lost, so nothing of it is expected back

    for currency in ("EUR", "JPY"):
        total = summed(rows, currency)
        assert total["net"] == stands[f"gateway:stripe:clearing:{currency}"]
        assert total["fees"] == sum(amount for code, amount in stands.items() if re.match(f"fees:.*:{currency}$", code))
        assert total["lost"] == stands.get(f"chargeback_loss:{currency}", 0)
        assert total["disputed"] == stands.get(f"gateway:stripe:dispute_receivable:{currency}", 0) + disputed[currency]
        assert total["deferred"] == -stands.get(f"deferred:{currency}", 0)
        assert total["earned"] == -sum(
            each.debits - each.credits
            for each in balance.accounts
            if each.kind == "income" and each.currency == currency
        )
        assert total["net"] == total["captured"] - total["refunded"] - total["disputed"] - total["fees"]
        assert total["other"] == 0
    units = summed(rows, "CRD")
    assert (units["units_sold"], units["units_spent"]) == (120 + 300 + 120 + 120 + 50, 190)
    assert summed(rows, "EUR")["disputes"] == 1


async def test_a_report_tells_gateways_currencies_and_packages_apart(shop: Any) -> None:
    await shop.paid(package="credits_120")
    await shop.paid(package="credits_120", user="eve")
    await shop.paid(package="credits_50", currency="JPY", user="eve")

    rows = {(row["gateway"], row["currency"], row["package"]): row for row in await report(shop)}

    assert rows["stripe", "EUR", "credits_120"]["payments"] == 2
    assert rows["stripe", "EUR", "credits_120"]["captured"] == 398
    assert rows["stripe", "JPY", "credits_50"]["captured"] == rows["stripe", "JPY", "credits_50"]["deferred"]
    assert rows["stripe", "CRD", "credits_120"]["units_sold"] == 240


async def test_a_day_without_anything_is_an_empty_report(shop: Any) -> None:
    assert await report(shop) == []


async def test_a_fact_belongs_to_its_own_day_also_when_it_is_recorded_late(shop: Any) -> None:
    now = shop.till.now()
    fact = recipes.capture(
        ids.new(),
        gateway="stripe",
        currency="USD",
        amount=500,
        credits_to="other",
        at=now - timedelta(days=2),
    )
    await seal(shop.till)
    async with shop.till.db.transaction() as tx:
        await ledger.post(tx, [fact])

    assert await report(shop) == []
    [row] = await report(shop, days=3)
    assert (row["period"], row["captured"], row["earned"]) == ((now - timedelta(days=2)).date().isoformat(), 500, 500)


async def test_a_report_that_is_made_again_with_its_cut_is_the_same(shop: Any) -> None:
    await shop.paid()
    cut = await read(shop.till, ledger.latest_cut)
    first = await report(shop, cut=cut)
    await shop.paid(user="eve")

    assert await report(shop, cut=cut) == first
    assert summed(await report(shop), "EUR")["captured"] == 2 * summed(first, "EUR")["captured"]
