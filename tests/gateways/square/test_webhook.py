"""Square's signature and events, against vectors and examples that nobody here wrote."""

import hmac
import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tillkeeper.facts import DisputeStatus, NoticeKind
from tillkeeper.gateway import PayloadUnreadableError, SignatureInvalidError
from tillkeeper.gateways.square import GATEWAY, webhook
from tillkeeper.kernel import ids
from tillkeeper.kernel.secrets import Secrets

URL, KEY = "https://till.example/webhooks/square", "a-signature-key"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BODY = b'{"event_id": "e-1", "type": "payment.updated", "data": {}}'
HEADER = "x-square-hmacsha256-signature"
PAYMENT, REFUND = ids.new(), ids.new()
OURS, OUR_REFUND = ids.text("payment", PAYMENT), ids.text("refund", REFUND)


def sign(body: bytes, *, url: str = URL, key: str = KEY) -> dict[str, str]:
    return {HEADER: b64encode(hmac.new(key.encode(), url.encode() + body, sha256).digest()).decode()}


def event(kind: str, word: str, thing: object) -> bytes:
    data = {"type": word, "id": "x", "object": {word: thing}}
    return json.dumps({"event_id": "e-1", "type": kind, "merchant_id": "M", "data": data}).encode()


def payment(status: str = "COMPLETED", **more: Any) -> dict[str, Any]:
    money = {"amount": 1200, "currency": "USD"}
    return {"id": "PAY", "order_id": "ORD", "status": status, "amount_money": money, "total_money": money} | more


def read(thing: dict[str, Any]) -> Any:
    return webhook.translate(event("payment.updated", "payment", thing), live=False)


def vectors(oracles: Path) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((oracles / "vectors" / "square.json").read_text())["cases"]
    return cases


def test_every_signature_vector_is_judged_as_square_judges_it(oracles: Path) -> None:
    seen = set()
    for case in vectors(oracles):
        body, right = case["body"].encode(), True
        try:
            webhook.verify({HEADER: case["signature"]}, body, [case["url"]], [case["key"]])
        except SignatureInvalidError:
            right = False
        except PayloadUnreadableError:
            assert b"event_id" not in body, "the signature was right, and the body is no event"
        assert right == case["valid"], case["name"]
        seen.add(case["valid"])
    assert seen == {True, False}


def test_the_notification_url_comes_from_configuration_and_never_from_the_request() -> None:
    headers = sign(BODY, url="https://elsewhere.example/webhooks/square") | {"host": "elsewhere.example"}
    with pytest.raises(SignatureInvalidError):
        webhook.verify(headers, BODY, [URL], [KEY])
    assert webhook.verify(sign(BODY), BODY, [URL], [KEY]).event_id == "e-1"


async def test_both_keys_and_both_addresses_verify_while_they_are_exchanged() -> None:
    until = (NOW + timedelta(hours=1)).isoformat()
    rotation = {
        "SQUARE_ACCESS_TOKEN": "EAAA",
        "SQUARE_LOCATION_ID": "L",
        "SQUARE_WEBHOOK_SIGNATURE_KEY": "new-key",
        "SQUARE_WEBHOOK_SIGNATURE_KEY_PREVIOUS": KEY,
        "SQUARE_WEBHOOK_SIGNATURE_KEY_PREVIOUS_UNTIL": until,
        "SQUARE_WEBHOOK_URL": "https://new.example/webhooks/square",
        "SQUARE_WEBHOOK_URL_PREVIOUS": URL,
        "SQUARE_WEBHOOK_URL_PREVIOUS_UNTIL": until,
    }
    square = GATEWAY.connect(Secrets(rotation), mode="test")
    for key in (KEY, "new-key"):
        for url in (URL, "https://new.example/webhooks/square"):
            assert (await square.verify(sign(BODY, url=url, key=key), BODY, NOW)).event_id == "e-1"
    for late in (sign(BODY), sign(BODY, key="new-key"), sign(BODY, url="https://new.example/webhooks/square")):
        with pytest.raises(SignatureInvalidError):
            await square.verify(late, BODY, NOW + timedelta(hours=2))
    await square.close()


@pytest.mark.parametrize("keys", [[], [""]])
def test_an_empty_key_verifies_nothing_that_was_not_signed_with_one(keys: list[str]) -> None:
    with pytest.raises(SignatureInvalidError):
        webhook.verify(sign(BODY), BODY, [URL], keys)


