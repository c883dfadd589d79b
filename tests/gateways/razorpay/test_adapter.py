"""Calls to Razorpay: what the sandbox answers, and what a rude wire makes of them."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.gateways.rude import SILENCE, RudeServer, reply, rude_server

from tillkeeper.facts import NoticeKind
from tillkeeper.gateway import (
    Absent,
    Accepted,
    CustomerOrder,
    Declined,
    Feature,
    GatewayUnavailableError,
    Order,
    Outcome,
    RefundOrder,
    Refused,
    Unknown,
)
from tillkeeper.gateways.razorpay import calls
from tillkeeper.gateways.razorpay.adapter import Razorpay
from tillkeeper.kernel import clock, ids
from tillkeeper.kernel.db import Database
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.kernel.money import CurrencyNotSupportedError
from tillkeeper.kernel.secrets import Secrets

SECRETS = {"RAZORPAY_KEY_ID": "rzp_test_rude", "RAZORPAY_KEY_SECRET": "canary secret", "RAZORPAY_WEBHOOK_SECRET": "w"}
nesting_deep = 100_000
short_timeout_ms = 500


def error(status: int, code: str = "BAD_REQUEST_ERROR", **more: object) -> bytes:
    return reply(status, json.dumps({"error": {"code": code, "description": "Told so.", "reason": "NA"} | more}))


@pytest.fixture
async def rude() -> AsyncIterator[RudeServer]:
    async with rude_server() as played:
        yield played


@pytest.fixture
async def shaken(rude: RudeServer) -> AsyncIterator[Razorpay]:
    """Connect to the rude server."""
    opened = Razorpay(Secrets(SECRETS), base=rude.url, live=False)
    yield opened
    await opened.close()


def an_order(**change: Any) -> Order:
    order = Order(
        payment=ids.new(),
        key=ids.text("attempt", ids.new()),
        amount=10_000,
        currency="INR",
        title="120 credits",
        return_url="https://shop.example/done?a=b",
        manual_capture=False,
        embedded=False,
        created_at=datetime.now(UTC),  # noqa: TID251 (a real server hears it)
        expires_at=(datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0),  # noqa: TID251 (a real server hears it)
    )
    return replace(order, **change)


def a_refund(reference: str, amount: int = 500, **change: Any) -> RefundOrder:
    order = RefundOrder(
        payment=ids.new(),
        refund=ids.new(),
        key=ids.text("refund", ids.new()),
        reference=reference,
        amount=amount,
        currency="INR",
    )
    return replace(order, **change)


def accepted(outcome: Outcome | Absent) -> Accepted:
    assert isinstance(outcome, Accepted), outcome
    return outcome


def kinds(outcome: Outcome | Absent) -> list[NoticeKind]:
    return [notice.kind for notice in accepted(outcome).notices]


async def opened(gateway: Razorpay, **change: Any) -> str:
    return accepted(await gateway.create(an_order(**change))).references[0]


async def paid(sandbox: Any, gateway: Razorpay, **change: Any) -> str:
    """Open a checkout, pay, and return the payment's id."""
    reference = await opened(gateway, **change)
    place = "links" if reference.startswith("plink_") else "orders"
    payment: str = sandbox.act(f"{place}/{reference}/pay")["payment"]["id"]
    return payment


TAKEN = [NoticeKind.PAYMENT_CAPTURED]


async def test_a_hosted_checkout_is_a_payment_link_that_names_our_payment(sandbox: Any, gateway: Razorpay) -> None:
    order = an_order()
    outcome = accepted(await gateway.create(order))
    assert outcome.next_action
    link = sandbox.sdk.payment_link.fetch(outcome.references[0])
    assert outcome.next_action == {"type": "redirect", "url": link["short_url"]}
    assert link["notes"] == {"payment": ids.text("payment", order.payment)}
    assert (link["reference_id"], link["amount"], link["currency"]) == (order.key, 10_000, "INR")
    assert (link["callback_url"], link["expire_by"]) == (order.return_url, int(order.expires_at.timestamp()))
    assert (link["notify"], link["accept_partial"]) == ({"email": False, "sms": False, "whatsapp": False}, False)


