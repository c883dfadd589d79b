"""Razorpay keeps no list of events, so what happened is read from its lists of things."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tillkeeper.facts import NoticeKind
from tillkeeper.gateway import Told
from tillkeeper.gateways.razorpay import calls
from tillkeeper.gateways.razorpay.adapter import Razorpay

day_seconds = 86_400


def window(sandbox: Any, *, later_seconds: int = 0) -> tuple[datetime, datetime]:
    """Span the hour around now by the gateway's clock, or a later one."""
    at = datetime.fromtimestamp(sandbox.order(amount=100)["created_at"] + later_seconds, UTC)
    return at - timedelta(minutes=30), at + timedelta(minutes=30)


def said(gateway: Razorpay, told: list[Told]) -> list[tuple[str, str | None]]:
    return [
        (notice.kind.value, notice.refund_reference or next(iter(notice.references), None))
        for each in told
        for notice in gateway.translate(each.body)
    ]


async def test_everything_that_happened_is_told_in_the_form_of_webhooks(sandbox: Any, gateway: Razorpay) -> None:
    payment = sandbox.paid(amount=900_000)
    refund = sandbox.sdk.payment.refund(payment["id"], {"amount": 1000})
    failed = sandbox.act(f"orders/{sandbox.order()['id']}/decline")["payment"]
    waiting = sandbox.act(f"orders/{sandbox.order()['id']}/authenticate", outcome="start")["payment"]
    dispute = sandbox.act("disputes", payment=payment["id"])
    sandbox.act("settlements", early=True)
    told = await gateway.events(*window(sandbox))
    assert [(kind, name) for kind, name in said(gateway, told) if kind != "payout.paid"] == [
        ("payment.captured", payment["id"]),
        ("payment.fee", payment["id"]),
        ("payment.failed", failed["order_id"]),
        ("refund.succeeded", refund["id"]),
        ("dispute.opened", payment["id"]),
    ]
    assert said(gateway, told)[-1] == ("payout.paid", None)
    assert waiting["id"] not in {json.loads(each.body)["payload"].get("payment", {}).get("id") for each in told}
    assert [each.envelope.type for each in told][3] == "payment.dispute.created"
    assert dispute["id"] in told[3].envelope.event_id


async def test_looking_twice_tells_nothing_twice_and_a_change_is_told_anew(sandbox: Any, gateway: Razorpay) -> None:
    order = sandbox.order()
    sandbox.act(f"orders/{order['id']}/time_out")
    dispute = sandbox.act("disputes", payment=sandbox.paid()["id"])
    first = {each.envelope.event_id for each in await gateway.events(*window(sandbox))}
    assert {each.envelope.event_id for each in await gateway.events(*window(sandbox))} == first
    sandbox.act(f"orders/{order['id']}/late_success")
    sandbox.act(f"disputes/{dispute['id']}/lose")
    news = [each for each in await gateway.events(*window(sandbox)) if each.envelope.event_id not in first]
    assert [kind for kind, _ in said(gateway, news)] == ["payment.captured", "payment.fee", "dispute.lost"]


@pytest.mark.parametrize("change", [{"seconds": 3 * 86_400}, {"phase": "pre_arbitration"}, {"amount": 400}], ids=str)
async def test_a_dispute_that_changed_and_kept_its_status_is_told_anew(
    sandbox: Any, gateway: Razorpay, change: dict[str, Any]
) -> None:
    dispute = sandbox.act("disputes", payment=sandbox.paid()["id"], amount=500)
    first = {each.envelope.event_id for each in await gateway.events(*window(sandbox))}
    sandbox.act(f"disputes/{dispute['id']}/change", **change)
    news = [each for each in await gateway.events(*window(sandbox)) if each.envelope.event_id not in first]
    assert [kind for kind, _ in said(gateway, news)] == ["dispute.opened"]
    again = {each.envelope.event_id for each in await gateway.events(*window(sandbox))}
    assert again - first == {each.envelope.event_id for each in news}


async def test_what_changed_later_is_found_when_the_thing_has_come_of_age(sandbox: Any, gateway: Razorpay) -> None:
    order = sandbox.order()
    failed = sandbox.act(f"orders/{order['id']}/time_out")["payment"]
    sandbox.act(f"orders/{order['id']}/late_success")
    for age, found in ((0, True), (3600, True), (7200, False), (day_seconds, True), (3 * day_seconds + 3600, True)):
        told = await gateway.events(*window(sandbox, later_seconds=age))
        assert (("payment.captured", failed["id"]) in said(gateway, told)) is found, age


async def test_an_uncaptured_payment_that_went_back_is_told_as_ended_and_not_as_refunded(
    sandbox: Any, gateway: Razorpay
) -> None:
    payment = sandbox.paid(payment_capture=False)
    sandbox.act(f"payments/{payment['id']}/lapse")
    told = await gateway.events(*window(sandbox))
    assert set(said(gateway, told)) == {("payment.canceled", payment["id"])}


async def test_a_refund_of_an_older_payment_still_names_it(sandbox: Any, gateway: Razorpay) -> None:
    payment = sandbox.paid()
    sandbox.control("PUT", "faults", {"clock_ahead_seconds": 40 * day_seconds})
    refund = sandbox.sdk.payment.refund(payment["id"], {"amount": 1000})
    told = await gateway.events(*window(sandbox))
    assert said(gateway, told) == [("refund.succeeded", refund["id"])]
    [notice] = gateway.translate(told[0].body)
    assert notice.references == (payment["id"], payment["order_id"])


async def test_lists_are_read_to_their_end(sandbox: Any, gateway: Razorpay) -> None:
    order = sandbox.order()["id"]
    for _ in range(calls.page_size + 3):
        sandbox.act(f"orders/{order}/decline", copies=1)
    told = await gateway.events(*window(sandbox))
    assert len(told) == calls.page_size + 3


async def test_a_settlement_that_came_back_is_told_though_no_webhook_does(sandbox: Any, gateway: Razorpay) -> None:
    sandbox.paid(amount=900_000)
    sandbox.act("settlements", early=True, outcome="failed")
    told = await gateway.events(*window(sandbox))
    assert said(gateway, told)[-1] == (NoticeKind.PAYOUT_FAILED.value, None)
