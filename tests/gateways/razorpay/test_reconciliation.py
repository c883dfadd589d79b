"""Razorpay's account and ours where Razorpay tells less than others: what came back it does not name."""

from dataclasses import replace
from datetime import timedelta

from tests.gateways.razorpay.test_flows import Json, Shop, plain_logs, shop

from tillkeeper.flows.catch_up import catch_up
from tillkeeper.flows.import_settlement import import_settlement
from tillkeeper.flows.reconcile import ask, reconcile
from tillkeeper.kernel import clock

__all__ = ["plain_logs", "shop"]
CLEARING, SUSPENSE = "gateway:razorpay:clearing:INR", "suspense:razorpay:INR"


async def bought(shop: Shop) -> Json:
    """Buy something, and hear of it; return the payment as Razorpay knows it."""
    payment = await shop.opened()
    await shop.pay(payment)
    await shop.calm_down()
    shown: Json = await shop.show(payment)
    return shown


async def returned(shop: Shop, payment: Json, amount: int) -> None:
    """Refund a part in Razorpay's dashboard, and let that fail days after it had been processed."""
    made = await shop.act("refunds", payment=payment["gateway_reference"], amount=amount)
    await shop.calm_down()
    await shop.act(f"refunds/{made['id']}/fail")
    await shop.calm_down()


async def compare(shop: Shop) -> list[tuple[str, str]]:
    """Let Razorpay pay out, read its account, compare the days around, and list what was found so far."""
    await shop.act("settlements", early=True, outcome="processed")
    await shop.calm_down()
    till = replace(shop.till, now=lambda: clock.now() + timedelta(hours=8))
    await import_settlement(till)
    for ago in (-1, 0, 1):
        await ask(till, "razorpay", (clock.now() - timedelta(days=ago)).date())
    while await reconcile(till):
        pass
    rows = await shop.owner.fetch("SELECT kind, status FROM discrepancy ORDER BY first_seen_at, kind")
    return [(row["kind"], row["status"]) for row in rows]


async def links(shop: Shop) -> int:
    found: int = await shop.owner.fetchval("SELECT count(*) FROM settlement_link WHERE side LIKE 'refund%'")
    return found


async def test_a_refund_that_came_back_agrees_by_both_of_its_lines(shop: Shop) -> None:
    await returned(shop, await bought(shop), 700)
    assert await compare(shop) == []
    assert await links(shop) == 2


async def test_two_refunds_of_a_payment_that_came_back_are_told_apart_by_their_amounts(shop: Shop) -> None:
    payment = await bought(shop)
    await returned(shop, payment, 700)
    await returned(shop, payment, 800)
    assert await compare(shop) == []
    assert await links(shop) == 4


async def test_of_refunds_that_are_the_same_in_all_that_is_told_each_has_lines_of_its_own(shop: Shop) -> None:
    payment = await bought(shop)
    await returned(shop, payment, 700)
    await returned(shop, payment, 700)
    assert await compare(shop) == []
    assert await links(shop) == 4


async def sent_back(shop: Shop, *, times: int = 1) -> None:
    """Let Razorpay pay out what was bought, and the bank send it back, of which only a list tells an hour later."""
    await bought(shop)
    for _ in range(times):
        await shop.act("settlements", early=True, outcome="failed")
    await shop.calm_down()
    await catch_up(replace(shop.till, now=lambda: clock.now() + timedelta(hours=1)))
    await shop.calm_down()


async def test_a_settlement_that_the_bank_sent_back_is_no_second_payout_and_agrees(shop: Shop) -> None:
    await sent_back(shop)
    await bought(shop)
    assert [each for each in await compare(shop) if each[1] == "open"] == []
    payouts = await shop.owner.fetch("SELECT gateway_reference, status FROM payout ORDER BY status")
    assert [(row["gateway_reference"][:5], row["status"]) for row in payouts] == [
        ("setl_", "failed"),
        ("setl_", "paid"),
    ]
    assert await shop.owner.fetchval("SELECT count(*) FROM outbox_event WHERE type = 'payout.failed'") == 1
    assert await shop.owner.fetchval("SELECT count(*) FROM settlement_link WHERE side = 'payout_failed'") == 1


async def test_two_settlements_of_one_amount_that_came_back_have_a_line_each(shop: Shop) -> None:
    await sent_back(shop, times=2)
    assert [each for each in await compare(shop) if each[1] == "open"] == []
    assert await shop.owner.fetchval("SELECT count(*) FROM settlement_link WHERE side = 'payout_failed'") == 2