async def test_an_embedded_checkout_is_an_order_and_what_the_script_needs(sandbox: Any, gateway: Razorpay) -> None:
    order = an_order(embedded=True)
    outcome = accepted(await gateway.create(order))
    made = sandbox.sdk.order.fetch(outcome.references[0])
    assert (made["receipt"], made["amount"]) == (order.key, 10_000)
    assert made["notes"] == {"payment": ids.text("payment", order.payment)}
    assert outcome.next_action == {
        "type": "client",
        "gateway": "razorpay",
        "order_id": made["id"],
        "key_id": "rzp_test_SandboxForTests",
        "amount": "10000",
        "currency": "INR",
    }


async def test_a_link_lives_as_long_as_razorpay_asks_for_even_when_the_payment_does_not(
    sandbox: Any, gateway: Razorpay
) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=1)  # noqa: TID251 (a real server hears it)
    link = sandbox.sdk.payment_link.fetch(await opened(gateway, expires_at=soon))
    assert link["expire_by"] - link["created_at"] >= 15 * 60


async def test_the_same_key_opens_the_same_link(gateway: Razorpay) -> None:
    order = an_order()
    first, again = accepted(await gateway.create(order)), accepted(await gateway.create(order))
    assert (again.references, again.next_action) == (first.references, first.next_action)


async def test_a_link_that_exists_and_is_not_shown_leaves_the_outcome_unknown(sandbox: Any, gateway: Razorpay) -> None:
    sandbox.control("PUT", "faults", {"not_found_first": 1})
    order = an_order()
    await gateway.create(order)
    assert isinstance(await gateway.create(order), Unknown)
    assert accepted(await gateway.create(order)).references


async def test_a_checkout_of_which_no_answer_came_is_found_by_its_key(sandbox: Any, gateway: Razorpay) -> None:
    for embedded in (False, True):
        lost = an_order(embedded=embedded)
        assert isinstance(await gateway.look_up(lost), Absent)
        sandbox.control("PUT", "faults", {"lost_reply_percent": 100, "only_methods": ["POST"]})
        assert isinstance(await gateway.create(lost), Unknown)
        sandbox.control("DELETE", "faults")
        found = accepted(await gateway.look_up(lost))
        assert found.next_action
        assert isinstance(await gateway.look_up(an_order(embedded=embedded)), Absent)
    assert (sandbox.books()["links"], len(sandbox.books()["orders"])) == (1, 1)


async def test_a_wrong_key_for_the_api_is_a_refusal(sandbox: Any) -> None:
    stranger = Razorpay(Secrets(SECRETS), base=f"{sandbox.url}/razorpay", live=False)
    assert isinstance(await stranger.create(an_order()), Refused)
    assert isinstance(await stranger.look_up(an_order()), Unknown)
    await stranger.close()


async def test_what_razorpay_does_not_take_is_declined_with_its_reason(gateway: Razorpay) -> None:
    outcome = await gateway.create(an_order(return_url="nowhere"))
    assert outcome == Declined(code="input_validation_failed", message="The callback_url format is invalid.")


async def test_manual_capture_needs_a_page_of_the_merchants_own(sandbox: Any, gateway: Razorpay) -> None:
    outcome = await gateway.create(an_order(manual_capture=True))
    assert isinstance(outcome, Declined)
    assert (outcome.code, "embedded" in outcome.message) == ("invalid_state", True)
    assert sandbox.books()["links"] == 0
    assert Feature.MANUAL_CAPTURE in gateway.features
    assert not {Feature.HOSTED_MANUAL_CAPTURE, Feature.PARTIAL_CAPTURE} & gateway.features


async def test_an_amount_that_is_not_exact_is_refused_before_anything_is_sent(sandbox: Any, gateway: Razorpay) -> None:
    for amount, currency in ((295_991, "KWD"), (500, "XAU")):
        with pytest.raises(CurrencyNotSupportedError):
            gateway.check_amount(amount, currency)
        with pytest.raises(CurrencyNotSupportedError):
            await gateway.create(an_order(amount=amount, currency=currency))
    assert sandbox.books()["calls"] == {}


@pytest.mark.parametrize(("amount", "currency"), [(500, "JPY"), (500, "ISK"), (295_990, "KWD"), (1999, "USD")])
async def test_amounts_of_every_number_of_decimals_make_the_whole_way(
    sandbox: Any, gateway: Razorpay, amount: int, currency: str
) -> None:
    payment = await paid(sandbox, gateway, amount=amount, currency=currency)
    told = accepted(await gateway.retrieve(payment)).notices[0]
    assert (told.amount, told.currency) == (amount, currency)
    [line] = sandbox.books()["orders"]
    assert (line["captured"], line["currency"]) == (amount, currency)


