"""What parsers make of what others wrote: facts, or the one error that they promise, and soon."""

import base64
import contextlib
import copy
import hmac
import json
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz import events
from tests.fuzz.strange import JSON, fuzzed, spoilt, spots

from tillkeeper.facts import Notice
from tillkeeper.gateway import Envelope, PayloadUnreadableError, SignatureInvalidError
from tillkeeper.gateways.paypal import signatures
from tillkeeper.gateways.paypal import webhook as paypal
from tillkeeper.gateways.razorpay import webhook as razorpay
from tillkeeper.gateways.square import webhook as square
from tillkeeper.gateways.stripe import webhook as stripe
from tillkeeper.kernel.money import amount_max

pytestmark = pytest.mark.timeout(900)
body_bytes_max = 1_048_576
seconds_max = 1
"""Of the processor, for the worst megabyte; most take milliseconds."""
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECRET, URL, WEBHOOK = "a secret of the tests", "https://till.example/webhooks/square", "4JH86294D6297924G"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)

Headers = dict[str, str]


@dataclass(frozen=True)
class Parser:
    """Hold how a gateway signs, and the two functions that read what it sends."""

    sign: Callable[[bytes], Headers]
    verify: Callable[[Mapping[str, str], bytes], Envelope]
    translate: Callable[[bytes], list[Notice]]
    events: tuple[events.Json, ...]


def hmac_hex(content: bytes) -> str:
    return hmac.new(SECRET.encode(), content, sha256).hexdigest()


def signed_by_stripe(body: bytes) -> Headers:
    at = str(int(NOW.timestamp()))
    return {"stripe-signature": f"t={at},v1={hmac_hex(at.encode() + b'.' + body)}"}


def signed_by_square(body: bytes) -> Headers:
    made = hmac.new(SECRET.encode(), URL.encode() + body, sha256).digest()
    return {"x-square-hmacsha256-signature": base64.b64encode(made).decode()}


def signed_by_paypal(body: bytes) -> Headers:
    at = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    made = KEY.sign(f"id|{at}|{WEBHOOK}|{zlib.crc32(body)}".encode(), PKCS1v15(), hashes.SHA256())
    return {
        "paypal-auth-algo": "SHA256withRSA",
        "paypal-cert-url": "https://api.paypal.com/v1/notifications/certs/CERT-1",
        "paypal-transmission-id": "id",
        "paypal-transmission-sig": base64.b64encode(made).decode(),
        "paypal-transmission-time": at,
    }


def verified_by_paypal(headers: Mapping[str, str], body: bytes) -> Envelope:
    """Check as the judge does once it knows the certificate, for which tests/gateways/paypal has its own tests."""
    transmission = signatures.read(headers)
    signatures.is_late(transmission, NOW)
    signatures.check(transmission, body, [WEBHOOK], KEY.public_key())
    return paypal.head(body)


PARSERS = {
    "stripe": Parser(
        signed_by_stripe,
        lambda headers, body: stripe.verify(headers, body, [SECRET], NOW),
        stripe.translate,
        events.STRIPE,
    ),
    "razorpay": Parser(
        lambda body: {"x-razorpay-signature": hmac_hex(body), "x-razorpay-event-id": "e"},
        lambda headers, body: razorpay.verify(headers, body, [SECRET]),
        razorpay.translate,
        events.RAZORPAY,
    ),
    "paypal": Parser(
        signed_by_paypal, verified_by_paypal, lambda body: paypal.translate(body, live=False), events.PAYPAL
    ),
    "square": Parser(
        signed_by_square,
        lambda headers, body: square.verify(headers, body, [URL], [SECRET]),
        lambda body: square.translate(body, live=False),
        events.SQUARE,
    ),
}


@pytest.mark.parametrize("name", PARSERS)
def test_every_event_that_is_spoilt_here_is_read_before_it_is(name: str) -> None:
    for event in PARSERS[name].events:
        assert PARSERS[name].translate(json.dumps(event).encode()), event


@pytest.mark.parametrize("name", PARSERS)
def test_a_translation_ends_in_facts_of_the_right_kind_or_in_the_one_error_that_it_promises(name: str) -> None:
    parser = PARSERS[name]

    @fuzzed
    @given(spoilt(parser.events) | JSON | st.binary(max_size=300))
    def translate(body: bytes) -> None:
        try:
            found = parser.translate(body)
        except PayloadUnreadableError:
            return
        for notice in found:
            amounts = [notice.amount, notice.tax]
            if notice.dispute:
                amounts += [notice.dispute.withdrawn, notice.dispute.fee, notice.dispute.conceded]
                assert isinstance(notice.dispute.id, str)
            assert all(each is None or type(each) is int for each in amounts)
            assert all(abs(each) <= amount_max for each in amounts if each is not None)
            assert all(isinstance(each, str) for each in notice.references)
            texts = (notice.currency, notice.refund_reference, notice.code, notice.message, notice.attempt)
            assert all(each is None or isinstance(each, str) for each in texts)
            moments = [notice.occurred_at]
            if notice.dispute:
                moments += [notice.dispute.due_at, notice.dispute.at]
            assert all(each is None or each.tzinfo for each in moments)
            if notice.payout:
                assert isinstance(notice.payout.id, str)

    translate()


