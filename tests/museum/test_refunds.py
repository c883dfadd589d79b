"""Public incidents with refunds, re-enacted; `patches/` holds for each test the edit that brings its bug back."""

import asyncio
import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.flows.test_claim import refunded_in_the_dashboard
from tests.flows.test_money_afterwards import second_capture
from tests.museum import races

from tillkeeper.catalog import Package
from tillkeeper.flows import operate
from tillkeeper.flows.offer import offer
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.payments import RefundExceedsCapturedError

SHARE = 119
"""Three fifths of the price: two of them are more than was paid."""
TAXED = Package(
    id="taxed", kind="credits", title="60 credits", quantity=60, prices={"EUR": 122}, tax_bps={"EUR": 1_900}
)
PARTS = (32, 9, 8, 3, 6, 3) * 2
"""All of the price, in the parts of the incident, twice."""
REFUND = "POST /stripe/v1/refunds"


async def test_refunds_at_once_never_exceed_what_was_captured(shop: Any) -> None:
    """Re-enact hyperswitch#13182: two refunds of 60 at once, of a payment of 100, both went to the gateway."""
    payment = await shop.paid()
    assert payment["amount"] < 2 * SHARE

    async with races.held(shop, "payment"):
        both = [asyncio.create_task(shop.refund(payment, SHARE)) for _ in range(2)]
        await races.until_waiting(shop, len(both))
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


async def test_refunds_one_after_the_other_never_exceed_what_was_captured(shop: Any) -> None:
    """Re-enact killbill#334: payments were found of which more had been refunded, in all, than captured."""
    payment = await shop.paid()
    await shop.refund(payment, SHARE)

    with pytest.raises(RefundExceedsCapturedError):
        await shop.refund(payment, SHARE)

    assert await shop.asked("POST /v1/refunds") == 1
    assert (await shop.show(payment))["amount_refunded"] == SHARE


async def test_a_refund_without_an_amount_gives_back_everything(shop: Any) -> None:
    """Re-enact django-payments#401: without an amount, which should mean all of it, nothing at all went back."""
    payment = await shop.paid()

    made = await shop.refund(payment)

    assert (made["amount"], made["status"]) == (payment["amount"], "succeeded")
    assert [line["refunded"] for line in (await shop.books())["payment_intents"]] == [payment["amount"]]
    assert (await shop.show(payment))["amount_refunded"] == payment["amount"]


async def test_a_refund_whose_webhook_is_here_before_its_answer_is_one_refund(shop: Any) -> None:
    """Re-enact woocommerce-gateway-stripe#2724: the answer was slow, and the webhook was taken for another refund."""
    payment = await shop.paid()
    shop.line.fault = "lost"
    made = await shop.refund(payment, 50)
    shop.line.fault = None

    await shop.catch_up()
    await shop.operate()

    assert (await shop.show_refund(made))["status"] == "succeeded"
    assert await shop.count("refund") == 1
    assert (await shop.show(payment))["amount_refunded"] == 50


async def test_a_part_that_is_refunded_in_the_gateways_dashboard_is_recorded(shop: Any) -> None:
    """Re-enact gumroad PR#5695: only a refund of everything was taken from the dashboard, a part was dropped."""
    payment = await shop.paid()

    await refunded_in_the_dashboard(shop, payment, SHARE)

    shown = await shop.show(payment)
    assert (shown["amount_refunded"], shown["fulfilment"]["status"]) == (SHARE, "partly_revoked")


async def test_a_webhook_of_more_than_is_left_to_refund_is_set_aside(shop: Any) -> None:
    """Re-enact OwnPay#177: a webhook's refund was held against the price alone, whatever had gone back before."""
    payment = await shop.paid()
    await refunded_in_the_dashboard(shop, payment, SHARE)
    [told] = await shop.events("refund.created")
    whole = copy.deepcopy(told) | {"id": "evt_of_a_refund_of_everything"}
    whole["data"]["object"] |= {"id": "re_of_everything", "amount": payment["amount"]}

    await shop.hear(whole)
    await shop.settle()

    assert (await shop.show(payment))["amount_refunded"] == SHARE
    assert await shop.count("refund") == 1
    [left] = await shop.owner.fetch("SELECT status, reason FROM inbox_message WHERE event_id = $1", whole["id"])
    assert "captured are" in left["reason"], left


async def test_a_refund_that_fails_later_is_no_refund(shop: Any) -> None:
    """Re-enact woocommerce-gateway-stripe#4405: the bank sent the money back, and the order stayed refunded."""
    payment = await shop.paid()
    made = await shop.refund(payment)
    await shop.catch_up()

    await shop.act(f"refunds/{made['gateway_reference']}/fail")
    await shop.catch_up()

    assert (await shop.show_refund(made))["status"] == "failed"
    assert (await shop.show(payment))["amount_refunded"] == 0
    assert await shop.wallet() == (120, 0)


