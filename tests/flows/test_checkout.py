"""A checkout is opened once per key, at our price, whatever gets lost on the way."""

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from tillkeeper import catalog
from tillkeeper.catalog import Package
from tillkeeper.flows import checkout as checking
from tillkeeper.flows import operate
from tillkeeper.flows.checkout import AmountOutOfRangeError, Purchase
from tillkeeper.flows.offer import offer
from tillkeeper.gateway import GatewayUnavailableError
from tillkeeper.idempotency import InProgressError, KeyReusedError, Replay
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.kernel.money import CurrencyNotSupportedError

SESSIONS = "POST /v1/checkout/sessions"


async def test_a_checkout_shows_where_to_pay_and_what_it_costs(shop: Any) -> None:
    payment = await shop.opened()
    assert payment["status"] == "requires_action"
    assert (payment["amount"], payment["currency"], payment["user"]) == (199, "EUR", "ana")
    assert payment["next_action"]["url"].startswith("http://127.0.0.1")


async def test_fifty_creates_with_one_key_reach_the_gateway_once(shop: Any) -> None:
    answers = await asyncio.gather(*(shop.create("same") for _ in range(50)), return_exceptions=True)

    assert len(shop.line.calls) == 1
    assert (await shop.books())["sessions"] == 1
    assert await shop.count("payment") == 1
    kinds = Counter(type(answer) for answer in answers)
    assert set(kinds) <= {Replay, InProgressError}
    replays = [answer for answer in answers if isinstance(answer, Replay)]
    assert {answer.status for answer in replays} == {201}
    assert len({answer.body["id"] for answer in replays}) == 1
    assert [answer.repeated for answer in replays].count(False) == 1


async def test_the_same_key_replays_the_first_answer(shop: Any) -> None:
    first = await shop.create("same")
    again = await shop.create("same")
    assert (again.status, again.body, again.repeated) == (201, first.body, True)


async def test_the_same_key_with_another_body_is_refused(shop: Any) -> None:
    await shop.create("same")
    with pytest.raises(KeyReusedError):
        await shop.create("same", package="credits_50")
    assert await shop.count("payment") == 1


async def test_a_new_key_is_a_new_purchase(shop: Any) -> None:
    await shop.create("one")
    await shop.create("two")
    assert await shop.asked(SESSIONS) == 2


@pytest.mark.parametrize(("currency", "price"), [("INR", 10_000), ("USD", 199), ("EUR", 199), ("JPY", 240)])
async def test_the_gateway_is_asked_for_the_price_of_the_catalogue(shop: Any, currency: str, price: int) -> None:
    payment = await shop.opened(currency=currency)
    await shop.pay(payment)
    [intent] = (await shop.books())["payment_intents"]
    assert (intent["amount"], intent["currency"]) == (price, currency.lower())


async def test_a_quantity_multiplies_price_and_goods(shop: Any) -> None:
    payment = await shop.paid(quantity=3)
    assert payment["amount_captured"] == 597
    assert await shop.wallet() == (360, 0)


async def test_what_was_sold_is_delivered_although_the_package_was_changed_meanwhile(shop: Any) -> None:
    payment = await shop.opened()
    changed = Package(id="credits_120", kind="credits", title="Fewer", quantity=7, prices={"EUR": 5_000})
    await offer(shop.till, [changed])
    await shop.pay(payment)
    await shop.catch_up()
    assert (await shop.show(payment))["amount_captured"] == 199
    assert await shop.wallet() == (120, 0)


async def test_yen_have_no_decimals_anywhere(shop: Any) -> None:
    payment = await shop.paid(currency="JPY")
    [intent] = (await shop.books())["payment_intents"]
    assert (payment["amount_captured"], intent["captured"]) == (240, 240)
    assert await shop.ledger("deferred:JPY") == [240]


async def test_a_request_that_died_after_its_claim_is_finished_by_the_next_with_the_same_key(shop: Any) -> None:
    purchase = Purchase(package="credits_120", currency="EUR", user="ana")
    wish = shop.wish("same", purchase)
    begun = await checking._remember_wish(shop.till, wish, purchase)
    assert not isinstance(begun, Replay)
    dead, operation = begun
    assert operation
    with pytest.raises(InProgressError):
        await shop.create("same")

    await expire_leases(shop)
    replay = await shop.create("same")

    assert replay.status == 201
    assert await shop.count("payment", f"id = '{dead}' AND status = 'requires_action'") == 1
    assert shop.line.keys == [operation.key]
    assert (await shop.books())["sessions"] == 1


