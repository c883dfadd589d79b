"""Cards charged within the shop's page: what ends a payment, and what must not while money may be on its way."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from tests.flows.conftest import uuid_of
from tests.gateways.square.conftest import House
from tests.gateways.square.shop import DECLINED, OK, SquareShop, opened

from tillkeeper.facts import Notice, NoticeKind
from tillkeeper.flows import capture
from tillkeeper.flows import confirm as confirming
from tillkeeper.flows import operate as operating
from tillkeeper.flows.cancel import cancel
from tillkeeper.flows.confirm import OutcomeUnknownError
from tillkeeper.flows.expire import expire
from tillkeeper.flows.operate import operate
from tillkeeper.flows.receive import receive
from tillkeeper.flows.sync import sync
from tillkeeper.gateway import Unknown
from tillkeeper.gateways.square import cards, lookup
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError
from tillkeeper.operations import Kind

OVER = "UPDATE payment SET expires_at = now() - interval '1 second'"
BANK = {"source_id": "bnon:bank-nonce-ok"}


@pytest.fixture
async def shop(house: House, database_url: str, owner_url: str) -> AsyncIterator[SquareShop]:
    async with opened(house, database_url, owner_url) as made:
        yield made


async def test_a_form_that_nobody_filled_in_is_canceled_by_hand_and_not_expired(shop: SquareShop) -> None:
    payment = await shop.opened(checkout="embedded")
    answer = await cancel(shop.till, shop.wish(), uuid_of(payment))
    assert (answer.status, answer.body["status"]) == (200, "canceled")
    assert await shop.count("outbox_event", "type = 'payment.canceled'") == 1
    assert await shop.count("outbox_event", "type = 'payment.expired'") == 0


async def test_money_that_is_on_its_way_from_a_bank_outlives_the_time_of_the_checkout(shop: SquareShop) -> None:
    payment = await shop.opened(checkout="embedded")
    assert (await shop.confirm(payment, BANK))["status"] == "processing"
    await shop.owner.execute(OVER)
    await expire(shop.till)
    await shop.operate()
    assert (await shop.show(payment))["status"] == "processing"
    [line] = shop.lines()
    assert line["status"] == "PENDING"
    shop.house.act(f"payments/{line['payment']}/late_success")
    await shop.catch_up()
    assert (await shop.show(payment))["status"] == "succeeded"


async def test_our_question_after_a_bank_payment_finds_that_it_came_when_no_webhook_does(shop: SquareShop) -> None:
    payment = await shop.opened(checkout="embedded")
    await shop.confirm(payment, BANK)
    shop.house.act(f"payments/{shop.lines()[0]['payment']}/late_success")
    await shop.owner.execute(OVER)
    await expire(shop.till)
    await shop.operate()
    assert (await shop.show(payment))["status"] == "succeeded"


async def failed_at_the_bank(shop: SquareShop, *heard: str) -> Any:
    """Pay by a bank whose money comes back, so that the customer may bring a card."""
    payment = await shop.opened(checkout="embedded")
    await shop.confirm(payment, BANK)
    shop.house.act(f"payments/{shop.lines()[0]['payment']}/settle", {"outcome": "failed"})
    await shop.hear_news(*heard)
    await shop.settle()
    return payment


@pytest.mark.parametrize("heard", ["payment.updated", "nothing"])
async def test_a_card_in_doubt_after_a_bank_that_failed_is_asked_after_itself(shop: SquareShop, heard: str) -> None:
    payment = await failed_at_the_bank(shop, heard)
    charge = await confirming._begin(shop.till, uuid_of(payment), OK)
    assert charge
    answer = await operating.call(shop.till, charge)  # Square has charged the card, and its answer gets lost
    await confirming._remember_answer(shop.till, charge, replace(answer, outcome=Unknown(reason="no answer")))
    await shop.operate()
    assert (await shop.show(payment))["status"] == "succeeded"
    assert [line["status"] for line in shop.lines()] == ["FAILED", "COMPLETED"]


async def test_what_is_told_late_of_a_bank_that_failed_since_leaves_the_form_open(shop: SquareShop) -> None:
    payment = await failed_at_the_bank(shop, "payment.updated")
    letters = [letter for letter in shop.house.receiver.letters if letter.event["type"] == "payment.created"]
    for letter in letters:
        await receive(shop.intake, "square", letter.headers, letter.body)
    await shop.settle()
    assert (await shop.show(payment))["status"] == "requires_action"


async def test_a_form_whose_bank_failed_expires(shop: SquareShop) -> None:
    payment = await failed_at_the_bank(shop, "payment.updated")
    await shop.owner.execute(OVER)
    assert await expire(shop.till) == 1
    await shop.operate()
    assert (await shop.show(payment))["status"] == "expired"


async def in_doubt(shop: SquareShop, data: dict[str, str] = OK) -> Any:
    """Charge a card, and lose Square's answer."""
    payment = await shop.opened(checkout="embedded")
    shop.lose_replies("POST")
    shown = await shop.confirm(payment, data)
    shop.answer_again()
    assert (shown["status"], shown["next_action"]) == ("outcome_unknown", None)
    return payment


