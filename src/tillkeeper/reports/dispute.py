"""Disputes as the API shows them."""

from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.reports import paging, time


async def show(tx: Transaction, dispute: UUID) -> dict[str, object]:
    """Show one dispute; raises NotFoundError."""
    row = await tx.fetchrow("SELECT * FROM dispute WHERE id = $1", dispute)
    if row is None:
        message = "No dispute has this id."
        raise NotFoundError(message)
    return _show(row)


async def find(
    tx: Transaction, *, payment: UUID | None, status: str | None, limit: int, cursor: str | None
) -> dict[str, object]:
    """List disputes, the newest first."""
    at, id_ = paging.place(cursor)
    rows = await tx.fetch(
        """
        SELECT * FROM dispute
        WHERE ($1::uuid IS NULL OR payment_id = $1) AND ($2::text IS NULL OR status = $2)
          AND ($3::timestamptz IS NULL OR (opened_at, id) < ($3, $4::uuid))
        ORDER BY opened_at DESC, id DESC LIMIT $5
        """,
        payment,
        status,
        at,
        id_,
        limit + 1,
    )
    return paging.page(rows, limit, "opened_at", _show)


def _show(row: Record) -> dict[str, object]:
    return {
        "id": ids.text("dispute", row["id"]),
        "object": "dispute",
        "payment": ids.text("payment", row["payment_id"]),
        "amount": row["amount"],
        "currency": row["currency"],
        "status": row["status"],
        "reason": row["reason"],
        "due_at": time(row["due_at"]),
        "amount_withdrawn": row["withdrawn"],
        "amount_lost": row["booked_lost"],
        "fee": row["fee"],
        "gateway": row["gateway"],
        "gateway_reference": row["gateway_reference"],
        "opened_at": time(row["opened_at"]),
        "closed_at": time(row["closed_at"]),
    }
