"""Square's webhooks: the signature over the notification URL and the raw bytes, and its events in our words."""

import hmac
import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec

from tillkeeper.facts import EXPIRED, DisputeFacts, DisputeStatus, Notice, NoticeKind, PayoutFacts
from tillkeeper.gateway import Envelope, PayloadUnreadableError, SignatureInvalidError
from tillkeeper.gateway.reading import check_names, readable
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import NotFoundError

SIGNATURE_HEADER = "x-square-hmacsha256-signature"
header_length_max = 4096
MANUAL = "to be captured by the shop"
"""How the note of a payment ends that waits for us; every other one Square completes by itself."""
OUR_IDS = re.compile(r"\b(payment|refund)_[0-9a-z]{26}\b")

Object = dict[str, Any]


class EventHead(msgspec.Struct):
    """Hold what the intake needs of an event, without reading the rest."""

    event_id: str
    type: str

    def __post_init__(self) -> None:
        """Refuse what no gateway calls an event or a type."""
        check_names(self.event_id, self.type)


HEAD = msgspec.json.Decoder(EventHead)
BODY = msgspec.json.Decoder(Object)


def verify(headers: Mapping[str, str], body: bytes, urls: Sequence[str], keys: Sequence[str]) -> Envelope:
    """Check `x-square-hmacsha256-signature`; raises SignatureInvalidError or PayloadUnreadableError.

    The notification URL is signed too, and comes from configuration: what a request says of its own address proves
    nothing. No time is signed, so an old webhook verifies for ever; its event id is what is taken only once.
    """
    given = headers.get(SIGNATURE_HEADER, "")
    if not given or len(given) > header_length_max:
        message = f"The header {SIGNATURE_HEADER} is missing."
        raise SignatureInvalidError(message)
    expected = [_signature(key, url, body) for key in keys for url in urls]
    sent = given.encode(errors="replace")
    if not any(hmac.compare_digest(right, sent) for right in expected):
        message = "The signature does not match the signature key and SQUARE_WEBHOOK_URL."
        raise SignatureInvalidError(message)
    try:
        head = HEAD.decode(body.decode())  # the decoder alone would skip bad text in fields that it does not need
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        message = "The signed body is not a Square event: a JSON object with an event_id and a type."
        raise PayloadUnreadableError(message) from error
    return Envelope(event_id=head.event_id, type=head.type)


@readable
def translate(body: bytes, *, live: bool) -> list[Notice]:
    """Put an event into our words; an empty list means that it has no effect here.

    Square's events do not say whether money is real: whoever holds the signature key knows.
    """
    event = BODY.decode(body)
    word, read = READERS.get(event["type"], ("", None))
    found = read(event["data"]["object"][word], live=live) if read else []
    return [replace(notice, occurred_at=moment(event.get("created_at"))) for notice in found]


def of_payment_and_fee(payment: Object, *, live: bool) -> list[Notice]:
    """Read a payment as webhooks tell of it: its status, and its fee once that is known.

    A card in the merchant's page that was canceled may be the first of several: its payment goes on.
    """
    notices = [*of_payment(payment, live=live), *of_fee(payment, live=live)]
    if payment["status"] != "CANCELED" or our_id("payment", payment.get("reference_id") or "") is None:
        return notices
    return [replace(notice, kind=NoticeKind.PAYMENT_LET_GO) for notice in notices]


def of_payment(payment: Object, *, live: bool) -> list[Notice]:
    """Read a payment by its status."""
    kind = PAYMENT_STATES.get(payment["status"])
    if kind is NoticeKind.PAYMENT_AUTHORIZED and not waits_for_us(payment):
        kind = NoticeKind.PAYMENT_PENDING
    if kind is None:
        return []
    failed, ours = kind is NoticeKind.PAYMENT_FAILED, our_id("payment", _told(payment))
    amount, currency = money(payment.get("total_money") or payment["amount_money"])
    return [
        Notice(
            kind=kind,
            gateway="square",
            references=_names(payment, kind),
            payment=ours,
            amount=amount if kind in AMOUNTED else None,
            currency=currency,
            code=_failure(payment, "code") if failed else None,
            message=_failure(payment, "detail") if failed else None,
            occurred_at=_captured_at(payment),
            # Square tells of one failure when the payment is created and again when it is updated, in any order.
            attempt=payment["id"] if failed or kind is NoticeKind.PAYMENT_PENDING else None,
            live=live,
        )
    ]


