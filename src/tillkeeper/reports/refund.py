"""Refunds as the API shows them."""

from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.reports import paging, time

SELECT = """
SELECT refund.*, coalesce(revocation.units, 0) AS taken
FROM refund LEFT JOIN revocation ON revocation.refund_id = refund.id
"""


async def show(tx: Transaction, refund: UUID) -> dict[str, object]:
    """Show one refund; raises NotFoundError."""
    row = await tx.fetchrow(f"{SELECT} WHERE refund.id = $1", refund)
    if row is None:
        message = "No refund has this id."
        raise NotFoundError(message)
    return _show(row)


async def find(tx: Transaction, *, payment: UUID | None, limit: int, cursor: str | None) -> dict[str, object]:
    """List refunds, newest first."""
    at, id_ = paging.place(cursor)
    rows = await tx.fetch(
        f"""{SELECT}
        WHERE ($1::uuid IS NULL OR refund.payment_id = $1)
          AND ($2::timestamptz IS NULL OR (refund.created_at, refund.id) < ($2, $3::uuid))
        ORDER BY refund.created_at DESC, refund.id DESC LIMIT $4
        """,
        payment,
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
