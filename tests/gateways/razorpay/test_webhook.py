"""Razorpay's webhooks: signatures by the official vectors, its own samples, and its traps."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tillkeeper.facts import DisputeStatus, NoticeKind
from tillkeeper.gateway import PayloadUnreadableError, SignatureInvalidError
from tillkeeper.gateways.razorpay import signatures, webhook
from tillkeeper.gateways.razorpay.adapter import Razorpay
from tillkeeper.kernel import ids
from tillkeeper.kernel.secrets import Secrets

SECRET = "whsecret"
NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
BODY = b'{"entity":"event","event":"payment.captured","payload":{}}'
PAYMENT = {
    "id": "pay_DESp9bgForNoUd",
    "entity": "payment",
    "amount": 5000,
    "currency": "INR",
    "status": "captured",
    "order_id": "order_DESoU0U4ikYA19",
    "captured": True,
    "description": None,
    "notes": [],
    "fee": 118,
    "tax": 18,
}
REFUND = {
    "id": "rfnd_FS8TWyPrCsa0OB",
    "entity": "refund",
    "amount": 2000,
    "currency": "INR",
    "payment_id": "pay_DESp9bgForNoUd",
    "notes": [],
    "status": "processed",
}

DISPUTE = {
    "id": "disp_EsIAlDcoUr8CaQ",
    "payment_id": "pay_DESp9bgForNoUd",
    "amount": 100,
    "currency": "INR",
    "amount_deducted": 100,
    "phase": "chargeback",
    "status": "lost",
    "reason_code": "r",
    "respond_by": None,
}


def sign(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def headers(body: bytes = BODY, *, event_id: str = "Es1") -> dict[str, str]:
    return {"x-razorpay-signature": sign(body), "x-razorpay-event-id": event_id}


def event(kind: str, **payload: Any) -> bytes:
    parts = {name: {"entity": thing} for name, thing in payload.items()}
    return json.dumps({"entity": "event", "event": kind, "payload": parts, "created_at": 1_700_000_000}).encode()


def connect(**more: str) -> Razorpay:
    environment = {"RAZORPAY_KEY_ID": "rzp_test_x", "RAZORPAY_KEY_SECRET": "s", "RAZORPAY_WEBHOOK_SECRET": SECRET}
    return Razorpay(Secrets(environment | more), base="http://127.0.0.1:9", live=False)


@pytest.fixture(scope="module")
def vectors(oracles: Path) -> Any:
    return json.loads((oracles / "vectors" / "razorpay.json").read_text())


def test_every_official_webhook_vector_agrees(vectors: Any) -> None:
    for vector in vectors["webhook"]:
        found = signatures.matches([vector["secret"]], vector["body"].encode(), vector["signature"])
        assert found is vector["valid"], vector["name"]


def test_every_official_checkout_vector_agrees(vectors: Any) -> None:
    for vector in vectors["checkout"]:
        signed = f"{vector['order_id']}|{vector['payment_id']}".encode()
        assert signatures.matches([vector["secret"]], signed, vector["signature"]) is vector["valid"]
    for vector in vectors["payment_link"]:
        names = ("payment_link_id", "payment_link_reference_id", "payment_link_status", "razorpay_payment_id")
        signed = "|".join(vector[name] for name in names).encode()
        assert signatures.matches([vector["secret"]], signed, vector["signature"]) is vector["valid"]


def test_the_official_events_verify_with_their_headers(vectors: Any) -> None:
    whole = [vector for vector in vectors["webhook"] if vector["valid"] and "event" in vector["body"]]
    assert len(whole) == 2
    for vector in whole:
        body = vector["body"].encode()
        told = webhook.verify({"x-razorpay-signature": vector["signature"]}, body, [vector["secret"]])
        assert (told.type, told.version) == ("payment.authorized", None)
        [captured, fee] = webhook.translate(body)
        assert (captured.kind, captured.amount) == (NoticeKind.PAYMENT_CAPTURED, 1_000_000)
        assert (fee.kind, fee.amount) == (NoticeKind.PAYMENT_FEE, 23_000)


@pytest.mark.parametrize(
    "signature",
    ["", "0" * 64, "x", sign(BODY).upper(), sign(BODY)[:-1], sign(BODY) + "0", "é" * 32, "\x00", "0" * 100_000, " "],
)
def test_a_malformed_signature_is_an_invalid_one_and_nothing_worse(signature: str) -> None:
    with pytest.raises(SignatureInvalidError):
        webhook.verify({"x-razorpay-signature": signature}, BODY, [SECRET])
    with pytest.raises(SignatureInvalidError):
        webhook.verify({}, BODY, [SECRET])


def test_an_empty_secret_verifies_nothing() -> None:
    signed = {"x-razorpay-signature": sign(BODY, "")}
    for secrets in ([""], []):
        with pytest.raises(SignatureInvalidError):
            webhook.verify(signed, BODY, secrets)


def test_a_body_that_was_read_and_written_again_does_not_verify() -> None:
    again = json.dumps(json.loads(BODY)).encode()
    with pytest.raises(SignatureInvalidError):
        webhook.verify(headers(), again, [SECRET])


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b"",
        b"{}",
        b'{"event": "payment.captured"}',
        b'{"entity": "order", "event": "x"}',
        b'{"entity": "event", "event": 5}',
        b'{"entity": "event", "event": ""}',
        b"\xff",
        b'{"entity":"event","event":"a","x":"\xff"}',
        b"[" * 100_000,
        b'{"entity": "event", "event": "a\\u0000"}',
    ],
)
def test_a_signed_body_that_is_no_event_is_unreadable(body: bytes) -> None:
    with pytest.raises(PayloadUnreadableError):
        webhook.verify(headers(body), body, [SECRET])


async def test_the_old_secret_signs_retries_of_old_events_while_it_is_accepted() -> None:
    until = (NOW + timedelta(hours=24)).isoformat()
    gateway = connect(RAZORPAY_WEBHOOK_SECRET_PREVIOUS="old", RAZORPAY_WEBHOOK_SECRET_PREVIOUS_UNTIL=until)
    signed = {"x-razorpay-signature": sign(BODY, "old")}
    assert (await gateway.verify(signed, BODY, NOW)).type == "payment.captured"
    with pytest.raises(SignatureInvalidError):
        await gateway.verify(signed, BODY, NOW + timedelta(hours=25))
    await gateway.close()


def test_trap_1_a_body_without_a_usable_event_id_is_named_by_its_content() -> None:
    named = {webhook.verify(headers(event_id=bad), BODY, [SECRET]).event_id for bad in ("", "\n", "é")}
    assert named == {f"sha256:{hashlib.sha256(BODY).hexdigest()}"}
    assert webhook.verify(headers(), BODY, [SECRET]).event_id == "Es1"


def test_every_sample_of_razorpay_is_read(oracles: Path) -> None:
    found = {}
    for path in sorted((oracles / "fixtures" / "razorpay" / "webhooks").glob("*.json")):
        found[path.stem] = [notice.kind.value for notice in webhook.translate(path.read_bytes())]
    captured, fee = NoticeKind.PAYMENT_CAPTURED.value, NoticeKind.PAYMENT_FEE.value
    for name, kinds in found.items():
        kind = name.partition("__")[0]
        if kind in EXPECTED:
            assert kinds == [EXPECTED[kind]], name
        elif kind in {"payment_captured", "order_paid"}:
            # The sample of a card payment does not tell the fee.
            assert kinds == ([captured] if name == "payment_captured__card" else [captured, fee]), name
        else:
            assert (kind.startswith("payment_downtime"), kinds) == (True, []), name


EXPECTED = {
    "payment_authorized": "payment.authorized",
    "payment_failed": "payment.failed",
    "payment_link_cancelled": "payment.canceled",
    "payment_link_expired": "payment.canceled",
    "refund_created": "refund.succeeded",
    "refund_processed": "refund.succeeded",
    "refund_failed": "refund.failed",
    "refund_speed_changed": "refund.succeeded",
    "payment_dispute_created": "dispute.opened",
    "payment_dispute_under_review": "dispute.updated",
    "payment_dispute_action_required": "dispute.updated",
    "payment_dispute_won": "dispute.won",
    "payment_dispute_lost": "dispute.lost",
    "payment_dispute_closed": "dispute.updated",
    "settlement_processed": "payout.paid",
}


def test_razorpays_samples_say_how_much_about_what_and_when(oracles: Path) -> None:
    folder = oracles / "fixtures" / "razorpay" / "webhooks"

    def read(name: str) -> Any:
        return webhook.translate((folder / f"{name}.json").read_bytes())

    [captured, fee] = read("payment_captured__upi")
    assert captured.references == ("pay_DESyzxuld02Zul", "order_DESxiijbl9xjDB")
    assert (captured.amount, captured.currency, fee.amount, captured.payment) == (100, "INR", 2, None)
    [failed] = read("payment_failed__netbanking")
    assert failed.references == ("order_DEATVTRRctwEGb", "pay_DEAU825sJlCbGa")
    assert (failed.code, failed.message) == ("payment_failed", "Payment failed")
    [refund] = read("refund_processed__normal-refunds")
    assert refund.references == ("pay_FPoJKWQQ8lK13n", "order_FPoIeimWki9j8A")
    assert (refund.amount, refund.refund_reference) == (50_000, "rfnd_FS8TWyPrCsa0OB")
    [lost] = read("payment_dispute_lost__payment-dispute-lost")
    assert (lost.dispute.id, lost.dispute.status) == ("disp_EsIAlDcoUr8CaQ", DisputeStatus.LOST)
    assert (lost.amount, lost.dispute.withdrawn) == (39_000, 39_000)
    assert lost.dispute.due_at == datetime.fromtimestamp(1_590_431_400, UTC)
    assert lost.dispute.at == datetime.fromtimestamp(1_589_908_238, UTC)
    [closed] = read("payment_dispute_closed__payment-dispute-closed")
    assert (closed.dispute.status, closed.dispute.withdrawn) == (DisputeStatus.PREVENTED, 0)
    [payout] = read("settlement_processed__settlement-processed")
    assert (payout.amount, payout.currency, payout.payout.bank_reference) == (1524, "INR", "AXISCN1153863727")
    [expired] = read("payment_link_expired__payment-link-expired-standard")
    assert (expired.references, expired.code) == (("plink_QaIlOGFf8KZNF8",), "expired")


def test_every_answer_in_razorpays_samples_of_disputes_is_read(oracles: Path) -> None:
    stages = []
    for path in sorted((oracles / "fixtures" / "razorpay" / "api").glob("disputes__fetch__[1-6]*.json")):
        dispute = json.loads(path.read_text())
        [notice] = webhook.translate(event("payment.dispute.under_review", dispute=dispute))
        assert notice.dispute
        stages.append((notice.dispute.status.value, notice.dispute.withdrawn))
        won = notice.dispute.status is DisputeStatus.WON
        assert notice.dispute.conceded == (notice.dispute.withdrawn if won else 0)
    # Only a part was contested of the one that was won, so the rest was deducted.
    assert stages == [
        *[("needs_response", 0)] * 2,
        ("under_review", 0),
        ("lost", 10_000),
        ("won", 1000),
        ("prevented", 0),
    ]


def test_trap_3_all_that_one_payment_sends_speaks_of_the_same_capture() -> None:
    order = {"id": PAYMENT["order_id"], "notes": []}
    link = {"id": "plink_FOGqq3O6E5bkml", "notes": None}
    told = [
        *webhook.translate(event("payment.captured", payment=PAYMENT)),
        *webhook.translate(event("order.paid", payment=PAYMENT, order=order)),
        *webhook.translate(event("payment_link.paid", payment_link=link, payment=PAYMENT, order=order)),
    ]
    assert [notice.kind for notice in told] == [NoticeKind.PAYMENT_CAPTURED, NoticeKind.PAYMENT_FEE] * 3
    assert {notice.references[0] for notice in told} == {PAYMENT["id"]}
    assert told[-1].references == (PAYMENT["id"], PAYMENT["order_id"], "plink_FOGqq3O6E5bkml")


def test_what_the_customers_browser_wrote_is_not_believed_where_money_is_taken() -> None:
    ours = ids.text("payment", ids.new())
    forged = PAYMENT | {"description": "#FOGqq3O6E5bkml", "notes": {"payment": ours}}
    for status in ("captured", "authorized", "refunded"):
        for told in webhook.translate(event("payment.captured", payment=forged | {"status": status})):
            assert (told.payment, told.references) == (None, (PAYMENT["id"], PAYMENT["order_id"]))
    [dispute] = webhook.translate(event("payment.dispute.lost", payment=forged, dispute=DISPUTE))
    assert (dispute.payment, dispute.references) == (None, (PAYMENT["id"], PAYMENT["order_id"]))


def test_a_failed_attempt_on_a_link_is_known_by_its_description_and_its_order_comes_first() -> None:
    failing = PAYMENT | {"description": "#FOGqq3O6E5bkml", "status": "failed"}
    [failed] = webhook.translate(event("payment.failed", payment=failing))
    assert failed.references == (PAYMENT["order_id"], "plink_FOGqq3O6E5bkml", PAYMENT["id"])
    [other] = webhook.translate(event("payment.failed", payment=failing | {"description": "# of 12"}))
    assert other.references == (PAYMENT["order_id"], PAYMENT["id"])


def test_our_ids_are_read_from_the_notes_of_what_only_the_merchant_makes() -> None:
    payment, refund = ids.new(), ids.new()
    notes = {"payment": ids.text("payment", payment), "refund": ids.text("refund", refund)}
    order, link = {"id": PAYMENT["order_id"], "notes": notes}, {"id": "plink_FOGqq3O6E5bkml", "notes": notes}
    assert {each.payment for each in webhook.translate(event("order.paid", payment=PAYMENT, order=order))} == {payment}
    paid = webhook.translate(event("payment_link.paid", payment=PAYMENT, payment_link=link))
    assert {each.payment for each in paid} == {payment}
    [told] = webhook.translate(event("refund.processed", refund=REFUND | {"notes": notes}, payment=PAYMENT))
    assert (told.payment, told.refund) == (payment, refund)
    others: tuple[Any, ...] = ({"payment": "payment_x"}, {"payment": 5}, "text", None, {"payment": None}, [])
    for notes_of_others in others:
        order = {"id": PAYMENT["order_id"], "notes": notes_of_others}
        [told, _] = webhook.translate(event("order.paid", payment=PAYMENT, order=order))
        assert told.payment is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("pending", NoticeKind.REFUND_CREATED),
        ("processed", NoticeKind.REFUND_SUCCEEDED),
        ("failed", NoticeKind.REFUND_FAILED),
    ],
)
def test_a_refund_is_read_by_its_status_whatever_the_event_is_called(status: str, kind: NoticeKind) -> None:
    for name in ("refund.created", "refund.processed", "refund.failed", "refund.speed_changed"):
        [notice] = webhook.translate(event(name, refund=REFUND | {"status": status}, payment=PAYMENT))
        assert (notice.kind, notice.amount, notice.references[0]) == (kind, 2000, PAYMENT["id"])


def test_trap_5_a_refund_of_what_was_never_captured_ends_the_payment_and_refunds_nothing() -> None:
    uncaptured = PAYMENT | {"captured": False, "status": "refunded", "fee": None}
    for name in ("refund.created", "refund.processed"):
        [notice] = webhook.translate(event(name, refund=REFUND, payment=uncaptured))
        assert (notice.kind, notice.code) == (NoticeKind.PAYMENT_CANCELED, "auto_refund")
        assert (notice.refund_reference, notice.references[0]) == (None, PAYMENT["id"])


@pytest.mark.parametrize(
    ("status", "kind"),
    [("authorized", NoticeKind.PAYMENT_AUTHORIZED), ("failed", NoticeKind.PAYMENT_FAILED)],
)
def test_trap_5_the_flag_captured_is_not_believed_elsewhere(status: str, kind: NoticeKind) -> None:
    [notice] = webhook.translate(event(f"payment.{status}", payment=PAYMENT | {"status": status, "captured": True}))
    assert notice.kind is kind


def test_trap_9_a_failed_payment_that_turns_authorised_is_told_as_it_is_now() -> None:
    [failed] = webhook.translate(event("payment.failed", payment=PAYMENT | {"status": "failed", "error_reason": "x"}))
    [late] = webhook.translate(event("payment.authorized", payment=PAYMENT | {"status": "authorized"}))
    assert (failed.kind, late.kind) == (NoticeKind.PAYMENT_FAILED, NoticeKind.PAYMENT_AUTHORIZED)
    assert PAYMENT["id"] == late.references[0] == failed.references[-1]


@pytest.mark.parametrize(
    ("phase", "status", "stage"),
    [
        ("fraud", "open", DisputeStatus.WARNING),
        ("retrieval", "under_review", DisputeStatus.WARNING),
        ("fraud", "closed", DisputeStatus.PREVENTED),
        ("chargeback", "open", DisputeStatus.NEEDS_RESPONSE),
        ("pre_arbitration", "under_review", DisputeStatus.UNDER_REVIEW),
        ("arbitration", "lost", DisputeStatus.LOST),
        ("retrieval", "lost", DisputeStatus.LOST),
    ],
)
def test_a_dispute_that_only_asks_takes_no_money_yet(phase: str, status: str, stage: DisputeStatus) -> None:
    told = DISPUTE | {"phase": phase, "status": status}
    [notice] = webhook.translate(event("payment.dispute.created", dispute=told, payment=PAYMENT))
    assert notice.dispute
    assert notice.dispute.status is stage


def test_a_fee_in_another_currency_is_left_to_the_settlement() -> None:
    abroad = PAYMENT | {"currency": "USD", "base_amount": 420_000, "base_currency": "INR"}
    assert [notice.kind for notice in webhook.translate(event("payment.captured", payment=abroad))] == [
        NoticeKind.PAYMENT_CAPTURED
    ]


@pytest.mark.parametrize(
    "kind", ["invoice.paid", "payment.downtime.started", "payment_link.partially_paid", "new.thing"]
)
def test_an_event_that_has_no_effect_here_says_nothing(kind: str) -> None:
    assert webhook.translate(event(kind, payment=PAYMENT)) == []


async def test_the_key_tells_the_mode_because_the_body_does_not() -> None:
    body = event("payment.captured", payment=PAYMENT)
    for live in (True, False):
        gateway = Razorpay(Secrets({}), base="http://127.0.0.1:9", live=live)
        assert {notice.live for notice in gateway.translate(body)} == {live}
        await gateway.close()


@pytest.mark.parametrize("change", [{"amount": "5"}, {"amount": -5}, {"currency": "XXX"}, {"amount": None}])
def test_an_amount_that_cannot_be_read_is_not_guessed(change: dict[str, object]) -> None:
    with pytest.raises(PayloadUnreadableError):
        webhook.translate(event("payment.captured", payment=PAYMENT | change))
