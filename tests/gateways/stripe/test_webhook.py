"""Stripe's webhooks: whose they are, and what they say in our words."""

import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tillkeeper.facts import EXPIRED, DisputeStatus, Notice, NoticeKind
from tillkeeper.gateway import PayloadUnreadableError, SignatureInvalidError
from tillkeeper.gateways.stripe import webhook
from tillkeeper.gateways.stripe.adapter import _to_stripe
from tillkeeper.kernel import ids
from tillkeeper.kernel.money import EXPONENTS, CurrencyNotSupportedError, exponent

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
OLD, NEW = "whsec_old", "whsec_new"
EVENT = b'{"id": "evt_1", "type": "payment_intent.succeeded"}'
nesting_deep = 100_000
stripe_most = 99_999_999

Read = Callable[[str], Any]


@pytest.fixture(scope="module")
def oracle(oracles: Path) -> Read:
    return lambda path: json.loads((oracles / path).read_text())


def signed(body: bytes, *, secret: str = NEW, at: datetime = NOW) -> dict[str, str]:
    moment = int(at.timestamp())
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, sha256).hexdigest()
    return {"stripe-signature": f"t={moment},v1={digest}"}


def test_the_signature_is_that_of_the_vectors(oracle: Read) -> None:
    for vector in oracle("vectors/stripe.json")["hmac_vectors"]:
        digest = hmac.new(vector["secret"].encode(), vector["message"].encode(), sha256).hexdigest()
        assert digest == vector["hmac_sha256_hex"]


def test_every_header_of_the_vectors_is_judged_as_stripe_does_but_the_future_is_refused_too(oracle: Read) -> None:
    vectors = oracle("vectors/stripe.json")
    # The payload of the vectors is no event with a type, so a good signature shows as an unreadable body.
    body, judged = vectors["payload"].encode(), {}
    for case in vectors["header_cases"]:
        now = datetime.fromtimestamp(case["now"], UTC)
        with pytest.raises((SignatureInvalidError, PayloadUnreadableError)) as caught:
            webhook.verify({"stripe-signature": case["header"]}, body, [vectors["secret"]], now)
        judged[case["name"]] = caught.type is PayloadUnreadableError
    told = {case["name"]: case["valid"] for case in vectors["header_cases"]}
    ours = {name for name, valid in judged.items() if valid != told[name]}
    assert ours == {
        "future timestamp (SDK accepts: only lower bound is checked)",
        "tolerance 0/None disables the check",
    }
    assert not any(judged[name] for name in ours)


def test_a_good_signature_tells_the_id_and_the_type_of_the_event() -> None:
    envelope = webhook.verify(signed(EVENT), EVENT, [NEW], NOW)
    assert (envelope.event_id, envelope.type) == ("evt_1", "payment_intent.succeeded")


GOOD = signed(EVENT)["stripe-signature"]


@pytest.mark.parametrize(
    "header",
    [
        "",
        ",",
        "=",
        "t",
        "t=",
        "t=,v1=",
        "t=abc,v1=00",
        "t=-5,v1=00",
        "t=1e3,v1=00",
        "t=" + "9" * 13 + ",v1=00",
        "t=٣,v1=00",
        "v1=" + "0" * 64,
        GOOD.replace("v1", "v0"),
        GOOD.replace("v1", "V1"),
        GOOD.upper(),
        GOOD[:-1],
        GOOD + "0",
        GOOD.replace("v1=", "v1= "),
        GOOD.split(",")[0] + ",v1=" + "é" * 64,
        "t=1700000000\x00,v1=00",
        "x" * 5000,
        GOOD + "," * 5000,
    ],
)
def test_a_malformed_header_is_a_bad_signature_and_no_accident(header: str) -> None:
    with pytest.raises(SignatureInvalidError):
        webhook.verify({"stripe-signature": header}, EVENT, [NEW], NOW)


@given(st.text(max_size=200))
def test_no_header_at_all_can_do_more_than_be_refused(header: str) -> None:
    with pytest.raises(SignatureInvalidError):
        webhook.verify({"stripe-signature": header}, EVENT, [NEW], NOW)


