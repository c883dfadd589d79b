"""Public incidents with refunds, re-enacted; `patches/` holds for each test the edit that brings its bug back."""

import asyncio
from typing import Any

import pytest

from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.payments import RefundExceedsCapturedError

SHARE = 119
"""Three fifths of the price: two of them are more than was paid."""
WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0
"""
patience_seconds = 10


async def test_refunds_at_once_never_exceed_what_was_captured(shop: Any) -> None:
    """Re-enact hyperswitch#13182: two refunds of 60 at once, of a payment of 100, both went to the gateway."""
    payment = await shop.paid()
    assert payment["amount"] < 2 * SHARE

    async with asyncio.timeout(patience_seconds), shop.owner.transaction():
        await shop.owner.execute("SELECT FROM payment FOR UPDATE")
        both = [asyncio.create_task(shop.refund(payment, SHARE)) for _ in range(2)]
        while await shop.owner.fetchval(WAITING) < len(both):  # until both have come as far as they can
            await shop.owner.execute("SELECT pg_stat_clear_snapshot()")
            await asyncio.sleep(0.01)
    ends = await asyncio.gather(*both, return_exceptions=True)

    assert sorted(isinstance(end, RefundExceedsCapturedError) for end in ends) == [False, True]
    assert [line["refunded"] for line in (await shop.books())["payment_intents"]] == [SHARE]
    assert (await shop.show(payment))["amount_refunded"] == SHARE


@pytest.mark.parametrize("amount", [-1, -100, 0])
async def test_a_refund_of_less_than_one_minor_unit_is_refused(shop: Any, amount: int) -> None:
    """Re-enact hyperswitch PR#11491: a refund was only checked for being too large, and a negative one never is."""
    payment = await shop.paid()

    with pytest.raises(InvalidFieldError):
        await shop.refund(payment, amount)

    assert await shop.asked("POST /v1/refunds") == 0


async def test_two_partial_refunds_take_what_one_refund_of_their_sum_would(shop: Any) -> None:
    """Re-enact replyinmyvoice#301: the second refund took its share of what the first had left, as its total grew."""
    payment = await shop.paid()
    intent, half = payment["gateway_reference"], payment["amount"] // 4

    balances = []
    for _ in range(2):
        await shop.act("refunds", {"payment_intent": intent, "amount": half})
        await shop.catch_up()
        balances.append(await shop.wallet())

    paid = payment["amount"]
    assert balances == [(120 - 120 * half // paid, 0), (120 - 120 * 2 * half // paid, 0)]


async def test_what_was_captured_can_be_refunded_in_part_and_then_in_full(shop: Any) -> None:
    """Re-enact django-payments#469: a confirmed payment kept 0 as its captured amount, so no refund was possible."""
    payment = await shop.paid()
    assert payment["amount_captured"] == payment["amount"]

    first, rest = await shop.refund(payment, 50), await shop.refund(payment)

    assert (first["status"], rest["status"]) == ("succeeded", "succeeded")
    assert (first["amount"], rest["amount"]) == (50, payment["amount"] - 50)


async def test_a_refund_without_an_answer_is_asked_about_before_it_is_sent_again(shop: Any) -> None:
    """Re-enact killbill#338: what had timed out was retried while nobody knew whether it had been carried out."""
    payment = await shop.paid()
    await shop.turn(forget_keys=True)
    shop.line.fault = "lost"
    made = await shop.refund(payment, 50)
    shop.line.fault = None

    for _ in range(3):
        await shop.operate()

    assert (await shop.show_refund(made))["status"] == "succeeded"
    assert [line["refunded"] for line in (await shop.books())["payment_intents"]] == [50]


async def test_a_call_that_is_sent_again_carries_its_key(shop: Any) -> None:
    """Re-enact sokosumi PR#3120: calls that made money move had no key, so each try was a new one to the gateway."""
    payment = await shop.paid()
    await shop.turn(not_found_first=3)
    shop.line.fault = "lost"
    made = await shop.refund(payment, 50)
    shop.line.fault = None

    for _ in range(4):  # looked for three times in vain, and then sent again
        await shop.operate()

    assert (await shop.show_refund(made))["status"] == "succeeded"
    assert [line["refunded"] for line in (await shop.books())["payment_intents"]] == [50]
