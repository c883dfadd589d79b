"""Razorpay's webhooks: the signature over the raw bytes, and its events in our words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Literal

import msgspec

from tillkeeper.facts import Notice
from tillkeeper.gateway import Envelope, PayloadUnreadableError, SignatureInvalidError
from tillkeeper.gateway.reading import check_names, readable
from tillkeeper.gateways.razorpay import entities, signatures
from tillkeeper.gateways.razorpay.entities import Object

SIGNATURE_HEADER = "x-razorpay-signature"
EVENT_ID = re.compile(r"[!-~]{1,255}")


class EventHead(msgspec.Struct):
    """Hold what the intake needs of an event, without reading the rest."""

    entity: Literal["event"]
    event: str

    def __post_init__(self) -> None:
        """Refuse what no gateway calls an event or a type."""
        check_names(self.event)


HEAD = msgspec.json.Decoder(EventHead)
BODY = msgspec.json.Decoder(Object)


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> Envelope:
    """Check `X-Razorpay-Signature`; raises SignatureInvalidError or PayloadUnreadableError.

    Nothing in it says when it was signed, so an old body verifies for ever. The event id in the header is not signed:
    it only helps to know a webhook again, and the inbox knows each body by its content as well.
    """
    if not signatures.matches(secrets, body, headers.get(SIGNATURE_HEADER, "")):
        message = "The signature in X-Razorpay-Signature does not match the webhook secret."
        raise SignatureInvalidError(message)
    given = headers.get("x-razorpay-event-id", "")
    event_id = given if EVENT_ID.fullmatch(given) else f"sha256:{sha256(body).hexdigest()}"
    return Envelope(event_id=event_id, type=_head(body).event)


@readable
def translate(body: bytes) -> list[Notice]:
    """Put an event into our words; an empty list means that it has no effect here."""
    event = BODY.decode(body)
    read = READERS.get(event["event"])
    if read is None:
        return []
    # Beside the things themselves a payload may hold a time.
    payload = {name: part["entity"] for name, part in event["payload"].items() if isinstance(part, dict)}
    return [replace(notice, occurred_at=entities.moment(event.get("created_at"))) for notice in read(payload, event)]


def _payment(payload: Object, _event: Object) -> list[Notice]:
    around = [payload[name] for name in ("order", "payment_link") if name in payload]
    return [*entities.of_payment(payload["payment"], *around), *entities.of_fee(payload["payment"], *around)]


def _link(payload: Object, _event: Object) -> list[Notice]:
    return entities.of_link(payload["payment_link"])


def _refund(payload: Object, _event: Object) -> list[Notice]:
    return entities.of_refund(payload["refund"], payload.get("payment"))


def _dispute(payload: Object, event: Object) -> list[Notice]:
    opened = event["event"] == "payment.dispute.created"
    at = event.get("seen_at", event.get("created_at"))
    return entities.of_dispute(payload["dispute"], payload.get("payment"), opened=opened, at=at)


def _settlement(payload: Object, _event: Object) -> list[Notice]:
    return entities.of_settlement(payload["settlement"])


READERS = {
    "payment.authorized": _payment,
    "payment.captured": _payment,
    "payment.failed": _payment,
    "order.paid": _payment,
    "payment_link.paid": _payment,
    "payment_link.cancelled": _link,
    "payment_link.expired": _link,
    "refund.created": _refund,
    "refund.processed": _refund,
    "refund.failed": _refund,
    "refund.speed_changed": _refund,
    "payment.dispute.created": _dispute,
    "payment.dispute.under_review": _dispute,
    "payment.dispute.action_required": _dispute,
    "payment.dispute.won": _dispute,
    "payment.dispute.lost": _dispute,
    "payment.dispute.closed": _dispute,
    "settlement.processed": _settlement,
    # Of these two Razorpay sends no webhook: they come from our own look at the list of settlements.
    "settlement.created": _settlement,
    "settlement.failed": _settlement,
}


def _head(body: bytes) -> EventHead:
    try:
        return HEAD.decode(body.decode())  # the decoder alone would skip bad text in fields that it does not need
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        message = "The signed body is not a Razorpay event: a JSON object that says so."
        raise PayloadUnreadableError(message) from error