@pytest.mark.parametrize("place", ["links", "orders"])
async def test_an_open_checkout_is_nothing_yet_and_a_paid_one_is_captured(
    sandbox: Any, gateway: Razorpay, place: str
) -> None:
    reference = await opened(gateway, embedded=place == "orders")
    assert kinds(await gateway.retrieve(reference)) == []
    sandbox.act(f"{place}/{reference}/decline")
    assert kinds(await gateway.retrieve(reference)) == []
    payment = sandbox.act(f"{place}/{reference}/pay")["payment"]["id"]
    found = accepted(await gateway.retrieve(reference)).notices[0]
    assert (found.kind, found.amount, found.currency) == (NoticeKind.PAYMENT_CAPTURED, 10_000, "INR")
    assert (found.references[0], reference in found.references) == (payment, True)
    assert kinds(await gateway.retrieve(payment)) == TAKEN


async def test_what_does_not_exist_is_declined(gateway: Razorpay) -> None:
    for reference in ("pay_AAAAAAAAAAAAAA", "plink_AAAAAAAAAAAAAA", "order_AAAAAAAAAAAAAA", "../orders", ""):
        assert isinstance(await gateway.retrieve(reference), Declined | Unknown)


async def test_the_fee_is_told_with_the_tax_in_it_and_predicted_right(sandbox: Any, gateway: Razorpay) -> None:
    for amount in (10_000, 2100, 250_000, 99_999):
        payment = await paid(sandbox, gateway, amount=amount)
        [fee] = accepted(await gateway.fetch_fee(payment)).notices
        assert (fee.kind, fee.amount) == (NoticeKind.PAYMENT_FEE, gateway.predict_fee(amount, "INR"))
    assert [gateway.predict_fee(amount, "INR") for amount in (100, 1000, 2100, 10_000)] == [2, 24, 50, 236]


async def test_an_open_link_is_ended_once(sandbox: Any, gateway: Razorpay) -> None:
    reference = await opened(gateway)
    [over] = accepted(await gateway.cancel(reference, "cancel_1")).notices
    assert (over.kind, over.code) == (NoticeKind.PAYMENT_CANCELED, "expired")
    # Razorpay refuses to do it again, and says that it is over.
    assert kinds(await gateway.cancel(reference, "cancel_1")) == [NoticeKind.PAYMENT_CANCELED]
    [ended] = accepted(await gateway.retrieve(reference)).notices
    assert (ended.kind, ended.code) == (NoticeKind.PAYMENT_CANCELED, None)
    expired = await opened(gateway)
    sandbox.act(f"links/{expired}/expire")
    assert accepted(await gateway.retrieve(expired)).notices[0].code == "expired"


async def test_a_paid_checkout_cannot_be_ended(sandbox: Any, gateway: Razorpay) -> None:
    for place, embedded in (("links", False), ("orders", True)):
        reference = await opened(gateway, embedded=embedded)
        payment = sandbox.act(f"{place}/{reference}/pay")["payment"]["id"]
        for name in (reference, payment):
            assert isinstance(await gateway.cancel(name, "cancel_1"), Declined)


async def test_an_order_that_nobody_paid_is_over_for_us_because_razorpay_cannot_end_it(gateway: Razorpay) -> None:
    order = await opened(gateway, embedded=True)
    [over] = accepted(await gateway.cancel(order, "cancel_1")).notices
    assert (over.kind, over.references) == (NoticeKind.PAYMENT_CANCELED, (order,))


async def test_authorised_money_is_taken_whole_and_only_once(sandbox: Any, gateway: Razorpay) -> None:
    order = await opened(gateway, embedded=True, manual_capture=True)
    payment = sandbox.act(f"orders/{order}/pay")["payment"]["id"]
    for reference in (order, payment):
        [held] = accepted(await gateway.retrieve(reference)).notices
        assert (held.kind, held.references[0]) == (NoticeKind.PAYMENT_AUTHORIZED, payment)
    part = await gateway.capture(payment, 9_999, "INR", "capture_1")
    assert isinstance(part, Declined)
    assert (part.code, "10000, and no part of it" in part.message) == ("invalid_state", True)
    assert isinstance(await gateway.capture(payment, 10_001, "INR", "capture_1"), Declined)
    for key in ("capture_1", "capture_1", "capture_2"):
        assert kinds(await gateway.capture(payment, 10_000, "INR", key)) == TAKEN
    [line] = sandbox.books()["orders"]
    assert (line["captured"], line["captures"]) == (10_000, 1)
    assert kinds(await gateway.capture(order, 10_000, "INR", "capture_3")) == TAKEN