async def test_a_charge_of_which_nobody_knows_cannot_be_canceled_and_is_found_by_asking(shop: SquareShop) -> None:
    payment = await in_doubt(shop)
    with pytest.raises(InvalidStateError, match="outcome_unknown"):
        await cancel(shop.till, shop.wish(), uuid_of(payment))
    await shop.operate()
    assert (await shop.show(payment))["status"] == "succeeded"
    assert await shop.count("payment_change", "status_after IN ('canceled', 'expired')") == 0


async def test_a_charge_of_which_nobody_knows_does_not_expire_before_square_was_asked(shop: SquareShop) -> None:
    payment = await in_doubt(shop)
    await shop.owner.execute(OVER)
    assert await expire(shop.till) == 0
    await shop.operate()
    assert (await shop.show(payment))["status"] == "succeeded"


async def test_a_form_whose_card_was_never_charged_expires_when_square_has_said_so(shop: SquareShop) -> None:
    payment = await in_doubt(shop, DECLINED)
    await shop.owner.execute(OVER)
    assert await expire(shop.till) == 0
    await shop.operate()
    assert (await shop.show(payment))["status"] == "requires_action"
    await shop.owner.execute("UPDATE payment SET ending_at = ending_at - interval '1 day'")
    assert await expire(shop.till) == 1
    await shop.operate()
    assert (await shop.show(payment))["status"] == "expired"


async def test_syncing_finds_a_charge_of_which_nobody_knew_and_opens_nothing_anew(shop: SquareShop) -> None:
    payment = await in_doubt(shop)
    assert (await sync(shop.till, uuid_of(payment)))["status"] == "succeeded"
    assert await shop.count("outbox_event", "type = 'payment.requires_action'") == 1


async def test_a_card_that_is_just_being_charged_wins_over_a_cancellation(shop: SquareShop) -> None:
    payment = await shop.opened(checkout="embedded")
    charge = await confirming._begin(shop.till, uuid_of(payment), OK)
    assert charge
    answer = await operating.call(shop.till, charge)  # Square has charged, and its answer is on its way
    with pytest.raises(InvalidStateError, match="just being charged"):
        await cancel(shop.till, shop.wish(), uuid_of(payment))
    await confirming._remember_answer(shop.till, charge, answer)
    assert (await shop.show(payment))["status"] == "succeeded"


async def test_a_payment_that_is_being_canceled_is_not_charged(shop: SquareShop) -> None:
    payment = await shop.opened(checkout="embedded")
    begun = await capture._begin(shop.till, shop.wish(), uuid_of(payment), Kind.CANCEL, None)
    assert isinstance(begun, tuple)
    with pytest.raises(InvalidStateError, match="being canceled"):
        await shop.confirm(payment, OK)
    assert shop.lines() == []