@pytest.mark.parametrize("given", [None, "", "x", "é" * 44, "\udcff" * 44, "=" * 44, "a" * 100_000, "a\x00b", ","])
def test_a_malformed_signature_is_a_bad_signature_and_no_accident(given: str | None) -> None:
    with pytest.raises(SignatureInvalidError):
        webhook.verify({} if given is None else {HEADER: given}, BODY, [URL], [KEY])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"5",
        b"{}",
        b"{",
        b'{"event_id": 1, "type": "x"}',
        b'{"event_id": "e"}',
        b'{"event_id": "e\\u0000", "type": "x"}',
        b'{"event_id": "e", "type": "x", "data": "\xff"}',
        b"[" * 100_000,
    ],
)
def test_a_signed_body_that_is_no_event_is_unreadable(body: bytes) -> None:
    with pytest.raises(PayloadUnreadableError):
        webhook.verify(sign(body), body, [URL], [KEY])


EXAMPLES = {
    "payment_created": {NoticeKind.PAYMENT_PENDING},
    "payment_updated": {NoticeKind.PAYMENT_CAPTURED},
    "refund_created": {NoticeKind.REFUND_CREATED},
    "refund_updated": {NoticeKind.REFUND_SUCCEEDED},
    "dispute_created": {NoticeKind.DISPUTE_OPENED},
    "dispute_state_updated": {NoticeKind.DISPUTE_WON},
    "dispute_state_changed": {NoticeKind.DISPUTE_WON},
    "dispute_evidence_added": set(),
    "dispute_evidence_created": set(),
    "dispute_evidence_deleted": set(),
    "dispute_evidence_removed": set(),
    "payout_sent": {NoticeKind.PAYOUT_CREATED},
    "payout_paid": {NoticeKind.PAYOUT_PAID},
    "payout_failed": {NoticeKind.PAYOUT_FAILED},
}


def test_every_example_event_of_square_says_the_right_thing(oracles: Path) -> None:
    found = sorted((oracles / "fixtures" / "square" / "webhooks").glob("*.json"))
    assert {path.stem for path in found} == set(EXAMPLES)
    for path in found:
        notices = webhook.translate(path.read_bytes(), live=False)
        assert {notice.kind for notice in notices} == EXAMPLES[path.stem], path.stem
        for notice in notices:
            assert notice.gateway == "square"
            assert notice.references or notice.payout
            assert notice.amount is None or notice.currency


def test_every_example_answer_of_square_can_be_read(oracles: Path) -> None:
    answers = {path.stem: json.loads(path.read_text()) for path in (oracles / "fixtures/square/api").glob("*.json")}
    [captured] = webhook.of_payment(answers["CompletePaymentResponse"]["payment"], live=False)
    assert (captured.kind, captured.amount, captured.currency) == (NoticeKind.PAYMENT_CAPTURED, 555, "USD")
    [fee] = webhook.of_fee(answers["CompletePaymentResponse"]["payment"], live=False)
    assert (fee.amount, fee.currency) == (34, "USD")
    [canceled] = webhook.of_payment(answers["CancelPaymentResponse"]["payment"], live=False)
    assert canceled.kind is NoticeKind.PAYMENT_CANCELED
    [lost] = webhook.of_dispute(answers["RetrieveDisputeResponse"]["dispute"], live=False)
    assert (lost.kind, lost.dispute and lost.dispute.withdrawn) == (NoticeKind.DISPUTE_LOST, 2500)
    for word, name, reader in (
        ("payments", "ListPaymentsResponse", webhook.of_payment_and_fee),
        ("refunds", "ListPaymentRefundsResponse", webhook.of_refund),
        ("disputes", "ListDisputesResponse", webhook.of_dispute),
        ("payouts", "ListPayoutsResponse", webhook.of_payout),
    ):
        assert answers[name][word]
        for thing in answers[name][word]:
            assert reader(thing, live=False) or thing["amount_money"]["amount"] < 0
    [event] = answers["SearchEventsResponse"]["events"]
    assert webhook.translate(json.dumps(event).encode(), live=False)[0].kind is NoticeKind.DISPUTE_WON


def test_every_state_that_the_specification_names_is_known_here(oracles: Path) -> None:
    schemas = json.loads(next((oracles / "specs" / "square").glob("*.json")).read_text())["components"]["schemas"]
    assert set(schemas["DisputeState"]["enum"]) == set(webhook.DISPUTE_STATES)
    assert set(schemas["PayoutStatus"]["enum"]) == set(webhook.PAYOUT_STATES)


