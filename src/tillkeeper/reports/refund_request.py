"""Refund requests as the API shows them: what was decided, and what became of the refund."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.reports import paging, time

BUYER_SEES = (
    *("id", "object", "payment", "amount", "currency", "reason_code", "note", "evidence", "status", "refund"),
    *("created_at", "decided_at"),
)
STATUSES = ("open", "approved", "rejected", "refunded", "failed")
SELECT = """
SELECT * FROM (
    SELECT refund_request.*, refund.settled_at, refund.error_code, end_user.name AS user_name,
           CASE refund.status WHEN 'succeeded' THEN 'refunded' WHEN 'failed' THEN 'failed'
                              ELSE refund_request.state END AS status,
           (SELECT jsonb_agg(jsonb_build_object('kind', kind, 'by', by_name, 'by_id', by_id, 'note', step.note,
                                                'at', step.at) ORDER BY step.id)
            FROM refund_request_step AS step WHERE step.request_id = refund_request.id) AS steps
    FROM refund_request
    LEFT JOIN refund ON refund.id = refund_request.refund_id
    JOIN payment ON payment.id = refund_request.payment_id
    LEFT JOIN end_user ON end_user.id = payment.user_id
) AS request
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Hold what requests to list; None means any."""

    payment: UUID | None = None
    status: str | None = None
    user: str | None = None
    limit: int = paging.limit_default
    cursor: str | None = None


async def show(tx: Transaction, request: UUID, *, user: str | None = None) -> dict[str, object]:
    """Show one request, or only if it is about a payment of this user; raises NotFoundError."""
    row = await tx.fetchrow(f"{SELECT} WHERE id = $1", request)
    if row and user not in (None, row["user_name"]):
        row = None
    if row is None:
        message = "No refund request has this id."
        raise NotFoundError(message)
    return _show(row)


async def find(tx: Transaction, wanted: Filter) -> dict[str, object]:
    """List requests, newest first."""
    at, id_ = paging.place(wanted.cursor)
    rows = await tx.fetch(
        f"""{SELECT}
        WHERE ($1::uuid IS NULL OR payment_id = $1) AND ($2::text IS NULL OR status = $2)
          AND ($3::text IS NULL OR user_name = $3)
          AND ($4::timestamptz IS NULL OR (created_at, id) < ($4, $5::uuid))
        ORDER BY created_at DESC, id DESC LIMIT $6
        """,
        wanted.payment,
        wanted.status,
        wanted.user,
        at,
        id_,
        wanted.limit + 1,
    )
    return paging.page(rows, wanted.limit, "created_at", _show)


def for_buyer(shown: dict[str, object]) -> dict[str, object]:
    """Leave out who of the merchant's people decided what, and by which rules; why it was turned down stays."""
    kept = {name: shown[name] for name in BUYER_SEES}
    return kept | {"decision": shown["decision"] if shown["status"] == "rejected" else None}


def _show(row: Record) -> dict[str, object]:
    history = [_step(step) for step in row["steps"] or ()]
    if row["settled_at"]:
        told = {"kind": row["status"], "by": "the gateway", "by_id": "gateway", "note": row["error_code"]}
        history.append({**told, "at": time(row["settled_at"])})
    return {
        "id": ids.text("refund_request", row["id"]),
        "object": "refund_request",
        "payment": ids.text("payment", row["payment_id"]),
        "amount": row["amount"],
        "currency": row["currency"],
        "reason_code": row["reason_code"],
        "note": row["note"],
        "evidence": row["evidence"],
        "override_reason": row["override_reason"],
        "status": row["status"],
        "decision": row["decision"],
        "approvals_needed": row["approvals_needed"],
        "approvals": [step["by"] for step in history if step["kind"] == "approval"],
        "policy_version": row["policy_version"],
        "refund": ids.text("refund", row["refund_id"]) if row["refund_id"] else None,
        "bulk": ids.text("refund_bulk", row["bulk_id"]) if row["bulk_id"] else None,
        "requested_by": row["requested_by_name"],
        "created_at": time(row["created_at"]),
        "decided_at": time(row["decided_at"]),
        "history": history,
    }


def _step(step: dict[str, str | None]) -> dict[str, str | None]:
    """Show one thing that happened; PostgreSQL wrote its time with an offset."""
    assert step["at"], "everything happens at some time"
    return {**step, "at": time(datetime.fromisoformat(step["at"]))}
