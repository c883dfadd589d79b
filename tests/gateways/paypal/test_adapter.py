"""Calls to PayPal, answered by the sandbox."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tillkeeper.facts import EXPIRED, NoticeKind
from tillkeeper.gateway import (
    Absent,
    Accepted,
    CustomerOrder,
    Declined,
    GatewayUnavailableError,
    Order,
    Outcome,
    RefundOrder,
    Refused,
    Unknown,
)
from tillkeeper.gateways.paypal import GATEWAY
from tillkeeper.gateways.paypal.adapter import PayPal
from tillkeeper.kernel import clock, ids, secrets
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.kernel.money import CurrencyNotSupportedError
from tillkeeper.kernel.secrets import Secrets

CLIENT, SECRET, WEBHOOK = "A_client_for_tests", "E_secret_for_tests", "4JH86294D6297924G"
K = NoticeKind


def connect(url: str, *, secret: str = SECRET) -> PayPal:
    environment = {
        "PAYPAL_CLIENT_ID": CLIENT,
        "PAYPAL_CLIENT_SECRET": secret,
        "PAYPAL_WEBHOOK_ID": WEBHOOK,
        "PAYPAL_API_BASE": f"{url}/paypal",
    }
    opened = GATEWAY.connect(Secrets(environment), mode="sandbox")
    assert isinstance(opened, PayPal)
    return opened


@pytest.fixture
async def paypal(sandbox: Any) -> AsyncIterator[PayPal]:
    """Connect to the sandbox."""
    opened = connect(sandbox.url)
    yield opened
    await opened.close()


def an_order(**change: Any) -> Order:
    order = Order(
        payment=ids.new(),
        key=ids.text("attempt", ids.new()),
        amount=1999,
        currency="EUR",
        title="120 credits",
        return_url="https://shop.example/done?a=1",
        manual_capture=False,
        embedded=False,
        created_at=clock.now(),
        expires_at=clock.now() + timedelta(hours=1),
    )
    return replace(order, **change)


def a_refund(reference: str, amount: int = 50, **change: Any) -> RefundOrder:
    order = RefundOrder(
        payment=ids.new(),
        refund=ids.new(),
        key=ids.text("refund", ids.new()),
        reference=reference,
        amount=amount,
        currency="EUR",
    )
    return replace(order, **change)


async def opened(paypal: PayPal, order: Order) -> str:
    outcome = await paypal.create(order)
    assert isinstance(outcome, Accepted), outcome
    return outcome.references[0]


async def confirmed(sandbox: Any, paypal: PayPal, **change: Any) -> str:
    """Open, approve and confirm; return the name that the money has from then on."""
    order = an_order(**change)
    reference = await opened(paypal, order)
    sandbox.act(f"orders/{reference}/pay")
    outcome = await paypal.confirm(order, reference, {})
    assert isinstance(outcome, Accepted), outcome
    return outcome.references[0]


def kinds(outcome: Outcome | Absent) -> list[NoticeKind]:
    assert isinstance(outcome, Accepted), outcome
    return [notice.kind for notice in outcome.notices]


async def test_an_order_is_opened_with_our_ids_and_leads_to_paypals_page(sandbox: Any, paypal: PayPal) -> None:
    order = an_order(title="x" * 200)
    outcome = await paypal.create(order)
    assert isinstance(outcome, Accepted)
    assert outcome.notices == ()
    assert outcome.next_action == {
        "type": "redirect",
        "url": f"{sandbox.url}/paypal/checkoutnow?token={outcome.references[0]}",
    }
    unit = sandbox.get(f"/v2/checkout/orders/{outcome.references[0]}").json()["purchase_units"][0]
    assert (unit["custom_id"], unit["invoice_id"]) == (ids.text("payment", order.payment), order.key)
    assert unit["amount"] == {"currency_code": "EUR", "value": "19.99"}


async def test_an_embedded_order_tells_a_page_what_paypals_buttons_need(paypal: PayPal) -> None:
    outcome = await paypal.create(an_order(embedded=True))
    assert isinstance(outcome, Accepted)
    assert outcome.next_action == {
        "type": "client",
        "gateway": "paypal",
        "order_id": outcome.references[0],
        "client_id": CLIENT,
        "currency": "EUR",
    }


async def test_an_approved_order_is_captured_by_confirming_it(sandbox: Any, paypal: PayPal) -> None:
    order = an_order()
    reference = await opened(paypal, order)
    assert kinds(await paypal.retrieve(reference)) == []
    sandbox.act(f"orders/{reference}/pay")
    assert kinds(await paypal.retrieve(reference)) == [K.PAYMENT_APPROVED]
    outcome = await paypal.confirm(order, reference, {"order_id": reference})
    assert isinstance(outcome, Accepted)
    [taken] = outcome.notices
    assert (taken.kind, taken.amount, taken.currency, taken.payment) == (K.PAYMENT_CAPTURED, 1999, "EUR", order.payment)
    assert taken.references == (outcome.references[0], reference)
    for name in taken.references:
        assert kinds(await paypal.retrieve(name)) == [K.PAYMENT_CAPTURED]
    told = await paypal.fetch_fee(taken.references[0])
    assert isinstance(told, Accepted)
    [fee] = told.notices
    assert (fee.kind, fee.references, fee.amount) == (K.PAYMENT_FEE, taken.references, 119)
    assert paypal.predict_fee(1999, "EUR") == 119


async def test_trap_6_an_order_that_was_captured_already_is_read_and_goes_on(sandbox: Any, paypal: PayPal) -> None:
    order = an_order()
    reference = await opened(paypal, order)
    sandbox.act(f"orders/{reference}/pay")
    assert sandbox.post(f"/v2/checkout/orders/{reference}/capture").status_code == 201
    outcome = await paypal.confirm(order, reference, {})
    assert kinds(outcome) == [K.PAYMENT_CAPTURED]
    assert [line["captures"] for line in sandbox.lines()] == [1]


async def test_trap_6_confirmations_at_once_capture_once(sandbox: Any, paypal: PayPal) -> None:
    order = an_order(approval="confirm_1")
    reference = await opened(paypal, order)
    sandbox.act(f"orders/{reference}/pay")
    sandbox.control("PUT", "faults", {"latency_ms": 100})
    outcomes = await asyncio.gather(*(paypal.confirm(order, reference, {}) for _ in range(8)))
    assert {type(outcome) for outcome in outcomes} == {Accepted, Unknown}
    assert [line["captures"] for line in sandbox.lines()] == [1]


@pytest.mark.parametrize(("outcome", "said"), [("completed", K.PAYMENT_CAPTURED), ("denied", K.PAYMENT_FAILED)])
async def test_trap_6_a_capture_can_sit_pending(sandbox: Any, paypal: PayPal, outcome: str, said: NoticeKind) -> None:
    order = an_order()
    reference = await opened(paypal, order)
    sandbox.act(f"orders/{reference}/pay_slowly", {"kind": "review"})
    pending = await paypal.confirm(order, reference, {})
    assert kinds(pending) == [K.PAYMENT_PENDING]
    assert isinstance(pending, Accepted)
    assert kinds(await paypal.fetch_fee(pending.references[0])) == []
    sandbox.act(f"captures/{pending.references[0]}/settle", {"outcome": outcome})
    assert kinds(await paypal.retrieve(reference))[0] is said
    assert kinds(await paypal.confirm(order, reference, {}))[0] is said


@pytest.mark.parametrize("code", ["instrument_declined", "payer_cannot_pay", "transaction_refused"])
async def test_a_declined_instrument_is_a_decline_and_the_payer_may_choose_another(
    sandbox: Any, paypal: PayPal, code: str
) -> None:
    order = an_order()
    reference = await opened(paypal, order)
    sandbox.act(f"orders/{reference}/decline", {"code": code})
    first, second = (replace(order, approval=f"confirm_{number}") for number in (1, 2))
    outcome = await paypal.confirm(first, reference, {})
    assert isinstance(outcome, Declined)
    assert (outcome.code, outcome.card) == (code.upper(), True)
    sandbox.act(f"orders/{reference}/pay")
    assert await paypal.confirm(first, reference, {}) == outcome
    assert kinds(await paypal.confirm(second, reference, {})) == [K.PAYMENT_CAPTURED]


async def test_an_order_completed_by_a_declined_capture_is_a_failed_attempt(sandbox: Any, paypal: PayPal) -> None:
    order = an_order()
    reference = await opened(paypal, order)
    sandbox.act(f"orders/{reference}/decline", {"code": "capture_declined"})
    outcome = await paypal.confirm(order, reference, {})
    assert kinds(outcome) == [K.PAYMENT_FAILED]
    assert isinstance(outcome, Accepted)
    assert outcome.notices[0].references[0] == reference
    assert kinds(await paypal.cancel(reference, "cancel_1")) == [K.PAYMENT_CANCELED]


async def test_an_order_that_nobody_approved_cannot_be_confirmed(paypal: PayPal) -> None:
    order = an_order()
    outcome = await paypal.confirm(order, await opened(paypal, order), {})
    assert isinstance(outcome, Declined)
    assert (outcome.code, outcome.card) == ("ORDER_NOT_APPROVED", False)


async def test_an_order_that_a_browser_made_up_is_refused_before_a_call(sandbox: Any, paypal: PayPal) -> None:
    with pytest.raises(InvalidFieldError) as refused:
        await paypal.confirm(an_order(), "5O190127TN364715T", {"order_id": "ANOTHER"})
    assert refused.value.param == "order_id"
    assert isinstance(await paypal.confirm(an_order(), None, {}), Refused)
    assert sandbox.control("GET", "calls")["data"] == []


async def test_the_same_invoice_is_never_paid_twice_even_when_paypal_forgot_the_key(
    sandbox: Any, paypal: PayPal
) -> None:
    sandbox.control("PUT", "faults", {"forget_keys": True})
    order = an_order()
    for expected in (Accepted, Declined):
        reference = await opened(paypal, order)
        sandbox.act(f"orders/{reference}/pay")
        assert isinstance(await paypal.confirm(order, reference, {}), expected)
    assert [line["captured"] for line in sandbox.lines()] == [1999, 0]


async def test_authorised_money_is_taken_in_part_and_the_rest_is_let_go(sandbox: Any, paypal: PayPal) -> None:
    held = await confirmed(sandbox, paypal, manual_capture=True)
    outcome = await paypal.retrieve(held)
    assert kinds(outcome) == [K.PAYMENT_AUTHORIZED]
    assert isinstance(outcome, Accepted)
    assert (outcome.notices[0].amount, outcome.notices[0].references[0]) == (1999, held)
    taken = await paypal.capture(held, 1500, "EUR", "capture_1")
    assert kinds(taken) == [K.PAYMENT_CAPTURED]
    assert isinstance(taken, Accepted)
    assert taken.notices[0].amount == 1500
    assert taken.notices[0].references[1:] == (held, sandbox.lines()[0]["order"])
    again = await paypal.capture(held, 1500, "EUR", "capture_1")
    assert isinstance(again, Accepted)
    assert again.references == taken.references
    assert isinstance(await paypal.capture(held, 10, "EUR", "capture_2"), Declined)
    assert kinds(await paypal.retrieve(held)) == [K.PAYMENT_CAPTURED]
    assert [(line["captured"], line["captures"]) for line in sandbox.lines()] == [(1500, 1)]


async def test_a_capture_of_more_than_was_authorised_is_declined(sandbox: Any, paypal: PayPal) -> None:
    held = await confirmed(sandbox, paypal, manual_capture=True)
    assert isinstance(await paypal.capture(held, 2000, "EUR", "capture_1"), Declined)


async def test_authorised_money_is_let_go_by_its_own_name_or_by_that_of_its_order(sandbox: Any, paypal: PayPal) -> None:
    for by_order in (False, True):
        held = await confirmed(sandbox, paypal, manual_capture=True)
        name = sandbox.lines()[-1]["order"] if by_order else held
        assert kinds(await paypal.cancel(name, f"cancel_{name}")) == [K.PAYMENT_CANCELED]
        assert kinds(await paypal.retrieve(held)) == [K.PAYMENT_CANCELED]


async def test_an_order_is_ended_by_us_alone_because_nothing_is_taken_without_us(sandbox: Any, paypal: PayPal) -> None:
    order = an_order()
    reference = await opened(paypal, order)
    for _ in range(2):
        outcome = await paypal.cancel(reference, "cancel_1")
        assert kinds(outcome) == [K.PAYMENT_CANCELED]
        assert isinstance(outcome, Accepted)
        assert outcome.notices[0].code == EXPIRED
    sandbox.act(f"orders/{reference}/pay")
    assert kinds(await paypal.cancel(reference, "cancel_1")) == [K.PAYMENT_CANCELED]
    assert [line["captured"] for line in sandbox.lines()] == [0]


async def test_an_order_that_paypal_forgot_is_ended(sandbox: Any, paypal: PayPal) -> None:
    reference = await opened(paypal, an_order())
    sandbox.act(f"orders/{reference}/expire")
    assert isinstance(await paypal.retrieve(reference), Declined)
    assert kinds(await paypal.cancel(reference, "cancel_1")) == [K.PAYMENT_CANCELED]


async def test_a_captured_payment_cannot_be_ended_by_any_of_its_names(sandbox: Any, paypal: PayPal) -> None:
    capture = await confirmed(sandbox, paypal)
    for name in (capture, sandbox.lines()[0]["order"]):
        outcome = await paypal.cancel(name, "cancel_1")
        assert isinstance(outcome, Declined)
        assert outcome.code == "ORDER_ALREADY_CAPTURED"


async def test_a_refund_succeeds_once_per_key_and_carries_our_id(sandbox: Any, paypal: PayPal) -> None:
    order = a_refund(await confirmed(sandbox, paypal))
    for outcome in (await paypal.refund(order), await paypal.refund(order)):
        assert kinds(outcome) == [K.REFUND_SUCCEEDED]
        assert isinstance(outcome, Accepted)
        [notice] = outcome.notices
        assert (notice.payment, notice.refund, notice.amount) == (order.payment, order.refund, 50)
        assert notice.references == (order.reference,)
    assert [(line["refunded"], line["refunds"]) for line in sandbox.lines()] == [(50, 1)]


async def test_a_refund_of_more_than_is_left_is_declined(sandbox: Any, paypal: PayPal) -> None:
    capture = await confirmed(sandbox, paypal)
    assert isinstance(await paypal.refund(a_refund(capture, 2000)), Declined)
    await paypal.refund(a_refund(capture, 1999))
    assert isinstance(await paypal.refund(a_refund(capture, 1)), Declined)


async def test_a_refund_of_which_no_answer_came_is_found_by_our_id_or_absent(sandbox: Any, paypal: PayPal) -> None:
    order = a_refund(await confirmed(sandbox, paypal))
    assert await paypal.look_up_refund(order) == Absent()
    sandbox.control("PUT", "faults", {"lost_reply_percent": 100, "only_methods": ["POST"]})
    assert isinstance(await paypal.refund(order), Unknown)
    sandbox.control("PUT", "faults", {"lost_reply_percent": 0})
    assert kinds(await paypal.look_up_refund(order)) == [K.REFUND_SUCCEEDED]
    assert await paypal.look_up_refund(a_refund(order.reference)) == Absent()
    assert isinstance(await paypal.look_up_refund(a_refund("NOWHERE")), Unknown)


async def test_an_order_of_which_no_answer_came_is_found_by_its_key_inside_the_window(
    sandbox: Any, paypal: PayPal
) -> None:
    order = an_order()
    await paypal.fetch_fee("NOWHERE")  # so that the token is there
    sandbox.control("PUT", "faults", {"lost_reply_percent": 100, "only_methods": ["POST"]})
    assert isinstance(await paypal.create(order), Unknown)
    sandbox.control("PUT", "faults", {"lost_reply_percent": 0})
    found = await paypal.look_up(order)
    assert isinstance(found, Accepted)
    assert [found.references[0]] == [line["order"] for line in sandbox.lines()]
    old = replace(order, created_at=order.created_at - timedelta(hours=6))
    assert await paypal.look_up(old) == Absent()


async def test_what_does_not_show_yet_is_declined_until_it_shows(sandbox: Any, paypal: PayPal) -> None:
    sandbox.control("PUT", "faults", {"not_found_first": 1})
    reference = await opened(paypal, an_order())
    assert isinstance(await paypal.retrieve(reference), Declined)
    assert kinds(await paypal.retrieve(reference)) == []


async def test_a_key_that_was_used_for_something_else_leaves_the_outcome_unknown(paypal: PayPal) -> None:
    order = an_order()
    await opened(paypal, order)
    assert isinstance(await paypal.create(replace(order, amount=200)), Unknown)


async def test_what_paypal_cannot_take_is_declined_with_its_reason(paypal: PayPal) -> None:
    outcome = await paypal.create(an_order(return_url="nowhere"))
    assert isinstance(outcome, Declined)
    assert (outcome.code, outcome.card) == ("INVALID_PARAMETER_SYNTAX", False)
    with pytest.raises(CurrencyNotSupportedError):
        paypal.check_amount(1000, "INR")
    with pytest.raises(CurrencyNotSupportedError):
        await paypal.create(an_order(currency="INR"))


async def test_paypal_keeps_no_customers_for_us(paypal: PayPal) -> None:
    order = CustomerOrder(customer=ids.new(), key="k", email="a@example.com", name=None)
    assert isinstance(await paypal.create_customer(order), Declined)


async def test_a_wrong_secret_is_a_refusal_and_is_not_repeated(sandbox: Any) -> None:
    stranger = connect(sandbox.url, secret="E_wrong_secret")
    outcome = await stranger.create(an_order())
    assert isinstance(outcome, Refused)
    assert "E_wrong_secret" not in repr(outcome)
    assert [call["status"] for call in sandbox.control("GET", "calls")["data"]] == [401]
    await stranger.close()


async def test_a_token_is_fetched_once_for_50_calls_at_once(sandbox: Any, paypal: PayPal) -> None:
    outcomes = await asyncio.gather(*(paypal.create(an_order()) for _ in range(50)))
    assert {type(outcome) for outcome in outcomes} == {Accepted}
    assert sandbox.control("GET", "calls")["routes"]["POST /v1/oauth2/token"]["calls"] == 1


async def test_a_revoked_token_is_replaced_once_and_the_call_is_told_again(sandbox: Any, paypal: PayPal) -> None:
    await opened(paypal, an_order())
    sandbox.act("tokens/revoke")
    outcomes = await asyncio.gather(*(paypal.create(an_order()) for _ in range(10)))
    assert {type(outcome) for outcome in outcomes} == {Accepted}
    routes = sandbox.control("GET", "calls")["routes"]
    assert routes["POST /v1/oauth2/token"]["calls"] == 2
    assert len(sandbox.lines()) == 11


async def test_credentials_that_are_rotated_in_their_file_fetch_a_token_of_their_own(
    sandbox: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "file_reread_seconds", 0)
    file = tmp_path / "secret"
    file.write_text(SECRET)
    environment = {
        "PAYPAL_CLIENT_ID": CLIENT,
        "PAYPAL_CLIENT_SECRET_FILE": str(file),
        "PAYPAL_WEBHOOK_ID": WEBHOOK,
        "PAYPAL_API_BASE": f"{sandbox.url}/paypal",
    }
    paypal = GATEWAY.connect(Secrets(environment), mode="sandbox")
    assert isinstance(await paypal.create(an_order()), Accepted)
    file.write_text("one that PayPal does not know")
    refused = await paypal.create(an_order())
    await paypal.close()
    assert isinstance(refused, Refused), "the token of the credentials before is not used on"


async def test_a_webhook_of_the_sandbox_verifies_with_its_own_authority(
    sandbox: Any, paypal: PayPal, until: Any
) -> None:
    await confirmed(sandbox, paypal)
    until(lambda: len(sandbox.receiver.letters) == 3)
    for letter in sandbox.receiver.letters:
        envelope = await paypal.verify(letter.headers, letter.body, clock.now())
        assert envelope.event_id == letter.event["id"]
    said = {notice.kind for letter in sandbox.receiver.letters for notice in paypal.translate(letter.body)}
    assert said == {K.PAYMENT_APPROVED, K.PAYMENT_CAPTURED, K.PAYMENT_FEE}


async def test_a_sandbox_that_signs_under_another_name_is_asked_at_its_own(
    sandbox: Any, paypal: PayPal, until: Any
) -> None:
    await confirmed(sandbox, paypal)
    until(lambda: len(sandbox.receiver.letters) == 3)
    letter = sandbox.receiver.letters[0]
    certificate = letter.headers["paypal-cert-url"].rpartition("/")[2]
    elsewhere = {"paypal-cert-url": f"http://paypal.sandbox.example/v1/notifications/certs/{certificate}"}
    envelope = await paypal.verify(letter.headers | elsewhere, letter.body, clock.now())
    assert envelope.event_id == letter.event["id"]


async def test_a_late_webhook_of_the_sandbox_is_confirmed_at_the_sandbox(
    sandbox: Any, paypal: PayPal, until: Any
) -> None:
    sandbox.control("PUT", "faults", {"webhook_old_timestamp_percent": 100})
    await confirmed(sandbox, paypal)
    until(lambda: len(sandbox.receiver.letters) == 6)
    hour = timedelta(hours=1)
    old = [each for each in sandbox.receiver.letters if sent(each) < clock.now() - hour / 2]
    assert len(old) == 3
    for letter in old:
        assert (await paypal.verify(letter.headers, letter.body, clock.now())).event_id == letter.event["id"]


def sent(letter: Any) -> datetime:
    return datetime.fromisoformat(letter.headers["paypal-transmission-time"]).astimezone(UTC)


async def test_the_verify_api_of_the_sandbox_agrees_about_every_signature(sandbox: Any, until: Any) -> None:
    sandbox.control("PUT", "faults", {"webhook_bad_signature_percent": 100})
    sandbox.captured()
    until(lambda: len(sandbox.receiver.letters) == 6)
    verdicts = []
    for letter in sandbox.receiver.letters:
        told = {
            "auth_algo": letter.headers["paypal-auth-algo"],
            "cert_url": letter.headers["paypal-cert-url"],
            "transmission_id": letter.headers["paypal-transmission-id"],
            "transmission_sig": letter.headers["paypal-transmission-sig"],
            "transmission_time": letter.headers["paypal-transmission-time"],
            "webhook_id": WEBHOOK,
        }
        body = json.dumps(told).encode()[:-1] + b', "webhook_event": ' + letter.body + b"}"
        headers = {"Authorization": f"Bearer {sandbox.token}"}
        url = f"{sandbox.api}/v1/notifications/verify-webhook-signature"
        verdicts.append(sandbox.http.post(url, content=body, headers=headers).json()["verification_status"])
    assert sorted(verdicts) == ["FAILURE"] * 3 + ["SUCCESS"] * 3


async def test_the_list_of_events_tells_all_that_has_an_effect_oldest_first(
    sandbox: Any, paypal: PayPal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tillkeeper.gateways.paypal.adapter.event_page_size", 2)
    start = clock.now() - timedelta(minutes=1)
    capture = await confirmed(sandbox, paypal)
    await paypal.refund(a_refund(capture))
    sandbox.act("disputes", {"order": sandbox.lines()[0]["order"]})
    told = await paypal.events(start, clock.now() + timedelta(minutes=1))
    assert [each.envelope.type for each in told] == [
        "CHECKOUT.ORDER.APPROVED",
        "PAYMENT.CAPTURE.COMPLETED",
        "PAYMENT.CAPTURE.REFUNDED",
        "CUSTOMER.DISPUTE.CREATED",
    ]
    assert [each.envelope.event_id for each in told] == [
        event["id"] for event in sandbox.events() if event["event_type"] != "CHECKOUT.ORDER.COMPLETED"
    ]
    assert [paypal.translate(each.body)[0].kind for each in told] == [
        K.PAYMENT_APPROVED,
        K.PAYMENT_CAPTURED,
        K.REFUND_SUCCEEDED,
        K.DISPUTE_OPENED,
    ]
    assert await paypal.events(start - timedelta(hours=1), start) == []


async def test_a_list_of_events_that_cannot_be_read_is_no_empty_list(sandbox: Any, paypal: PayPal) -> None:
    sandbox.control("PUT", "faults", {"error_before_percent": 100, "only_paths": ["/v1/notifications"]})
    with pytest.raises(GatewayUnavailableError):
        await paypal.events(clock.now() - timedelta(hours=1), clock.now())


@pytest.mark.parametrize("currency", ["JPY", "HUF", "USD"])
async def test_amounts_reach_the_books_exactly_in_every_kind_of_currency(
    sandbox: Any, paypal: PayPal, currency: str
) -> None:
    capture = await confirmed(sandbox, paypal, amount=120_000, currency=currency)
    await paypal.refund(a_refund(capture, 300, currency=currency))
    [line] = sandbox.lines()
    assert (line["amount"], line["captured"], line["refunded"]) == (120_000, 120_000, 300)