async def test_a_customer_who_pays_in_the_last_moment_wins_over_our_expiry(shop: SquareShop) -> None:
    payment = await shop.opened(checkout="embedded")
    await shop.owner.execute(OVER)
    assert await expire(shop.till) == 1
    assert (await shop.confirm(payment, OK))["status"] == "succeeded"
    assert await operate(shop.till, "square") == 0
    assert await shop.count("payment_change", "status_after = 'expired'") == 0


async def test_another_card_beside_one_in_doubt_is_turned_away_with_a_word(shop: SquareShop) -> None:
    payment = await in_doubt(shop, DECLINED)
    with pytest.raises(OutcomeUnknownError):
        await shop.confirm(payment, OK)
    assert (await shop.confirm(payment, {}))["status"] == "outcome_unknown"
    await shop.operate()
    assert (await shop.confirm(payment, OK))["status"] == "succeeded"
    assert [line["status"] for line in shop.lines()] == ["FAILED", "COMPLETED"]


async def test_what_was_charged_in_doubt_is_asked_after_also_when_the_payment_has_ended(shop: SquareShop) -> None:
    payment = await in_doubt(shop)
    await shop.apply(
        Notice(kind=NoticeKind.PAYMENT_CANCELED, gateway="square", references=(), payment=uuid_of(payment))
    )
    assert (await shop.show(payment))["status"] == "canceled"
    await shop.operate()
    assert (await shop.show(payment))["status"] == "succeeded"


async def test_nothing_is_charged_anew_for_a_payment_that_has_ended(shop: SquareShop) -> None:
    payment = await in_doubt(shop, DECLINED)
    await shop.apply(
        Notice(kind=NoticeKind.PAYMENT_CANCELED, gateway="square", references=(), payment=uuid_of(payment))
    )
    before = shop.executed("POST /v2/payments/cancel")
    await shop.operate()
    assert (await shop.show(payment))["status"] == "canceled"
    assert shop.executed("POST /v2/payments/cancel") == before
    assert await shop.count("operation", "state = 'asked'") == 0


def another_card(shop: SquareShop) -> dict[str, str]:
    """Make what Square's form makes of a card, which can be charged once."""
    return {"source_id": shop.house.act("cards", {"outcome": "ok"})["source_id"]}


async def let_go(shop: SquareShop, **hidden: int) -> Any:
    """Hold money on a card of which nobody hears, so that it is let go and the customer told to bring another."""
    payment = await shop.opened(checkout="embedded", capture_method="manual")
    lag = {"lost_reply_percent": 100, "only_methods": ["POST"], **(hidden or {"not_found_ms": 60_000})}
    shop.house.control("PUT", "faults", lag)
    await shop.confirm(payment, OK)
    shop.answer_again()
    await shop.operate()
    shown = await shop.show(payment)
    assert (shown["status"], shown["last_error"]["code"]) == ("requires_action", "NOT_CHARGED")
    assert shown["next_action"] == payment["next_action"]
    return payment


async def test_the_webhooks_of_a_card_that_was_let_go_leave_the_payment_to_the_next_card(shop: SquareShop) -> None:
    payment = await let_go(shop)
    await shop.catch_up()
    await shop.operate()
    shown = await shop.show(payment)
    assert (shown["status"], shown["next_action"]) == ("requires_action", payment["next_action"])
    assert (await shop.confirm(payment, another_card(shop)))["status"] == "requires_capture"
    await shop.catch_up()
    await shop.operate()
    assert (await shop.show(payment))["status"] == "requires_capture"
    assert [line["status"] for line in shop.lines()] == ["CANCELED", "APPROVED"]