async def test_a_request_that_died_after_its_call_gets_the_same_session(shop: Any) -> None:
    purchase = Purchase(package="credits_120", currency="EUR", user="ana")
    begun = await checking._remember_wish(shop.till, shop.wish("same", purchase), purchase)
    assert not isinstance(begun, Replay)
    _, operation = begun
    assert operation
    await operate.call(shop.till, operation)

    await expire_leases(shop)
    replay = await shop.create("same")

    assert replay.status == 201
    assert shop.line.keys == [operation.key]  # the session was found by asking
    assert (await shop.books())["sessions"] == 1


async def test_a_request_that_died_is_answered_from_what_the_worker_did_meanwhile(shop: Any) -> None:
    purchase = Purchase(package="credits_120", currency="EUR", user="ana")
    await checking._remember_wish(shop.till, shop.wish("same", purchase), purchase)
    await shop.operate()
    await expire_leases(shop)
    replay = await shop.create("same")
    assert (replay.status, replay.body["status"]) == (201, "requires_action")
    assert len(shop.line.keys) == 1


async def test_an_unreachable_gateway_charges_nobody_and_frees_the_key(shop: Any) -> None:
    await shop.line.close()
    with pytest.raises(GatewayUnavailableError):
        await shop.create("same")
    assert await shop.count("idempotency_key") == 0
    assert await shop.count("payment", "status = 'failed' AND error_code = 'gateway_unavailable'") == 1
    assert await shop.count("operation", "state = 'refused'") == 1

    await shop.line.open()
    assert (await shop.create("same")).status == 201
    assert (await shop.books())["sessions"] == 1


async def test_a_dead_request_whose_next_try_is_refused_stays_unknown_until_it_is_known(shop: Any) -> None:
    purchase = Purchase(package="credits_120", currency="EUR", user="ana")
    await checking._remember_wish(shop.till, shop.wish("same", purchase), purchase)
    await shop.line.close()
    await expire_leases(shop)
    replay = await shop.create("same")
    assert replay.status == 202  # the first try may have been sent, so nobody can say that it was refused
    await shop.line.open()
    await shop.operate()
    assert (await shop.show(replay.body))["status"] == "requires_action"


@pytest.mark.parametrize("fault", ["cut", "lost", "broken"])
async def test_a_call_without_a_clear_answer_leaves_the_outcome_unknown(shop: Any, fault: str) -> None:
    shop.line.fault = fault
    replay = await shop.create()
    assert (replay.status, replay.body["status"]) == (202, "outcome_unknown")
    assert await shop.count("operation", "state = 'asked' AND due_at > clock_timestamp()") == 1


@pytest.mark.parametrize(("fault", "sent"), [("cut", 2), ("lost", 1)])
async def test_an_unknown_outcome_is_resolved_by_asking_before_anything_is_sent_again(
    shop: Any, fault: str, sent: int
) -> None:
    shop.line.fault = fault
    payment = (await shop.create()).body
    shop.line.fault = None

    await shop.operate()

    assert len(set(shop.line.keys)) == 1
    assert len(shop.line.keys) == sent
    assert (await shop.books())["sessions"] == 1
    shown = await shop.show(payment)
    assert shown["status"] == "requires_action"
    assert shown["last_error"] is None
    await shop.pay(shown)
    await shop.catch_up()
    assert await shop.wallet() == (120, 0)


async def test_a_refused_retry_does_not_make_an_unknown_outcome_a_failure(shop: Any) -> None:
    shop.line.fault = "lost"
    payment = (await shop.create()).body
    await shop.line.close()
    await shop.operate()
    assert (await shop.show(payment))["status"] == "outcome_unknown"

    shop.line.fault = None
    await shop.line.open()
    await shop.operate()
    assert (await shop.show(payment))["status"] == "requires_action"
    assert (await shop.books())["sessions"] == 1


async def test_a_webhook_that_comes_before_the_answer_is_not_undone_by_it(shop: Any) -> None:
    shop.line.fault = "lost"
    payment = (await shop.create()).body
    shop.line.fault = None
    session = (await shop.http.get(f"{shop.line.sandbox}/stripe/v1/checkout/sessions", headers=shop_key())).json()
    await shop.act(f"sessions/{session['data'][0]['id']}/pay")
    await shop.catch_up()
    assert (await shop.show(payment))["status"] == "succeeded"

    await shop.operate()

    assert (await shop.show(payment))["status"] == "succeeded"
    assert await shop.wallet() == (120, 0)
    assert await shop.count("operation", "state = 'asked'") == 0


