"""Money goes back once, never more than was captured, and takes back exactly what it should."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from tests.flows.conftest import uuid_of

from tillkeeper.flows.refund import RefundWish, _reserve, refundable
from tillkeeper.flows.settle import settle
from tillkeeper.idempotency import InProgressError, KeyReusedError, Replay
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError, NotFoundError
from tillkeeper.kernel.money import CurrencyNotSupportedError
from tillkeeper.payments import RefundExceedsCapturedError, RefundNotAllowedError

REFUNDS = "POST /v1/refunds"


async def test_a_full_refund_gives_back_all_money_and_takes_back_all_goods(shop: Any) -> None:
    payment = await shop.paid()
    made = await shop.refund(payment)
    assert (made["status"], made["amount"], made["revoked"]) == ("succeeded", 199, 120)
    shown = await shop.show(payment)
    assert (shown["amount_refunded"], shown["amount_refunding"]) == (199, 0)
    assert shown["fulfilment"]["status"] == "revoked"
    assert await shop.wallet() == (0, 0)
    assert await shop.ledger("deferred:EUR", "refund_payable:EUR") == [0, 0]
    await agree(shop)


async def test_of_twenty_refunds_of_sixty_percent_at_once_one_succeeds(shop: Any) -> None:
    payment = await shop.paid(package="credits_600", currency="INR")
    sixty = payment["amount"] * 60 // 100

    answers = await asyncio.gather(*(shop.refund(payment, sixty) for _ in range(20)), return_exceptions=True)

    assert Counter(type(answer) for answer in answers) == {dict: 1, RefundExceedsCapturedError: 19}
    refused = next(answer for answer in answers if isinstance(answer, RefundExceedsCapturedError))
    assert (refused.status, refused.code, refused.param) == (422, "refund_exceeds_captured", "amount")
    [intent] = (await shop.books())["payment_intents"]
    assert (intent["captured"], intent["refunded"], intent["refunds"]) == (35_000, sixty, 1)
    assert await shop.wallet() == (600 - 360, 0)
    await agree(shop)


@pytest.mark.parametrize("parts", [(50, 50, 99), (1, 1, 1, 1), (66, 67, 66), (99, 99, 1)])
async def test_partial_refunds_never_take_back_more_than_their_sum_should(shop: Any, parts: tuple[int, ...]) -> None:
    payment = await shop.paid()
    refunded = 0
    for part in parts:
        await shop.refund(payment, part)
        refunded += part
        left = 0 if refunded == 199 else 120 - 120 * refunded // 199
        assert await shop.wallet() == (left, 0)
    await agree(shop)


async def test_a_refund_without_an_amount_gives_back_what_is_left(shop: Any) -> None:
    payment = await shop.paid()
    await shop.refund(payment, 50)
    assert (await shop.refund(payment))["amount"] == 149
    with pytest.raises(RefundExceedsCapturedError):
        await shop.refund(payment)
    assert await shop.wallet() == (0, 0)


async def test_spent_credits_cannot_be_refunded_but_the_rest_can(shop: Any) -> None:
    payment = await shop.paid()
    await shop.spend(60)
    with pytest.raises(RefundNotAllowedError):
        await shop.refund(payment)
    assert await shop.count("refund") == 0
    unspent = 199 - 199 * 60 // 120
    await shop.refund(payment, unspent)
    assert await shop.wallet() == (0, 0)
    assert await shop.ledger("deferred:EUR", "revenue:credits:EUR") == [0, 199 - unspent]


async def test_a_refund_in_the_gateways_dashboard_of_spent_credits_becomes_debt(shop: Any) -> None:
    payment = await shop.paid()
    await shop.spend(100)
    await dashboard_refund(shop, payment)
    assert await shop.wallet() == (0, 100)
    shown = await shop.show(payment)
    assert (shown["amount_refunded"], shown["fulfilment"]["status"]) == (199, "revoked")
    earned = 199 * 100 // 120
    stands = await shop.ledger("deferred:EUR", "revenue:credits:EUR", "refunds_of_earned:EUR")
    assert stands == [0, earned, -earned]
    await agree(shop)


async def test_debt_is_repaid_first_by_the_next_grant(shop: Any) -> None:
    payment = await shop.paid()
    await shop.spend(100)
    await dashboard_refund(shop, payment)
    again = await shop.paid()
    assert await shop.wallet() == (20, 0)
    assert again["fulfilment"]["quantity"] == 120
    earned = 199 * 100 // 120
    assert await shop.ledger("deferred:EUR", "revenue:credits:EUR") == [199 - earned, 2 * earned]


async def test_debt_larger_than_a_grant_swallows_it_whole(shop: Any) -> None:
    payment = await shop.paid(package="credits_300")
    await shop.spend(300)
    await dashboard_refund(shop, payment)
    await shop.paid()
    assert await shop.wallet() == (0, 180)
    assert await shop.ledger("deferred:EUR") == [0]


async def test_a_forced_refund_takes_credits_of_other_lots_before_it_makes_debt(shop: Any) -> None:
    first = await shop.paid()
    await shop.spend(120)
    await shop.paid(package="credits_50")
    await dashboard_refund(shop, first)
    assert await shop.wallet() == (0, 70)
    assert await shop.ledger("deferred:EUR") == [0]


async def test_a_refund_webhook_before_our_answer_makes_one_row(shop: Any) -> None:
    payment = await shop.paid()
    shop.line.fault = "lost"
    made = await shop.refund(payment, 100)
    assert made["status"] == "pending"
    shop.line.fault = None

    await shop.catch_up()
    assert (await shop.show_refund(made))["status"] == "succeeded"
    await shop.operate()

    assert await shop.count("refund") == 1
    assert (await shop.show(payment))["amount_refunded"] == 100
    assert await shop.count("payment_change", "step = 'refund_succeeded'") == 1
    assert await shop.asked(REFUNDS) == 1
    await agree(shop)


async def test_a_refund_whose_reply_is_lost_is_found_by_asking(shop: Any) -> None:
    payment = await shop.paid()
    shop.line.fault = "lost"
    made = await shop.refund(payment, 100)
    assert (made["status"], await shop.wallet()) == ("pending", (60, 0))
    assert (await shop.show(payment))["amount_refunding"] == 100
    shop.line.fault = None

    await shop.operate()

    assert (await shop.show_refund(made))["status"] == "succeeded"
    assert len(shop.line.keys) == 2  # the checkout and the refund, each sent once
    assert await shop.asked(REFUNDS) == 1
    await agree(shop)


async def test_a_refund_that_could_not_be_sent_stays_pending_and_is_sent_later(shop: Any) -> None:
    payment = await shop.paid()
    await shop.line.close()
    made = await shop.refund(payment)
    assert made["status"] == "pending"
    await shop.line.open()
    await shop.operate()
    assert (await shop.show_refund(made))["status"] == "succeeded"
    await agree(shop)


async def test_what_is_being_refunded_cannot_be_refunded_again(shop: Any) -> None:
    payment = await shop.paid()
    shop.line.fault = "cut"
    await shop.refund(payment, 150)
    with pytest.raises(RefundExceedsCapturedError):
        await shop.refund(payment, 50)


async def test_a_refund_that_fails_later_is_reversed_once_and_refundable_again(shop: Any) -> None:
    payment = await shop.paid()
    made = await shop.refund(payment)
    await shop.catch_up()
    await shop.act(f"refunds/{made['gateway_reference']}/fail")
    await shop.catch_up()
    await shop.hear({**(await shop.events("refund.failed"))[0], "id": "evt_again"})
    await shop.catch_up()

    assert (await shop.show_refund(made))["status"] == "failed"
    shown = await shop.show(payment)
    assert (shown["amount_refunded"], shown["fulfilment"]["status"]) == (0, "delivered")
    assert await shop.wallet() == (120, 0)
    assert await shop.count("payment_change", "step = 'refund_failed'") == 1
    assert await shop.ledger("deferred:EUR", "refund_payable:EUR") == [199, 0]
    await agree(shop)

    assert (await shop.refund(payment))["status"] == "succeeded"
    assert await shop.wallet() == (0, 0)
    await agree(shop)


async def test_a_forced_refund_that_fails_later_pays_its_debt_back(shop: Any) -> None:
    payment = await shop.paid()
    await shop.spend(100)
    await dashboard_refund(shop, payment)
    [refund] = await shop.owner.fetch("SELECT gateway_reference FROM refund")
    await shop.act(f"refunds/{refund['gateway_reference']}/fail")
    await shop.catch_up()
    assert await shop.wallet() == (20, 0)
    assert (await shop.show(payment))["fulfilment"]["status"] == "delivered"
    await shop.spend(20)
    assert await shop.ledger("deferred:EUR", "revenue:credits:EUR", "refunds_of_earned:EUR") == [0, 199, 0]


@pytest.mark.parametrize("first", [1, 20])
async def test_a_failed_refund_returns_what_the_sum_of_the_others_leaves(shop: Any, first: int) -> None:
    payment = await shop.paid(package="credits_50", currency="JPY", quantity=1)
    early = await shop.refund(payment, first)
    await shop.refund(payment, 2)
    await shop.catch_up()
    await shop.act(f"refunds/{early['gateway_reference']}/fail")
    await shop.catch_up()
    assert set(await shop.inbox()) <= {"processed", "ignored"}
    assert await shop.wallet() == (50 - 50 * 2 // 120, 0)
    await shop.spend(50)
    assert await shop.ledger("deferred:JPY", "revenue:credits:JPY") == [0, 118]


async def test_our_refund_and_one_in_the_dashboard_at_once_never_exceed_the_capture(shop: Any) -> None:
    payment = await shop.paid()
    shop.line.fault = "cut"
    ours = await shop.refund(payment, 150)
    shop.line.fault = None
    await dashboard_refund(shop, payment, 150)
    assert set(await shop.inbox()) <= {"processed", "ignored"}

    for _ in range(3):  # ours cannot be found, so it is sent again; the gateway declines: less than 150 is left there
        await shop.operate()

    assert (await shop.show_refund(ours))["status"] == "failed"
    shown = await shop.show(payment)
    assert (shown["amount_refunded"], shown["amount_refunding"]) == (150, 0)
    assert await shop.wallet() == (120 - 120 * 150 // 199, 0)
    await agree(shop)


async def test_a_refund_of_an_unpaid_payment_is_refused(shop: Any) -> None:
    payment = await shop.opened()
    with pytest.raises(InvalidStateError, match="requires_action"):
        await shop.refund(payment)
    assert await shop.count("refund") + await shop.count("idempotency_key", "resource_id IS NULL") == 0


async def test_a_refund_of_a_payment_that_does_not_exist_is_refused(shop: Any) -> None:
    with pytest.raises(NotFoundError):
        await shop.refund({"id": ids.text("payment", ids.new())})


@pytest.mark.parametrize("amount", [0, -1])
async def test_a_refund_of_nothing_is_refused(shop: Any, amount: int) -> None:
    payment = await shop.paid()
    with pytest.raises(InvalidFieldError):
        await shop.refund(payment, amount)


async def test_the_same_key_replays_a_refund(shop: Any) -> None:
    payment = await shop.paid()
    first = await shop.refund(payment, 50, key="same")
    again = await shop.refund(payment, 50, key="same")
    assert again == first
    assert await shop.count("refund") == 1
    assert await shop.asked(REFUNDS) == 1


async def test_the_same_key_for_another_refund_is_refused(shop: Any) -> None:
    payment = await shop.paid()
    await shop.refund(payment, 50, key="same")
    with pytest.raises(KeyReusedError):
        await shop.refund(payment, 60, key="same")


async def test_twenty_refunds_with_one_key_at_once_are_one_refund(shop: Any) -> None:
    payment = await shop.paid()
    answers = await asyncio.gather(*(shop.refund(payment, 50, key="same") for _ in range(20)), return_exceptions=True)
    assert {type(answer) for answer in answers} <= {dict, InProgressError}
    assert await shop.count("refund") == 1
    assert len([call for call in shop.line.calls if call.endswith("/refunds")]) == 1


async def test_a_refund_that_died_after_its_claim_is_finished_by_the_same_key(shop: Any) -> None:
    payment = await shop.paid()
    wanted = RefundWish(payment=ids.parse("payment", payment["id"]), amount=50)
    begun = await _reserve(shop.till, shop.wish("same", wanted), wanted)
    assert not isinstance(begun, Replay)
    with pytest.raises(InProgressError):
        await shop.refund(payment, 50, key="same")
    await shop.owner.execute("UPDATE idempotency_key SET lease_until = now() - interval '1 second'")
    await shop.owner.execute("UPDATE operation SET lease_until = now() - interval '1 second'")
    made = await shop.refund(payment, 50, key="same")
    assert (made["id"], made["status"]) == (ids.text("refund", begun[0]), "pending")

    for _ in range(2):  # after 5 minutes, after an hour: then it counts as never made, and is sent with its own key
        await shop.operate()

    assert (await shop.show_refund(made))["status"] == "succeeded"
    assert await shop.asked(REFUNDS) == 1


async def test_a_refund_of_a_free_amount_is_taken_from_what_was_earned(shop: Any) -> None:
    payment = await shop.paid(package=None, user=None, amount=1_000, currency="EUR", description="Workshop")
    await shop.refund(payment, 400)
    stands = await shop.ledger("revenue:other:EUR", "refunds_of_earned:EUR", "refund_payable:EUR")
    assert stands == [1_000, -400, 0]
    await agree(shop)


async def test_refunds_and_spends_at_once_do_not_deadlock(shop: Any) -> None:
    payment = await shop.paid(package="credits_600")
    for _ in range(15):
        await asyncio.gather(
            *(shop.spend(1) for _ in range(4)), *(shop.refund(payment, 1) for _ in range(2)), return_exceptions=True
        )
    database = "datname = current_database()"
    assert await shop.owner.fetchval(f"SELECT deadlocks FROM pg_stat_database WHERE {database}") == 0


async def test_a_refund_in_another_currency_than_the_payment_is_quarantined(shop: Any) -> None:
    payment = await shop.paid()
    await shop.act("refunds", {"payment_intent": payment["gateway_reference"], "amount": 50})
    [event] = await shop.events("refund.created")
    event["data"]["object"]["currency"] = "usd"
    await shop.hear(event)
    await settle(shop.till)
    assert await shop.inbox(event) == ["quarantined"]
    assert (await shop.show(payment))["amount_refunded"] == 0


async def dashboard_refund(shop: Any, payment: dict[str, Any], amount: int | None = None) -> None:
    wanted = {"payment_intent": payment["gateway_reference"]} | ({"amount": amount} if amount else {})
    await shop.act("refunds", wanted)
    await shop.catch_up()


async def agree(shop: Any) -> None:
    """Compare every payment with the gateway's own books."""
    rows = await shop.owner.fetch("SELECT gateway_reference, amount_captured, amount_refunded FROM payment")
    ours = {row["gateway_reference"]: (row["amount_captured"], row["amount_refunded"]) for row in rows}
    intents = (await shop.books())["payment_intents"]
    assert ours == {intent["payment_intent"]: (intent["captured"], intent["refunded"]) for intent in intents}


