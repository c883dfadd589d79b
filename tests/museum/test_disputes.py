"""Public incidents with disputes, re-enacted; `patches/` holds for each test the edit that brings its bug back."""

from dataclasses import replace
from typing import Any

import pytest
from tests.flows.test_claim import a_reversal, a_stage, disputed, ended, purse
from tests.flows.test_grant import give

from tillkeeper.facts import DisputeStatus
from tillkeeper.payments import PaymentDisputedError, RefundExceedsCapturedError

RECEIVABLE, LOSS = "gateway:stripe:dispute_receivable:EUR", "chargeback_loss:EUR"
PRICE, SHARE = 199, 100


async def test_a_payment_that_a_bank_is_taking_back_is_not_refunded_as_well(shop: Any) -> None:
    """Re-enact gumroad#4358: a refund in the middle of a dispute took the money from the seller a second time."""
    payment = await shop.paid()
    await disputed(shop, payment)

    with pytest.raises(PaymentDisputedError):
        await shop.refund(payment)

    assert await shop.asked("POST /v1/refunds") == 0
    assert (await shop.show(payment))["amount_refunded"] == 0


async def test_what_a_lost_dispute_took_is_not_there_to_be_refunded(shop: Any) -> None:
    """Re-enact hyperswitch PR#10533: what could be refunded took no account of what a chargeback had taken."""
    payment = await shop.paid()
    await ended(shop, await disputed(shop, payment, SHARE), "lose")

    with pytest.raises(RefundExceedsCapturedError):
        await shop.refund(payment, PRICE - SHARE + 1)

    assert (await shop.refund(payment))["amount"] == PRICE - SHARE


async def test_credits_whose_money_a_bank_took_back_cannot_be_spent(shop: Any) -> None:
    """Re-enact eliza#10920: a charged-back top-up stayed in the balance, with the money back at the customer's."""
    payment = await shop.paid()
    dispute = await disputed(shop, payment)
    during = await purse(shop)
    await ended(shop, dispute, "lose")

    assert (during, await purse(shop)) == ((0, 120, 0), (0, 0, 0))


async def test_a_dispute_that_is_won_gives_the_credits_back(shop: Any) -> None:
    """Re-enact eliza#10997: credits went when a dispute was opened, and never came back when it was won."""
    payment = await shop.paid()
    await ended(shop, await disputed(shop, payment), "win")

    assert await purse(shop) == (120, 0, 0)


async def test_a_refund_after_a_dispute_that_was_won_takes_the_credits(shop: Any) -> None:
    """Re-enact eliza#11155: what a dispute had taken and returned still counted as taken, so a refund took nothing."""
    payment = await shop.paid()
    await ended(shop, await disputed(shop, payment), "win")

    await shop.refund(payment)

    assert await purse(shop) == (0, 0, 0)


async def test_a_dispute_that_was_lost_in_part_leaves_the_goods_of_the_rest(shop: Any) -> None:
    """Re-enact gumroad PR#5394: a dispute that ended in a partial refund took away everything, for ever."""
    payment = await shop.paid()
    await shop.apply(a_stage(payment, DisputeStatus.NEEDS_RESPONSE, 1, withdrawn=PRICE))
    await shop.apply(a_stage(payment, DisputeStatus.LOST, 2, withdrawn=SHARE))

    assert await purse(shop) == (60, 0, 0)
    assert (await shop.show(payment))["fulfilment"]["status"] == "partly_revoked"


async def test_money_that_the_gateway_took_back_in_part_takes_its_share_of_the_goods(shop: Any) -> None:
    """Re-enact woocommerce-paypal-payments#1614: a reversal of a part of a capture canceled the whole order."""
    payment = await shop.paid()

    await shop.apply(a_reversal(payment, SHARE))

    assert (await shop.show(payment))["amount_refunded"] == SHARE
    assert await purse(shop) == (60, 0, 0)


async def test_a_lost_dispute_that_is_told_again_is_lost_once(shop: Any) -> None:
    """Re-enact woocommerce-payments PR#12023: a redelivered end of a partial dispute was booked as one refund more."""
    payment = await shop.paid()
    opened = a_stage(payment, DisputeStatus.NEEDS_RESPONSE, 1, SHARE, withdrawn=SHARE)
    lost = a_stage(payment, DisputeStatus.LOST, 2, SHARE, withdrawn=SHARE)

    for notice in (opened, lost, lost, replace(lost)):
        await shop.apply(notice)

    assert await shop.ledger(RECEIVABLE, LOSS, "deferred:EUR") == [0, 0, PRICE - SHARE]
    assert (await shop.show(payment))["amount_disputed"] == SHARE
    assert await shop.count("outbox_event", "type = 'dispute.lost'") == 1


async def test_a_refund_after_a_dispute_that_was_lost_in_part_takes_only_the_rest(shop: Any) -> None:
    """Re-enact fountain#1126 (2): what a dispute had taken was not counted, and a refund took all credits again."""
    payment = await shop.paid()
    await give(shop, 500)
    await ended(shop, await disputed(shop, payment, SHARE), "lose")

    await shop.apply(replace(a_reversal(payment, PRICE - SHARE), reversal=False))

    assert await purse(shop) == (500, 0, 0)
    assert (await shop.show(payment))["fulfilment"]["revoked"] == 120


async def test_a_dispute_of_more_than_was_paid_takes_no_more_goods_than_were_paid(shop: Any) -> None:
    """Re-enact polar#8344: the rate had moved, the bank took more than the payment, and that could not be recorded."""
    payment = await shop.paid()
    await give(shop, 500)
    much: dict[str, Any] = {"amount": PRICE + SHARE, "withdrawn": PRICE + SHARE}
    opened, lost = (
        a_stage(payment, status, minute, **much)
        for minute, status in enumerate((DisputeStatus.NEEDS_RESPONSE, DisputeStatus.LOST), 1)
    )

    await shop.apply(opened)
    assert await purse(shop) == (500, 120, 0)
    await shop.apply(lost)

    assert await purse(shop) == (500, 0, 0)
    assert await shop.ledger(RECEIVABLE, LOSS, "deferred:EUR") == [0, SHARE, 0]


async def test_an_inquiry_moves_neither_money_nor_goods(shop: Any) -> None:
    """Re-enact woocommerce-payments#794: a bank had only asked a question, and the payment was shown as refunded."""
    payment = await shop.paid()

    await shop.apply(a_stage(payment, DisputeStatus.WARNING, 1))

    shown = await shop.show(payment)
    assert (shown["amount_disputed"], shown["amount_refunded"]) == (0, 0)
    assert await purse(shop) == (120, 0, 0)
    assert (await shop.refund(payment))["status"] == "succeeded"


async def test_a_dispute_that_is_told_by_several_events_is_one_dispute(shop: Any) -> None:
    """Re-enact polar PR#8329: each event about a dispute created it anew, and its refund as well."""
    payment = await shop.paid()
    await disputed(shop, payment)

    for number, event in enumerate(await shop.events("charge.dispute.created", "charge.dispute.funds_withdrawn")):
        await shop.hear(event | {"id": f"evt_{number}_again"})
    await shop.settle()

    assert await shop.count("dispute") == await shop.count("outbox_event", "type = 'dispute.opened'") == 1
    assert await shop.ledger(RECEIVABLE) == [PRICE]
    assert set(await shop.inbox()) <= {"processed", "ignored"}
    assert await purse(shop) == (0, 120, 0)