async def test_a_second_payment_that_somebody_refunds_leaves_the_goods_of_the_first(shop: Any) -> None:
    """Re-enact pretix#343: the second of two charges was given back by hand, and the ticket was gone with it."""
    payment = await shop.paid()
    again = await second_capture(shop, payment)
    await shop.catch_up()

    await shop.act("refunds", {"payment_intent": again})
    await shop.catch_up()

    assert (await shop.show(payment))["amount_refunded"] == 0
    assert await shop.wallet() == (120, 0)
    assert await shop.ledger("refund_payable:EUR") == [0]


async def test_the_parts_of_a_refund_give_back_all_of_the_tax_and_no_more_than_the_rest(shop: Any) -> None:
    """Re-enact polar#13770: the tax of each part was rounded down, and what was missing was taken from the rest."""
    assert sum(PARTS) == TAXED.prices["EUR"]
    await offer(shop.till, [TAXED])
    payment = await shop.paid(package="taxed")

    for part in PARTS:
        await refunded_in_the_dashboard(shop, payment, part)

    assert (
        await shop.ledger("tax_payable:EUR", "deferred:EUR", "refunds_of_earned:EUR", "refund_payable:EUR") == [0] * 4
    )


async def test_a_refund_that_the_gateway_refused_is_not_made_when_it_is_asked_for_again(shop: Any) -> None:
    """Re-enact eliza#11022: a repeated request found its debit made, and did not see that it had been undone since."""
    payment = await shop.paid()
    await shop.act("refunds", {"payment_intent": payment["gateway_reference"]})
    first = await shop.refund(payment, 50, key="once")
    assert first["status"] == "failed"

    assert await shop.refund(payment, 50, key="once") == first

    assert await shop.asked("POST /v1/refunds") == 1
    assert await shop.count("refund", "origin = 'us'") == 1


async def test_a_refund_whose_process_died_before_it_was_sent_is_sent_by_another(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Re-enact OwnPay#185: what was set aside for a refund whose process had died was never sent nor given back."""
    payment = await shop.paid()

    async def die(*_: Any) -> None:
        message = "this process has died"
        raise RuntimeError(message)

    with monkeypatch.context() as dying:
        dying.setattr(operate, "call", die)
        with pytest.raises(RuntimeError, match="died"):
            await shop.refund(payment, 50)
    assert REFUND not in shop.line.calls

    for _ in range(4):  # looked for three times in vain, and then sent
        await shop.operate()

    assert [line["refunded"] for line in (await shop.books())["payment_intents"]] == [50]
    assert (await shop.refund(payment))["status"] == "succeeded"
    assert (await shop.show(payment))["amount_refunded"] == payment["amount"]


async def test_money_that_goes_back_by_itself_is_sent_back_by_one_worker(shop: Any) -> None:
    """Re-enact saleor#19812: a task that let money go ran twice at once, and each run asked under a key of its own."""
    payment = await shop.paid()
    found = await second_capture(shop, payment)
    await shop.catch_up()

    shop.line.gate = asyncio.Event()
    first = asyncio.create_task(operate.operate(shop.till, "stripe"))
    await until(lambda: REFUND in shop.line.calls)
    second = asyncio.create_task(operate.operate(shop.till, "stripe"))
    await until(lambda: second.done() or shop.line.calls.count(REFUND) > 1)
    shop.line.gate.set()
    await asyncio.gather(first, second)

    assert shop.line.calls.count(REFUND) == 1
    back = {line["payment_intent"]: line["refunded"] for line in (await shop.books())["payment_intents"]}
    assert back == {payment["gateway_reference"]: 0, found: payment["amount"]}


async def test_a_refund_of_which_nothing_is_heard_for_days_is_not_taken_for_failed(shop: Any) -> None:
    """Re-enact OwnPay#222: after a day without news a refund counted as failed, and was made once more."""
    payment = await shop.paid()
    shop.line.fault = "lost"
    made = await shop.refund(payment)
    for days in range(3):
        await replace(shop, till=shop.later(days=days)).operate()

    assert (await shop.show_refund(made))["status"] == "pending"
    with pytest.raises(RefundExceedsCapturedError):
        await shop.refund(payment, 1)

    shop.line.fault = None
    await shop.operate()
    assert (await shop.show_refund(made))["status"] == "succeeded"
    assert [(line["refunds"], line["refunded"]) for line in (await shop.books())["payment_intents"]] == [
        (1, payment["amount"])
    ]


async def until(seen: Callable[[], bool]) -> None:
    """Wait for something that nobody announces."""
    async with asyncio.timeout(races.patience_seconds):
        while not seen():  # noqa: ASYNC110 (a gateway that waits offers no event)
            await asyncio.sleep(0.01)
