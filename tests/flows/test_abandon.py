"""A refund that nobody could find out about does not stay pending for ever, and its money goes back once."""

from typing import Any

import pytest
from tests.flows.conftest import KEY, uuid_of

from tillkeeper.flows.abandon import abandon
from tillkeeper.flows.sync import GatewaySilentError, sync
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidStateError, NotFoundError

REASON = "not in the dashboard"


async def given_up(shop: Any, amount: int | None = None, *, hidden: int = 0) -> tuple[Any, Any]:
    """Refund in vain, and wait until the gateway has forgotten the key; what is hidden was made, and shows up later."""
    payment = await shop.paid()
    await shop.turn(not_found_first=hidden)
    shop.line.fault = "lost" if hidden else "cut"
    made = await shop.refund(payment, amount)
    shop.line.fault = None
    await shop.turn(not_found_first=0)
    await shop.owner.execute("UPDATE operation SET created_at = now() - interval '25 hours' WHERE kind = 'refund'")
    await shop.operate()
    assert await shop.count("operation", "kind = 'refund' AND state = 'given_up'") == 1
    assert (await shop.show_refund(made))["status"] == "pending"
    return payment, made


def id_of(made: Any) -> Any:
    return ids.parse("refund", made["id"])


async def by_dashboard(shop: Any, payment: Any, amount: int) -> None:
    intent = (await shop.show(payment))["gateway_reference"]
    answer = await shop.http.post(
        f"{shop.line.sandbox}/stripe/v1/refunds",
        headers={"Authorization": f"Bearer {KEY}"},
        data={"payment_intent": intent, "amount": str(amount)},
    )
    assert answer.status_code == 200, answer.text


async def owed(shop: Any) -> list[int]:
    return [abs(each) for each in await shop.ledger("refund_payable:EUR", "refunds_of_earned:EUR")]


async def test_a_refund_that_was_given_up_is_ended_by_hand_and_asked_for_again(shop: Any) -> None:
    payment, made = await given_up(shop)
    shown = await abandon(shop.till, id_of(made), REASON)
    assert (shown["status"], shown["error"]) == ("failed", "given_up")
    assert await shop.wallet() == (120, 0)
    assert await shop.count("payment_change", f"cause = 'given up by hand: {REASON}'") == 1
    assert await abandon(shop.till, id_of(made), "again") == shown
    assert (await shop.refund(payment))["status"] == "succeeded"
    assert [line["refunded"] for line in (await shop.books())["payment_intents"]] == [payment["amount"]]
    assert await owed(shop) == [0, 0]
    assert await shop.count("operation", "state = 'given_up'") == 0


async def test_a_refund_that_the_gateway_shows_after_all_is_not_failed(shop: Any) -> None:
    payment, made = await given_up(shop, hidden=1)
    assert (await abandon(shop.till, id_of(made), REASON))["status"] == "succeeded"
    assert (await shop.show(payment))["amount_refunded"] == payment["amount"]


async def test_nothing_is_ended_while_the_gateway_cannot_be_asked(shop: Any) -> None:
    _, made = await given_up(shop)
    shop.line.fault = "cut"
    with pytest.raises(GatewaySilentError):
        await abandon(shop.till, id_of(made), REASON)
    assert (await shop.show_refund(made))["status"] == "pending"


async def test_only_what_was_given_up_is_ended_by_hand(shop: Any) -> None:
    payment = await shop.paid()
    made = await shop.refund(payment, 10)
    with pytest.raises(InvalidStateError, match="succeeded"):
        await abandon(shop.till, id_of(made), REASON)
    with pytest.raises(NotFoundError):
        await abandon(shop.till, ids.new(), REASON)


async def test_syncing_finds_a_refund_that_was_given_up(shop: Any) -> None:
    payment, made = await given_up(shop, hidden=1)
    await sync(shop.till, uuid_of(payment))
    assert (await shop.show_refund(made))["status"] == "succeeded"
    assert await shop.count("operation", "state = 'given_up'") == 0


async def test_a_refund_that_a_person_makes_instead_is_taken_for_ours_and_booked_once(shop: Any) -> None:
    payment, made = await given_up(shop)
    await by_dashboard(shop, payment, payment["amount"])
    await shop.catch_up()
    shown = await shop.show(payment)
    assert (shown["amount_refunded"], shown["amount_refunding"]) == (payment["amount"], 0)
    assert (await shop.show_refund(made))["status"] == "succeeded"
    assert await shop.count("refund") == 1
    assert await owed(shop) == [0, 0]


async def test_a_refund_of_another_amount_is_one_of_its_own(shop: Any) -> None:
    payment, made = await given_up(shop, 100)
    await by_dashboard(shop, payment, 50)
    await shop.catch_up()
    assert (await shop.show_refund(made))["status"] == "pending"
    shown = await shop.show(payment)
    assert (shown["amount_refunded"], shown["amount_refunding"]) == (50, 100)


async def test_a_refund_that_shows_up_after_it_was_ended_is_booked_all_the_same(shop: Any) -> None:
    """The person was wrong, and the list of the gateway late: the money has gone back, whatever was decided here."""
    payment, made = await given_up(shop, hidden=2)
    assert (await abandon(shop.till, id_of(made), REASON))["status"] == "failed"
    for _ in range(3):  # the list of events lags as well
        await shop.catch_up()
    shown = await shop.show(payment)
    assert (shown["amount_refunded"], shown["amount_refunding"]) == (payment["amount"], 0)
    assert (await shop.show_refund(made))["status"] == "failed"
    assert await shop.wallet() == (0, 0)
    assert await owed(shop) == [0, 0]


async def test_a_refund_made_by_us_and_by_a_person_is_booked_twice(shop: Any) -> None:
    payment, made = await given_up(shop, 50, hidden=1)
    await by_dashboard(shop, payment, 50)
    for event in await shop.events():  # that of the person is told first
        if event["type"] == "refund.created" and not event["data"]["object"]["metadata"]:
            await shop.hear(event)
    await shop.settle()
    assert (await shop.show_refund(made))["status"] == "succeeded"
    for _ in range(2):  # the list of events lags as well
        await shop.catch_up()
    shown = await shop.show(payment)
    assert (shown["amount_refunded"], shown["amount_refunding"]) == (100, 0)
    assert [line["refunded"] for line in (await shop.books())["payment_intents"]] == [100]
