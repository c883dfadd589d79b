"""Stripe's webhooks: the signature over the raw bytes, and its events in our words."""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec

from tillkeeper.facts import EXPIRED, DisputeFacts, DisputeStatus, Notice, NoticeKind, PayoutFacts
from tillkeeper.gateway import Envelope, PayloadUnreadableError, SignatureInvalidError
from tillkeeper.gateway.reading import check_names, readable
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.kernel.money import TENS, exponent

SIGNATURE_HEADER = "stripe-signature"
tolerance_seconds = 300
header_length_max = 4096
MANUAL = "manual"
"""How the metadata of a session say that its money is captured by us, and perhaps in part."""
DIGITS = re.compile(r"[0-9]{1,12}")
ZERO_DECIMAL = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
)
THREE_DECIMAL = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})

Object = dict[str, Any]


class EventHead(msgspec.Struct):
    """Hold what the intake needs of an event, without reading the rest."""

    id: str
    type: str
    api_version: str | None = None

    def __post_init__(self) -> None:
        """Refuse what no gateway calls an event or a type."""
        check_names(self.id, self.type, self.api_version)


HEAD = msgspec.json.Decoder(EventHead)
BODY = msgspec.json.Decoder(Object)


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> Envelope:
    """Check `Stripe-Signature` within 300 s both ways; raises SignatureInvalidError or PayloadUnreadableError."""
    moment, signatures = _parse(headers.get(SIGNATURE_HEADER, ""))
    if abs(int(now.timestamp()) - int(moment)) > tolerance_seconds:
        message = f"The webhook was signed more than {tolerance_seconds} seconds from now."
        raise SignatureInvalidError(message)
    signed = moment.encode() + b"." + body
    expected = [hmac.new(secret.encode(), signed, sha256).hexdigest().encode() for secret in secrets]
    if not any(hmac.compare_digest(right, given) for right in expected for given in signatures):
        message = "No signature in Stripe-Signature matches the webhook secret."
        raise SignatureInvalidError(message)
    return _head(body)


@readable
def translate(body: bytes) -> list[Notice]:
    """Put an event into our words; an empty list means that it has no effect here."""
    event = BODY.decode(body)
    read = READERS.get(event["type"])
    found = read(event["data"]["object"], event) if read else []
    return [replace(notice, occurred_at=_moment(event.get("created"))) for notice in found]


def of_session(session: Object, event: Object) -> list[Notice]:
    """Read a checkout session: paid is captured money, open or unpaid is nothing yet.

    Its total is what was to be paid. Where a part of that may be captured, only the intent says how much it was.
    """
    if event.get("type") == "checkout.session.async_payment_failed":
        return [_notice(NoticeKind.PAYMENT_FAILED, session, _session_ids(session), code="async_payment_failed")]
    if session["status"] == "expired":
        return [_notice(NoticeKind.PAYMENT_CANCELED, session, _session_ids(session), code=EXPIRED)]
    if session["payment_status"] == "paid" and (session.get("metadata") or {}).get("capture") != MANUAL:
        amount = session["amount_total"]
        return [_notice(NoticeKind.PAYMENT_CAPTURED, session, _session_ids(session), amount=amount)]
    return []


def of_bounced(session: Object, intent: Object) -> list[Notice]:
    """Read a session that was completed by a bank debit which came back: nobody can pay it any more.

    Stripe neither expires it nor lets its intent be canceled: docs.stripe.com/api/payment_intents/cancel.
    """
    complete = (session["status"], session["payment_status"]) == ("complete", "unpaid")
    if not complete or intent["status"] != "requires_payment_method":
        return []
    return [_notice(NoticeKind.PAYMENT_CANCELED, session, (intent["id"], session["id"]), code=EXPIRED)]