async def test_an_authorised_payment_cannot_be_voided_and_goes_back_by_itself(sandbox: Any, gateway: Razorpay) -> None:
    order = await opened(gateway, embedded=True, manual_capture=True)
    payment = sandbox.act(f"orders/{order}/pay")["payment"]["id"]
    for reference in (payment, order):
        outcome = await gateway.cancel(reference, "cancel_1")
        assert isinstance(outcome, Declined)
        assert (outcome.code, "no void" in outcome.message) == ("invalid_state", True)
    sandbox.act(f"payments/{payment}/lapse")
    for outcome in (await gateway.retrieve(payment), await gateway.retrieve(order), await gateway.cancel(payment, "c")):
        [ended] = accepted(outcome).notices
        assert (ended.kind, ended.code) == (NoticeKind.PAYMENT_CANCELED, "auto_refund")


async def test_a_payment_that_was_refunded_was_captured_all_the_same(sandbox: Any, gateway: Razorpay) -> None:
    payment = await paid(sandbox, gateway)
    sandbox.act("refunds", payment=payment)
    assert kinds(await gateway.retrieve(payment)) == TAKEN


async def test_a_refund_is_made_once_per_key_and_carries_our_ids(sandbox: Any, gateway: Razorpay) -> None:
    order = a_refund(await paid(sandbox, gateway))
    for outcome in (await gateway.refund(order), await gateway.refund(order)):
        [notice] = accepted(outcome).notices
        # Razorpay answers before the money goes.
        assert (notice.kind, notice.amount) == (NoticeKind.REFUND_CREATED, 500)
        assert (notice.payment, notice.refund) == (order.payment, order.refund)
    [line] = sandbox.books()["orders"]
    assert (line["refunded"], line["refunds"]) == (500, 1)
    [found] = accepted(await gateway.look_up_refund(order)).notices
    assert (found.kind, found.refund) == (NoticeKind.REFUND_SUCCEEDED, order.refund)


async def test_a_refund_key_that_was_used_for_something_else_leaves_the_outcome_unknown(
    sandbox: Any, gateway: Razorpay
) -> None:
    order = a_refund(await paid(sandbox, gateway))
    await gateway.refund(order)
    assert isinstance(await gateway.refund(replace(order, amount=600)), Unknown)


async def test_a_refund_of_more_than_is_left_is_declined(sandbox: Any, gateway: Razorpay) -> None:
    payment = await paid(sandbox, gateway)
    assert isinstance(await gateway.refund(a_refund(payment, 10_001)), Declined)
    await gateway.refund(a_refund(payment, 10_000))
    assert isinstance(await gateway.refund(a_refund(payment, 100)), Declined)


async def test_a_refund_of_which_no_answer_came_is_found_among_many(sandbox: Any, gateway: Razorpay) -> None:
    payment = await paid(sandbox, gateway, amount=1_000_000)
    lost = a_refund(payment, 100)
    assert isinstance(await gateway.look_up_refund(lost), Absent)
    sandbox.control("PUT", "faults", {"lost_reply_percent": 100, "only_methods": ["POST"]})
    assert isinstance(await gateway.refund(lost), Unknown)
    sandbox.control("DELETE", "faults")
    for _ in range(calls.page_size + 5):
        sandbox.act("refunds", payment=payment, amount=100)
    assert accepted(await gateway.look_up_refund(lost)).notices[0].refund == lost.refund
    assert isinstance(await gateway.look_up_refund(a_refund(payment, 100)), Absent)


async def test_customers_are_not_kept_at_razorpay(gateway: Razorpay) -> None:
    customer = CustomerOrder(customer=ids.new(), key="customer_1", email="a@example.com", name=None)
    assert isinstance(await gateway.create_customer(customer), Declined)
    assert Feature.CUSTOMERS not in gateway.features