@pytest.mark.parametrize("amount", [99, 5_000_001])
async def test_an_amount_outside_the_limits_is_refused_before_anything_is_stored(shop: Any, amount: int) -> None:
    with pytest.raises(AmountOutOfRangeError):
        await shop.create(package=None, user=None, amount=amount, currency="EUR", description="x")
    assert await shop.count("payment") + await shop.count("idempotency_key") == 0


@pytest.mark.parametrize("amount", [100, 5_000_000])
async def test_an_amount_at_the_limits_is_taken(shop: Any, amount: int) -> None:
    payment = await shop.opened(package=None, user=None, amount=amount, currency="EUR", description="x")
    assert payment["amount"] == amount


async def test_the_limits_count_whole_units_of_a_currency_without_decimals(shop: Any) -> None:
    replay = await shop.create(package=None, user=None, amount=50_000, currency="JPY", description="x")
    assert replay.status == 201
    with pytest.raises(AmountOutOfRangeError):
        await shop.create(package=None, user=None, amount=50_001, currency="JPY", description="x")


async def test_a_currency_may_have_limits_of_its_own(shop: Any) -> None:
    settings = shop.till.settings.model_copy(update={"amount_limits": "JPY=200..5000000, KWD=0.5..0.75"})
    shop.till = replace(shop.till, settings=settings)
    wish = {"package": None, "user": None, "description": "x"}
    assert (await shop.create(**wish, amount=5_000_000, currency="JPY")).status == 201
    for amount, currency in ((199, "JPY"), (5_000_001, "JPY"), (499, "KWD"), (751, "KWD"), (5_000_001, "EUR")):
        with pytest.raises(AmountOutOfRangeError):
            await shop.create(**wish, amount=amount, currency=currency)


async def test_a_free_amount_is_earned_at_capture_and_delivers_nothing(shop: Any) -> None:
    payment = await shop.paid(package=None, user=None, amount=2_500, currency="EUR", description="Workshop")
    assert payment["fulfilment"] is None
    assert await shop.ledger("revenue:other:EUR", "deferred:EUR") == [2_500, 0]


async def test_an_unknown_gateway_is_named_in_the_refusal(shop: Any) -> None:
    with pytest.raises(InvalidFieldError, match="paypal") as caught:
        await shop.create(gateway="paypal")
    assert caught.value.param == "gateway"


async def test_without_any_gateway_nobody_can_pay(shop: Any) -> None:
    with pytest.raises(GatewayUnavailableError, match="No gateway is configured"):
        await shop.create(till=replace(shop.till, gateways={}))


async def test_an_unknown_package_is_refused_and_nothing_is_stored(shop: Any) -> None:
    with pytest.raises(InvalidFieldError, match="credits_9000"):
        await shop.create(package="credits_9000")
    assert await shop.count("payment") + await shop.count("idempotency_key") + await shop.count("end_user") == 0


async def test_a_currency_without_a_price_is_refused(shop: Any) -> None:
    with pytest.raises(CurrencyNotSupportedError, match="GBP"):
        await shop.create(currency="GBP")


@pytest.mark.parametrize("quantity", [0, -1, catalog.quantity_max + 1])
async def test_a_quantity_that_makes_no_sense_is_refused(shop: Any, quantity: int) -> None:
    with pytest.raises(InvalidFieldError):
        await shop.create(quantity=quantity)


async def test_a_payment_and_its_attempt_stand_before_the_gateway_hears_of_them(shop: Any) -> None:
    shop.line.gate = asyncio.Event()
    waiting = asyncio.create_task(shop.create())
    await shop.line.called.wait()
    assert await shop.count("payment", "status = 'created'") == 1
    assert await shop.count("attempt", f"key = '{shop.line.keys[0]}' AND outcome IS NULL") == 1
    shop.line.gate.set()
    await waiting
    assert await shop.count("attempt", "outcome = 'opened' AND latency_ms >= 0") == 1


async def expire_leases(shop: Any) -> None:
    await shop.owner.execute("UPDATE idempotency_key SET lease_until = now() - interval '1 second'")
    await shop.owner.execute("UPDATE operation SET lease_until = now() - interval '1 second' WHERE state = 'asked'")


def shop_key() -> dict[str, str]:
    return {"Authorization": "Bearer sk_test_flows"}