def of_intent(intent: Object, event: Object) -> list[Notice]:
    """Read a payment intent by its status; a failed attempt is told by the event only."""
    if event.get("type") == "payment_intent.payment_failed":
        error = intent.get("last_payment_error") or {}
        return [
            _notice(
                NoticeKind.PAYMENT_FAILED,
                intent,
                (intent["id"],),
                code=error.get("decline_code") or error.get("code"),
                message=error.get("message"),
            )
        ]
    kind, amount = INTENT_STATES.get(intent["status"], (None, None))
    if kind is None:
        return []
    # Stripe's reason "expired" says that an authorisation lapsed, which is another thing than a checkout nobody paid.
    return [_notice(kind, intent, (intent["id"],), amount=intent[amount] if amount else None)]


def of_refund(refund: Object, event: Object) -> list[Notice]:
    """Read a refund by its status.

    Since its version of 2025-03-31 Stripe makes no refund of what was authorised and never taken:
    docs.stripe.com/changelog/basil/2025-03-31/remove-refund-from-partial-capture-and-payment-cancellation-flow.
    """
    kind = REFUND_STATES.get(refund["status"] or "", NoticeKind.REFUND_CREATED)
    code = refund.get("failure_reason") if kind is NoticeKind.REFUND_FAILED else None
    metadata = refund.get("metadata") or {}
    return [
        Notice(
            kind=kind,
            gateway="stripe",
            references=id_of(refund.get("payment_intent") or refund.get("charge")),
            payment=our_id("payment", metadata),
            amount=from_stripe(refund["amount"], refund["currency"].upper()),
            currency=refund["currency"].upper(),
            refund=our_id("refund", metadata),
            refund_reference=refund["id"],
            code=code,
            occurred_at=None if kind is NoticeKind.REFUND_FAILED else _moment(refund.get("created")),
            live=bool(event.get("livemode")),
        )
    ]


def of_charge(charge: Object, event: Object) -> list[Notice]:
    """Read what Stripe kept of a charge; the amount is there only when the balance transaction was expanded."""
    known = charge.get("balance_transaction")
    if not known or not charge.get("captured"):
        return []
    told = isinstance(known, dict)
    currency = known["currency"].upper() if told else None
    return [
        Notice(
            kind=NoticeKind.PAYMENT_FEE,
            gateway="stripe",
            references=id_of(charge.get("payment_intent")),
            payment=our_id("payment", charge.get("metadata") or {}),
            amount=from_stripe(known["fee"], currency) if told and currency else None,
            currency=currency,
            tax=_tax(known, currency) if told and currency else None,
            occurred_at=_moment(known.get("created")) if told else None,
            live=bool(event.get("livemode", charge.get("livemode"))),
        )
    ]


def of_dispute(dispute: Object, event: Object) -> list[Notice]:
    """Read a dispute: its stage, and what was withdrawn for it so far."""
    status, currency = DISPUTE_STATES[dispute["status"]], dispute["currency"].upper()
    withdrawn, fee = _held_back(dispute, currency)
    due = (dispute.get("evidence_details") or {}).get("due_by")
    kind = DISPUTE_ENDS.get(status, NoticeKind.DISPUTE_UPDATED)
    if kind is NoticeKind.DISPUTE_UPDATED and event.get("type") == "charge.dispute.created":
        kind = NoticeKind.DISPUTE_OPENED
    return [
        Notice(
            kind=kind,
            gateway="stripe",
            references=id_of(dispute.get("payment_intent") or dispute.get("charge")),
            amount=from_stripe(dispute["amount"], currency),
            currency=currency,
            dispute=DisputeFacts(
                id=dispute["id"],
                status=status,
                reason=dispute.get("reason"),
                due_at=_moment(due),
                withdrawn=withdrawn,
                fee=fee,
                at=_moment(event.get("created")),
            ),
            live=bool(event.get("livemode")),
        )
    ]


