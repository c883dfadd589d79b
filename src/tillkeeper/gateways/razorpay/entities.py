"""Razorpay's things in our words, wherever they come from: a webhook, an answer or a list.

A payment's own notes and description are written by Razorpay's script in the customer's browser. So they never say
which of our payments was paid: only the id of the order does, and the notes of orders, links and refunds, which
nobody can make without the merchant's key.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tillkeeper.facts import EXPIRED, DisputeFacts, DisputeStatus, Notice, NoticeKind, PayoutFacts
from tillkeeper.gateways.razorpay.currencies import from_razorpay
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import NotFoundError

GATEWAY = "razorpay"
HOME = "INR"
"""What Razorpay settles in; a settlement does not say so."""
AUTO_REFUND = "auto_refund"
"""The code of a cancellation that happened because an authorised payment was not captured in time."""
LINK_IN_DESCRIPTION = re.compile(r"#([A-Za-z0-9]{14})")

Object = dict[str, Any]

PAYMENT_STATES = {
    "authorized": NoticeKind.PAYMENT_AUTHORIZED,
    "captured": NoticeKind.PAYMENT_CAPTURED,
    "failed": NoticeKind.PAYMENT_FAILED,
}
REFUND_STATES = {
    "pending": NoticeKind.REFUND_CREATED,
    "processed": NoticeKind.REFUND_SUCCEEDED,
    "failed": NoticeKind.REFUND_FAILED,
}
DISPUTE_STATES = {
    "open": DisputeStatus.NEEDS_RESPONSE,
    "under_review": DisputeStatus.UNDER_REVIEW,
    "won": DisputeStatus.WON,
    "lost": DisputeStatus.LOST,
    "closed": DisputeStatus.PREVENTED,
}
QUESTIONS = frozenset({"fraud", "retrieval"})
"""The phases of a dispute in which a bank only asks."""
SETTLEMENT_STATES = {
    "created": NoticeKind.PAYOUT_CREATED,
    "initiated": NoticeKind.PAYOUT_CREATED,
    "processed": NoticeKind.PAYOUT_PAID,
    "failed": NoticeKind.PAYOUT_FAILED,
}


def of_payment(payment: Object, *around: Object) -> list[Notice]:
    """Read a payment by its status; `around` are the order and the link that it belongs to, as far as they are known.

    The flag `captured` is read in one place only: Razorpay's own samples set it on payments that are not.
    """
    kind = PAYMENT_STATES.get(payment["status"])
    if payment["status"] == "refunded":
        kind = NoticeKind.PAYMENT_CAPTURED if payment["captured"] else NoticeKind.PAYMENT_CANCELED
    if kind is None:
        return []
    failed = kind is NoticeKind.PAYMENT_FAILED
    told = Notice(
        kind=kind,
        gateway=GATEWAY,
        references=_names(payment, around, failed=failed),
        payment=_ours("payment", *around),
        amount=from_razorpay(payment["amount"], payment["currency"]),
        currency=payment["currency"],
        code=(payment.get("error_reason") or payment.get("error_code") or None) if failed else None,
        message=(payment.get("error_description") or None) if failed else None,
        attempt=payment["id"] if failed else None,
    )
    return [replace(told, code=AUTO_REFUND) if kind is NoticeKind.PAYMENT_CANCELED else told]


def of_fee(payment: Object, *around: Object) -> list[Notice]:
    """Read what Razorpay kept of a captured payment, tax included; a fee in another currency is left to settlement."""
    if payment["status"] not in {"captured", "refunded"} or payment.get("fee") is None:
        return []
    if payment.get("base_currency") not in {None, payment["currency"]}:
        return []
    return [
        Notice(
            kind=NoticeKind.PAYMENT_FEE,
            gateway=GATEWAY,
            references=_names(payment, around, failed=False),
            payment=_ours("payment", *around),
            amount=from_razorpay(payment["fee"], payment["currency"]),
            currency=payment["currency"],
            tax=None if payment.get("tax") is None else from_razorpay(payment["tax"], payment["currency"]),
        )
    ]


def of_link(link: Object) -> list[Notice]:
    """Read a payment link by its status: paid, expired, or cancelled."""
    told = Notice(
        kind=NoticeKind.PAYMENT_CANCELED,
        gateway=GATEWAY,
        references=(link["id"],),
        payment=_ours("payment", link),
        currency=link["currency"],
    )
    if link["status"] == "cancelled":
        return [told]
    if link["status"] == "expired":
        return [replace(told, code=EXPIRED)]
    return [
        replace(
            told,
            kind=NoticeKind.PAYMENT_CAPTURED,
            references=(line["payment_id"], link["id"]),
            amount=from_razorpay(line["amount"], link["currency"]),
        )
        for line in link.get("payments") or ()
        if line["status"] == "captured"
    ]


def of_refund(refund: Object, payment: Object | None = None) -> list[Notice]:
    """Read a refund by its status; one of a payment that was never captured is the end of that payment."""
    if payment is not None and payment["captured"] is False:
        return of_payment({**payment, "status": "refunded"})
    references = _names(payment, (), failed=False) if payment else (refund["payment_id"],)
    return [
        Notice(
            kind=REFUND_STATES[refund["status"]],
            gateway=GATEWAY,
            references=references,
            payment=_ours("payment", refund),
            amount=from_razorpay(refund["amount"], refund["currency"]),
            currency=refund["currency"],
            refund=_ours("refund", refund),
            refund_reference=refund["id"],
            code="refund_failed" if refund["status"] == "failed" else None,
            occurred_at=None if refund["status"] == "failed" else moment(refund.get("created_at")),
        )
    ]


def of_dispute(dispute: Object, payment: Object | None, *, opened: bool, at: int | None) -> list[Notice]:
    """Read a dispute: its stage, and what was deducted for it so far.

    Razorpay deducts when a dispute is lost, and of one that was won the part that was not contested; its fee, if it
    takes one, shows only in the settlement.
    """
    status = DISPUTE_STATES[dispute["status"]]
    if dispute["phase"] in QUESTIONS and dispute["status"] in {"open", "under_review"}:
        status = DisputeStatus.WARNING
    deducted = from_razorpay(dispute["amount_deducted"], dispute["currency"])
    kind = DISPUTE_ENDS.get(status, NoticeKind.DISPUTE_OPENED if opened else NoticeKind.DISPUTE_UPDATED)
    return [
        Notice(
            kind=kind,
            gateway=GATEWAY,
            references=_names(payment, (), failed=False) if payment else (dispute["payment_id"],),
            amount=from_razorpay(dispute["amount"], dispute["currency"]),
            currency=dispute["currency"],
            dispute=DisputeFacts(
                id=dispute["id"],
                status=status,
                reason=dispute.get("reason_code"),
                due_at=moment(dispute.get("respond_by")),
                withdrawn=deducted,
                conceded=deducted if status is DisputeStatus.WON else 0,
                at=moment(at),
            ),
        )
    ]


def of_settlement(settlement: Object) -> list[Notice]:
    """Read a settlement by its status."""
    kind = SETTLEMENT_STATES.get(settlement["status"])
    if kind is None:
        return []
    return [
        Notice(
            kind=kind,
            gateway=GATEWAY,
            references=(),
            amount=from_razorpay(settlement["amount"], HOME),
            currency=HOME,
            payout=PayoutFacts(
                id=settlement["id"],
                arrives_at=moment(settlement.get("created_at")),
                bank_reference=settlement.get("utr"),
            ),
        )
    ]


DISPUTE_ENDS = {DisputeStatus.WON: NoticeKind.DISPUTE_WON, DisputeStatus.LOST: NoticeKind.DISPUTE_LOST}


def link_of(payment: Object) -> str | None:
    """Read the id of the link that a payment says it belongs to: its description is `#` and the rest of that id."""
    described = LINK_IN_DESCRIPTION.fullmatch(payment.get("description") or "")
    return f"plink_{described[1]}" if described else None


def our_text(notes: object) -> str | None:
    """Read our own id from notes: of the refund if it is one, else of the payment."""
    for prefix in ("refund", "payment"):
        found = _ours(prefix, {"notes": notes})
        if found:
            return ids.text(prefix, found)
    return None


def _names(payment: Object, around: tuple[Object, ...], *, failed: bool) -> tuple[str, ...]:
    """List the names of a payment: its own first, or last when its attempt failed and the order or link goes on.

    Of a failed attempt on a link nobody but the payment itself says which link; there it is believed, because no
    money hangs on it.
    """
    order, link = payment.get("order_id"), link_of(payment)
    orders = [order] if order else []
    if failed:
        return (*orders, *([link] if link else []), payment["id"])
    return (payment["id"], *orders, *(thing["id"] for thing in around if thing["id"].startswith("plink_")))


def _ours(prefix: str, *things: Object) -> UUID | None:
    """Read our own id from the notes; whatever else stands there is somebody else's business.

    Notes are an object, an empty list when there are none, and sometimes null.
    """
    for thing in things:
        notes = thing.get("notes")
        value = notes.get(prefix) if isinstance(notes, Mapping) else None
        try:
            return ids.parse(prefix, value if isinstance(value, str) else "")
        except NotFoundError:
            continue
    return None


def moment(seconds: int | None) -> datetime | None:
    """Read a time."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