@given(st.binary(max_size=200).filter(lambda body: body != EVENT))
def test_a_body_that_was_changed_by_a_single_byte_does_not_verify(body: bytes) -> None:
    with pytest.raises(SignatureInvalidError):
        webhook.verify(signed(EVENT), body, [NEW], NOW)


def test_without_a_secret_nothing_verifies() -> None:
    with pytest.raises(SignatureInvalidError):
        webhook.verify(signed(EVENT, secret=""), EVENT, [], NOW)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"5",
        b'"event"',
        b"{}",
        b"{",
        b'{"id": "evt_1"}',
        b'{"type": "x"}',
        b'{"id": 1, "type": "x"}',
        b'{"id": null, "type": "x"}',
        b'{"id": "", "type": "x"}',
        b'{"id": "evt_\\u0000", "type": "x"}',
        b'{"id": "evt_1", "type": "x\\ud800"}',
        b'{"id": "evt_1", "type": "x", "note": NaN}',
        b'{"id": "\xff\xfe", "type": "x"}',
        b'{"id": "evt_1", "type": "x", "note": "\xff\xfe"}',
        b'{"id": "evt_1", "type": "x"} trailing',
        b'{"id": "' + b"e" * 300 + b'", "type": "x"}',
        b"[" * nesting_deep,
        b"[" * nesting_deep + b"]" * nesting_deep,
        b'{"id": "evt_1", "type": "x", "deep": ' + b"[" * nesting_deep + b"]" * nesting_deep + b"}",
    ],
)
def test_a_signed_body_that_is_no_event_is_unreadable_and_nothing_worse(body: bytes) -> None:
    with pytest.raises(PayloadUnreadableError):
        webhook.verify(signed(body), body, [NEW], NOW)


@given(st.binary(max_size=300))
def test_any_signed_bytes_are_read_or_called_unreadable(body: bytes) -> None:
    try:
        webhook.verify(signed(body), body, [NEW], NOW)
    except PayloadUnreadableError:
        return


def event(kind: str, thing: dict[str, Any], *, live: bool = False) -> bytes:
    return json.dumps({"id": "evt_1", "type": kind, "livemode": live, "data": {"object": thing}}).encode()


PRICED = {"amount_total": 199, "currency": "eur"}
INTENT, SESSION, REFUND = "payment_intent", "checkout.session", "refund"
CASES = [
    ("checkout.session.completed", SESSION, PRICED | {"status": "complete", "payment_status": "paid"}, "captured"),
    ("checkout.session.completed", SESSION, PRICED | {"status": "complete", "payment_status": "unpaid"}, None),
    ("checkout.session.completed", SESSION, {}, None),
    (
        "checkout.session.async_payment_succeeded",
        SESSION,
        PRICED | {"status": "complete", "payment_status": "paid"},
        "captured",
    ),
    ("checkout.session.async_payment_failed", SESSION, PRICED | {"status": "complete"}, "failed"),
    ("checkout.session.expired", SESSION, {"status": "expired"}, "canceled"),
    ("payment_intent.succeeded", INTENT, {"status": "succeeded", "amount_received": 1099}, "captured"),
    (
        "payment_intent.amount_capturable_updated",
        INTENT,
        {"status": "requires_capture", "amount_capturable": 1099},
        "authorized",
    ),
    ("payment_intent.processing", INTENT, {"status": "processing"}, "pending"),
    ("payment_intent.payment_failed", INTENT, {}, "failed"),
    ("payment_intent.canceled", INTENT, {"status": "canceled"}, "canceled"),
    ("refund.created", REFUND, {"status": "pending"}, "refund created"),
    ("refund.created", REFUND, {"status": "requires_action"}, "refund created"),
    ("refund.created", REFUND, {}, "refund succeeded"),
    ("refund.updated", REFUND, {"status": "succeeded"}, "refund succeeded"),
    ("refund.failed", REFUND, {"status": "failed"}, "refund failed"),
    ("refund.updated", REFUND, {"status": "canceled"}, "refund failed"),
]


def test_a_session_that_may_be_captured_in_part_leaves_the_amount_to_its_intent(oracle: Read) -> None:
    paid = PRICED | {"status": "complete", "payment_status": "paid", "metadata": {"capture": "manual"}}
    session = oracle("fixtures/stripe/resources/checkout.session.json") | paid
    assert webhook.translate(event("checkout.session.completed", session)) == []