def _held_back(dispute: Object, currency: str) -> tuple[int | None, int | None]:
    """Sum up what Stripe took for a dispute, less what came back, and its fee; None where Stripe does not say.

    Money that moved in the currency of the account tells only which share of the dispute is held; its fee is left to
    settlement.
    """
    moved = dispute.get("balance_transactions")
    if moved is None:
        return None, None
    held = -sum(each["amount"] for each in moved)
    if all(each["currency"] == dispute["currency"] for each in moved):
        fee = sum(each["fee"] for each in moved)
        return _signed(held, currency), _signed(fee, currency)
    taken = -sum(each["amount"] for each in moved if each["amount"] < 0)
    return from_stripe(dispute["amount"], currency) * held // taken if taken else 0, None


def of_payout(payout: Object, event: Object) -> list[Notice]:
    """Read a payout by its status; one below zero is money that Stripe takes from the bank."""
    kind, currency = PAYOUT_STATES.get(payout["status"]), payout["currency"].upper()
    if kind is None:
        return []
    trace = payout.get("trace_id") or {}
    return [
        Notice(
            kind=kind,
            gateway="stripe",
            references=(),
            amount=_signed(payout["amount"], currency),
            currency=currency,
            code=payout.get("failure_code"),
            message=payout.get("failure_message"),
            payout=PayoutFacts(
                id=payout["id"],
                arrives_at=_moment(payout.get("arrival_date")),
                bank_reference=trace.get("value"),
                automatic=bool(payout.get("automatic")),
            ),
            live=bool(event.get("livemode")),
        )
    ]


DISPUTE_STATES = {
    "warning_needs_response": DisputeStatus.WARNING,
    "warning_under_review": DisputeStatus.WARNING,
    "warning_closed": DisputeStatus.PREVENTED,
    "needs_response": DisputeStatus.NEEDS_RESPONSE,
    "under_review": DisputeStatus.UNDER_REVIEW,
    "appeal_needs_response": DisputeStatus.NEEDS_RESPONSE,
    "appeal_under_review": DisputeStatus.UNDER_REVIEW,
    "won": DisputeStatus.WON,
    "lost": DisputeStatus.LOST,
    "prevented": DisputeStatus.PREVENTED,
}
DISPUTE_ENDS = {DisputeStatus.WON: NoticeKind.DISPUTE_WON, DisputeStatus.LOST: NoticeKind.DISPUTE_LOST}
PAYOUT_STATES = {
    "pending": NoticeKind.PAYOUT_CREATED,
    "in_transit": NoticeKind.PAYOUT_CREATED,
    "paid": NoticeKind.PAYOUT_PAID,
    "failed": NoticeKind.PAYOUT_FAILED,
    "canceled": NoticeKind.PAYOUT_FAILED,
}
INTENT_STATES = {
    "succeeded": (NoticeKind.PAYMENT_CAPTURED, "amount_received"),
    "requires_capture": (NoticeKind.PAYMENT_AUTHORIZED, "amount_capturable"),
    "processing": (NoticeKind.PAYMENT_PENDING, None),
    "canceled": (NoticeKind.PAYMENT_CANCELED, None),
}
REFUND_STATES = {
    "succeeded": NoticeKind.REFUND_SUCCEEDED,
    "failed": NoticeKind.REFUND_FAILED,
    "canceled": NoticeKind.REFUND_FAILED,
}
# `charge.succeeded` and its kin tell the same facts again; one object for each fact keeps one reason for each effect.
READERS = {
    "checkout.session.completed": of_session,
    "checkout.session.async_payment_succeeded": of_session,
    "checkout.session.async_payment_failed": of_session,
    "checkout.session.expired": of_session,
    "payment_intent.succeeded": of_intent,
    "payment_intent.amount_capturable_updated": of_intent,
    "payment_intent.processing": of_intent,
    "payment_intent.payment_failed": of_intent,
    "payment_intent.canceled": of_intent,
    "refund.created": of_refund,
    "refund.updated": of_refund,
    "refund.failed": of_refund,
    "charge.updated": of_charge,
    "charge.dispute.created": of_dispute,
    "charge.dispute.updated": of_dispute,
    "charge.dispute.closed": of_dispute,
    "charge.dispute.funds_withdrawn": of_dispute,
    "charge.dispute.funds_reinstated": of_dispute,
    "payout.created": of_payout,
    "payout.updated": of_payout,
    "payout.paid": of_payout,
    "payout.failed": of_payout,
    "payout.canceled": of_payout,
}


