"""What happens to money after it came: disputes, payouts, fees told late, second captures, late success."""

import asyncio
from typing import Any

import pytest
from tests.flows.conftest import KEY, uuid_of

from tillkeeper.flows.settle import settle
from tillkeeper.gateways.stripe import adapter
from tillkeeper.payments import PaymentDisputedError
from tillkeeper.reports import dispute as disputes_shown

Json = dict[str, Any]
ticks_max = 100


async def the_intent(shop: Any, payment: Json) -> str:
    """Find the intent by which a payment goes."""
    shown = await shop.show(payment)
    return str(shown["gateway_reference"])


async def disputes(shop: Any) -> list[Json]:
    async with shop.till.db.transaction(read_only=True) as tx:
        page: Any = await disputes_shown.find(tx, payment=None, status=None, limit=100, cursor=None)
    found: list[Json] = page["data"]
    return found


async def told(shop: Any, type_: str) -> int:
    return int(await shop.count("outbox_event", f"type = '{type_}'"))


async def test_a_dispute_is_recorded_with_its_reason_and_its_last_day(shop: Any) -> None:
    payment = await shop.paid()
    opened = await shop.act("disputes", {"payment_intent": await the_intent(shop, payment), "reason": "fraudulent"})
    await shop.catch_up()
    [dispute] = await disputes(shop)
    assert (dispute["payment"], dispute["gateway_reference"]) == (payment["id"], opened["id"])
    assert (dispute["status"], dispute["reason"], dispute["amount"]) == ("needs_response", "fraudulent", 199)
    assert dispute["due_at"]
    assert (dispute["amount_withdrawn"], dispute["fee"]) == (199, 1500)
    assert (await shop.show(payment))["amount_disputed"] == 199
    assert await told(shop, "dispute.opened") == 1


async def test_a_disputed_payment_is_refused_a_refund_until_the_dispute_is_won(shop: Any) -> None:
    payment = await shop.paid()
    opened = await shop.act("disputes", {"payment_intent": await the_intent(shop, payment)})
    await shop.catch_up()
    with pytest.raises(PaymentDisputedError):
        await shop.refund(payment)
    assert await shop.asked("POST /v1/refunds") == 0
    await shop.act(f"disputes/{opened['id']}/win")
    await shop.catch_up()
    assert (await shop.show(payment))["amount_disputed"] == 0
    assert (await shop.refund(payment))["status"] == "succeeded"
    assert [await told(shop, f"dispute.{end}") for end in ("opened", "won", "lost")] == [1, 1, 0]


async def test_a_lost_dispute_stays_claimed(shop: Any) -> None:
    payment = await shop.paid()
    opened = await shop.act("disputes", {"payment_intent": await the_intent(shop, payment), "amount": 99})
    await shop.act(f"disputes/{opened['id']}/lose")
    await shop.catch_up()
    [dispute] = await disputes(shop)
    assert (dispute["status"], bool(dispute["closed_at"])) == ("lost", True)
    assert (await shop.show(payment))["amount_disputed"] == 99
    assert (await shop.refund(payment))["amount"] == 100


async def test_a_payout_is_recorded_and_told_once_per_stage(shop: Any) -> None:
    await shop.paid()
    run = await shop.act("payouts", {"currency": "eur", "early": True, "outcome": "paid"})
    [payout] = run["data"]
    await shop.catch_up()
    row = await shop.owner.fetchrow("SELECT * FROM payout")
    assert (row["gateway_reference"], row["status"], row["amount"]) == (payout["id"], "paid", payout["amount"])
    await shop.act(f"payouts/{payout['id']}/fail")
    await shop.catch_up()
    assert await shop.owner.fetchval("SELECT status FROM payout") == "failed"
    assert [await told(shop, f"payout.{end}") for end in ("paid", "failed")] == [1, 1]


async def test_a_fee_that_the_gateway_tells_late_corrects_the_books(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "fee_fixed", 20)  # ten less than what the gateway will keep
    payment = await shop.opened()
    await shop.turn(late_fee_seconds=1)
    intent = await second_capture(shop, payment)
    await shop.catch_up()
    assert await shop.ledger("fees:stripe:processing:EUR") == [26]
    await shop.turn(clock_ahead_seconds=60)
    for _ in range(ticks_max):
        if await shop.events("charge.updated"):
            break
        await asyncio.sleep(0.1)
    await shop.catch_up()
    await shop.operate()
    [kept] = [each["fee"] for each in (await shop.books())["payment_intents"] if each["payment_intent"] == intent]
    assert await shop.ledger("fees:stripe:processing:EUR") == [kept] == [36]
    assert await shop.owner.fetchval("SELECT fee_final FROM payment")


