"""Payments as the API shows them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tillkeeper.facts import Sale
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.reports import paging, time

SELECT = """
SELECT payment.*, end_user.name AS user_name,
       entitlement.granted, entitlement.revoked, undelivered.reason AS undelivered,
       late_delivery.status AS late_status, late_delivery.reason AS late_reason,
       risk_assessment.score AS risk_score, risk_assessment.decision AS risk_decision,
       risk_assessment.reasons AS risk_reasons
FROM payment
LEFT JOIN end_user ON end_user.id = payment.user_id
LEFT JOIN entitlement ON entitlement.payment_id = payment.id AND entitlement.line = 0 AND entitlement.ordinal = 0
LEFT JOIN undelivered ON undelivered.payment_id = payment.id
LEFT JOIN late_delivery ON late_delivery.payment_id = payment.id
LEFT JOIN risk_assessment ON risk_assessment.payment_id = payment.id
"""
OPEN = ("requires_action", "processing")
"""The states in which there is something for the customer to do, or to look at again."""
LIVING = ("created", "requires_action", "processing", "outcome_unknown", "in_review", "requires_capture")
"""The states that pass, each in an index of few rows, which PostgreSQL uses only where the state is written out.

Of the others there are always some among the newest. A gateway that is seldom used is looked for among all payments of
the time that is asked for: an index for that would cost each of them something, and nearly nobody would use it.
"""
LATE = {"failed": "failed", "canceled": "revoked"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Hold what payments to list; None means any."""

    user: str | None = None
    status: str | None = None
    gateway: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    limit: int = paging.limit_default
    cursor: str | None = None


async def show(tx: Transaction, payment: UUID, *, user: str | None = None) -> dict[str, object]:
    """Show one payment, or only if it is of this user; raises NotFoundError."""
    row = await tx.fetchrow(f"{SELECT} WHERE payment.id = $1", payment)
    if row and user not in (None, row["user_name"]):
        row = None
    if row is None:
        message = "No payment has this id."
        raise NotFoundError(message)
    return shown(row)


async def find(tx: Transaction, wanted: Filter) -> dict[str, object]:
    """List payments, newest first."""
    at, id_ = paging.place(wanted.cursor)
    living = f"payment.status = '{wanted.status}' AND" if wanted.status in LIVING else ""
    rows = await tx.fetch(
        f"""{SELECT}
        WHERE {living} ($1::text IS NULL OR end_user.name = $1)
          AND ($2::text IS NULL OR payment.status = $2)
          AND ($3::text IS NULL OR payment.gateway = $3)
          AND ($4::timestamptz IS NULL OR (payment.created_at, payment.id) < ($4, $5::uuid))
          AND payment.created_at >= coalesce($6::timestamptz, '-infinity')
          AND payment.created_at < coalesce($7::timestamptz, 'infinity')
        ORDER BY payment.created_at DESC, payment.id DESC LIMIT $8
        """,
        wanted.user,
        wanted.status,
        wanted.gateway,
        at,
        id_,
        wanted.created_after,
        wanted.created_before,
        wanted.limit + 1,
    )
    return paging.page(rows, wanted.limit, "created_at", shown)


def shown(row: Record) -> dict[str, object]:
    """Shape one row of SELECT."""
    error = {"code": row["error_code"], "message": row["error_message"]} if row["error_code"] else None
    return {
        "id": ids.text("payment", row["id"]),
        "object": "payment",
        "mode": row["mode"],
        "status": row["status"],
        "amount": row["amount"],
        "currency": row["currency"],
        "tax": Sale(**row["sale"]).tax_in(row["amount_captured"] or row["amount"]) if row["sale"] else 0,
        "amount_captured": row["amount_captured"],
        "amount_refunding": row["amount_refunding"],
        "amount_refunded": row["amount_refunded"],
        "amount_disputed": row["amount_disputed"],
        "user": row["user_name"],
        "customer": ids.text("customer", row["customer_id"]) if row["customer_id"] else None,
        "package": row["sale"]["package"] if row["sale"] else None,
        "quantity": row["sale"]["quantity"] if row["sale"] else None,
        "description": row["description"],
        "gateway": row["gateway"],
        "gateway_reference": row["gateway_reference"],
        "checkout": row["checkout"],
        "capture_method": row["capture_method"],
        "next_action": row["next_action"] if row["status"] in OPEN else None,
        "fulfilment": _fulfilment(row),
        "risk": _risk(row),
        "last_error": error,
        "metadata": row["metadata"],
        "created_at": time(row["created_at"]),
        "expires_at": time(row["expires_at"]),
        "captured_at": time(row["captured_at"]),
    }


def _risk(row: Record) -> dict[str, object] | None:
    if row["risk_decision"] is None:
        return None
    return {"score": row["risk_score"], "decision": row["risk_decision"], "reasons": row["risk_reasons"]}


def _fulfilment(row: Record) -> dict[str, object] | None:
    if row["sale"] is None:
        return None
    granted, revoked = row["granted"], row["revoked"] or 0
    if granted is None:
        return _not_delivered(row)
    status = "delivered" if not revoked else "revoked" if revoked == granted else "partly_revoked"
    return {"status": status, "kind": row["sale"]["kind"], "quantity": granted, "revoked": revoked}


def _not_delivered(row: Record) -> dict[str, object]:
    """Say why there are no goods: not paid yet, not possible yet or ever, or all of the money went back before."""
    sale, why = row["sale"], row["undelivered"]
    quantity = sale["units"] * sale["quantity"]
    status = "failed" if why else LATE.get(row["late_status"], "pending")
    if status in {"failed", "pending"}:
        why = why or row["late_reason"]
    shown = {"status": status, "kind": sale["kind"], "quantity": quantity}
    return shown | {"revoked": quantity if status == "revoked" else 0} | ({"reason": why} if why else {})