def test_an_authorisation_that_lapsed_is_no_checkout_that_nobody_paid(oracle: Read) -> None:
    lapsed = {"status": "canceled", "cancellation_reason": "expired"}
    intent = oracle("fixtures/stripe/resources/payment_intent.json") | lapsed
    [notice] = webhook.translate(event("payment_intent.canceled", intent))
    assert (notice.kind, notice.code) == (NoticeKind.PAYMENT_CANCELED, None)


@pytest.mark.parametrize(("kind", "resource", "change", "said"), CASES)
def test_a_fixture_of_stripe_in_an_event_says_the_right_thing(
    oracle: Read, kind: str, resource: str, change: dict[str, Any], said: str | None
) -> None:
    thing = oracle(f"fixtures/stripe/resources/{resource}.json") | change
    notices = webhook.translate(event(kind, thing))
    words = [notice.kind.removeprefix("payment.").replace(".", " ") for notice in notices]
    assert words == ([said] if said else [])
    for notice in notices:
        assert notice.gateway == "stripe"
        assert not notice.live
        assert notice.payment is None
        if resource != REFUND:
            assert thing["id"] in notice.references
        if notice.kind is NoticeKind.PAYMENT_CAPTURED:
            amount = thing["amount_total"] if resource == SESSION else thing["amount_received"]
            assert (notice.amount, notice.currency) == (amount, thing["currency"].upper())


@pytest.mark.parametrize(
    ("kind", "status", "said", "stage"),
    [
        ("created", "warning_needs_response", NoticeKind.DISPUTE_OPENED, DisputeStatus.WARNING),
        ("created", "needs_response", NoticeKind.DISPUTE_OPENED, DisputeStatus.NEEDS_RESPONSE),
        ("funds_withdrawn", "needs_response", NoticeKind.DISPUTE_UPDATED, DisputeStatus.NEEDS_RESPONSE),
        ("updated", "under_review", NoticeKind.DISPUTE_UPDATED, DisputeStatus.UNDER_REVIEW),
        ("closed", "warning_closed", NoticeKind.DISPUTE_UPDATED, DisputeStatus.PREVENTED),
        ("closed", "won", NoticeKind.DISPUTE_WON, DisputeStatus.WON),
        ("closed", "lost", NoticeKind.DISPUTE_LOST, DisputeStatus.LOST),
    ],
)
def test_a_dispute_says_its_stage(oracle: Read, kind: str, status: str, said: str, stage: str) -> None:
    thing = oracle("fixtures/stripe/resources/dispute.json") | {"status": status}
    [notice] = webhook.translate(event(f"charge.dispute.{kind}", thing))
    assert (notice.kind, notice.amount, notice.currency) == (said, 1000, "USD")
    assert notice.references == (thing["charge"],)
    assert notice.dispute is not None
    assert (notice.dispute.id, notice.dispute.status) == (thing["id"], stage)
    assert notice.dispute.due_at == datetime.fromtimestamp(1723679999, UTC)
    assert notice.dispute.withdrawn == 0


def test_a_dispute_says_what_was_withdrawn_for_it_so_far(oracle: Read) -> None:
    moved = [{"amount": -1000, "fee": 1500, "currency": "usd"}, {"amount": 1000, "fee": 0, "currency": "usd"}]
    thing = oracle("fixtures/stripe/resources/dispute.json") | {"status": "needs_response"}
    for count, withdrawn in ((1, 1000), (2, 0)):
        now = thing | {"balance_transactions": moved[:count]}
        [notice] = webhook.translate(event("charge.dispute.funds_withdrawn", now))
        assert notice.dispute is not None
        assert (notice.dispute.withdrawn, notice.dispute.fee) == (withdrawn, 1500)