def test_amounts_are_the_minor_units_of_iso_4217_as_the_table_of_currencies_says(oracles: Path) -> None:
    rule = json.loads((oracles / "specs" / "currencies.json").read_text())["square"]["rule"]
    assert "ISO 4217 minor unit" in rule
    for amount, currency in ((240, "JPY"), (1999, "USD"), (12_345, "KWD")):
        assert webhook.money({"amount": amount, "currency": currency}) == (amount, currency)


@given(amount=some.integers(min_value=0, max_value=2**63 - 1), currency=some.sampled_from(["JPY", "USD", "KWD"]))
def test_every_amount_survives_the_way_through_an_event(amount: int, currency: str) -> None:
    [notice] = read(payment(total_money={"amount": amount, "currency": currency}))
    assert (notice.amount, notice.currency) == (amount, currency)


@pytest.mark.parametrize("amount", [1.5, "100", True, -1, None])
def test_an_amount_that_is_no_whole_number_of_money_is_unreadable(amount: object) -> None:
    with pytest.raises(PayloadUnreadableError):
        read(payment(total_money={"amount": amount, "currency": "USD"}))


@pytest.mark.parametrize(
    ("status", "kind", "amount"),
    [
        ("PENDING", NoticeKind.PAYMENT_PENDING, None),
        ("COMPLETED", NoticeKind.PAYMENT_CAPTURED, 1200),
        ("CANCELED", NoticeKind.PAYMENT_LET_GO, None),
        ("FAILED", NoticeKind.PAYMENT_FAILED, None),
    ],
)
def test_a_payment_is_read_by_its_status(status: str, kind: NoticeKind, amount: int | None) -> None:
    [notice] = read(payment(status, reference_id=OURS))
    assert (notice.kind, notice.amount, notice.payment) == (kind, amount, PAYMENT)
    assert bool(notice.attempt) == (status in {"PENDING", "FAILED"})


def test_what_was_canceled_of_a_link_is_the_end_of_its_payment() -> None:
    [notice] = read(payment("CANCELED", note=OURS))
    assert (notice.kind, notice.payment) == (NoticeKind.PAYMENT_CANCELED, PAYMENT)


def test_an_approved_payment_is_authorised_only_where_the_shop_is_to_capture_it() -> None:
    """Square approves every payment before it completes it; only one that waits for us must be told to go on."""
    [on_its_way] = read(payment("APPROVED", reference_id=OURS, note="120 credits"))
    [waiting] = read(payment("APPROVED", reference_id=OURS, note=f"120 credits, {webhook.MANUAL}"))
    assert (on_its_way.kind, waiting.kind) == (NoticeKind.PAYMENT_PENDING, NoticeKind.PAYMENT_AUTHORIZED)
    assert waiting.amount == 1200


def test_our_id_is_found_in_the_note_of_a_link_and_in_the_reference_of_a_card_payment() -> None:
    for named in ({"note": OURS}, {"reference_id": OURS}, {"note": f"see {OURS} please"}):
        assert read(payment(**named))[0].payment == PAYMENT
    for foreign in ({}, {"note": "payment_of_the_rent"}, {"note": "x" + OURS}, {"note": "payment_" + "z" * 26}):
        assert read(payment(**foreign))[0].payment is None


def test_a_captured_payment_is_named_by_its_own_id_and_a_failed_try_keeps_the_link() -> None:
    [captured] = read(payment(note=OURS))
    assert captured.references == ("PAY", "ORD")
    [failed] = read(payment("FAILED", note=OURS, card_details={"errors": [{"code": "CVV_FAILURE", "detail": "No."}]}))
    assert (failed.references, failed.code, failed.message) == ((), "CVV_FAILURE", "No.")


def test_one_failure_that_is_told_twice_is_one_fact_and_the_next_try_is_another() -> None:
    [created], [updated] = read(payment("FAILED", note=OURS)), read(payment("FAILED", note=OURS))
    [another] = read(payment("FAILED", note=OURS) | {"id": "PAY2"})
    assert created.attempt == updated.attempt != another.attempt


