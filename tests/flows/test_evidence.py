"""Evidence says to a bank what is true, and nothing that is not its business."""

from typing import Any

from tests.flows.test_claim import disputed

from tillkeeper.flows.respond import draft
from tillkeeper.flows.set_refund_policy import set_refund_policy
from tillkeeper.gateway import Evidence
from tillkeeper.refund_requests import Person, Policy


async def drafted(shop: Any, payment: Any) -> Evidence:
    """Let the bank take a payment back, and see what our records have to say."""
    opened = await disputed(shop, payment)
    return await draft(
        shop.till, await shop.owner.fetchval("SELECT id FROM dispute WHERE gateway_reference = $1", opened)
    )


async def test_evidence_counts_the_credits_that_a_dispute_has_set_apart(shop: Any) -> None:
    said = await drafted(shop, await shop.paid())
    assert said.usage == "120 credits are left in the account."


async def test_evidence_does_not_say_on_what_the_credits_of_other_payments_were_spent(shop: Any) -> None:
    payment = await shop.paid()
    await shop.paid()
    await shop.spend(20)
    usage = (await drafted(shop, payment)).usage
    assert usage is not None
    assert "20 credits spent" in usage
    assert "game" not in usage


async def test_evidence_of_a_payment_heard_of_late_says_when_it_was_paid_and_not_that_goods_came_at_once(
    shop: Any,
) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    paid_on, shop.till = f"paid on {shop.till.now():%Y-%m-%d}", shop.later(days=2)
    await shop.catch_up()
    said = await drafted(shop, await shop.show(payment))
    assert said.receipt is not None
    assert paid_on in said.receipt
    assert said.delivery is not None
    assert "at once" not in said.delivery


async def test_evidence_quotes_the_refund_policy_that_was_in_force_when_it_was_sold(shop: Any) -> None:
    somebody = Person(id="a", name="a")
    await set_refund_policy(shop.till, Policy(window_hours=24), by=somebody)
    payment = await shop.paid()
    await set_refund_policy(shop.till, Policy(window_hours=999), by=somebody)
    said = await drafted(shop, payment)
    assert said.refund_policy == "Money goes back within 24 hours of the payment for goods that were not used."


async def test_evidence_quotes_no_refund_policy_for_what_another_system_sold(shop: Any) -> None:
    payment = await shop.paid()
    await shop.owner.execute("UPDATE payment SET imported = true")
    assert (await drafted(shop, payment)).refund_policy is None
