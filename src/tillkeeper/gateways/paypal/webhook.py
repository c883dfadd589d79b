"""PayPal's events and objects in our words."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from tillkeeper.facts import DisputeFacts, DisputeStatus, Notice, NoticeKind
from tillkeeper.gateway import Envelope, PayloadUnreadableError
from tillkeeper.gateway.reading import check_names, readable
from tillkeeper.gateways.paypal.amounts import from_paypal
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import NotFoundError

Object = dict[str, Any]
custom_length_max = 255
"""So long a custom_id can be, says PayPal; of a longer text no more is looked through."""
CAPTURE_IN_LINK = re.compile(r".*/v2/payments/captures/([A-Z0-9]{1,32})")


class EventHead(msgspec.Struct):
    """Hold what the intake needs of an event, without reading the rest."""

    id: str
    event_type: str
    resource_version: str | None = None

    def __post_init__(self) -> None:
        """Refuse what no gateway calls an event or a type."""
        check_names(self.id, self.event_type, self.resource_version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """Hold what stands around an object: the event that tells of it, or the order in which it was found."""

    live: bool
    event: str = ""
    order: str | None = None
    authorization: str | None = None
    custom_id: str | None = None


HEAD = msgspec.json.Decoder(EventHead)
BODY = msgspec.json.Decoder(Object)


def head(body: bytes) -> Envelope:
    """Read the outside of an event; raises PayloadUnreadableError."""
    try:
        found = HEAD.decode(body.decode())  # the decoder alone would skip bad text in fields that it does not need
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        message = "The signed body is not a PayPal event: a JSON object with an id and an event_type."
        raise PayloadUnreadableError(message) from error
    return Envelope(event_id=found.id, type=found.event_type, version=found.resource_version)


@readable
def translate(body: bytes, *, live: bool) -> list[Notice]:
    """Put an event into our words; an empty list means that it has no effect here."""
    event = BODY.decode(body)
    read = READERS.get(event["event_type"])
    # Version 1 resources have a `state` and belong to PayPal's older payments, which are never made here.
    if read is None or "state" in event["resource"]:
        return []
    found = read(event["resource"], Around(live=live, event=event["event_type"]))
    return [replace(notice, occurred_at=_moment(event.get("create_time"))) for notice in found]


def of_order(order: Object, around: Around) -> list[Notice]:
    """Read an order: approved is nothing taken yet, completed is what its payments say."""
    unit, status, references = order["purchase_units"][0], order["status"], (order["id"],)
    if status == "APPROVED":
        return [_notice(NoticeKind.PAYMENT_APPROVED, unit, references, around, amount=unit["amount"])]
    if status == "VOIDED":
        return [_notice(NoticeKind.PAYMENT_CANCELED, unit, references, around)]
    if status != "COMPLETED":
        return []
    captures: Sequence[Object] = unit["payments"].get("captures") or ()
    held: Sequence[Object] = unit["payments"].get("authorizations") or ()
    around = replace(
        around,
        order=order["id"],
        authorization=held[0]["id"] if held else None,
        custom_id=unit.get("custom_id"),
    )
    read = of_capture if captures else of_authorization
    return [notice for each in captures or held for notice in read(each, around)]


def of_capture(capture: Object, around: Around) -> list[Notice]:
    """Read a capture by its status; what PayPal kept of it is a fact of its own."""
    kind = CAPTURE_STATES[capture["status"]]
    references = (capture["id"], *_related(capture, around))
    if kind is NoticeKind.PAYMENT_FAILED:
        reason = (capture.get("status_details") or {}).get("reason") or f"capture_{capture['status']}"
        # The order comes first: it is what the payment goes on under, or ends.
        return [_notice(kind, capture, references[::-1], around, code=str(reason).lower(), message=DECLINED)]
    notice = _notice(kind, capture, references, around, amount=capture["amount"])
    fee = (capture.get("seller_receivable_breakdown") or {}).get("paypal_fee")
    if kind is not NoticeKind.PAYMENT_CAPTURED or fee is None:
        return [notice]
    return [notice, _notice(NoticeKind.PAYMENT_FEE, capture, references, around, amount=fee)]


def of_authorization(held: Object, around: Around) -> list[Notice]:
    """Read an authorisation by its status; once captured, the capture tells."""
    kind = AUTHORIZATION_STATES[held["status"]]
    references = (held["id"], *_related(held, replace(around, authorization=None)))
    if kind is None:
        return []
    if kind is NoticeKind.PAYMENT_FAILED:
        return [_notice(kind, held, references[::-1], around, code="authorization_denied", message=DECLINED)]
    holds = kind is NoticeKind.PAYMENT_AUTHORIZED
    return [_notice(kind, held, references, around, amount=held["amount"] if holds else None)]


def of_refund(refund: Object, around: Around) -> list[Notice]:
    """Read a refund by its status: ours carries our id, one made at PayPal that of its capture.

    PayPal tells of a reversal when it gives a payer's money back itself, as it does when a dispute is decided:
    github.com/woocommerce/woocommerce-paypal-payments/issues/1614.
    """
    kind = REFUND_STATES[refund["status"]]
    custom = refund.get("custom_id") or ""
    capture = captured_by(refund)
    amount = refund.get("amount")
    return [
        Notice(
            kind=kind,
            gateway="paypal",
            references=(capture,) if capture else (),
            payment=our_id("payment", custom),
            amount=_minor(amount) if amount else None,
            currency=amount["currency_code"] if amount else None,
            refund=our_id("refund", custom),
            refund_reference=refund["id"],
            reversal=around.event == "PAYMENT.CAPTURE.REVERSED",
            code=f"refund_{refund['status']}".lower() if kind is NoticeKind.REFUND_FAILED else None,
            occurred_at=_moment(refund.get("update_time")),
            live=around.live,
        )
    ]


def of_dispute(dispute: Object, around: Around) -> list[Notice]:
    """Read a dispute: its stage, and what was withdrawn for it so far."""
    transaction = dispute["disputed_transactions"][0]
    amount = dispute["dispute_amount"]
    status = _dispute_status(dispute)
    kind = DISPUTE_ENDS.get(status, NoticeKind.DISPUTE_UPDATED)
    if kind is NoticeKind.DISPUTE_UPDATED and around.event == "CUSTOMER.DISPUTE.CREATED":
        kind = NoticeKind.DISPUTE_OPENED
    return [
        Notice(
            kind=kind,
            gateway="paypal",
            references=(transaction["seller_transaction_id"],),
            payment=our_id("payment", transaction.get("custom") or ""),
            amount=_minor(amount),
            currency=amount["currency_code"],
            dispute=DisputeFacts(
                id=dispute["dispute_id"],
                status=status,
                reason=dispute.get("reason"),
                due_at=_moment(dispute.get("seller_response_due_date")),
                withdrawn=_withdrawn(dispute, status),
                fee=_moved(dispute, fees=True),
                at=_moment(dispute.get("update_time")),
            ),
            occurred_at=_moment(dispute.get("update_time")),
            live=around.live,
        )
    ]


def captured_by(refund: Object) -> str | None:
    """Tell which capture a refund gives back: the link that leads up."""
    for link in refund.get("links") or ():
        found = CAPTURE_IN_LINK.fullmatch(link["href"]) if link["rel"] == "up" else None
        if found:
            return found[1]
    return None


CAPTURE_STATES = {
    "COMPLETED": NoticeKind.PAYMENT_CAPTURED,
    "PARTIALLY_REFUNDED": NoticeKind.PAYMENT_CAPTURED,
    "REFUNDED": NoticeKind.PAYMENT_CAPTURED,
    "PENDING": NoticeKind.PAYMENT_PENDING,
    "DECLINED": NoticeKind.PAYMENT_FAILED,
    "FAILED": NoticeKind.PAYMENT_FAILED,
}
AUTHORIZATION_STATES = {
    "CREATED": NoticeKind.PAYMENT_AUTHORIZED,
    "PENDING": NoticeKind.PAYMENT_PENDING,
    "DENIED": NoticeKind.PAYMENT_FAILED,
    "VOIDED": NoticeKind.PAYMENT_CANCELED,
    "EXPIRED": NoticeKind.PAYMENT_CANCELED,
    "CAPTURED": None,
    "PARTIALLY_CAPTURED": None,
}
REFUND_STATES = {
    "COMPLETED": NoticeKind.REFUND_SUCCEEDED,
    "PENDING": NoticeKind.REFUND_CREATED,
    "FAILED": NoticeKind.REFUND_FAILED,
    "CANCELLED": NoticeKind.REFUND_FAILED,
}
OUTCOMES = {
    "RESOLVED_SELLER_FAVOUR": DisputeStatus.WON,
    "RESOLVED_WITH_PAYOUT": DisputeStatus.WON,
    "CANCELED_BY_BUYER": DisputeStatus.WON,
    "DENIED": DisputeStatus.WON,
    "RESOLVED_BUYER_FAVOUR": DisputeStatus.LOST,
    "ACCEPTED": DisputeStatus.LOST,
    "NONE": DisputeStatus.PREVENTED,
}
"""What PayPal decided. With a payout PayPal pays the buyer itself; NONE ends a case that goes on under another id."""
DISPUTE_ENDS = {DisputeStatus.WON: NoticeKind.DISPUTE_WON, DisputeStatus.LOST: NoticeKind.DISPUTE_LOST}
DECLINED = "PayPal declined the payment."
FEES = frozenset({"DISPUTE_FEE", "CHARGEBACK_FEE", "DISPUTE_SETTLEMENT_FEE"})
# CHECKOUT.ORDER.COMPLETED tells the same facts again; one object for each fact keeps one reason for each effect.
READERS: dict[str, Callable[[Object, Around], list[Notice]]] = {
    "CHECKOUT.ORDER.APPROVED": of_order,
    "PAYMENT.AUTHORIZATION.CREATED": of_authorization,
    "PAYMENT.AUTHORIZATION.VOIDED": of_authorization,
    "PAYMENT.CAPTURE.COMPLETED": of_capture,
    "PAYMENT.CAPTURE.PENDING": of_capture,
    "PAYMENT.CAPTURE.DECLINED": of_capture,
    "PAYMENT.CAPTURE.DENIED": of_capture,
    "PAYMENT.CAPTURE.REFUNDED": of_refund,
    "PAYMENT.CAPTURE.REVERSED": of_refund,
    "PAYMENT.REFUND.PENDING": of_refund,
    "PAYMENT.REFUND.FAILED": of_refund,
    "CUSTOMER.DISPUTE.CREATED": of_dispute,
    "CUSTOMER.DISPUTE.UPDATED": of_dispute,
    "CUSTOMER.DISPUTE.RESOLVED": of_dispute,
}


def _notice(
    kind: NoticeKind,
    thing: Object,
    references: tuple[str, ...],
    around: Around,
    *,
    amount: Object | None = None,
    code: str | None = None,
    message: str | None = None,
) -> Notice:
    money = amount or thing.get("amount")
    return Notice(
        kind=kind,
        gateway="paypal",
        references=references,
        payment=our_id("payment", thing.get("custom_id") or around.custom_id or ""),
        amount=_minor(amount) if amount else None,
        currency=money["currency_code"] if money else None,
        code=code,
        message=message,
        # A capture changes again with its refunds, and is then told of by when it was made.
        occurred_at=_moment(thing.get("update_time" if thing.get("status") == "COMPLETED" else "create_time")),
        attempt=thing["id"] if kind in (NoticeKind.PAYMENT_FAILED, NoticeKind.PAYMENT_PENDING) else None,
        live=around.live,
    )


def _related(thing: Object, around: Around) -> tuple[str, ...]:
    """List the ids of what an object belongs to, from itself or from the order that it was found in."""
    told = (thing.get("supplementary_data") or {}).get("related_ids") or {}
    found = (told.get("authorization_id") or around.authorization, told.get("order_id") or around.order)
    return tuple(each for each in found if each)


def _dispute_status(dispute: Object) -> DisputeStatus:
    if dispute["status"] == "RESOLVED":
        outcome = (dispute.get("dispute_outcome") or {}).get("outcome_code", "")
        return OUTCOMES.get(outcome, DisputeStatus.UNDER_REVIEW)
    if dispute.get("dispute_life_cycle_stage") == "INQUIRY":
        return DisputeStatus.WARNING
    waits = dispute["status"] in {"OPEN", "WAITING_FOR_SELLER_RESPONSE"}
    return DisputeStatus.NEEDS_RESPONSE if waits else DisputeStatus.UNDER_REVIEW


def _withdrawn(dispute: Object, status: DisputeStatus) -> int | None:
    """Tell what is held back for a dispute; when it is lost, at the least what the buyer got."""
    moved = _moved(dispute, fees=False)
    refunded = (dispute.get("dispute_outcome") or {}).get("amount_refunded")
    return _minor(refunded) if moved is None and refunded and status is DisputeStatus.LOST else moved


def _moved(dispute: Object, *, fees: bool) -> int | None:
    """Sum up what was taken from us for a dispute, less what came back; None when PayPal does not say."""
    moved = [each for each in dispute.get("money_movements") or () if each.get("affected_party") == "SELLER"]
    if not moved:
        return None
    return sum(
        _minor(each["amount"]) * (1 if each["type"] == "DEBIT" else -1)
        for each in moved
        if (each["reason"] in FEES) == fees
    )


def _minor(money: Object) -> int:
    return from_paypal(money["value"], money["currency_code"])


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def label(payment: UUID, refund: UUID) -> str:
    """Write the custom_id of a refund: its payment and itself."""
    return f"{ids.text('payment', payment)},{ids.text('refund', refund)}"


def our_id(prefix: str, custom: str) -> UUID | None:
    """Read our own id from PayPal's custom_id; whatever else stands there is somebody else's business."""
    for part in custom[:custom_length_max].split(","):
        try:
            return ids.parse(prefix, part)
        except NotFoundError:
            continue
    return None
