"""What is sent while measuring: webhooks of 1.75 KB, really signed and mixed, and wishes of payments."""

import hmac
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from uuid import UUID

from tillkeeper.kernel import ids

body_bytes = 1_750
duplicates_percent = 20
forged_percent = 2
duplicate_distance_max = 500
"""How many new webhooks may lie between one and its copy: a few hundredths of a second."""
users = 5_000
price_minor = 1_000
currency = "EUR"
units = 100
first_payment_ms = 1_760_000_000_000
PATH = "/webhooks/stripe"

# Numbers stand for events: number 7 has the event, intent, payment and user of 7 wherever it is made up.
INTENT = {
    "id": "%(intent)s",
    "object": "payment_intent",
    "amount": price_minor,
    "amount_capturable": 0,
    "amount_details": {"tip": {}},
    "amount_received": price_minor,
    "application": None,
    "application_fee_amount": None,
    "automatic_payment_methods": None,
    "canceled_at": None,
    "cancellation_reason": None,
    "capture_method": "automatic_async",
    "client_secret": "%(intent)s_secret_n2vQ0HcBYPpHzpQ1KpvxVbG4L",
    "confirmation_method": "automatic",
    "created": first_payment_ms // 1000,
    "currency": currency.lower(),
    "customer": None,
    "description": "100 credits",
    "last_payment_error": None,
    "latest_charge": "ch_%(digest)s",
    "livemode": False,
    "metadata": {"payment": "%(payment)s"},
    "next_action": None,
    "on_behalf_of": None,
    "payment_method": "pm_%(digest)s",
    "payment_method_options": {"card": {"installments": None, "network": None, "request_three_d_secure": "automatic"}},
    "payment_method_types": ["card"],
    "processing": None,
    "receipt_email": None,
    "review": None,
    "setup_future_usage": None,
    "shipping": None,
    "source": None,
    "statement_descriptor": None,
    "statement_descriptor_suffix": None,
    "status": "succeeded",
    "transfer_data": None,
    "transfer_group": None,
}
EVENT = {
    "id": "%(event)s",
    "object": "event",
    "api_version": "2026-10-29.preview",
    "created": first_payment_ms // 1000,
    "data": {"object": INTENT},
    "livemode": False,
    "pending_webhooks": 1,
    "request": {"id": "req_%(digest)s", "idempotency_key": "attempt_%(digest)s"},
    "type": "payment_intent.succeeded",
}
HEAD = (
    b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)\r\n"
    b"Accept: */*; q=0.5, application/xml\r\nContent-Type: application/json; charset=utf-8\r\n"
    b"Content-Length: %d\r\nStripe-Signature: t=%d,v1=%s\r\n\r\n"
)
WISH = (
    b"POST /api/v1/payments HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: shop/1.0\r\nAccept: application/json\r\n"
    b"Content-Type: application/json\r\nAuthorization: Bearer %s\r\nIdempotency-Key: bench-%d\r\n"
    b"Content-Length: %d\r\n\r\n"
)


class Kind(IntEnum):
    """Name what a request is."""

    NEW = 0
    DUPLICATE = 1
    FORGED = 2
    WISH = 3
    """No webhook, but a merchant who wants a payment."""


@dataclass(frozen=True, slots=True)
class Shot:
    """Hold one request, ready to be sent, and the number of the event in it."""

    kind: Kind
    number: int
    request: bytes


def _digest(number: int) -> str:
    """Spread numbers as a gateway's ids are spread, so that they fall anywhere into an index."""
    return sha256(b"%d" % number).hexdigest()[:24]


def event_id(number: int) -> str:
    """Name the event of a number."""
    return f"evt_{_digest(number)}"


def session_id(number: int) -> str:
    """Name the checkout in which the payment of a number was opened."""
    return f"cs_test_{_digest(number)}"


def payment_id(number: int) -> UUID:
    """Name the payment of a number: of version 7 and in order of age, as ours are."""
    return UUID(int=(first_payment_ms + number) << 80 | 0x7 << 76 | 0x2 << 62 | number)


def user_id(number: int) -> UUID:
    """Name who buys the payment of a number; the same few thousand people come again and again."""
    return UUID(bytes=sha256(b"user %d" % (number % users)).digest()[:16], version=4)


def _template() -> str:
    sample = _fill(json.dumps(EVENT, separators=(",", ":")), 0)
    assert len(sample) <= body_bytes, len(sample)
    padded = EVENT | {"padding": "x" * (body_bytes - len(sample) - len(',"padding":""'))}
    return json.dumps(padded, separators=(",", ":"))


def _fill(template: str, number: int) -> str:
    digest = _digest(number)
    payment = ids.text("payment", payment_id(number))
    return template % {"event": f"evt_{digest}", "intent": f"pi_{digest}", "digest": digest, "payment": payment}


TEMPLATE = _template()


def body(number: int) -> bytes:
    """Write the event of a number."""
    return _fill(TEMPLATE, number).encode()


def signature(content: bytes, secret: str, at_seconds: int) -> str:
    """Sign a body as Stripe documents it."""
    return hmac.new(secret.encode(), b"%d." % at_seconds + content, sha256).hexdigest()


def shots(numbers: Sequence[int], secret: str, at_seconds: int, path: str = PATH) -> Iterator[Shot]:
    """Mix new webhooks, copies of recent ones and forged ones, the same way each time."""
    dice = random.Random(numbers[0])  # noqa: S311 (a mix that can be repeated, not a secret)
    recent: list[Shot] = []
    for number in numbers:
        throw = dice.randrange(100)
        while recent and throw < duplicates_percent:
            copy = recent[-1 - dice.randrange(min(len(recent), duplicate_distance_max))]
            yield Shot(Kind.DUPLICATE, copy.number, copy.request)
            throw = dice.randrange(100)
        if throw >= 100 - forged_percent:
            yield Shot(Kind.FORGED, number, _request(path, body(number), "0" * 64, at_seconds))
        content = body(number)
        shot = Shot(Kind.NEW, number, _request(path, content, signature(content, secret, at_seconds), at_seconds))
        recent.append(shot)
        yield shot


def _request(path: str, content: bytes, signed: str, at_seconds: int) -> bytes:
    return HEAD % (path.encode(), len(content), at_seconds, signed.encode()) + content


def wishes(numbers: Sequence[int], key: str) -> Iterator[Shot]:
    """Ask for payments, each of another person."""
    for number in numbers:
        wish = {"amount": price_minor, "currency": currency, "user": f"buyer-{number}", "description": "100 credits"}
        content = json.dumps(wish).encode()
        yield Shot(Kind.WISH, number, WISH % (key.encode(), number, len(content)) + content)