@pytest.mark.parametrize(
    ("moved", "withdrawn", "fee"),
    [
        (None, None, None),
        ([(-1000, 1500, "usd"), (600, 0, "usd")], 400, 1500),
        ([(-1000, 2500, "usd"), (1000, -1000, "usd")], 0, 1500),
        ([(-900, 1400, "eur")], 1000, None),
        ([(-900, 1400, "eur"), (540, 0, "eur")], 400, None),
        ([(-900, 1400, "eur"), (900, 0, "eur")], 0, None),
    ],
    ids=["untold", "partly won", "fee partly back", "another currency", "partly won there", "won there"],
)
def test_a_dispute_says_what_is_held_back_whatever_moved(
    oracle: Read, moved: list[tuple[int, int, str]] | None, withdrawn: int | None, fee: int | None
) -> None:
    lines = None if moved is None else [{"amount": a, "fee": f, "currency": c} for a, f, c in moved]
    thing = oracle("fixtures/stripe/resources/dispute.json") | {
        "status": "under_review",
        "amount": 1000,
        "currency": "usd",
        "balance_transactions": lines,
    }
    [notice] = webhook.translate(event("charge.dispute.updated", thing))
    assert notice.dispute is not None
    assert (notice.dispute.withdrawn, notice.dispute.fee) == (withdrawn, fee)


@pytest.mark.parametrize(
    ("kind", "status", "said"),
    [
        ("created", "in_transit", NoticeKind.PAYOUT_CREATED),
        ("paid", "paid", NoticeKind.PAYOUT_PAID),
        ("failed", "failed", NoticeKind.PAYOUT_FAILED),
        ("canceled", "canceled", NoticeKind.PAYOUT_FAILED),
    ],
)
def test_a_payout_says_how_far_it_is(oracle: Read, kind: str, status: str, said: str) -> None:
    thing = oracle("fixtures/stripe/resources/payout.json") | {"status": status}
    [notice] = webhook.translate(event(f"payout.{kind}", thing))
    assert (notice.kind, notice.amount, notice.currency) == (said, thing["amount"], thing["currency"].upper())
    assert notice.payout is not None
    assert notice.payout.id == thing["id"]


def test_a_fee_without_its_balance_transaction_is_to_be_asked_for(oracle: Read) -> None:
    charge = oracle("fixtures/stripe/resources/charge.json") | {"captured": True, "payment_intent": "pi_1"}
    [bare] = webhook.translate(event("charge.updated", charge | {"balance_transaction": "txn_1"}))
    assert (bare.kind, bare.references, bare.amount) == (NoticeKind.PAYMENT_FEE, ("pi_1",), None)
    assert webhook.translate(event("charge.updated", charge | {"balance_transaction": None})) == []


def test_every_fixture_in_every_event_about_it_is_read_without_an_error(oracle: Read, oracles: Path) -> None:
    kinds = oracle("specs/stripe/event_types_2026-10-28.json")
    read = 0
    for path in sorted((oracles / "fixtures/stripe/resources").glob("*.json")):
        for kind in kinds:
            # The object in an event about a dispute or refund of a charge is that dispute or refund.
            if kind.startswith(f"{path.stem}.") and not kind.startswith(("charge.dispute.", "charge.refund.")):
                webhook.translate(event(kind, json.loads(path.read_text())))
                read += 1
    assert read > 50


def test_every_event_type_of_stripe_has_an_effect_that_we_name_or_none_at_all(oracle: Read) -> None:
    kinds = oracle("specs/stripe/event_types_2026-10-28.json")
    assert set(webhook.READERS) <= set(kinds)
    for kind in kinds:
        if kind not in webhook.READERS:
            assert webhook.translate(event(kind, {})) == []


def test_a_thin_event_has_no_effect(oracle: Read) -> None:
    assert webhook.translate(json.dumps(oracle("fixtures/stripe/thin_event.json")).encode()) == []


def one(kind: str, thing: dict[str, Any], *, live: bool = False) -> Notice:
    [notice] = webhook.translate(event(kind, thing, live=live))
    return notice


def test_our_own_ids_travel_in_metadata_and_come_back() -> None:
    payment, refund = ids.new(), ids.new()
    metadata = {"payment": ids.text("payment", payment), "refund": ids.text("refund", refund)}
    notice = one(
        "refund.updated",
        {
            "id": "re_1",
            "amount": 5,
            "currency": "eur",
            "status": "succeeded",
            "metadata": metadata,
            "payment_intent": "pi_1",
        },
        live=True,
    )
    assert (notice.payment, notice.refund, notice.refund_reference) == (payment, refund, "re_1")
    assert (notice.references, notice.live) == (("pi_1",), True)