async def second_capture(shop: Any, payment: Json, amount: int = 199) -> str:
    """Take money once more for the same payment, as a second attempt at the gateway would."""
    wanted = {
        "amount": str(amount),
        "currency": "eur",
        "metadata[payment]": payment["id"],
        "payment_method_types[0]": "card",
    }
    headers = {"Authorization": f"Bearer {KEY}"}
    made = await shop.http.post(f"{shop.line.sandbox}/stripe/v1/payment_intents", data=wanted, headers=headers)
    assert made.status_code == 200, made.text
    intent = str(made.json()["id"])
    await shop.act(f"payment_intents/{intent}/pay")
    return intent


async def test_a_second_capture_is_given_back_by_itself_and_delivers_nothing(shop: Any) -> None:
    payment = await shop.paid()
    intent = await second_capture(shop, payment)
    await shop.catch_up()
    assert await shop.ledger("refund_payable:EUR") == [199]
    await shop.operate()
    await shop.catch_up()
    shown = await shop.show(payment)
    assert (shown["status"], shown["amount_captured"], shown["amount_refunded"]) == ("succeeded", 199, 0)
    assert await shop.wallet() == (120, 0)
    assert await shop.ledger("refund_payable:EUR") == [0]
    refunded = {each["payment_intent"]: each["refunded"] for each in (await shop.books())["payment_intents"]}
    assert refunded == {intent: 199, shown["gateway_reference"]: 0}
    row = await shop.owner.fetchrow("SELECT * FROM refund")
    assert (row["surplus"], row["status"], row["capture_reference"]) == (True, "succeeded", intent)


async def test_a_second_capture_that_is_heard_of_often_is_given_back_once(shop: Any) -> None:
    payment = await shop.paid()
    await second_capture(shop, payment)
    for event in (await shop.events("payment_intent.succeeded"))[1:]:
        for copy in range(3):
            await shop.hear(event | {"id": f"evt_copy_{copy}"})
            await shop.settle()
    await shop.operate()
    assert await shop.asked("POST /v1/refunds") == 1
    assert await shop.count("refund") == 1


async def test_the_payment_of_a_second_capture_can_still_be_refunded_itself(shop: Any) -> None:
    payment = await shop.paid()
    await second_capture(shop, payment)
    await shop.catch_up()
    await shop.operate()
    await shop.catch_up()
    assert (await shop.refund(payment))["amount"] == 199
    assert (await shop.show(payment))["amount_refunded"] == 199
    assert await shop.wallet() == (0, 0)


@pytest.mark.parametrize(("policy", "delivered"), [("fulfil", 120), ("refund", 0)])
async def test_money_that_comes_after_the_end_buys_or_goes_back_as_the_shop_decided(
    shop: Any, policy: str, delivered: int
) -> None:
    shop.till.settings.__dict__["late_success"] = policy
    payment = await shop.opened()
    await shop.act(f"sessions/{payment['gateway_reference']}/expire")
    await shop.catch_up()
    assert (await shop.show(payment))["status"] == "expired"
    await shop.act(f"sessions/{payment['gateway_reference']}/late_success")
    await shop.catch_up()
    await shop.operate()
    await shop.catch_up()
    shown = await shop.show(payment)
    assert (shown["status"], shown["amount_refunded"]) == ("succeeded", 0 if delivered else 199)
    assert (await shop.wallet())[0] == delivered
    assert shown["fulfilment"]["status"] == ("delivered" if delivered else "failed")


async def test_an_authorisation_after_the_end_is_let_go_at_the_gateway(shop: Any) -> None:
    payment = await shop.opened(capture_method="manual")
    await shop.pay(payment)
    await shop.owner.execute("UPDATE payment SET status = 'expired' WHERE id = $1", uuid_of(payment))
    await shop.hear_news("payment_intent.amount_capturable_updated")
    await settle(shop.till)
    await shop.operate()
    [intent] = (await shop.books())["payment_intents"]
    assert (intent["status"], intent["captured"]) == ("canceled", 0)