async def test_what_the_browser_brings_is_believed_when_razorpay_signed_it_for_this_checkout(
    sandbox: Any, gateway: Razorpay
) -> None:
    order = an_order(embedded=True)
    reference = accepted(await gateway.create(order)).references[0]
    brought = sandbox.act(f"orders/{reference}/pay")["callback"]
    outcome = accepted(await gateway.confirm(order, reference, brought))
    assert [(notice.kind, notice.payment) for notice in outcome.notices] == [(kind, order.payment) for kind in TAKEN]
    # The webhook may have told the payment's own name before.
    assert kinds(await gateway.confirm(order, brought["razorpay_payment_id"], brought)) == TAKEN


async def test_a_payment_that_razorpay_signed_and_cannot_find_yet_is_in_doubt(sandbox: Any, gateway: Razorpay) -> None:
    order = an_order(embedded=True)
    reference = accepted(await gateway.create(order)).references[0]
    sandbox.control("PUT", "faults", {"not_found_first": 1})
    brought = sandbox.act(f"orders/{reference}/pay")["callback"]
    assert isinstance(await gateway.confirm(order, reference, brought), Unknown)
    assert kinds(await gateway.confirm(order, reference, brought)) == TAKEN


async def test_what_a_links_callback_brings_is_believed_too(sandbox: Any, gateway: Razorpay) -> None:
    order = an_order()
    reference = accepted(await gateway.create(order)).references[0]
    brought = sandbox.act(f"links/{reference}/pay")["callback"]
    assert kinds(await gateway.confirm(order, reference, brought)) == TAKEN
    with pytest.raises(InvalidFieldError):
        await gateway.confirm(order, reference, brought | {"razorpay_payment_link_status": "created"})


async def test_what_cannot_be_true_is_refused_and_nobody_is_asked(sandbox: Any, gateway: Razorpay) -> None:
    cheap, dear = an_order(embedded=True, amount=100), an_order(embedded=True, amount=900_000)
    reference = accepted(await gateway.create(cheap)).references[0]
    wanted = accepted(await gateway.create(dear)).references[0]
    brought = sandbox.act(f"orders/{reference}/pay")["callback"]
    before = sandbox.books()["calls"]
    lies = [
        brought,  # signed, but for the cheap order
        brought | {"razorpay_order_id": wanted},
        {**brought, "razorpay_order_id": wanted, "razorpay_signature": ""},
        {"razorpay_payment_id": brought["razorpay_payment_id"]},
        {**brought, "razorpay_order_id": wanted, "razorpay_signature": "é"},
        {"strange": "x"},
    ]
    for lie in lies:
        with pytest.raises(InvalidFieldError) as told:
            await gateway.confirm(dear, wanted, lie)
        assert told.value.param
    with pytest.raises(InvalidFieldError):
        await gateway.confirm(dear, None, brought)
    assert sandbox.books()["calls"] == before


async def test_confirming_with_nothing_asks_what_has_become_of_it(sandbox: Any, gateway: Razorpay) -> None:
    order = an_order(embedded=True)
    reference = accepted(await gateway.create(order)).references[0]
    assert kinds(await gateway.confirm(order, reference, {})) == []
    sandbox.act(f"orders/{reference}/pay")
    assert kinds(await gateway.confirm(order, reference, {})) == TAKEN
    assert kinds(await gateway.confirm(order, None, {})) == []


