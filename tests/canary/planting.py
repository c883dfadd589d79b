"""Where canaries are planted: every way by which something from outside comes in."""

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from tests.canary.canaries import Canary

Json = dict[str, Any]
Request = tuple[str, str, dict[str, str], bytes]
"""A method, a target, headers and a body."""

PAYMENTS = "/api/v1/payments"
WISH: Json = {"package": "credits_120", "currency": "EUR", "user": "ana"}


def requests(canary: Canary) -> Iterator[Request]:
    """Say a canary in every part of a request that is refused."""
    yield from _targets(quote(canary.written, safe=""))
    yield from _heads(canary.in_header)
    yield from _bodies(canary.written)


def _targets(said: str) -> Iterator[Request]:
    for path in (f"/{said}", f"{PAYMENTS}/{said}", f"{PAYMENTS}/{said}/timeline", f"/docs/errors/{said}"):
        yield "GET", path, {}, b""
    for path in (f"/api/v1/ledger/statements/{said}", f"/checkout/{said}", f"/static/{said}", f"/api/v1/{said}/cards"):
        yield "GET", path, {}, b""
    for query in (f"cursor={said}", f"{said}=1", f"limit={said}", f"status={said}", f"gateway={said}&user={said}"):
        yield "GET", f"{PAYMENTS}?{query}", {}, b""
    for path in (f"/webhooks/{said}", f"/api/v1/webhooks/{said}"):
        yield "POST", path, {}, b"{}"


def _heads(said: str) -> Iterator[Request]:
    for header in ("Authorization", "Cookie", "X-Correlation-Id", "User-Agent", "Referer", "X-Forwarded-For", "Origin"):
        yield "GET", PAYMENTS, {header: said}, b""
    yield "GET", PAYMENTS, {"Authorization": f"Bearer {said}"}, b""
    yield "GET", PAYMENTS, {said.encode().hex()[:40]: said}, b""
    yield "POST", PAYMENTS, {"Idempotency-Key": said, "Content-Type": "application/json"}, b'{"amount": true}'
    yield "POST", PAYMENTS, {"Content-Type": said}, b"{}"
    for header in ("Stripe-Signature", "X-Razorpay-Signature", "PayPal-Transmission-Sig"):
        yield "POST", "/webhooks/stripe", {header: said}, said.encode()


def _bodies(said: str) -> Iterator[Request]:
    """Write bodies that are refused; what is taken is the merchant's own, and only card numbers are refused there."""
    for body in (
        *({**WISH, "package": said}, {**WISH, said: 1}, {**WISH, "currency": said}, {**WISH, "gateway": said}),
        *({**WISH, "amount": said}, {**WISH, "metadata": {"note": said}, "quantity": "many"}, {"user": said}, [said]),
        *({**WISH, "return_url": said}, {**WISH, "customer": said}, {**WISH, "context": {"ip": said}}),
    ):
        yield "POST", PAYMENTS, {"Content-Type": "application/json"}, json.dumps(body).encode()
    yield "POST", PAYMENTS, {"Content-Type": "application/json"}, f'{{"user": "{said}'.encode()
    yield "POST", "/api/v1/refunds", {"Content-Type": "application/json"}, json.dumps({"payment": said}).encode()
    yield "POST", "/api/v1/customers", {"Content-Type": "application/json"}, json.dumps({"email": f"{said}@"}).encode()
    for path in ("/api/v1/webhook_endpoints", "/api/v1/admin/keys", "/api/v1/admin/risk/lists"):
        body = {"url": said, "name": 1, "scopes": [said], "value": said}
        yield "POST", path, {"Content-Type": "application/json"}, json.dumps(body).encode()
    yield "POST", "/api/v1/settlements/import?gateway=stripe", {"Content-Type": "text/csv"}, said.encode()
    entry = {"email": said[:254], "password": said[:256], "code": said[:64]}
    yield "POST", "/api/v1/session", {"Content-Type": "application/json"}, json.dumps(entry).encode()


def taken(card: Canary) -> Iterator[Request]:
    """Say a card number where anything else would be taken."""
    for body in (
        *({**WISH, "user": card.written}, {**WISH, "metadata": {"note": card.written}}),
        *(
            {**WISH, "metadata": {card.written[:40]: "x"}},
            {"amount": 500, "currency": "EUR", "description": card.written},
        ),
    ):
        yield "POST", PAYMENTS, {"Content-Type": "application/json"}, json.dumps(body).encode()
    customer = {"name": card.written, "external_id": card.written}
    yield "POST", "/api/v1/customers", {"Content-Type": "application/json"}, json.dumps(customer).encode()


def answers(canary: Canary) -> Iterator[tuple[int, bytes, str]]:
    """Let a gateway say a canary: a status, a body and its type."""
    said = canary.written
    for status, kind, code in (
        (402, "card_error", "card_declined"),
        (400, "invalid_request_error", "parameter_invalid"),
    ):
        error = {"type": kind, "code": code, "message": f"Your card {said} was declined.", "param": said}
        yield status, json.dumps({"error": error | {"decline_code": "generic_decline"}}).encode(), "application/json"
    yield 500, json.dumps({"error": {"type": "api_error", "message": said}}).encode(), "application/json"
    yield 401, json.dumps({"error": {"type": said, "message": f"Invalid API Key: {said}"}}).encode(), "application/json"
    yield 200, f"<html>{said}</html>".encode(), "text/html"
    yield 200, json.dumps({"id": said, "object": said, "url": said}).encode(), "application/json"
    yield 200, f'{{"id": "{said}'.encode(), "application/json"


def events(canary: Canary, payment: Json) -> Iterator[Json]:
    """Let signed webhooks say a canary: some about a payment that exists, others that make no sense."""
    said = canary.written
    failed = {"message": f"Your card {said} was declined.", "code": "card_declined", "decline_code": said, "type": said}
    intent = {
        "id": f"pi_{sha256(canary.core.encode()).hexdigest()[:12]}",
        "object": "payment_intent",
        "amount": payment["amount"],
        "currency": "eur",
    }
    ours = {"metadata": {"payment": payment["id"]}, "status": "requires_payment_method", "last_payment_error": failed}
    yield {"type": "payment_intent.payment_failed", "data": {"object": intent | ours}}
    yield {"type": "payment_intent.succeeded", "data": {"object": intent | {"amount_received": said, "status": said}}}
    yield {"type": "payment_intent.succeeded", "data": {"object": said}}
    yield {"type": "charge.refunded", "data": {"object": {"id": said, "refunds": said, "payment_intent": said}}}
    yield {"type": f"something.{said}", "data": {"object": {"note": said}}}
    yield {"type": "payout.failed", "data": {"object": {"id": "po_1", "failure_message": said, "amount": 1}}}
