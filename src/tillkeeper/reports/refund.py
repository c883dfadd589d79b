"""Refunds as the API shows them."""

from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.reports import paging, time

SELECT = """
SELECT refund.*, coalesce(revocation.units, 0) AS taken, end_user.name AS user_name
FROM refund
LEFT JOIN revocation ON revocation.refund_id = refund.id
JOIN payment ON payment.id = refund.payment_id
LEFT JOIN end_user ON end_user.id = payment.user_id
"""


async def show(tx: Transaction, refund: UUID, *, user: str | None = None) -> dict[str, object]:
    """Show one refund, or only if it is of this user; raises NotFoundError."""
    row = await tx.fetchrow(f"{SELECT} WHERE refund.id = $1", refund)
    if row and user not in (None, row["user_name"]):
        row = None
    if row is None:
        message = "No refund has this id."
        raise NotFoundError(message)
    return _show(row)


async def find(
    tx: Transaction,
    *,
    payment: UUID | None,
    user: str | None = None,
    status: str | None = None,
    origin: str | None = None,
    limit: int,
    cursor: str | None,
) -> dict[str, object]:
    """List refunds, newest first; None means any."""
    at, id_ = paging.place(cursor)
    rows = await tx.fetch(
        f"""{SELECT}
        WHERE ($1::uuid IS NULL OR refund.payment_id = $1)
          AND ($2::text IS NULL OR end_user.name = $2)
          AND ($3::text IS NULL OR refund.status = $3) AND ($4::text IS NULL OR refund.origin = $4)
          AND ($5::timestamptz IS NULL OR (refund.created_at, refund.id) < ($5, $6::uuid))
        ORDER BY refund.created_at DESC, refund.id DESC LIMIT $7
        """,
        payment,
        user,
        status,
        origin,
        at,
        id_,
        limit + 1,
    )
    return paging.page(rows, limit, "created_at", _show)


def _show(row: Record) -> dict[str, object]:
    return {
        "id": ids.text("refund", row["id"]),
        "object": "refund",
        "payment": ids.text("payment", row["payment_id"]),
        "amount": row["amount"],
        "currency": row["currency"],
        "tax": row["tax"],
        "status": row["status"],
        "reason": row["reason"],
        "origin": row["origin"],
        "surplus": row["surplus"],
        "revoked": row["taken"],
        "gateway": row["gateway"],
        "gateway_reference": row["gateway_reference"],
        "error": row["error_code"],
        "created_at": time(row["created_at"]),
        "settled_at": time(row["settled_at"]),
    }