def test_a_fee_that_comes_late_is_told_beside_the_money_and_corrections_add_up() -> None:
    assert [notice.kind for notice in read(payment(note=OURS))] == [NoticeKind.PAYMENT_CAPTURED]
    parts = [
        {"type": "INITIAL", "amount_money": {"amount": 65, "currency": "USD"}},
        {"type": "ADJUSTMENT", "amount_money": {"amount": -5, "currency": "USD"}},
    ]
    [captured, fee] = read(payment(note=OURS, processing_fee=parts))
    assert (captured.kind, fee.kind) == (NoticeKind.PAYMENT_CAPTURED, NoticeKind.PAYMENT_FEE)
    assert (fee.amount, fee.currency, fee.references) == (60, "USD", ("PAY",))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("PENDING", NoticeKind.REFUND_CREATED),
        ("COMPLETED", NoticeKind.REFUND_SUCCEEDED),
        ("REJECTED", NoticeKind.REFUND_FAILED),
        ("FAILED", NoticeKind.REFUND_FAILED),
    ],
)
def test_a_refund_of_ours_is_known_by_its_reason(status: str, kind: NoticeKind) -> None:
    money = {"amount": 100, "currency": "USD"}
    refund = {"id": "R", "payment_id": "PAY", "status": status, "amount_money": money}
    [foreign] = webhook.of_refund(refund | {"reason": "Refunded in the dashboard"}, live=False)
    assert (foreign.refund, foreign.payment, foreign.references) == (None, None, ("PAY",))
    [ours] = webhook.of_refund(refund | {"reason": f"{OUR_REFUND} of {OURS}"}, live=False)
    assert (ours.kind, ours.refund, ours.payment, ours.refund_reference) == (kind, REFUND, PAYMENT, "R")


@pytest.mark.parametrize(
    ("state", "status", "withdrawn"),
    [
        ("INQUIRY_EVIDENCE_REQUIRED", DisputeStatus.WARNING, 0),
        ("INQUIRY_CLOSED", DisputeStatus.PREVENTED, 0),
        ("EVIDENCE_REQUIRED", DisputeStatus.NEEDS_RESPONSE, 700),
        ("PROCESSING", DisputeStatus.UNDER_REVIEW, 700),
        ("WON", DisputeStatus.WON, 0),
        ("LOST", DisputeStatus.LOST, 700),
        ("ACCEPTED", DisputeStatus.LOST, 700),
    ],
)
def test_a_dispute_holds_the_money_until_it_is_won(state: str, status: DisputeStatus, withdrawn: int) -> None:
    dispute = {
        "id": "D",
        "state": state,
        "amount_money": {"amount": 700, "currency": "USD"},
        "disputed_payment": {"payment_id": "PAY"},
        "due_at": "2026-12-01T00:00:00.000Z",
        "updated_at": "2026-11-20T00:00:00.001Z",
    }
    [notice] = webhook.of_dispute(dispute, live=False)
    assert notice.dispute
    assert (notice.dispute.status, notice.dispute.withdrawn, notice.dispute.fee) == (status, withdrawn, 0)
    assert notice.dispute.due_at == datetime(2026, 12, 1, tzinfo=UTC)
    assert notice.dispute.at
    assert notice.dispute.at.microsecond == 1000


def test_an_order_that_was_canceled_ends_its_checkout_and_any_other_says_nothing() -> None:
    for state, told in (("CANCELED", 1), ("DRAFT", 0), ("OPEN", 0), ("COMPLETED", 0)):
        changed = {"order_id": "ORD", "state": state, "version": 2}
        notices = webhook.translate(event("order.updated", "order_updated", changed), live=False)
        assert len(notices) == told
        assert all((each.kind, each.references) == (NoticeKind.PAYMENT_CANCELED, ("ORD",)) for each in notices)


def test_a_payout_that_takes_money_from_the_bank_is_below_zero() -> None:
    payout = {"id": "po_1", "status": "SENT", "amount_money": {"amount": -5, "currency": "USD"}, "location_id": "L"}
    [notice] = webhook.of_payout(payout, live=False)
    assert (notice.kind, notice.amount) == (NoticeKind.PAYOUT_CREATED, -5)


def test_an_event_that_nobody_here_knows_has_no_effect() -> None:
    assert webhook.translate(event("loyalty.account.created", "loyalty_account", {}), live=False) == []


def test_the_mode_says_whether_money_is_real_because_square_does_not() -> None:
    body = event("payment.updated", "payment", payment())
    assert [webhook.translate(body, live=live)[0].live for live in (True, False)] == [True, False]
