"""A payment is captured or ended once, and what a gateway says of it afterwards is believed."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.flows.conftest import uuid_of

from tillkeeper.facts import EXPIRED, Notice, NoticeKind
from tillkeeper.flows.end import end
from tillkeeper.gateway import Accepted, Declined, Refused, Unknown
from tillkeeper.kernel import ids
from tillkeeper.operations import Kind, Operation


def a_call(payment: Any, kind: Kind, **more: Any) -> Operation:
    return Operation(
        id=ids.new(),
        kind=kind,
        payment=uuid_of(payment),
        gateway="stripe",
        key=ids.text(kind, ids.new()),
        created_at=datetime(2020, 1, 1, tzinfo=UTC),
        **more,
    )


@pytest.mark.parametrize(("kind", "code"), [(Kind.CANCEL, None), (Kind.EXPIRE, EXPIRED)])
async def test_a_checkout_is_ended_and_named_after_who_wanted_it(shop: Any, kind: Kind, code: str | None) -> None:
    payment = await shop.opened()
    outcome = await end(shop.till, shop.till.gateways["stripe"], a_call(payment, kind))
    assert isinstance(outcome, Accepted)
    assert [(notice.kind, notice.code) for notice in outcome.notices] == [(NoticeKind.PAYMENT_CANCELED, code)]


async def test_what_was_paid_meanwhile_is_told_instead_of_an_end(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    outcome = await end(shop.till, shop.till.gateways["stripe"], a_call(payment, Kind.EXPIRE))
    assert isinstance(outcome, Accepted)
    assert [notice.kind for notice in outcome.notices] == [NoticeKind.PAYMENT_CAPTURED]


async def test_a_capture_in_doubt_is_asked_after_before_it_is_told_again(shop: Any) -> None:
    payment = await shop.opened(capture_method="manual")
    await shop.pay(payment)
    await shop.catch_up()
    shop.line.fault = "lost"
    assert isinstance(await end(shop.till, shop.till.gateways["stripe"], a_call(payment, Kind.CAPTURE)), Unknown)
    shop.line.fault = None
    outcome = await end(shop.till, shop.till.gateways["stripe"], a_call(payment, Kind.CAPTURE, doubts=1))
    assert isinstance(outcome, Accepted)
    assert await shop.asked("POST /v1/payment_intents/{id}/capture") == 1


@pytest.mark.parametrize(("method", "ending"), [("automatic", Refused), ("manual", Accepted)])
async def test_an_automatic_capture_that_is_declined_while_the_money_is_held_is_told_again(
    shop: Any, monkeypatch: pytest.MonkeyPatch, method: str, ending: type
) -> None:
    payment = await shop.opened(capture_method="manual")
    await shop.pay(payment)
    await shop.catch_up()
    await shop.owner.execute("UPDATE payment SET capture_method = $1", method)
    gateway = shop.till.gateways["stripe"]

    async def decline(*_: Any) -> Declined:
        return Declined(code="busy", message="Another operation is in progress.")

    monkeypatch.setattr(type(gateway), "capture", decline)
    outcome = await end(shop.till, gateway, a_call(payment, Kind.CAPTURE))
    assert isinstance(outcome, ending)


async def test_expiry_asks_a_payment_whose_money_is_on_its_way_and_ends_it_only_if_it_is_not(shop: Any) -> None:
    payment = await shop.opened()
    pending = Notice(
        kind=NoticeKind.PAYMENT_PENDING, gateway="stripe", references=(payment["gateway_reference"],), currency="EUR"
    )
    await shop.apply(pending)
    assert (await shop.show(payment))["status"] == "processing"
    shop.line.calls.clear()
    outcome = await end(shop.till, shop.till.gateways["stripe"], a_call(payment, Kind.EXPIRE))
    assert [call.partition(" ")[0] for call in shop.line.calls] == ["GET", "POST"]
    assert isinstance(outcome, Accepted)
    assert [notice.kind for notice in outcome.notices] == [NoticeKind.PAYMENT_CANCELED]


async def test_a_capture_of_money_that_was_let_go_takes_nothing_and_leaves_the_payment_to_the_next_card(
    shop: Any,
) -> None:
    payment = await shop.opened(capture_method="manual")
    await shop.pay(payment)
    await shop.catch_up()
    shop.line.fault = "cut"
    assert (await shop.capture(payment)).status == 202
    held = (await shop.show(payment))["gateway_reference"]
    await shop.apply(Notice(kind=NoticeKind.PAYMENT_LET_GO, gateway="stripe", references=(held,), currency="EUR"))
    shop.line.fault = None

    await shop.operate()

    assert (await shop.show(payment))["status"] == "requires_action"
    assert await shop.asked("POST /v1/payment_intents/{id}/capture") == 0