RUDE = {
    "cut before an answer": (b"", Unknown),
    "cut in the head": (b"HTTP/1.1 200 X\r\nContent-", Unknown),
    "cut in the body": (reply(200, '{"id": "pay_1"', length=500), Unknown),
    "not HTTP": (b"go away\r\n\r\n", Unknown),
    "silence": (SILENCE, Unknown),
    "500": (error(500, "SERVER_ERROR"), Unknown),
    "500 that sounds like a refusal": (error(500), Unknown),
    "502 with HTML": (reply(502, "<html>Bad gateway</html>"), Unknown),
    "502 of the bank": (error(502, "GATEWAY_ERROR"), Unknown),
    "504 with nothing": (reply(504, ""), Unknown),
    "200 with HTML": (reply(200, "<html>Welcome</html>"), Unknown),
    "200 with truncated JSON": (reply(200, '{"id": "pay_1", "stat'), Unknown),
    "200 with nothing": (reply(200, ""), Unknown),
    "200 with a list": (reply(200, "[]"), Unknown),
    "200 with null": (reply(200, "null"), Unknown),
    "200 with an empty object": (reply(200, "{}"), Unknown),
    "200 with another object": (reply(200, '{"id": "cust_1", "entity": "customer"}'), Unknown),
    "200 with null fields": (reply(200, '{"id": null, "status": null, "items": null, "amount": null}'), Unknown),
    "200 with bad UTF-8": (reply(200, b'{"id": "\xff"}'), Unknown),
    "200 with deep nesting": (reply(200, "[" * nesting_deep + "]" * nesting_deep), Unknown),
    "200 with a bad encoding": (reply(200, "xx", header="Content-Encoding: gzip\r\n"), Unknown),
    "201 with an empty object": (reply(201, "{}"), Unknown),
    "redirect": (reply(302, "", header="Location: http://127.0.0.1:9/\r\n"), Unknown),
    "redirect that keeps the method": (reply(307, "{}", header="Location: http://127.0.0.1:9/\r\n"), Unknown),
    "400 with HTML": (reply(400, "<html>"), Unknown),
    "400 with a text as error": (reply(400, '{"error": "no"}'), Unknown),
    "400 without a description": (reply(400, '{"error": {"code": "BAD_REQUEST_ERROR"}}'), Unknown),
    "400 of the bank": (error(400, "GATEWAY_ERROR"), Unknown),
    "409 in progress": (error(409), Unknown),
    "400": (error(400), Declined),
    "404": (error(404), Declined),
    "401": (error(401), Refused),
    "403": (error(403), Refused),
    "429": (reply(429, '{"error": {"description": "Too many requests"}}'), Refused),
}
Call = Callable[[Razorpay], Awaitable[Outcome]]
CALLS: dict[str, Call] = {
    "create a link": lambda gateway: gateway.create(an_order()),
    "create an order": lambda gateway: gateway.create(an_order(embedded=True)),
    "capture": lambda gateway: gateway.capture("pay_1", 5, "INR", "key"),
    "cancel a link": lambda gateway: gateway.cancel("plink_1", "key"),
    "cancel an order": lambda gateway: gateway.cancel("order_1", "key"),
    "cancel a payment": lambda gateway: gateway.cancel("pay_1", "key"),
    "refund": lambda gateway: gateway.refund(a_refund("pay_1")),
    "retrieve a link": lambda gateway: gateway.retrieve("plink_1"),
    "retrieve an order": lambda gateway: gateway.retrieve("order_1"),
    "retrieve a payment": lambda gateway: gateway.retrieve("pay_1"),
    "confirm": lambda gateway: gateway.confirm(an_order(), "order_1", {}),
    "fetch the fee": lambda gateway: gateway.fetch_fee("pay_1"),
}
ASKED_RUDELY = ["create a link", "refund", "confirm"]
"""The conformance suite asks every verb over a bad line; these see what the statuses and codes of this gateway mean."""


@pytest.mark.parametrize("rudeness", RUDE)
@pytest.mark.parametrize("call", ASKED_RUDELY)
async def test_a_rude_answer_is_sorted_by_what_it_proves_and_the_call_is_made_once(
    rude: RudeServer, shaken: Razorpay, monkeypatch: pytest.MonkeyPatch, call: str, rudeness: str
) -> None:
    rude.answer, expected = RUDE[rudeness]
    if rude.answer == SILENCE:  # only then: a busy machine may need longer for everything else
        monkeypatch.setattr(calls, "total_timeout_seconds", short_timeout_ms / 1000)
    outcome = await CALLS[call](shaken)
    assert type(outcome) is expected, outcome
    assert "canary" not in repr(outcome)
    told = [request[:4] for request in rude.requests]
    # After a plain no it is asked what there is; nothing is told twice.
    assert told.count(b"POST") <= 1
    assert len(told) == 1 or (told[1:], expected) == ([b"GET "], Declined)