@pytest.mark.parametrize("heard", [("payment.created", "payment.updated", "order.updated"), ("payment.created",)])
async def test_a_second_card_holds_what_is_paid_whatever_is_told_of_the_first_meanwhile(
    shop: SquareShop, heard: tuple[str, ...]
) -> None:
    payment = await let_go(shop)
    charge = await confirming._begin(shop.till, uuid_of(payment), another_card(shop))
    assert charge
    answer = await operating.call(shop.till, charge)  # the second card is held, and the answer on its way
    await shop.post_is_empty()
    letters = [letter for letter in shop.house.receiver.letters if letter.event["type"] in heard]
    for letter in letters:
        await receive(shop.intake, "square", letter.headers, letter.body)
    await shop.settle()
    await confirming._remember_answer(shop.till, charge, answer)
    await shop.catch_up()
    await shop.operate()
    await shop.catch_up()
    shown = await shop.show(payment)
    assert (shown["status"], shown["gateway_reference"]) == ("requires_capture", shop.lines()[1]["payment"])
    assert [line["status"] for line in shop.lines()] == ["CANCELED", "APPROVED"]
    assert (await shop.capture(payment)).status == 200


async def test_the_same_card_is_charged_anew_after_it_was_let_go(
    shop: SquareShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Square answers the same words under the same key as before: that the card holds money, which it does no more."""
    payment = await let_go(shop, not_found_first=2)
    monkeypatch.setattr(cards, "fresh_seconds", 0)
    assert (await shop.confirm(payment, OK))["status"] == "requires_capture"
    assert [line["status"] for line in shop.lines()] == ["CANCELED", "APPROVED"]
    assert (await shop.show(payment))["gateway_reference"] == shop.lines()[1]["payment"]


async def test_a_card_that_is_let_go_when_its_checkout_is_over_ends_the_payment(shop: SquareShop) -> None:
    payment = await shop.opened(checkout="embedded", capture_method="manual")
    await shop.confirm(payment, OK)
    await shop.owner.execute(OVER)
    shop.house.act(f"payments/{shop.lines()[0]['payment']}/lapse")
    await shop.catch_up()
    assert (await shop.show(payment))["status"] == "canceled"
    assert await shop.count("operation", "state = 'asked'") == 0


async def test_the_webhook_of_a_cancellation_ends_the_payment_before_its_answer_does(shop: SquareShop) -> None:
    payment = await shop.opened(checkout="embedded", capture_method="manual")
    await shop.confirm(payment, OK)
    shop.lose_replies("POST")
    assert (await cancel(shop.till, shop.wish(), uuid_of(payment))).status == 202
    shop.answer_again()
    await shop.catch_up()
    assert (await shop.show(payment))["status"] == "canceled"


OPEN = "INSERT INTO gateway_state (gateway, breaker, failures, retry_at) VALUES ('square', 'open', 5, now())"


async def test_a_form_for_which_square_was_not_called_says_nothing_about_square(shop: SquareShop) -> None:
    await shop.owner.execute(OPEN)
    await shop.opened(checkout="embedded")
    assert await shop.count("gateway_state", "breaker <> 'closed' AND failures = 5") == 1


async def test_what_a_browser_made_up_says_nothing_about_square(shop: SquareShop) -> None:
    payment = await shop.opened(checkout="embedded")
    await shop.owner.execute(OPEN)
    with pytest.raises(InvalidFieldError):
        await shop.confirm(payment, {"source_id": "junk"})
    assert await shop.count("gateway_state", "breaker <> 'closed' AND failures = 5") == 1
    assert (await shop.confirm(payment, DECLINED))["last_error"]["code"] == "GENERIC_DECLINE"
    assert await shop.count("gateway_state", "breaker = 'closed'") == 1


async def test_a_card_in_doubt_is_looked_for_among_the_payments_of_its_time_however_much_is_sold_later(
    shop: SquareShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = await shop.opened(checkout="embedded")
    shop.lose_replies("POST")
    await shop.confirm(payment, DECLINED)
    shop.house.control("PUT", "faults", {"lost_reply_percent": 0})
    assert (await shop.show(payment))["status"] == "outcome_unknown"
    monkeypatch.setattr(lookup, "pages_max", 1)
    for _ in range(101):
        shop.house.charge()
    await shop.owner.execute(
        "UPDATE payment SET created_at = created_at - interval '3 hours', expires_at = created_at - interval '2 hours'"
    )
    await shop.operate()
    assert (await shop.show(payment))["status"] == "requires_action"