@pytest.mark.parametrize("strange", ["", "payment_", "payment_zzz", "order 5", "refund_01h45ytscbebyvny4gc8cr8ma2"])
def test_somebody_elses_metadata_is_not_taken_for_ours(strange: str) -> None:
    intent = {"id": "pi_1", "status": "succeeded", "amount_received": 5, "currency": "eur"}
    assert one("payment_intent.succeeded", intent | {"metadata": {"payment": strange}}).payment is None


def test_a_failed_attempt_says_why_in_the_banks_words() -> None:
    error = {"code": "card_declined", "decline_code": "insufficient_funds", "message": "Not enough."}
    notice = one("payment_intent.payment_failed", {"id": "pi_1", "status": "x", "last_payment_error": error})
    assert (notice.code, notice.message) == ("insufficient_funds", "Not enough.")


def test_an_intent_may_stand_expanded_in_its_session() -> None:
    session = {"id": "cs_1", "status": "expired", "payment_status": "unpaid", "payment_intent": {"id": "pi_1"}}
    notice = one("checkout.session.expired", session)
    assert (notice.references, notice.code) == (("pi_1", "cs_1"), EXPIRED)


def test_the_decimals_of_every_currency_are_those_of_stripe(oracle: Read) -> None:
    table = oracle("specs/currencies.json")["stripe"]
    zero, three = set(table["zero_decimal"]), set(table["three_decimal"]["codes"])
    others = (set(EXPONENTS) | set(table["two_decimal_for_backward_compat"]) | {"EUR", "USD"}) - zero - three
    assert {code: webhook.decimals(code) for code in zero | three | others} == (
        dict.fromkeys(zero, 0) | dict.fromkeys(three, 3) | dict.fromkeys(others, table["default"])
    )


CURRENCIES = st.sampled_from(sorted({*EXPONENTS, *webhook.ZERO_DECIMAL, *webhook.THREE_DECIMAL, "EUR", "USD", "INR"}))


@given(CURRENCIES, st.integers(1, stripe_most * 10))
def test_an_amount_comes_back_from_stripe_exactly_or_is_refused(currency: str, amount: int) -> None:
    try:
        sent = _to_stripe(amount, currency)
    except CurrencyNotSupportedError:
        exact = amount * 10 ** webhook.decimals(currency) % 10 ** exponent(currency) == 0
        in_size = amount * 10 ** webhook.decimals(currency) // 10 ** exponent(currency) <= stripe_most
        tens = currency not in webhook.THREE_DECIMAL or amount % 10 == 0
        assert not (exact and in_size and tens)
        return
    assert 0 < sent <= stripe_most
    assert webhook.from_stripe(sent, currency) == amount


@given(CURRENCIES, st.integers(1, stripe_most))
def test_an_amount_of_stripe_keeps_its_worth_or_is_refused(currency: str, sent: int) -> None:
    try:
        amount = webhook.from_stripe(sent, currency)
    except PayloadUnreadableError:
        assert sent * 10 ** exponent(currency) % 10 ** webhook.decimals(currency)
        return
    assert amount * 10 ** webhook.decimals(currency) == sent * 10 ** exponent(currency)


@pytest.mark.parametrize(
    ("amount", "currency", "sent"),
    [(240, "JPY", 240), (199, "EUR", 199), (5, "ISK", 500), (1230, "KWD", 1230), (300, "MGA", 3), (700, "UGX", 70_000)],
)
def test_known_amounts_reach_stripe_as_it_counts_them(amount: int, currency: str, sent: int) -> None:
    assert _to_stripe(amount, currency) == sent
    assert webhook.from_stripe(sent, currency) == amount


@given(st.integers(1, 9_999_999))
def test_three_decimal_currencies_take_only_steps_of_ten(amount: int) -> None:
    assume(amount % 10)
    with pytest.raises(CurrencyNotSupportedError):
        _to_stripe(amount, "KWD")