async def test_money_behind_the_last_credit_of_a_lot_is_not_owed_for_ever(shop: Any) -> None:
    payment = await shop.paid(package="credits_50", currency="JPY")  # 120 yen
    await shop.refund(payment, 2)  # less than one credit costs
    await shop.spend(49)
    await dashboard_refund(shop, payment, 1)  # together they take the last credit
    assert await shop.wallet() == (0, 0)
    assert await shop.ledger("deferred:JPY", "revenue:credits:JPY") == [0, 117]


async def test_money_that_comes_home_for_credits_that_are_spent_is_earned(shop: Any) -> None:
    payment = await shop.paid(package="credits_50", currency="JPY")
    made = await shop.refund(payment, 2)
    await shop.spend(50)
    await shop.catch_up()
    await shop.act(f"refunds/{made['gateway_reference']}/fail")
    await shop.catch_up()
    assert (await shop.show_refund(made))["status"] == "failed"
    assert await shop.wallet() == (0, 0)
    assert await shop.ledger("deferred:JPY", "revenue:credits:JPY", "refund_payable:JPY") == [0, 120, 0]


async def test_a_refund_that_the_gateway_cannot_express_is_refused_before_anything_is_stored(shop: Any) -> None:
    payment = await shop.paid(package=None, user=None, amount=10_000, currency="BHD")

    with pytest.raises(CurrencyNotSupportedError):
        await shop.refund(payment, 5)

    assert await shop.count("refund") == 0
    assert (await shop.refund(payment, 10))["status"] == "succeeded"


async def test_what_can_go_back_without_an_override_is_what_a_refund_takes(shop: Any) -> None:
    payment = await shop.paid()
    await shop.spend(60)
    offered = await refundable(shop.till, uuid_of(payment))

    with pytest.raises(RefundNotAllowedError):
        await shop.refund(payment, offered + 1)

    assert (await shop.refund(payment, offered))["amount"] == offered
    assert await refundable(shop.till, uuid_of(payment)) == 0
    assert await shop.wallet() == (0, 0)

    with pytest.raises(NotFoundError):
        await refundable(shop.till, ids.new())


async def test_a_refund_that_failed_before_we_heard_of_it_takes_nothing(shop: Any) -> None:
    payment = await shop.paid()
    made = await shop.act("refunds", {"payment_intent": payment["gateway_reference"], "amount": 60})
    await shop.act(f"refunds/{made['id']}/fail")
    created, failed = await shop.events("refund.created"), await shop.events("refund.failed")

    for event in (*failed, *created):
        await shop.hear(event)
    await shop.settle()

    assert await shop.wallet() == (120, 0)
    shown = await shop.show(payment)
    assert (shown["amount_refunded"], shown["amount_refunding"]) == (0, 0)
