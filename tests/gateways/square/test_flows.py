"""The whole life of purchases through Square: real flows, a real database, and the sandbox that sends webhooks."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.flows.conftest import uuid_of
from tests.gateways.square.conftest import House
from tests.gateways.square.shop import DECLINED, OK, SquareShop, link_of, opened

from tillkeeper.flows.catch_up import catch_up
from tillkeeper.flows.expire import expire
from tillkeeper.flows.import_settlement import import_settlement
from tillkeeper.flows.receive import receive
from tillkeeper.flows.reconcile import reconcile_day
from tillkeeper.flows.refund import RefundWish, promise, weigh
from tillkeeper.flows.sync import sync
from tillkeeper.kernel import clock, ids
from tillkeeper.kernel.errors import InvalidStateError


@pytest.fixture
async def shop(house: House, database_url: str, owner_url: str) -> AsyncIterator[SquareShop]:
    async with opened(house, database_url, owner_url) as made:
        yield made


async def test_what_was_bought_and_paid_is_delivered_once_and_costs_what_square_kept(shop: SquareShop) -> None:
    payment = await shop.paid()
    assert await shop.wallet() == (120, 0)
    [line] = shop.lines()
    assert (payment["amount_captured"], line["captured"], line["captures"]) == (payment["amount"], payment["amount"], 1)
    assert payment["gateway_reference"] == line["payment"]
    fee = await shop.ledger("fees:square:processing:USD")
    assert [abs(each) for each in fee] == [line["fee"]]


async def test_a_dozen_webhooks_in_any_order_and_twice_have_one_effect(shop: SquareShop) -> None:
    """One Square payment with a refund makes about 12 webhooks: they are ordered by what they say of the object."""
    payment = await shop.opened()
    await shop.pay(payment)
    paid = shop.lines()[0]["payment"]
    shop.house.act("refunds", {"payment": paid, "amount": payment["amount"] // 2})
    await shop.post_is_empty()
    letters = list(shop.house.receiver.letters)
    assert len(letters) == 11
    for letter in [*reversed(letters), *letters]:
        await receive(shop.intake, "square", letter.headers, letter.body)
    await shop.settle()
    await shop.owner.execute("UPDATE inbox_message SET due_at = now() WHERE status = 'parked'")
    await shop.settle()
    shown = await shop.show(payment)
    assert (shown["status"], shown["amount_refunded"]) == ("succeeded", payment["amount"] // 2)
    assert await shop.wallet() == (120 - 120 * shown["amount_refunded"] // payment["amount"], 0)
    assert await shop.count("refund") == 1


async def test_refunds_in_part_in_the_dashboard_and_in_full_add_up(shop: SquareShop) -> None:
    payment = await shop.paid()
    part = payment["amount"] // 4
    made = await shop.refund(payment, part)
    assert made["status"] == "pending"
    shop.house.act("refunds", {"payment": payment["gateway_reference"], "amount": part})
    await shop.catch_up()
    assert (await shop.show_refund(made))["status"] == "succeeded"
    assert (await shop.show(payment))["amount_refunded"] == 2 * part
    await shop.refund(payment)
    await shop.catch_up()
    shown = await shop.show(payment)
    assert shown["amount_refunded"] == payment["amount"] == shop.lines()[0]["refunded"]
    assert await shop.wallet() == (0, 0)


async def test_a_pending_refund_of_whose_end_no_webhook_told_is_known_after_asking(shop: SquareShop) -> None:
    payment = await shop.paid()
    made = await shop.refund(payment)
    await shop.post_is_empty()
    assert (await shop.show_refund(made))["status"] == "pending"
    shown = await sync(shop.till, uuid_of(payment))
    assert shown["amount_refunded"] == payment["amount"]
    assert (await shop.show_refund(made))["status"] == "succeeded"
    assert await sync(shop.till, uuid_of(payment)) == shown


async def test_a_refund_that_fails_later_gives_the_goods_back(shop: SquareShop) -> None:
    payment = await shop.paid()
    made = await shop.refund(payment)
    await shop.catch_up()
    assert await shop.wallet() == (0, 0)
    [refund] = shop.house.client.refunds.list()
    shop.house.act(f"refunds/{refund.id}/fail")
    await shop.catch_up()
    assert (await shop.show_refund(made))["status"] == "failed"
    assert await shop.wallet() == (120, 0)


async def test_a_refund_that_square_puts_off_because_another_is_pending_is_made_after_it(shop: SquareShop) -> None:
    payment = await shop.paid()
    shop.house.act("refunds/hold", {"held": True})
    first, second = await shop.refund(payment, 50), await shop.refund(payment, 30)
    assert [first["status"], second["status"]] == ["pending", "pending"]
    [pending] = shop.house.client.refunds.list()
    shop.house.act(f"refunds/{pending.id}/complete")
    shop.house.act("refunds/hold", {"held": False})
    await shop.operate()
    await shop.catch_up()
    assert [(await shop.show_refund(made))["status"] for made in (first, second)] == ["succeeded", "succeeded"]
    assert [(line["refunded"], line["refunds"]) for line in shop.lines()] == [(80, 2)]


async def test_a_lost_reply_opens_no_second_checkout(shop: SquareShop) -> None:
    shop.lose_replies("POST")
    replay = await shop.create("the-key")
    assert (replay.status, replay.body["status"]) == (202, "outcome_unknown")
    shop.answer_again()
    await shop.operate()
    payment = await shop.show(replay.body)
    assert (payment["status"], payment["next_action"]["type"]) == ("requires_action", "redirect")
    await shop.pay(payment)
    await shop.catch_up()
    assert (await shop.show(payment))["status"] == "succeeded"
    assert shop.executed("POST /v2/online-checkout/payment-links") == 1


async def test_a_card_whose_charge_got_no_answer_is_charged_once(shop: SquareShop) -> None:
    payment = await shop.opened(checkout="embedded")
    assert payment["next_action"]["type"] == "client"
    shop.lose_replies("POST")
    assert (await shop.confirm(payment, OK))["status"] == "outcome_unknown"
    shop.answer_again()
    await shop.operate()
    shown = await shop.show(payment)
    assert (shown["status"], shown["gateway_reference"]) == ("succeeded", shop.lines()[0]["payment"])
    await shop.catch_up()
    assert [line["captured"] for line in shop.lines()] == [payment["amount"]]
    assert await shop.wallet() == (120, 0)


async def test_a_card_that_never_arrived_at_square_was_not_charged_and_another_try_is(shop: SquareShop) -> None:
    """What a browser brought is never stored, so the card cannot be charged again; the doubt is settled instead."""
    payment = await shop.opened(checkout="embedded")
    shop.house.control("PUT", "faults", {"error_before_percent": 100})
    assert (await shop.confirm(payment, OK))["status"] == "outcome_unknown"
    shop.answer_again()
    await shop.operate()
    shown = await shop.show(payment)
    assert (shown["status"], shown["last_error"]["code"]) == ("requires_action", "NOT_CHARGED")
    assert (await shop.confirm(payment, OK))["status"] == "succeeded"
    assert [line["captures"] for line in shop.lines()] == [1]


async def test_an_authorised_card_that_nobody_can_find_is_let_go_by_its_key(shop: SquareShop) -> None:
    payment = await shop.opened(checkout="embedded", capture_method="manual")
    lag = {"lost_reply_percent": 100, "only_methods": ["POST"], "not_found_ms": 60_000}
    shop.house.control("PUT", "faults", lag)
    await shop.confirm(payment, OK)
    shop.answer_again()
    await shop.operate()
    assert [line["status"] for line in shop.lines()] == ["CANCELED"]
    assert (await shop.show(payment))["last_error"]["code"] == "NOT_CHARGED"


async def test_a_list_that_lags_leaves_a_charge_in_doubt_until_it_shows_and_charges_once(shop: SquareShop) -> None:
    payment = await shop.opened(checkout="embedded")
    lag = {"lost_reply_percent": 100, "only_methods": ["POST"], "not_found_first": 2}
    shop.house.control("PUT", "faults", lag)
    await shop.confirm(payment, OK)
    shop.answer_again()
    await shop.operate()
    assert (await shop.show(payment))["status"] == "outcome_unknown"
    await shop.operate()
    assert (await shop.show(payment))["status"] == "succeeded"
    assert [line["status"] for line in shop.lines()] == ["COMPLETED"]


async def test_a_declined_card_is_told_and_another_one_pays(shop: SquareShop) -> None:
    payment = await shop.opened(checkout="embedded")
    shown = await shop.confirm(payment, DECLINED)
    assert (shown["status"], shown["last_error"]["code"]) == ("requires_action", "GENERIC_DECLINE")
    assert (await shop.confirm(payment, OK))["status"] == "succeeded"
    await shop.catch_up()
    assert [line["status"] for line in shop.lines()] == ["FAILED", "COMPLETED"]
    assert await shop.wallet() == (120, 0)


async def test_a_declined_card_on_the_hosted_page_leaves_the_checkout_open(shop: SquareShop) -> None:
    payment = await shop.opened()
    shop.house.act(f"links/{link_of(payment)}/decline", {"code": "CVV_FAILURE"})
    await shop.catch_up()
    shown = await shop.show(payment)
    assert (shown["status"], shown["last_error"]["code"]) == ("requires_action", "CVV_FAILURE")
    assert shown["gateway_reference"] == payment["gateway_reference"]
    await shop.pay(payment)
    await shop.catch_up()
    assert (await shop.show(payment))["status"] == "succeeded"


@pytest.mark.parametrize("checkout", ["hosted", "embedded"])
async def test_a_declined_card_is_noted_and_told_once_however_often_square_says_so(
    shop: SquareShop, checkout: str
) -> None:
    payment = await shop.opened(checkout=checkout)
    if checkout == "hosted":
        shop.house.act(f"links/{link_of(payment)}/decline", {"code": "CVV_FAILURE"})
    else:
        await shop.confirm(payment, DECLINED)
    await shop.catch_up()
    for _ in range(2):
        await sync(shop.till, uuid_of(payment))

    assert await shop.count("payment_change", "reason LIKE 'attempt failed%'") == 1
    assert await shop.count("outbox_event", "type = 'payment.attempt_failed'") == 1


async def test_a_refund_whose_answer_got_lost_is_made_once(shop: SquareShop) -> None:
    payment = await shop.paid()
    shop.lose_replies("POST")
    made = await shop.refund(payment, 100)
    shop.answer_again()
    for _ in range(4):
        await shop.operate()
    await shop.catch_up()
    assert (await shop.show_refund(made))["status"] == "succeeded"
    assert (shop.lines()[0]["refunded"], shop.lines()[0]["refunds"]) == (100, 1)


async def test_webhooks_that_never_came_are_fetched(shop: SquareShop) -> None:
    await catch_up(shop.till)
    shop.house.control("PUT", "faults", {"webhook_drop_percent": 100})
    payment = await shop.opened()
    await shop.pay(payment)
    assert shop.house.receiver.letters == []
    recovered = await catch_up(shop.later(minutes=5))
    assert recovered >= 3
    await shop.settle()
    assert (await shop.show(payment))["status"] == "succeeded"
    assert await catch_up(shop.later(minutes=6)) == 0


async def test_money_that_was_set_aside_is_taken_in_part(shop: SquareShop) -> None:
    payment = await shop.opened(checkout="embedded", capture_method="manual")
    assert (await shop.confirm(payment, OK))["status"] == "requires_capture"
    await shop.catch_up()
    assert (await shop.show(payment))["status"] == "requires_capture"
    replay = await shop.capture(payment, payment["amount"] // 2)
    assert (replay.status, replay.body["amount_captured"]) == (200, payment["amount"] // 2)
    await shop.catch_up()
    assert [(line["captured"], line["captures"]) for line in shop.lines()] == [(payment["amount"] // 2, 1)]


async def test_a_lost_answer_to_a_capture_is_found_out(shop: SquareShop) -> None:
    payment = await shop.opened(checkout="embedded", capture_method="manual")
    await shop.confirm(payment, OK)
    shop.lose_replies("POST")
    assert (await shop.capture(payment)).status == 202
    shop.answer_again()
    await shop.operate()
    assert (await shop.show(payment))["status"] == "succeeded"
    assert shop.lines()[0]["captures"] == 1


async def test_money_that_was_set_aside_lapses_at_square(shop: SquareShop) -> None:
    payment = await shop.opened(checkout="embedded", capture_method="manual")
    await shop.confirm(payment, OK)
    await shop.owner.execute("UPDATE payment SET expires_at = now() - interval '1 second'")
    shop.house.act(f"payments/{shop.lines()[0]['payment']}/lapse")
    await shop.catch_up()
    assert (await shop.show(payment))["status"] == "canceled"


async def test_a_hosted_checkout_with_manual_capture_is_refused_before_anything_begins(shop: SquareShop) -> None:
    with pytest.raises(InvalidStateError, match="checkout: embedded"):
        await shop.create(capture_method="manual", gateway="square")
    assert await shop.count("payment") == 0


async def test_an_unpaid_link_is_ended_when_its_time_is_over_and_money_that_comes_later_is_not_lost(
    shop: SquareShop,
) -> None:
    payment = await shop.opened()
    await shop.owner.execute("UPDATE payment SET expires_at = now() - interval '1 second'")
    await expire(shop.till)
    await shop.operate()
    assert (await shop.show(payment))["status"] == "expired"
    assert "ended by the shop" in shop.house.http.get(payment["next_action"]["url"]).text
    shop.house.act(f"links/{link_of(payment)}/late_success")
    await shop.catch_up()
    assert (await shop.show(payment))["amount_captured"] == payment["amount"]


async def test_a_link_whose_card_was_declined_is_ended_and_nobody_can_pay_it_any_more(shop: SquareShop) -> None:
    payment = await shop.opened()
    shop.house.act(f"links/{link_of(payment)}/decline")
    await shop.catch_up()
    await shop.owner.execute("UPDATE payment SET expires_at = now() - interval '1 second'")
    await expire(shop.till)
    await shop.operate()
    assert (await shop.show(payment))["status"] == "expired"
    again = shop.house.http.post(f"{shop.line.sandbox}/_control/square/links/{link_of(payment)}/pay", json={})
    assert (again.status_code, "ended by the shop" in again.text) == (400, True)
    await shop.catch_up()
    assert (await shop.show(payment))["status"] == "expired"
    assert sum(line["captured"] for line in shop.lines()) == 0


async def test_a_link_whose_ending_got_no_answer_after_a_declined_card_is_ended_all_the_same(shop: SquareShop) -> None:
    payment = await shop.opened()
    shop.house.act(f"links/{link_of(payment)}/decline")
    await shop.catch_up()
    await shop.owner.execute("UPDATE payment SET expires_at = now() - interval '1 second'")
    await expire(shop.till)
    for lost in ("DELETE", "PUT"):
        shop.lose_replies(lost)
        await shop.operate()
    shop.answer_again()
    await shop.operate()
    assert (await shop.show(payment))["status"] == "expired"
    assert shop.executed("PUT /v2/orders/{id}") == 1


async def test_a_card_that_pays_after_a_declined_one_is_the_one_that_counts(shop: SquareShop) -> None:
    payment = await shop.opened()
    for how in ("decline", "pay"):
        shop.house.act(f"links/{link_of(payment)}/{how}")
    await shop.owner.execute("UPDATE payment SET expires_at = now() - interval '1 second'")
    await expire(shop.till)
    await shop.operate()
    shown = await shop.show(payment)
    assert (shown["status"], shown["amount_captured"]) == ("succeeded", payment["amount"])


async def test_a_dispute_is_recorded_and_its_end_too(shop: SquareShop) -> None:
    payment = await shop.paid()
    dispute = shop.house.act("disputes", {"payment": payment["gateway_reference"]})["id"]
    await shop.catch_up()
    assert (await shop.show(payment))["amount_disputed"] == payment["amount"] == shop.lines()[0]["disputed"]
    shop.house.act(f"disputes/{dispute}/win")
    await shop.catch_up()
    assert (await shop.show(payment))["amount_disputed"] == 0 == shop.lines()[0]["disputed"]


async def test_a_payout_is_recorded(shop: SquareShop) -> None:
    await shop.paid()
    shop.house.act("payouts", {"outcome": "paid"})
    await shop.catch_up()
    assert set(await shop.inbox()) == {"processed", "ignored"}
    assert await shop.count("payout", "status = 'paid'") == 1


async def test_a_refund_that_waits_ends_when_the_customers_bank_takes_the_money(shop: SquareShop) -> None:
    payment = await shop.paid()
    async with shop.till.db.transaction() as tx:  # the process dies before the call
        wanted = RefundWish(payment=uuid_of(payment))
        await promise(tx, shop.till, await weigh(tx, shop.till, wanted, ids.new()), leased=False)
    shop.house.act("disputes", {"payment": payment["gateway_reference"]})
    await shop.catch_up()
    await shop.operate()
    assert shop.executed("POST /v2/refunds") == 0
    assert await shop.owner.fetchval("SELECT error_code FROM refund") == "payment_disputed"


async def test_what_square_has_not_paid_out_is_in_transit_until_a_payout_comes_without_it(shop: SquareShop) -> None:
    payment = await shop.paid()
    shop.house.act("disputes", {"payment": payment["gateway_reference"]})
    await shop.catch_up()
    till = shop.later(days=30)  # nothing is paid out of a balance that is not above zero
    await import_settlement(till)
    for ago in (-1, 0, 1):
        await reconcile_day(till, "square", (clock.now() - timedelta(days=ago)).date())
    found = await shop.owner.fetch("SELECT DISTINCT kind FROM discrepancy WHERE status = 'open'")
    assert [row["kind"] for row in found] == ["in_transit"]
