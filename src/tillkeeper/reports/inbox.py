"""Webhooks as the API and the command line show them."""

from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.reports import paging, time

STATUSES = ("received", "processed", "parked", "ignored", "quarantined", "dead")


SELECT = """
SELECT message.id, gateway, event_id, type, status, attempts, reason, payment_id, message.received_at,
       finished_at, due_at,
       1 + (SELECT count(*) FROM inbox_duplicate WHERE message_id = message.id) AS arrivals
FROM inbox_message AS message
"""


async def show(tx: Transaction, message: UUID) -> dict[str, object]:
    """Show one webhook; raises NotFoundError."""
    row = await tx.fetchrow(f"{SELECT} WHERE message.id = $1", message)
    if row is None:
        text = "No webhook has this id."
        raise NotFoundError(text)
    return _show(row)


async def find(
    tx: Transaction, *, status: str | None, payment: UUID | None = None, limit: int, cursor: str | None = None
) -> dict[str, object]:
    """List webhooks, newest first, with how often each arrived."""
    at, id_ = paging.place(cursor)
    rows = await tx.fetch(
        f"""{SELECT}
        WHERE ($1::text IS NULL OR status = $1) AND ($2::uuid IS NULL OR payment_id = $2)
          AND ($3::timestamptz IS NULL OR (message.received_at, message.id) < ($3, $4::uuid))
        ORDER BY message.received_at DESC, message.id DESC LIMIT $5
        """,
        status,
        payment,
        at,
        id_,
        limit + 1,
    )
    return paging.page(rows, limit, "received_at", _show)


async def pending(tx: Transaction) -> int:
    """Count webhooks, gateway calls and deliveries that are still to be done, or that a person must look at."""
    count: int = await tx.fetchval(
        "SELECT (SELECT count(*) FROM inbox_message WHERE status IN ('received', 'parked'))"
        " + (SELECT count(*) FROM operation WHERE state IN ('asked', 'given_up'))"
        " + (SELECT count(*) FROM late_delivery WHERE status IN ('pending', 'failed'))"
        " + (SELECT count(*) FROM late_revocation WHERE finished_at IS NULL)"
    )
    return count


def _show(row: Record) -> dict[str, object]:
    return {
        "id": ids.text("message", row["id"]),
        "object": "inbox_message",
        "gateway": row["gateway"],
        "event_id": row["event_id"],
        "type": row["type"],
        "status": row["status"],
        "attempts": row["attempts"],
        "arrivals": row["arrivals"],
        "reason": row["reason"],
        "payment": ids.text("payment", row["payment_id"]) if row["payment_id"] else None,
        "received_at": time(row["received_at"]),
        "next_try_at": time(row["due_at"]) if row["status"] in {"received", "parked"} else None,
        "finished_at": time(row["finished_at"]),
    }