def decimals(currency: str) -> int:
    """Tell how many decimals Stripe counts for a currency: its own table, not ISO 4217 (ISK and UGX stay at 2)."""
    return 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2


def from_stripe(amount: int, currency: str) -> int:
    """Turn Stripe's integer into ISO 4217 minor units; raises PayloadUnreadableError when that would lose money."""
    if type(amount) is not int or amount < 0:
        message = "An amount of Stripe is no whole number."
        raise PayloadUnreadableError(message)
    scale = decimals(currency) - exponent(currency)
    if scale <= 0:
        return amount * TENS[-scale]
    if amount % TENS[scale]:
        message = f"{amount} {currency} of Stripe is no whole number of minor units."
        raise PayloadUnreadableError(message)
    return amount // TENS[scale]


def _signed(amount: int, currency: str) -> int:
    """Turn an amount that may have come back into ISO 4217 minor units."""
    return from_stripe(amount, currency) if amount >= 0 else -from_stripe(-amount, currency)


def _notice(
    kind: NoticeKind,
    thing: Object,
    references: tuple[str, ...],
    *,
    amount: int | None = None,
    code: str | None = None,
    message: str | None = None,
) -> Notice:
    currency = (thing.get("currency") or "").upper() or None
    return Notice(
        kind=kind,
        gateway="stripe",
        references=references,
        payment=our_id("payment", thing.get("metadata") or {}),
        amount=None if amount is None or currency is None else from_stripe(amount, currency),
        currency=currency,
        code=code,
        message=message,
        live=bool(thing.get("livemode")),
    )


def _session_ids(session: Object) -> tuple[str, ...]:
    return (*id_of(session.get("payment_intent")), session["id"])


def _tax(entry: Object, currency: str) -> int | None:
    """Sum up the taxes within what Stripe kept, where it says what that is made of."""
    parts = entry.get("fee_details")
    if parts is None:
        return None
    return sum(from_stripe(part["amount"], currency) for part in parts if part["type"] == "tax")


def _moment(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def id_of(value: str | Object | None) -> tuple[str, ...]:
    """Read an id from a field that may be expanded."""
    if isinstance(value, dict):
        return (value["id"],)
    return (value,) if value else ()


def our_id(prefix: str, metadata: Mapping[str, str]) -> UUID | None:
    """Read our own id from metadata; whatever else stands there is somebody else's business."""
    try:
        return ids.parse(prefix, metadata.get(prefix, ""))
    except NotFoundError:
        return None


def _head(body: bytes) -> Envelope:
    try:
        head = HEAD.decode(body.decode())  # the decoder alone would skip bad text in fields that it does not need
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        message = "The signed body is not a Stripe event: a JSON object with an id and a type."
        raise PayloadUnreadableError(message) from error
    return Envelope(event_id=head.id, type=head.type, version=head.api_version)


def _parse(header: str) -> tuple[str, list[bytes]]:
    if len(header) > header_length_max:
        raise SignatureInvalidError
    moment, signatures = "", []
    for part in header.split(","):
        name, _, value = part.partition("=")
        if name.strip() == "v1":
            signatures.append(value.encode())
        elif name.strip() == "t" and not moment:
            moment = value
    if not DIGITS.fullmatch(moment):
        message = "The header Stripe-Signature is missing or has no time in it."
        raise SignatureInvalidError(message)
    return moment, signatures