def of_fee(payment: Object, *, live: bool) -> list[Notice]:
    """Read what Square kept of a completed payment; it is known a while after the money."""
    parts = payment.get("processing_fee")
    if payment["status"] != "COMPLETED" or not parts:
        return []
    sums = [money(part["amount_money"], signed=True) for part in parts]
    return [
        Notice(
            kind=NoticeKind.PAYMENT_FEE,
            gateway="square",
            references=(payment["id"],),
            payment=our_id("payment", _told(payment)),
            amount=sum(amount for amount, _ in sums),
            currency=sums[0][1],
            live=live,
        )
    ]


def of_refund(refund: Object, *, live: bool) -> list[Notice]:
    """Read a refund by its status; a refund of ours carries our ids in its reason."""
    amount, currency = money(refund["amount_money"])
    kind = REFUND_STATES.get(refund.get("status") or "", NoticeKind.REFUND_CREATED)
    reason = refund.get("reason") or ""
    return [
        Notice(
            kind=kind,
            gateway="square",
            references=(refund["payment_id"],) if refund.get("payment_id") else (),
            payment=our_id("payment", reason),
            amount=amount,
            currency=currency,
            refund=our_id("refund", reason),
            refund_reference=refund["id"],
            code=refund["status"] if kind is NoticeKind.REFUND_FAILED else None,
            occurred_at=moment(refund.get("updated_at")),
            live=live,
        )
    ]


def of_order(order: Object, *, live: bool) -> list[Notice]:
    """Read an order that was canceled: its payment link was ended."""
    if order["state"] != "CANCELED":
        return []
    names = (order.get("order_id") or order["id"],)
    kind = NoticeKind.PAYMENT_CANCELED
    ours = our_id("payment", order.get("reference_id") or "")
    return [Notice(kind=kind, gateway="square", references=names, payment=ours, code=EXPIRED, live=live)]


def of_dispute(dispute: Object, *, live: bool, opened: bool = False) -> list[Notice]:
    """Read a dispute: its stage, and what Square holds back while it stands there.

    Square holds the disputed amount from the first day, gives it back with a won dispute, keeps nothing for an
    inquiry, and asks no fee: squareup.com/help/us/en/article/6137.
    """
    amount, currency = money(dispute["amount_money"])
    status = DISPUTE_STATES[dispute["state"]]
    kind = DISPUTE_ENDS.get(status, NoticeKind.DISPUTE_OPENED if opened else NoticeKind.DISPUTE_UPDATED)
    return [
        Notice(
            kind=kind,
            gateway="square",
            references=(dispute["disputed_payment"]["payment_id"],),
            amount=amount,
            currency=currency,
            dispute=DisputeFacts(
                id=dispute.get("id") or dispute["dispute_id"],
                status=status,
                reason=dispute.get("reason"),
                due_at=moment(dispute.get("due_at")),
                withdrawn=amount if status in HELD else 0,
                fee=0,
                at=moment(dispute.get("updated_at")),
            ),
            occurred_at=moment(dispute.get("updated_at")),
            live=live,
        )
    ]


def of_payout(payout: Object, *, live: bool) -> list[Notice]:
    """Read a payout by its status; one below zero is money that Square takes from the bank."""
    amount, currency = money(payout["amount_money"], signed=True)
    kind = PAYOUT_STATES.get(payout["status"])
    if kind is None:
        return []
    return [
        Notice(
            kind=kind,
            gateway="square",
            references=(),
            amount=amount,
            currency=currency,
            payout=PayoutFacts(
                id=payout["id"],
                arrives_at=moment(payout.get("arrival_date")),
                bank_reference=payout.get("end_to_end_id"),
                automatic=payout.get("type") != SIMPLE,
            ),
            live=live,
        )
    ]


def waits_for_us(payment: Object) -> bool:
    """Tell whether an authorised payment is one that we are to capture."""
    return (payment.get("note") or "").endswith(MANUAL)


def our_id(prefix: str, text: str) -> UUID | None:
    """Find our own id in a text; whatever else stands there is somebody else's business."""
    for found in OUR_IDS.finditer(text):
        if found[1] == prefix:
            try:
                return ids.parse(prefix, found[0])
            except NotFoundError:
                continue
    return None


def money(amount: Object, *, signed: bool = False) -> tuple[int, str]:
    """Read an amount, which Square counts in the minor units of ISO 4217; raises PayloadUnreadableError.

    Older events say `currency_code`.
    """
    value, currency = amount.get("amount", 0), amount.get("currency") or amount.get("currency_code")
    if type(value) is not int or (value < 0 and not signed) or not isinstance(currency, str):
        message = "An amount of Square is no whole number of a currency."
        raise PayloadUnreadableError(message)
    return value, currency


