"""What a gateway tells days later stands in the books on the day on which it happened."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from tests.flows.test_claim import disputed
from tests.flows.test_reconcile import CLEARING, SUSPENSE, compare, only_line
from tests.flows.test_reports import report

from tillkeeper import ledger
from tillkeeper.flows.read import read
from tillkeeper.flows.seal import recount, seal
from tillkeeper.kernel import clock

outage_days = 3


async def effective(shop: Any, kind: str) -> datetime:
    """Read on which day the only journal of a kind stands."""
    moment: datetime = await shop.owner.fetchval("SELECT effective_at FROM journal WHERE kind = $1", kind)
    return moment


async def as_of(shop: Any, moment: datetime, *, cut: datetime | None = None) -> dict[str, int]:
    """Read what accounts stood at."""
    found = await read(shop.till, lambda tx: ledger.trial_balance(tx, as_of=moment, recorded_before=cut))
    return {each.code: each.debits - each.credits for each in found.accounts}


async def paid_during_an_outage(shop: Any) -> datetime:
    """Let a customer pay while no worker is there; return a moment after that and before the worker comes back."""
    payment = await shop.opened()
    await shop.pay(payment)
    moment = clock.now() + timedelta(hours=1)
    shop.till = shop.later(days=outage_days)
    return moment


async def test_a_late_webhook_stands_in_the_day_it_belongs_to(shop: Any) -> None:
    await paid_during_an_outage(shop)
    await shop.catch_up()
    line = await only_line(shop)
    for kind in ("capture", "fee"):
        assert abs(await effective(shop, kind) - line.occurred_at) < timedelta(minutes=1)
    assert await effective(shop, "grant") >= line.occurred_at + timedelta(days=outage_days)


async def test_a_day_that_was_added_up_already_is_corrected_and_a_report_with_an_earlier_cut_is_not(shop: Any) -> None:
    await shop.paid()
    await seal(shop.till)
    day, before = clock.now().date(), await report(shop)
    cut = await shop.owner.fetchval("SELECT clock_timestamp()")
    moment = await paid_during_an_outage(shop)
    assert (await as_of(shop, moment))[CLEARING] == await clearing_of(shop, day)

    await shop.catch_up()
    unsealed = (await as_of(shop, moment))[CLEARING]
    await seal(shop.till)

    assert unsealed == 2 * (await as_of(shop, moment, cut=cut))[CLEARING]
    assert await clearing_of(shop, day) == (await as_of(shop, moment))[CLEARING] == unsealed
    await recount(shop.till, day)
    assert await clearing_of(shop, day) == unsealed
    shop.till = replace(shop.till, now=clock.now)
    assert await report(shop, cut=cut) == before
    assert sum(row["payments"] or 0 for row in await report(shop)) == 2


async def clearing_of(shop: Any, day: date) -> int:
    """Read by how much the gateway owed us more after a day, from the sums of days."""
    moved: int = await shop.owner.fetchval(
        "SELECT sum(debits - credits)::bigint FROM balance_daily WHERE day = $1 AND heading = $2", day, CLEARING
    )
    return moved


async def test_a_late_refund_of_the_dashboard_owes_nothing_in_between_and_takes_credits_when_it_is_heard(
    shop: Any,
) -> None:
    payment = await shop.paid()
    await shop.act("refunds", {"payment_intent": payment["gateway_reference"]})
    moment = clock.now() + timedelta(hours=1)
    shop.till = shop.later(days=outage_days)
    await shop.spend(30)
    await shop.catch_up()

    then, now = await as_of(shop, moment), await as_of(shop, shop.till.now())
    assert then["refund_payable:EUR"] == now["refund_payable:EUR"] == 0
    assert then["wallet:*"] == -120
    assert now["wallet:*"] == 0
    assert abs(await effective(shop, "succeeded") - clock.now()) < timedelta(minutes=1)


async def test_a_late_dispute_takes_its_money_on_the_day_on_which_the_bank_did(shop: Any) -> None:
    payment = await shop.paid()
    shop.till = shop.later(days=outage_days)
    await disputed(shop, payment)
    assert abs(await effective(shop, "withdrawn:1") - clock.now()) < timedelta(minutes=1)


async def test_what_was_put_aside_is_not_counted_beside_what_it_turned_out_to_be(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    await compare(shop)
    aside = (await shop.ledger(SUSPENSE))[0]
    assert aside
    moment = clock.now() + timedelta(days=1)
    shop.till = shop.later(days=outage_days)
    await shop.catch_up()
    await compare(shop, days=outage_days)
    then = await as_of(shop, moment)
    assert (then[CLEARING], then[SUSPENSE]) == (aside, 0)
