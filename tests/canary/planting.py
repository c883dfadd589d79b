"""Where canaries are planted: every way by which something from outside comes in."""

import json
from collections.abc import Iterator
from urllib.parse import quote

from tests.canary.canaries import Canary
from tests.canary.voices import Json, Voice

Request = tuple[str, str, dict[str, str], bytes]
"""A method, a target, headers and a body."""

PAYMENTS = "/api/v1/payments"
WISH: Json = {"package": "credits_120", "currency": "EUR", "user": "ana"}


def wish(voice: Voice) -> Json:
    """Wish for something that is paid by way of a gateway."""
    return WISH | {"gateway": voice.name, "currency": voice.currency}


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


def forged(request: Request, canary: Canary) -> Iterator[Request]:
    """Say a canary in each header of a signed webhook in turn, and at last in its body without any of them."""
    method, path, headers, body = request
    for name, value in headers.items():
        yield method, path, headers | {name: canary.in_header}, body
        if "://" in value:
            yield method, path, headers | {name: f"{value.rpartition('/')[0]}/{quote(canary.written, safe='')}"}, body
    yield method, path, {}, canary.written.encode()
