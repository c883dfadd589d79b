"""Lines of an earlier system are read strictly: what they say exactly, or the reason why they are refused."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillkeeper.adoption import (
    PastLot,
    PastPayment,
    PastRefund,
    PastUser,
    UnreadableError,
    digest_of,
    flaw,
    read,
)

PAID = {
    "id": "p-1",
    "amount": 199,
    "currency": "eur",
    "status": "paid",
    "gateway": "Stripe",
    "created_at": "2026-01-31T12:00:00Z",
}
AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
CARD = "4242424242424242"


def line(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def paid(**change: Any) -> bytes:
    return line(**{name: value for name, value in (PAID | change).items() if value is not ...})


def a_payment(**change: Any) -> PastPayment:
    return replace(payment_of(paid()), **change)


def user_of(said: bytes, *, major_units: bool = False) -> PastUser:
    record = read(said, major_units=major_units).record
    assert isinstance(record, PastUser)
    return record


def payment_of(said: bytes, *, major_units: bool = False) -> PastPayment:
    record = read(said, major_units=major_units).record
    assert isinstance(record, PastPayment)
    return record


def reason(said: bytes, *, major_units: bool = False) -> str:
    with pytest.raises(UnreadableError) as refused:
        read(said, major_units=major_units)
    return str(refused.value)


def test_a_user_is_read_with_a_balance_that_nobody_paid_for() -> None:
    assert user_of(line(id="ana", balance=120)) == PastUser(id="ana", lots=(PastLot(credits=120),))
    assert user_of(line(id="ana", balance=0)) == PastUser(id="ana")
    assert user_of(line(id="ana", debt=30)) == PastUser(id="ana", debt=30)


def test_lots_say_what_is_still_owed_and_until_when() -> None:
    lots = [{"credits": 100, "amount": 166, "currency": "EUR"}, {"credits": 20, "expiresAt": "2026-01-31T12:00:00Z"}]
    assert user_of(line(id="ana", balance=120, lots=lots)).lots == (
        PastLot(credits=100, amount=166, currency="EUR"),
        PastLot(credits=20, expires_at=AT),
    )


def test_a_payment_is_read_in_our_words() -> None:
    assert payment_of(paid(user="ana", gateway_reference="pi_1", description="Credits")) == PastPayment(
        id="p-1",
        status="succeeded",
        amount=199,
        currency="EUR",
        gateway="stripe",
        created_at=AT,
        user="ana",
        reference="pi_1",
        description="Credits",
    )


@pytest.mark.parametrize(
    ("change", "refunds"),
    [
        ({}, ()),
        ({"status": "refunded"}, (199,)),
        ({"status": "partially_refunded", "amount_refunded": 50}, (50,)),
        ({"amount_refunded": 50}, (50,)),
        ({"refunds": [{"amount": 50}, {"amount": 9}]}, (50, 9)),
        ({"refunds": [{"amount": 50}], "amount_refunded": 50}, (50,)),
    ],
)
def test_refunds_are_taken_from_whatever_tells_of_them(change: dict[str, Any], refunds: tuple[int, ...]) -> None:
    assert tuple(each.amount for each in payment_of(paid(**change)).refunds) == refunds


def test_a_refund_keeps_the_name_that_its_gateway_gave_it() -> None:
    told = [{"amount": 50, "gateway_reference": "re_1", "created_at": "2026-01-31T12:00:00Z"}]
    assert payment_of(paid(refunds=told)).refunds == (PastRefund(amount=50, reference="re_1", created_at=AT),)


def test_extended_json_of_mongodb_means_what_it_says() -> None:
    said = paid(
        id=...,
        _id={"$oid": "65b2f0c1a2b3c4d5e6f70812"},
        userId="ana",
        amount={"$numberLong": "199"},
        created_at=...,
        createdAt={"$date": {"$numberLong": "1769860800000"}},
        capturedAt={"$date": "2026-01-31T13:00:00+01:00"},
        gatewayReference="pi_1",
    )
    payment = payment_of(said)
    assert (payment.id, payment.user, payment.amount) == ("65b2f0c1a2b3c4d5e6f70812", "ana", 199)
    assert (payment.created_at, payment.captured_at, payment.reference) == (AT, AT, "pi_1")
    assert user_of(line(_id={"$uuid": "u"}, balance={"$numberInt": "120"})).balance == 120
    assert user_of(line(_id="u", balance={"$numberDecimal": "1.2E+2"})).balance == 120


def test_a_type_that_means_nothing_here_harms_only_who_asks_for_it() -> None:
    strange = {"$binary": {"base64": "AA==", "subType": "00"}}
    assert read(line(id="ana", balance=1, photo=strange), major_units=False).ignored == {"photo"}
    assert "`id`" in reason(line(id=strange, balance=1))


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("1.99", "EUR", 199),
        ({"$numberDecimal": "1.990"}, "EUR", 199),
        (2, "EUR", 200),
        (2.99, "EUR", 299),
        ("120", "JPY", 120),
        ("1.234", "KWD", 1234),
    ],
)
def test_amounts_in_whole_units_are_exact(amount: Any, currency: str, minor: int) -> None:
    assert payment_of(paid(amount=amount, currency=currency), major_units=True).amount == minor


@pytest.mark.parametrize("amount", ["1.999", "1.2.3", "", {"$numberDecimal": "NaN"}, "1." + "0" * 40 + "1", "1E+40"])
def test_amounts_in_whole_units_that_are_not_exact_are_refused(amount: Any) -> None:
    assert "`amount`" in reason(paid(amount=amount), major_units=True)


def test_a_decimal_where_minor_units_are_expected_is_refused_with_the_way_out() -> None:
    assert "--major-units" in reason(paid(amount={"$numberDecimal": "199.00"}))


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[1]", "--jsonArray"),
        (b'"x"', "not an object"),
        (b'{"id": "a", "balance": NaN}', "NaN"),
        (b'{"id": "a", "balance": Infinity}', "Infinity"),
        (b'{"id": "a", "balance": 1, "balance": 2}', "`balance` twice"),
        (b'{"id": "a", "balance": 1, "more": {"x": 1, "x": 2}}', "`x` twice"),
        (b'{"id": "a", "balance": 1, "userId": "b", "user_id": "c"}', "`user_id` twice"),
        (b'{"id": "\xff", "balance": 1}', "UTF-8"),
        (b'{"id": "\\ud800", "balance": 1}', "printable"),
        (b'{"id": "a\\u0000", "balance": 1}', "printable"),
        (b'{"id": "a", "balance": ' + b"1" * 5000 + b"}", "not JSON"),
        (b'{"id": "a", "balance": 1, "x": ' + b"[" * 40 + b"]" * 40 + b"}", "nested"),
        (b"[" * 100_000, "not JSON"),
        (b'{"id": "a", "name": "b"}', "neither"),
        (b'{"type": "order", "id": "a", "balance": 1}', "neither"),
        (b'{"type": "user", "id": "a"}', "`balance` is missing"),
        (b'{"balance": 1}', "`user` is missing"),
        (b'{"id": "a", "balance": {"$numberLong": 1}}', "$numberLong"),
        (b'{"id": "a", "balance": {"$numberLong": "1.5"}}', "$numberLong"),
        (b'{"id": "a", "balance": {"$numberDouble": "1"}}', "not exact"),
    ],
)
def test_a_line_that_could_mean_two_things_or_none_is_refused(written: bytes, why: str) -> None:
    assert why in reason(written)


@pytest.mark.parametrize("balance", [-1, 2**63, 10**12 + 1, 10.5, 10.0, 1e3, "10", True, [1], {"x": 1}, None])
def test_a_balance_is_a_whole_number_that_can_be(balance: Any) -> None:
    assert "balance" in reason(line(type="user", id="ana", balance=balance))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": -5}, "amount"),
        ({"amount": 2**63}, "amount"),
        ({"amount": 1.5}, "amount"),
        ({"currency": "euro"}, "currency"),
        ({"currency": ...}, "currency"),
        ({"status": "pending"}, "pending"),
        ({"status": ...}, "status"),
        ({"gateway": ...}, "gateway"),
        ({"created_at": ...}, "created_at"),
        ({"created_at": "2026-01-31"}, "created_at"),
        ({"created_at": 5}, "created_at"),
        ({"created_at": "9999-12-31T23:59:59-14:00"}, "created_at"),
        ({"amount_refunded": 200}, "200"),
        ({"amount_refunded": 1, "status": "failed"}, "failed"),
        ({"refunds": [{"amount": 50}], "amount_refunded": 51}, "51"),
        ({"refunds": [50]}, "refunds"),
        ({"refunds": [{"amount": 0}]}, "amount"),
        ({"status": "partially_refunded"}, "nothing says how much"),
        ({"status": "partially_refunded", "refunds": []}, "nothing says how much"),
        ({"status": "partially_refunded", "amount_refunded": 0}, "`amount_refunded` is 0"),
        ({"status": "refunded", "amount_refunded": 0}, "`amount_refunded` is 0"),
        ({"captured_at": "2026-01-31T11:54:59Z"}, "`captured_at` is before `created_at`"),
        ({"refunds": [{"amount": 50, "created_at": "2026-01-31T11:54:59Z"}]}, "`refunds.created_at` is before"),
        ({"captured_at": "2026-01-31T12:00:01Z", "status": "failed"}, "`captured_at` says that money was taken"),
        ({"user": CARD}, "card number"),
        ({"id": CARD}, "card number"),
        ({"description": f"paid with {CARD}"}, "card number"),
        ({"id": "x" * 201}, "id"),
        ({"user": " ana"}, "user"),
    ],
)
def test_a_payment_that_cannot_be_is_refused_and_says_what_is_wrong(change: dict[str, Any], named: str) -> None:
    assert named in reason(paid(**change))


@pytest.mark.parametrize("at", ["2026-01-31T11:55:00Z", "2026-01-31T12:00:01Z"])
def test_clocks_of_two_systems_may_differ_by_a_little(at: str) -> None:
    payment = payment_of(paid(captured_at=at, refunds=[{"amount": 50, "created_at": at}]))
    assert payment.captured_at == payment.refunds[0].created_at == datetime.fromisoformat(at)


def test_the_first_moment_of_all_can_be_compared() -> None:
    said = {"created_at": "0001-01-01T00:00:00Z", "captured_at": "9999-12-31T23:59:59Z"}
    assert flaw(payment_of(paid(**said)), AT) == "`captured_at` is in the future"


@pytest.mark.parametrize(
    "record",
    [
        PastUser(id="ana", lots=(PastLot(credits=1), PastLot(credits=1, created_at=AT + timedelta(minutes=6)))),
        a_payment(created_at=AT + timedelta(minutes=6)),
        a_payment(captured_at=AT + timedelta(minutes=6)),
        a_payment(refunds=(PastRefund(amount=1, created_at=AT + timedelta(minutes=6)),)),
    ],
)
def test_what_is_said_to_happen_in_the_future_has_not_happened(record: PastUser | PastPayment) -> None:
    assert "in the future" in (flaw(record, AT) or "")


@pytest.mark.parametrize(
    "record",
    [
        PastUser(id="ana", lots=(PastLot(credits=1, created_at=AT, expires_at=AT + timedelta(days=99)),)),
        a_payment(captured_at=AT, refunds=(PastRefund(amount=1, created_at=AT + timedelta(minutes=5)),)),
    ],
)
def test_what_happened_until_now_can_be_taken_over(record: PastUser | PastPayment) -> None:
    assert flaw(record, AT) is None


def test_what_looks_like_a_card_number_is_not_repeated_in_the_reason() -> None:
    assert CARD not in reason(paid(user=CARD))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"balance": 5, "lots": [{"credits": 4}]}, "`lots` hold 4"),
        ({"balance": 5, "debt": 1}, "either"),
        ({"balance": 5, "lots": [{"credits": 5, "amount": 10}]}, "currency"),
        ({"balance": 5, "lots": [{"credits": 5, "amount": -1, "currency": "EUR"}]}, "amount"),
        ({"balance": 0, "lots": [{"credits": 0}]}, "credits"),
    ],
)
def test_lots_that_do_not_fit_their_user_are_refused(fields: dict[str, Any], why: str) -> None:
    assert why in reason(line(id="ana", **fields))


def test_fields_that_nobody_asks_for_are_named_also_inside() -> None:
    said = line(id="ana", _id="x", balance=5, passwordHash="h", lots=[{"credits": 5, "amout": 3}])
    assert read(said, major_units=False).ignored == {"_id", "passwordHash", "lots.amout"}


def test_a_record_has_one_digest_however_its_line_is_written() -> None:
    one = payment_of(paid(user="ana"))
    other = payment_of(b" " + paid(extra=1, userId="ana", created_at="2026-01-31T13:00:00+01:00") + b"\r\n")
    assert digest_of(one) == digest_of(other)
    assert digest_of(one) != digest_of(payment_of(paid(user="ana", amount=200)))


@given(
    st.integers(1, 10**15),
    st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])).filter(
        lambda moment: 1970 < moment.year < 2100
    ),
)
def test_amounts_and_moments_come_through_both_notations_unchanged(amount: int, moment: datetime) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    milliseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    plain = payment_of(paid(amount=amount, created_at=moment.isoformat()))
    extended = payment_of(
        paid(amount={"$numberLong": str(amount)}, created_at={"$date": {"$numberLong": str(milliseconds)}})
    )
    assert (plain.amount, plain.created_at) == (extended.amount, extended.created_at) == (amount, moment)


@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_whatever_a_line_holds_it_is_read_or_refused(written: bytes) -> None:
    with suppress(UnreadableError):
        assert digest_of(read(written, major_units=False).record)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["type", "id", "_id", "user", "balance", "debt", "lots", "amount", "currency", "status", "gateway", "created_at",
     "refunds", "amount_refunded", "$oid", "$date", "$numberLong", "$numberDecimal"]
)  # fmt: skip


@given(st.dictionaries(NAMES, JSON | st.dictionaries(NAMES, JSON, max_size=1)), st.booleans())
def test_whatever_the_fields_of_a_line_hold_it_is_read_or_refused(fields: dict[str, Any], major: bool) -> None:  # noqa: FBT001
    with suppress(UnreadableError):
        assert digest_of(read(json.dumps(fields).encode(), major_units=major).record)
