"""Calls to Square: what the sandbox answers, and what is made of a gateway that misbehaves."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.gateways.rude import SILENCE, RudeServer, reply, rude_server
from tests.gateways.square.conftest import an_order

from tillkeeper.facts import Notice, NoticeKind
from tillkeeper.gateway import (
    Absent,
    Accepted,
    ConfigurationError,
    CustomerOrder,
    Declined,
    Feature,
    GatewayUnavailableError,
    Outcome,
    RefundOrder,
    Refused,
    Unknown,
)
from tillkeeper.gateways.square import GATEWAY, calls
from tillkeeper.gateways.square.adapter import CURRENCIES, Square
from tillkeeper.gateways.square.cards import cards_max, keys
from tillkeeper.gateways.square.sandbox import SANDBOX
from tillkeeper.kernel import clock, ids
from tillkeeper.kernel.db import Database
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError
from tillkeeper.kernel.money import CurrencyNotSupportedError
from tillkeeper.kernel.secrets import Secrets

nesting_deep = 100_000
orders_asked_for = 20
short_timeout_ms = 500
OK, DECLINED = {"source_id": "cnon:card-nonce-ok"}, {"source_id": "cnon:card-nonce-declined"}


def told(outcome: Outcome | Absent) -> list[Notice]:
    assert isinstance(outcome, Accepted), outcome
    return list(outcome.notices)


def kinds(outcome: Outcome | Absent) -> list[NoticeKind]:
    return [notice.kind for notice in told(outcome)]


async def opened(square: Square, **change: Any) -> str:
    """Open a link and return its name."""
    outcome = await square.create(an_order(**change))
    assert isinstance(outcome, Accepted)
    return outcome.references[0]


async def held(square: Square, **change: Any) -> str:
    """Authorise a card and return the payment."""
    outcome = await square.confirm(an_order(embedded=True, manual_capture=True, **change), None, OK)
    assert kinds(outcome) == [NoticeKind.PAYMENT_AUTHORIZED]
    return told(outcome)[0].references[0]


def a_refund(reference: str, amount: int = 50, **change: Any) -> RefundOrder:
    order = RefundOrder(
        payment=ids.new(),
        refund=ids.new(),
        key=ids.text("refund", ids.new()),
        reference=reference,
        amount=amount,
        currency="USD",
    )
    return replace(order, **change)


def link_of(reference: str) -> str:
    return reference.partition(":")[2]


def payments(house: Any) -> list[Any]:
    lines: list[Any] = house.control("GET", "books/square")["payments"]
    return lines


async def test_a_link_carries_our_id_and_leads_to_the_shop(house: Any, square: Square) -> None:
    order = an_order()
    outcome = await square.create(order)
    assert isinstance(outcome, Accepted)
    link = house.client.checkout.payment_links.get(id=link_of(outcome.references[0])).payment_link
    assert outcome.next_action == {"type": "redirect", "url": link.url}
    assert outcome.references == (f"{link.order_id}:{link.id}", link.order_id, link.id)
    ours = ids.text("payment", order.payment)
    assert (link.payment_note, link.checkout_options.redirect_url) == (ours, order.return_url)
    made = house.client.orders.get(order_id=link.order_id).order
    assert (made.reference_id, made.total_money.amount, made.line_items[0].name) == (ours, 1200, "120 credits")
    house.act(f"links/{link.id}/pay")
    [captured] = told(await square.retrieve(outcome.references[0]))
    assert (captured.kind, captured.payment, captured.amount) == (NoticeKind.PAYMENT_CAPTURED, order.payment, 1200)
    assert captured.references[0] == payments(house)[0]["payment"]


async def test_hosted_checkout_cannot_set_money_aside_and_says_so(house: Any, square: Square) -> None:
    with pytest.raises(InvalidStateError, match="hosted checkout takes money at once"):
        await square.create(an_order(manual_capture=True))
    assert house.control("GET", "calls")["routes"] == {}


async def test_a_page_gets_what_squares_script_needs_and_nothing_is_sent(house: Any, square: Square) -> None:
    outcome = await square.create(an_order(embedded=True))
    assert isinstance(outcome, Accepted)
    assert outcome.references == ()
    assert outcome.next_action == {
        "type": "client",
        "gateway": "square",
        "application_id": house.secrets["SQUARE_APPLICATION_ID"],
        "location_id": house.location,
        "form": f"{house.url}/square/card",
    }
    assert house.control("GET", "calls")["routes"] == {}


async def test_without_an_application_id_only_hosted_checkout_is_offered(house: Any) -> None:
    bare = {name: value for name, value in house.secrets.items() if name != "SQUARE_APPLICATION_ID"}
    square = GATEWAY.connect(Secrets(bare), mode="sandbox")
    assert not square.features & {Feature.EMBEDDED, Feature.MANUAL_CAPTURE, Feature.PARTIAL_CAPTURE}
    with pytest.raises(InvalidStateError):
        await square.create(an_order(embedded=True))
    await square.close()


async def test_a_card_within_the_page_is_charged_once_under_our_reference(house: Any, square: Square) -> None:
    order = an_order(embedded=True)
    for _ in range(2):
        [captured] = told(await square.confirm(order, None, OK))
        assert (captured.kind, captured.payment, captured.amount) == (NoticeKind.PAYMENT_CAPTURED, order.payment, 1200)
    [line] = payments(house)
    assert (line["reference_id"], line["note"]) == (ids.text("payment", order.payment), "120 credits")


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("cnon:card-nonce-declined", "GENERIC_DECLINE"),
        ("cnon:card-nonce-rejected-cvv", "CVV_FAILURE"),
        ("cnon:card-nonce-insufficient-funds", "INSUFFICIENT_FUNDS"),
        ("cnon:card-nonce-requires-verification", "CARD_DECLINED_VERIFICATION_REQUIRED"),
        ("cnon:nobody-made-this", "NOT_FOUND"),
    ],
)
async def test_a_card_that_does_not_pay_is_a_declined_card_with_squares_code(
    house: Any, square: Square, source: str, code: str
) -> None:
    outcome = await square.confirm(an_order(embedded=True), None, {"source_id": source})
    assert isinstance(outcome, Declined)
    assert (outcome.code, outcome.card) == (code, True)
    assert sum(line["charges"] for line in payments(house)) == 0


async def test_another_card_may_follow_a_declined_one_and_pays_once(house: Any, square: Square) -> None:
    order = an_order(embedded=True)
    assert isinstance(await square.confirm(order, None, DECLINED), Declined)
    third = {"source_id": "cnon:card-nonce-rejected-cvv"}
    assert isinstance(await square.confirm(order, None, third), Declined)
    for _ in range(2):
        assert kinds(await square.confirm(order, None, OK)) == [NoticeKind.PAYMENT_CAPTURED]
    assert [line["status"] for line in payments(house)] == ["FAILED", "FAILED", "COMPLETED"]


async def test_two_cards_for_one_payment_charge_one(house: Any, square: Square) -> None:
    """The customer pays, the answer gets lost, and they try another card."""
    order = an_order(embedded=True)
    await square.confirm(order, None, OK)
    other = {"source_id": house.act("cards", {"outcome": "ok"})["source_id"]}
    assert kinds(await square.confirm(order, None, other)) == [NoticeKind.PAYMENT_CAPTURED]
    assert [line["status"] for line in payments(house)] == ["COMPLETED"]


async def test_a_first_card_that_nobody_can_find_is_canceled_by_its_key_before_a_second(
    house: Any, square: Square
) -> None:
    order = an_order(embedded=True, manual_capture=True)
    house.control("PUT", "faults", {"not_found_ms": 60_000})
    await square.confirm(order, None, OK)
    house.control("PUT", "faults", {"not_found_ms": 0})
    other = {"source_id": house.act("cards", {"outcome": "ok"})["source_id"]}
    assert kinds(await square.confirm(order, None, other)) == [NoticeKind.PAYMENT_AUTHORIZED]
    assert [line["status"] for line in payments(house)] == ["CANCELED", "APPROVED"]


@pytest.mark.parametrize(
    "source",
    [
        "",
        "CASH",
        "EXTERNAL",
        "ccof:somebody-elses-card",
        "gftc:card",
        "cnon:",
        "cnon:a b",
        "4111111111111111",
        "x" * 300,
    ],
)
async def test_a_browser_can_name_nothing_but_what_squares_script_gave_it(
    house: Any, square: Square, source: str
) -> None:
    with pytest.raises(InvalidFieldError):
        await square.confirm(an_order(embedded=True), None, {"source_id": source})
    assert house.control("GET", "calls")["routes"] == {}


async def test_a_lost_charge_is_found_by_our_reference_and_a_declined_one_is_not(square: Square) -> None:
    order, other = an_order(embedded=True), an_order(embedded=True)
    assert isinstance(await square.look_up(order), Absent)
    await square.confirm(other, None, DECLINED)
    assert isinstance(await square.look_up(other), Absent)
    await square.confirm(order, None, OK)
    assert kinds(await square.look_up(order)) == [NoticeKind.PAYMENT_CAPTURED]


async def test_a_lost_link_is_found_among_many_by_our_note(square: Square) -> None:
    order = an_order()
    outcome = await square.create(order)
    for _ in range(5):
        await square.create(an_order())
    found = await square.look_up(order)
    assert isinstance(found, Accepted)
    assert isinstance(outcome, Accepted)
    assert (found.references, found.next_action) == (outcome.references, outcome.next_action)
    assert isinstance(await square.look_up(an_order()), Absent)


async def test_the_same_key_opens_the_same_link_and_another_order_under_it_is_in_doubt(square: Square) -> None:
    order = an_order()
    first, again = await square.create(order), await square.create(order)
    assert isinstance(first, Accepted)
    assert isinstance(again, Accepted)
    assert again.references == first.references
    assert isinstance(await square.create(replace(order, amount=200)), Unknown)


async def test_an_open_link_is_ended_and_stays_ended(house: Any, square: Square) -> None:
    reference = await opened(square)
    assert kinds(await square.retrieve(reference)) == []
    for key in ("cancel_1", "cancel_1", "cancel_2"):
        assert kinds(await square.cancel(reference, key)) == [NoticeKind.PAYMENT_CANCELED]
    [canceled] = told(await square.retrieve(reference))
    assert (canceled.kind, canceled.references[0]) == (NoticeKind.PAYMENT_CANCELED, reference)
    order_id = reference.partition(":")[0]
    assert kinds(await square.retrieve(order_id)) == [NoticeKind.PAYMENT_CANCELED]
    house.act(f"links/{link_of(reference)}/late_success")
    assert kinds(await square.retrieve(reference)) == [NoticeKind.PAYMENT_CAPTURED]


async def test_a_paid_link_cannot_be_ended(house: Any, square: Square) -> None:
    reference = await opened(square)
    payment = house.act(f"links/{link_of(reference)}/pay")["id"]
    for name in (reference, payment):
        assert isinstance(await square.cancel(name, "cancel_1"), Declined)
    assert kinds(await square.retrieve(reference)) == [NoticeKind.PAYMENT_CAPTURED]


async def test_a_declined_try_leaves_the_link_as_it_was(house: Any, square: Square) -> None:
    reference = await opened(square)
    house.act(f"links/{link_of(reference)}/decline")
    assert kinds(await square.retrieve(reference)) == []


async def test_a_link_whose_card_was_declined_is_ended_with_its_order(house: Any, square: Square) -> None:
    reference = await opened(square)
    house.act(f"links/{link_of(reference)}/decline")
    for key in ("cancel_1", "cancel_2"):
        [canceled] = told(await square.cancel(reference, key))
        assert (canceled.kind, canceled.references[0]) == (NoticeKind.PAYMENT_CANCELED, reference)
    order = house.client.orders.get(order_id=reference.partition(":")[0]).order
    assert (order.state, len(order.tenders)) == ("CANCELED", 1)


async def test_of_several_tries_to_pay_a_link_the_one_that_holds_money_counts(house: Any, square: Square) -> None:
    reference = await opened(square)
    first, _ = (house.act(f"links/{link_of(reference)}/decline")["id"] for _ in range(2))
    house.act(f"payments/{first}/late_success")
    [captured] = told(await square.retrieve(reference))
    assert (captured.kind, captured.references[0]) == (NoticeKind.PAYMENT_CAPTURED, first)
    assert isinstance(await square.cancel(reference, "cancel_1"), Declined)


async def test_a_try_that_square_names_and_does_not_show_yet_leaves_the_outcome_unknown(
    house: Any, square: Square
) -> None:
    reference = await opened(square)
    house.control("PUT", "faults", {"not_found_ms": 60_000})
    house.act(f"links/{link_of(reference)}/pay")
    assert isinstance(await square.retrieve(reference), Unknown)
    assert isinstance(await square.cancel(reference, "cancel_1"), Unknown)


@pytest.mark.parametrize("name", ["absent", "absent:absent"])
async def test_what_does_not_exist_is_declined(square: Square, name: str) -> None:
    for call in (square.retrieve(name), square.cancel(name, "key")):
        outcome = await call
        assert isinstance(outcome, Declined)
        assert outcome.code == "NOT_FOUND"
    assert isinstance(await square.refund(a_refund(name)), Declined)


async def test_all_or_a_part_of_authorised_money_is_taken_once(house: Any, square: Square) -> None:
    for amount in (1200, 700):
        payment = await held(square)
        for _ in range(2):
            [captured] = told(await square.capture(payment, amount, "USD", "capture_1" + payment))
            assert (captured.kind, captured.amount) == (NoticeKind.PAYMENT_CAPTURED, amount)
        assert isinstance(await square.capture(payment, 10, "USD", "capture_2"), Declined)
        assert (house.line(payment)["captured"], house.line(payment)["captures"]) == (amount, 1)


async def test_more_than_was_authorised_or_other_money_is_declined_before_anything_is_sent(
    house: Any, square: Square
) -> None:
    payment = await held(square)
    for amount, currency in ((1201, "USD"), (100, "EUR")):
        assert isinstance(await square.capture(payment, amount, currency, "capture_1"), Declined)
    assert kinds(await square.retrieve(payment)) == [NoticeKind.PAYMENT_AUTHORIZED]
    assert house.line(payment)["captured"] == 0


async def test_a_capture_that_was_cut_between_its_two_calls_is_finished_by_the_next(house: Any, square: Square) -> None:
    payment = await held(square)
    house.control("PUT", "faults", {"error_before_percent": 100, "only_methods": ["POST"]})
    assert isinstance(await square.capture(payment, 700, "USD", "capture_1"), Unknown)
    house.control("DELETE", "faults")
    assert house.line(payment)["captured"] == 0
    [captured] = told(await square.capture(payment, 700, "USD", "capture_1"))
    assert (captured.amount, house.line(payment)["captured"]) == (700, 700)


async def test_a_capture_of_what_square_cannot_find_yet_is_in_doubt(house: Any, square: Square) -> None:
    house.control("PUT", "faults", {"not_found_first": 1})
    payment = await held(square)
    assert isinstance(await square.capture(payment, 700, "USD", "capture_1"), Unknown)
    [captured] = told(await square.capture(payment, 700, "USD", "capture_1"))
    assert (captured.amount, house.line(payment)["captured"]) == (700, 700)


async def test_authorised_money_is_let_go_once(house: Any, square: Square) -> None:
    payment = await held(square)
    for key in ("cancel_1", "cancel_1", "cancel_2"):
        assert kinds(await square.cancel(payment, key)) == [NoticeKind.PAYMENT_CANCELED]
    assert isinstance(await square.capture(payment, 1200, "USD", "capture_1"), Declined)
    assert house.line(payment)["captured"] == 0


async def test_a_refund_is_made_once_and_found_again_by_our_ids(house: Any, square: Square) -> None:
    payment = house.paid()
    order, other = a_refund(payment), a_refund(payment, 70)
    assert isinstance(await square.look_up_refund(order), Absent)
    for outcome in (await square.refund(order), await square.refund(order), await square.look_up_refund(order)):
        [refund] = told(outcome)
        assert refund.kind in {NoticeKind.REFUND_CREATED, NoticeKind.REFUND_SUCCEEDED}
        assert (refund.payment, refund.refund, refund.amount) == (order.payment, order.refund, 50)
    assert isinstance(await square.look_up_refund(other), Absent)
    assert house.line(payment)["refunds"] == 1


async def test_a_refund_that_is_listed_and_not_shown_yet_is_not_taken_for_absent(house: Any, square: Square) -> None:
    payment, order = house.paid(), None
    order = a_refund(payment)
    house.control("PUT", "faults", {"not_found_ms": 60_000})
    await square.refund(order)
    assert isinstance(await square.look_up_refund(order), Unknown)


async def test_a_refund_of_more_than_is_left_is_declined_and_no_card_is_blamed(house: Any, square: Square) -> None:
    outcome = await square.refund(a_refund(house.paid(), 1201))
    assert isinstance(outcome, Declined)
    assert (outcome.code, outcome.card) == ("REFUND_AMOUNT_INVALID", False)


async def test_the_fee_is_asked_for_and_may_not_be_known_yet(house: Any, square: Square) -> None:
    [fee] = told(await square.fetch_fee(house.paid(amount=10_000)))
    assert (fee.kind, fee.amount) == (NoticeKind.PAYMENT_FEE, 320)
    house.control("PUT", "faults", {"late_fee_seconds": 3600})
    assert told(await square.fetch_fee(house.paid())) == []


async def test_a_customer_without_a_name_is_called_by_our_id(house: Any, square: Square) -> None:
    for email, name in (("ana@shop.example", "Ana"), (None, "Ana"), (None, None)):
        order = CustomerOrder(customer=ids.new(), key=ids.text("customer", ids.new()), email=email, name=name)
        outcome = await square.create_customer(order)
        assert isinstance(outcome, Accepted)
        made = house.client.customers.get(customer_id=outcome.references[0]).customer
        assert (made.email_address, made.given_name) == (email, name or ids.text("customer", order.customer))
        assert made.reference_id == ids.text("customer", order.customer)


async def test_events_are_listed_oldest_first_over_many_pages(
    house: Any, square: Square, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tillkeeper.gateways.square.adapter.events_page_size", 2)
    since = clock.now() - timedelta(seconds=2)
    house.paid()
    house.paid()
    listed = await square.events(since, clock.now() + timedelta(seconds=1))
    kinds_listed = [notice.kind for each in listed for notice in square.translate(each.body)]
    once = [
        NoticeKind.PAYMENT_PENDING,
        NoticeKind.PAYMENT_CAPTURED,
        NoticeKind.PAYMENT_CAPTURED,
        NoticeKind.PAYMENT_FEE,
    ]
    assert kinds_listed == once * 2


async def test_the_search_of_events_is_switched_on_before_it_is_used(house: Any, square: Square) -> None:
    house.send("PUT", "events/disable")
    now = clock.now()
    await square.events(now - timedelta(hours=1), now)
    house.paid()
    assert await square.events(now - timedelta(seconds=2), now + timedelta(hours=1))
    assert house.control("GET", "calls")["routes"]["PUT /v2/events/enable"]["calls"] == 1


@given(amount=some.integers(min_value=1, max_value=2**63 - 1), currency=some.sampled_from(sorted(CURRENCIES)))
def test_every_amount_in_squares_currencies_is_taken(amount: int, currency: str) -> None:
    checking().check_amount(amount, currency)


@pytest.mark.parametrize(("amount", "currency"), [(100, "INR"), (1000, "KWD"), (0, "USD"), (-1, "USD"), (2**63, "USD")])
def test_what_square_cannot_take_is_refused(amount: int, currency: str) -> None:
    with pytest.raises(CurrencyNotSupportedError):
        checking().check_amount(amount, currency)


def test_an_account_takes_one_currency_when_that_is_known() -> None:
    checking(SQUARE_CURRENCY="GBP").check_amount(100, "GBP")
    with pytest.raises(CurrencyNotSupportedError, match="GBP"):
        checking(SQUARE_CURRENCY="GBP").check_amount(100, "USD")


def test_the_fee_to_expect_is_squares_usual_one_and_never_more_than_the_amount() -> None:
    square = checking()
    assert [square.predict_fee(amount, "USD") for amount in (10_000, 199, 31, 30, 1)] == [320, 36, 31, 0, 0]


def checking(**more: str) -> Any:
    return GATEWAY.connect(Secrets(SANDBOX.invent("http://127.0.0.1:9") | more), mode="sandbox")


LIVE = {"SQUARE_APPLICATION_ID": "sq0idp-live", "SQUARE_WEBHOOK_URL": "https://till.example/webhooks/square"}


@pytest.mark.parametrize(
    ("change", "mode", "why"),
    [
        ({"SQUARE_WEBHOOK_URL": "till.example/webhooks"}, "sandbox", "SQUARE_WEBHOOK_URL"),
        ({**LIVE, "SQUARE_API_BASE": "", "SQUARE_WEBHOOK_URL": "http://till.example/x"}, "live", "https"),
        ({"SQUARE_CURRENCY": "INR"}, "sandbox", "SQUARE_CURRENCY"),
        ({**LIVE, "SQUARE_API_BASE": "https://connect.squareupsandbox.com"}, "live", "points elsewhere"),
        ({"SQUARE_API_BASE": "https://connect.squareup.com"}, "test", "points elsewhere"),
        ({"SQUARE_API_BASE": "https://connect.squareup.com"}, "sandbox", "till sandbox"),
        ({"SQUARE_API_BASE": ""}, "sandbox", "till sandbox"),
        ({**LIVE, "SQUARE_API_BASE": "", "SQUARE_ACCESS_TOKEN": "sandbox-sq0atb-x"}, "live", "test environment"),
        ({"SQUARE_API_BASE": ""}, "live", "test environment"),
        ({**LIVE, "SQUARE_API_BASE": ""}, "test", "live one"),
    ],
)
def test_settings_that_cannot_be_right_refuse_to_start(change: dict[str, str], mode: str, why: str) -> None:
    environment = SANDBOX.invent("http://127.0.0.1:9") | change
    with pytest.raises(ConfigurationError, match=why):
        GATEWAY.connect(Secrets(environment), mode=mode)


@pytest.mark.parametrize(("mode", "origin"), [("live", "https://square.link"), ("test", "https://sandbox.square.link")])
async def test_each_mode_has_its_own_square(mode: str, origin: str) -> None:
    environment = SANDBOX.invent("x") | {"SQUARE_API_BASE": "", "SQUARE_WEBHOOK_URL": LIVE["SQUARE_WEBHOOK_URL"]}
    square = GATEWAY.connect(Secrets(environment | (LIVE if mode == "live" else {})), mode=mode)
    assert (square.checkout_origin, square.name) == (origin, "square")
    assert isinstance(square, Square)
    assert square._wire._base == f"https://connect.squareup{'sandbox' if mode == 'test' else ''}.com"
    await square.close()


def error(status: int, code: str, category: str = "INVALID_REQUEST_ERROR", **more: str) -> bytes:
    return reply(status, json.dumps({"errors": [{"category": category, "code": code, "detail": "Told so."} | more]}))


@pytest.fixture
async def rude() -> AsyncIterator[RudeServer]:
    async with rude_server() as played:
        yield played


@pytest.fixture
async def shaken(rude: RudeServer) -> AsyncIterator[Square]:
    """Connect to the rude server."""
    square = connect(rude.url)
    yield square
    await square.close()


def connect(url: str) -> Square:
    square = GATEWAY.connect(Secrets(SANDBOX.invent(url)), mode="sandbox")
    assert isinstance(square, Square)
    return square


RUDE: dict[str, tuple[bytes, type[Outcome]]] = {
    "cut before an answer": (b"", Unknown),
    "cut in the head": (b"HTTP/1.1 200 X\r\nContent-", Unknown),
    "cut in the body": (reply(200, '{"payment": {"id', length=500), Unknown),
    "not HTTP": (b"go away\r\n\r\n", Unknown),
    "silence": (SILENCE, Unknown),
    "500": (error(500, "INTERNAL_SERVER_ERROR", "API_ERROR"), Unknown),
    "502 with HTML": (reply(502, "<html>Bad gateway</html>"), Unknown),
    "503": (error(503, "SERVICE_UNAVAILABLE", "API_ERROR"), Unknown),
    "504 with nothing": (reply(504, ""), Unknown),
    "200 with HTML": (reply(200, "<html>Welcome</html>"), Unknown),
    "200 with truncated JSON": (reply(200, '{"payment": {"id": "x", "sta'), Unknown),
    "200 with nothing": (reply(200, ""), Unknown),
    "200 with a list": (reply(200, "[]"), Unknown),
    "200 with null": (reply(200, "null"), Unknown),
    "200 with a number": (reply(200, "5"), Unknown),
    "200 with an empty object": (reply(200, "{}"), Unknown),
    "200 with another object": (reply(200, '{"customer": {"name": "x"}}'), Unknown),
    "200 with null fields": (reply(200, '{"payment": {"id": null}, "refund": null, "id": null}'), Unknown),
    "200 with errors": (reply(200, '{"errors": [{"code": "X", "category": "Y"}]}'), Unknown),
    "200 with bad UTF-8": (reply(200, b'{"id": "\xff"}'), Unknown),
    "200 with deep nesting": (reply(200, "[" * nesting_deep + "]" * nesting_deep), Unknown),
    "200 with a bad encoding": (reply(200, "xx", header="Content-Encoding: gzip\r\n"), Unknown),
    "redirect": (reply(302, "", header="Location: http://127.0.0.1:9/\r\n"), Unknown),
    "redirect that keeps the method": (reply(307, "{}", header="Location: http://127.0.0.1:9/\r\n"), Unknown),
    "400 with HTML": (reply(400, "<html>"), Unknown),
    "400 with no error": (reply(400, '{"errors": []}'), Unknown),
    "400 with an odd error": (reply(400, '{"errors": [{"code": 5}]}'), Unknown),
    "400 that may be temporary": (error(400, "TEMPORARY_ERROR", "API_ERROR"), Unknown),
    "408": (error(408, "REQUEST_TIMEOUT"), Unknown),
    "409": (error(409, "CONFLICT"), Unknown),
    "400": (error(400, "VALUE_TOO_LONG"), Declined),
    "404": (error(404, "NOT_FOUND"), Declined),
    "400 while a refund is pending": (error(400, "REFUND_ALREADY_PENDING", "REFUND_ERROR"), Refused),
    "402": (error(402, "CARD_DECLINED", "PAYMENT_METHOD_ERROR"), Declined),
    "401": (error(401, "UNAUTHORIZED", "AUTHENTICATION_ERROR"), Refused),
    "403": (error(403, "INSUFFICIENT_SCOPES", "AUTHENTICATION_ERROR"), Refused),
    "429": (error(429, "RATE_LIMITED", "RATE_LIMIT_ERROR"), Refused),
}
Call = Callable[[Square], Awaitable[Outcome]]
CALLS: dict[str, Call] = {
    "create": lambda square: square.create(an_order()),
    "confirm": lambda square: square.confirm(an_order(embedded=True), None, OK),
    "customer": lambda square: square.create_customer(
        CustomerOrder(customer=ids.new(), key="key", email=None, name="Ana")
    ),
    "capture": lambda square: square.capture("PAY", 5, "USD", "key"),
    "cancel a link": lambda square: square.cancel("ORDER:LINK", "key"),
    "cancel a payment": lambda square: square.cancel("PAY", "key"),
    "refund": lambda square: square.refund(a_refund("PAY")),
    "retrieve a link": lambda square: square.retrieve("ORDER:LINK"),
    "retrieve a payment": lambda square: square.retrieve("PAY"),
    "fetch a fee": lambda square: square.fetch_fee("PAY"),
}
ASKED_RUDELY = ["create", "confirm", "refund"]
"""The conformance suite asks every verb over a bad line; these see what the statuses and codes of this gateway mean."""


@pytest.mark.parametrize("rudeness", RUDE)
@pytest.mark.parametrize("call", ASKED_RUDELY)
async def test_a_rude_answer_is_sorted_by_what_it_proves_and_nothing_is_sent_twice(
    rude: RudeServer, shaken: Square, monkeypatch: pytest.MonkeyPatch, call: str, rudeness: str
) -> None:
    rude.answer, expected = RUDE[rudeness]
    if rude.answer == SILENCE:  # only then: a busy machine may need longer for everything else
        monkeypatch.setattr(calls, "total_timeout_seconds", short_timeout_ms / 1000)
    outcome = await CALLS[call](shaken)
    if (call, rudeness) == ("capture", "404"):  # it looks first, and lists lag
        expected = Unknown
    assert type(outcome) is expected, outcome
    commands = [request for request in rude.requests if not request.startswith(b"GET")]
    assert len(commands) <= 1
    assert rude.requests


@pytest.mark.parametrize("rudeness", [name for name, (_, kind) in RUDE.items() if name != "200 with an empty object"])
@pytest.mark.parametrize("embedded", [True, False])
async def test_a_list_that_cannot_be_read_leaves_a_doubt_a_doubt(
    rude: RudeServer,
    shaken: Square,
    monkeypatch: pytest.MonkeyPatch,
    rudeness: str,
    embedded: bool,  # noqa: FBT001
) -> None:
    """An empty object is what Square sends when there is nothing to list; anything else odd proves nothing."""
    rude.answer, _ = RUDE[rudeness]
    if rude.answer == SILENCE:
        monkeypatch.setattr(calls, "total_timeout_seconds", short_timeout_ms / 1000)
    assert isinstance(await shaken.look_up(an_order(embedded=embedded)), Unknown)
    assert isinstance(await shaken.look_up_refund(a_refund("PAY")), Unknown)
    with pytest.raises(GatewayUnavailableError):
        await shaken.events(clock.now(), clock.now())


@pytest.mark.parametrize("call", CALLS)
async def test_a_gateway_that_refuses_connections_has_certainly_done_nothing(free_port: int, call: str) -> None:
    lonely = connect(f"http://127.0.0.1:{free_port}")
    assert isinstance(await CALLS[call](lonely), Refused)
    await lonely.close()


@pytest.mark.parametrize("call", CALLS)
async def test_no_call_is_made_inside_a_transaction(rude: RudeServer, shaken: Square, db: Database, call: str) -> None:
    rude.answer = RUDE["500"][0]
    with pytest.raises(AssertionError, match="inside a database transaction"):
        async with db.transaction():
            await CALLS[call](shaken)
    assert rude.requests == []


async def test_a_call_carries_its_key_the_token_and_the_version_and_no_secret_gets_into_a_reason(
    rude: RudeServer,
) -> None:
    secrets = SANDBOX.invent(rude.url)
    square = GATEWAY.connect(Secrets(secrets), mode="sandbox")
    rude.answer = RUDE["500"][0]
    for _ in range(2):
        outcome = await square.create(an_order(key="attempt_1"))
        assert secrets["SQUARE_ACCESS_TOKEN"] not in str(outcome)
    head, _, body = rude.requests[1].partition(b"\r\n\r\n")
    assert f"authorization: bearer {secrets['SQUARE_ACCESS_TOKEN'].lower()}".encode() in head.lower()
    assert b"square-version: 2026-09-16" in head.lower()
    assert json.loads(body)["idempotency_key"] == "attempt_1"
    await square.close()


def test_every_key_of_ours_is_short_enough_for_square() -> None:
    assert max(len(key) for key in keys(an_order())) <= 45
    for prefix in ("attempt", "capture", "refund", "customer", "confirm"):
        assert len(ids.text(prefix, ids.new())) <= 45


async def test_no_more_than_ten_cards_are_tried_for_one_payment(house: Any, square: Square) -> None:
    order = an_order(embedded=True)
    for number in range(cards_max + 1):
        nonce = house.act("cards", {"outcome": "CARD_DECLINED"})["source_id"]
        outcome = await square.confirm(order, None, {"source_id": nonce})
        assert isinstance(outcome, Declined)
        assert outcome.code == ("CARD_DECLINED" if number < cards_max else "TOO_MANY_CARDS")
    assert len(payments(house)) == cards_max


async def test_going_on_without_a_card_settles_what_was_begun(house: Any, square: Square) -> None:
    order, held_order = an_order(embedded=True), an_order(embedded=True, manual_capture=True)
    untouched = await square.confirm(order, None, {})
    assert isinstance(untouched, Declined)
    assert (untouched.code, untouched.card) == ("NOT_CHARGED", True)
    for wanted, kind in ((order, NoticeKind.PAYMENT_CAPTURED), (held_order, NoticeKind.PAYMENT_AUTHORIZED)):
        await square.confirm(wanted, None, OK)
        assert kinds(await square.confirm(wanted, None, {})) == [kind]
    assert [line["status"] for line in payments(house)] == ["COMPLETED", "APPROVED"]


async def test_a_charge_that_nobody_can_find_and_nobody_can_cancel_stays_in_doubt(house: Any, square: Square) -> None:
    order = an_order(embedded=True)
    house.control("PUT", "faults", {"not_found_ms": 60_000})
    await square.confirm(order, None, OK)
    other = {"source_id": house.act("cards", {"outcome": "ok"})["source_id"]}
    for data in ({}, other):
        assert isinstance(await square.confirm(order, None, data), Unknown)
    assert [line["status"] for line in payments(house)] == ["COMPLETED"]


async def test_a_question_that_takes_many_calls_is_answered_although_answers_get_lost(
    house: Any, square: Square
) -> None:
    house.control("PUT", "faults", {"lost_reply_percent": 10, "error_before_percent": 5, "seed": 3})
    outcomes = [await square.confirm(an_order(embedded=True), None, {}) for _ in range(orders_asked_for)]
    house.control("PUT", "faults", {})
    assert sum(house.control("GET", "injected")["counts"].values()) > orders_asked_for
    in_doubt = [outcome for outcome in outcomes if isinstance(outcome, Unknown)]
    assert len(in_doubt) * 4 < orders_asked_for, in_doubt
    assert {outcome.code for outcome in outcomes if isinstance(outcome, Declined)} == {"NOT_CHARGED"}


async def test_a_token_that_was_exchanged_in_its_file_is_used_at_once(rude: RudeServer, tmp_path: Any) -> None:
    rude.answer = RUDE["500"][0]
    path = tmp_path / "token"
    path.write_text("EAAA-old")
    environment = SANDBOX.invent(rude.url) | {"SQUARE_ACCESS_TOKEN_FILE": str(path)}
    secrets = Secrets(environment)
    square = GATEWAY.connect(secrets, mode="sandbox")
    await square.retrieve("PAY")
    path.write_text("EAAA-new")
    secrets._files.clear()
    await square.retrieve("PAY")
    assert [token in request for token, request in zip((b"EAAA-old", b"EAAA-new"), rude.requests, strict=True)] == [
        True,
        True,
    ]
    await square.close()