@pytest.mark.parametrize("name", PARSERS)
def test_whatever_was_signed_is_an_event_or_called_unreadable(name: str) -> None:
    parser = PARSERS[name]

    @fuzzed
    @given(spoilt(parser.events) | JSON | st.binary(max_size=300))
    def verify(body: bytes) -> None:
        try:
            envelope = parser.verify(parser.sign(body), body)
        except PayloadUnreadableError:
            return
        assert 0 < len(envelope.event_id) <= 255
        assert envelope.event_id.isprintable()

    verify()


@pytest.mark.parametrize("name", PARSERS)
def test_no_body_is_taken_but_the_one_that_was_signed(name: str) -> None:
    parser = PARSERS[name]
    true = json.dumps(parser.events[0]).encode()
    headers = parser.sign(true)
    assert parser.verify(headers, true).event_id

    @fuzzed
    @given(spoilt(parser.events) | st.binary(max_size=300), st.integers(0, len(true) - 1), st.integers(1, 255))
    def verify(other: bytes, place: int, flip: int) -> None:
        changed = bytearray(true)
        changed[place] ^= flip
        for body in {other, bytes(changed), true + other, other + true, true[:place]} - {true}:
            with pytest.raises(SignatureInvalidError):
                parser.verify(headers, body)

    verify()


@pytest.mark.parametrize("name", PARSERS)
def test_no_headers_are_taken_but_those_that_hold_the_signature(name: str) -> None:
    parser = PARSERS[name]
    true = json.dumps(parser.events[0]).encode()
    right, other = parser.sign(true), parser.sign(b"{}")
    signature = next(value for header, value in right.items() if header.endswith(("signature", "-sig")))
    proof = signature.rpartition("v1=")[2]
    written = st.text(st.characters(max_codepoint=255), max_size=200)  # bytes of HTTP, as the intake reads them

    @fuzzed
    @given(st.dictionaries(st.sampled_from([*right]), written | st.sampled_from([*right.values(), *other.values()])))
    def verify(given_headers: Headers) -> None:
        headers = right | given_headers
        if any(proof in value for value in headers.values()):
            headers = {header: value.replace(proof, proof[:-2]) for header, value in headers.items()}
        with pytest.raises(SignatureInvalidError):
            parser.verify(headers, true)

    verify()


WORST = {
    "brackets": b"[" * body_bytes_max,
    "names": b'{"a":' * (body_bytes_max // 5),
    "digits": b"1" * body_bytes_max,
    "digits of a number inside": b'{"id": "a", "created": ' + b"1" * 1_000_000 + b"}",
    "backslashes": b'{"id": "' + b"\\" * 1_000_000 + b'"}',
    "escapes": b'{"id": "' + b"\\u0041" * 170_000 + b'"}',
    "an id in an id": b'{"id": "' + events.PAYMENT.encode() * 30_000 + b'"}',
    "many members": b"{" + b'"a":1,' * 170_000 + b'"b":1}',
    "many commas": b"[" + b"1," * 500_000 + b"1]",
    "spaces": b" " * body_bytes_max,
    "bytes": b"\xff" * body_bytes_max,
}
TEXTS = {
    "our ids": f"{events.PAYMENT} " * 25_000,
    "almost our ids": "payment_0" * 100_000,
    "links": "/v2/payments/captures/" * 45_000,
    "hash signs": "#" * 900_000,
    "digits": "4" * 900_000,
    "commas": "," * 900_000,
}


@pytest.mark.parametrize("name", PARSERS)
def test_no_body_of_a_megabyte_keeps_the_process_busy(name: str) -> None:
    parser = PARSERS[name]
    bodies = dict(WORST)
    for number, event in enumerate(parser.events):
        for title, text in TEXTS.items():
            bodies[f"{title} in event {number}"] = json.dumps(_with_every_text(event, text)).encode()[:body_bytes_max]
            bodies[f"{title} in one text of event {number}"] = json.dumps(_with_the_longest_text(event, text)).encode()
    for title, body in bodies.items():
        for read in (lambda body: parser.verify(parser.sign(body), body), parser.translate):
            began = time.process_time_ns()
            with contextlib.suppress(PayloadUnreadableError):
                read(body)
            assert time.process_time_ns() - began < seconds_max * 10**9, title


def _with_every_text(event: Any, text: str) -> Any:
    thing = copy.deepcopy(event)
    for inside, name in list(spots(thing)):
        if isinstance(inside[name], str) and name not in {"id", "event_id", "type", "event", "event_type", "entity"}:
            inside[name] = text[:20_000]
    return thing


def _with_the_longest_text(event: Any, text: str) -> Any:
    thing = copy.deepcopy(event)
    places = [
        (inside, name)
        for inside, name in spots(thing)
        if name in {"note", "reason", "href", "description", "custom_id", "payment", "message"}
    ]
    for inside, name in places[:1]:
        inside[name] = text
    return thing