def moment(text: str | None) -> datetime | None:
    """Read a time, or a day as its first moment."""
    if not text:
        return None
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _names(payment: Object, kind: NoticeKind) -> tuple[str, ...]:
    """Name a payment from now on, unless it came to nothing, or may yet while its link goes on."""
    of_link = not payment.get("reference_id")
    goes_on = kind is NoticeKind.PAYMENT_FAILED or (kind is NoticeKind.PAYMENT_PENDING and of_link)
    if goes_on and our_id("payment", _told(payment)):
        return ()
    return (payment["id"], *([payment["order_id"]] if payment.get("order_id") else []))


def _told(payment: Object) -> str:
    """Gather where our id may stand: a payment of ours is told apart by its reference, one of a link by its note."""
    return f"{payment.get('reference_id') or ''} {payment.get('note') or ''}"


def _captured_at(payment: Object) -> datetime | None:
    """Tell when the money of a card was taken; Square does not say it of other sources."""
    timeline = (payment.get("card_details") or {}).get("card_payment_timeline") or {}
    return moment(timeline.get("captured_at")) if payment["status"] == "COMPLETED" else None


def _failure(payment: Object, field: str) -> str | None:
    errors = (payment.get("card_details") or {}).get("errors") or []
    return errors[0].get(field) if errors else None


def _signature(key: str, url: str, body: bytes) -> bytes:
    return b64encode(hmac.new(key.encode(), url.encode() + body, sha256).digest())


PAYMENT_STATES = {
    "APPROVED": NoticeKind.PAYMENT_AUTHORIZED,
    "PENDING": NoticeKind.PAYMENT_PENDING,
    "COMPLETED": NoticeKind.PAYMENT_CAPTURED,
    "CANCELED": NoticeKind.PAYMENT_CANCELED,
    "FAILED": NoticeKind.PAYMENT_FAILED,
}
AMOUNTED = frozenset({NoticeKind.PAYMENT_AUTHORIZED, NoticeKind.PAYMENT_CAPTURED})
REFUND_STATES = {
    "COMPLETED": NoticeKind.REFUND_SUCCEEDED,
    "FAILED": NoticeKind.REFUND_FAILED,
    "REJECTED": NoticeKind.REFUND_FAILED,
}
DISPUTE_STATES = {
    "INQUIRY_EVIDENCE_REQUIRED": DisputeStatus.WARNING,
    "INQUIRY_PROCESSING": DisputeStatus.WARNING,
    "INQUIRY_CLOSED": DisputeStatus.PREVENTED,
    "EVIDENCE_REQUIRED": DisputeStatus.NEEDS_RESPONSE,
    "PROCESSING": DisputeStatus.UNDER_REVIEW,
    "WON": DisputeStatus.WON,
    "LOST": DisputeStatus.LOST,
    "ACCEPTED": DisputeStatus.LOST,
}
DISPUTE_ENDS = {DisputeStatus.WON: NoticeKind.DISPUTE_WON, DisputeStatus.LOST: NoticeKind.DISPUTE_LOST}
HELD = frozenset({DisputeStatus.NEEDS_RESPONSE, DisputeStatus.UNDER_REVIEW, DisputeStatus.LOST})
PAYOUT_STATES = {
    "SENT": NoticeKind.PAYOUT_CREATED,
    "PAID": NoticeKind.PAYOUT_PAID,
    "FAILED": NoticeKind.PAYOUT_FAILED,
}
SIMPLE = "SIMPLE"
"""A payout that somebody asked for: an amount of the balance, of which Square does not say where it came from."""


READERS: Mapping[str, tuple[str, Callable[..., list[Notice]]]] = {
    "payment.created": ("payment", of_payment_and_fee),
    "payment.updated": ("payment", of_payment_and_fee),
    "order.updated": ("order_updated", of_order),
    "refund.created": ("refund", of_refund),
    "refund.updated": ("refund", of_refund),
    "dispute.created": ("dispute", partial(of_dispute, opened=True)),
    "dispute.state.updated": ("dispute", of_dispute),
    "dispute.state.changed": ("dispute", of_dispute),
    "payout.sent": ("payout", of_payout),
    "payout.paid": ("payout", of_payout),
    "payout.failed": ("payout", of_payout),
}
"""By the type of an event: what its object is called, and who reads it."""
