"""Cards charged within the shop's page: what ends a payment, and what must not while money may be on its way."""

from collections.abc import AsyncIterator
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
from tillkeeper.flows.sync import sync
from tillkeeper.kernel.errors import InvalidStateError
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