@pytest.mark.parametrize("rudeness", RUDE)
async def test_no_answer_to_a_look_up_is_taken_for_absence(
    rude: RudeServer, shaken: Razorpay, monkeypatch: pytest.MonkeyPatch, rudeness: str
) -> None:
    rude.answer, _ = RUDE[rudeness]
    if rude.answer == SILENCE:
        monkeypatch.setattr(calls, "total_timeout_seconds", short_timeout_ms / 1000)
    for found in (
        await shaken.look_up(an_order()),
        await shaken.look_up(an_order(embedded=True)),
        await shaken.look_up_refund(a_refund("pay_1")),
    ):
        assert isinstance(found, Unknown)
    moment = clock.now()
    with pytest.raises(GatewayUnavailableError):
        await shaken.events(moment - timedelta(hours=1), moment)


@pytest.mark.parametrize("call", CALLS)
async def test_a_gateway_that_refuses_connections_has_certainly_done_nothing(free_port: int, call: str) -> None:
    lonely = Razorpay(Secrets(SECRETS), base=f"http://127.0.0.1:{free_port}", live=False)
    assert isinstance(await CALLS[call](lonely), Refused)
    await lonely.close()


@pytest.mark.parametrize("call", CALLS)
async def test_no_call_is_made_inside_a_transaction(
    rude: RudeServer, shaken: Razorpay, db: Database, call: str
) -> None:
    rude.answer = RUDE["500"][0]
    with pytest.raises(AssertionError, match="inside a database transaction"):
        async with db.transaction():
            await CALLS[call](shaken)
    assert rude.requests == []


async def test_a_refund_carries_its_key_as_razorpay_wants_it(rude: RudeServer, shaken: Razorpay) -> None:
    rude.answer = RUDE["500"][0]
    order = a_refund("pay_1")
    await shaken.refund(order)
    head = rude.requests[0].split(b"\r\n\r\n")[0].decode().lower()
    assert f"x-refund-idempotency: {order.key}" in head
    assert len(order.key) >= 10
    assert len(an_order().key) <= 40
    assert "authorization: basic " in head


async def test_a_declined_call_says_why_in_razorpays_words(rude: RudeServer, shaken: Razorpay) -> None:
    rude.answer = error(400, reason="input_validation_failed")
    assert await shaken.create(an_order()) == Declined(code="input_validation_failed", message="Told so.")
    rude.answer = error(400)
    assert await shaken.create(an_order()) == Declined(code="bad_request_error", message="Told so.")


async def test_a_link_whose_reference_is_taken_is_looked_for_and_not_taken_for_a_refusal(
    rude: RudeServer, shaken: Razorpay
) -> None:
    told = "payment link with given reference_id: x already exists. Please create a payment link with a different one"
    rude.answer = error(400, description=told)
    assert isinstance(await shaken.create(an_order()), Unknown)
    assert len(rude.requests) == 2


AT_WORK = "The request failed because Another Payment Operation is in Progress; wait a little and try again."


async def test_a_payment_that_razorpay_is_at_work_on_has_certainly_not_been_touched(
    rude: RudeServer, shaken: Razorpay
) -> None:
    rude.answer = error(400, description=AT_WORK)
    assert isinstance(await shaken.refund(a_refund("pay_1")), Refused)
    assert isinstance(await shaken.capture("pay_1", 5, "INR", "key"), Refused)
    assert len(rude.requests) == 2


HAS_IT = [
    "Duplicate receipt found for this refund request. Use another one.",
    "Refund has already been processed",
    "Different request with the same idempotency key has already been processed.",
]


@pytest.mark.parametrize("told", HAS_IT)
async def test_a_refund_that_razorpay_has_and_does_not_show_leaves_the_outcome_unknown(
    rude: RudeServer, shaken: Razorpay, told: str
) -> None:
    rude.answer = error(400, description=told)
    assert isinstance(await shaken.refund(a_refund("pay_1")), Unknown)
    assert [request[:4] for request in rude.requests] == [b"POST", b"GET "]


async def test_a_refund_that_razorpay_has_already_is_found_by_its_receipt(sandbox: Any, gateway: Razorpay) -> None:
    order = a_refund(await paid(sandbox, gateway))
    await gateway.refund(order)
    sandbox.control("PUT", "faults", {"forget_keys": True})
    [notice] = accepted(await gateway.refund(order)).notices
    assert (notice.kind, notice.refund) == (NoticeKind.REFUND_SUCCEEDED, order.refund)
    [line] = sandbox.books()["orders"]
    assert (line["refunded"], line["refunds"]) == (500, 1)
