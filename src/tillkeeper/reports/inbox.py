"""Webhooks as the API and the command line show them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tillkeeper.inbox import Selection
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.reports import paging, time

STATUSES = ("received", "processed", "parked", "ignored", "quarantined", "dead")
arrivals_max = 20

SELECT = """
SELECT message.id, gateway, event_id, type, status, attempts, reason, payment_id, message.received_at,
       finished_at, due_at,
       1 + (SELECT count(*) FROM inbox_duplicate WHERE message_id = message.id) AS arrivals
FROM inbox_message AS message
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Hold what webhooks to list; None means any."""

    status: str | None = None
    failed: bool = False
    """Only what somebody must look at: dead and quarantined."""
    payment: UUID | None = None
    gateway: str | None = None
    type: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = paging.limit_default
    cursor: str | None = None


async def show(tx: Transaction, message: UUID) -> dict[str, object]:
    """Show one webhook; raises NotFoundError."""
    row = await tx.fetchrow(f"{SELECT} WHERE message.id = $1", message)
    if row is None:
        text = "No webhook has this id."
        raise NotFoundError(text)
    return _show(row)


async def find(tx: Transaction, wanted: Filter) -> dict[str, object]:
    """List webhooks, newest first, with how often each arrived."""
    at, id_ = paging.place(wanted.cursor)
    rows = await tx.fetch(
        f"""{SELECT}
        WHERE ($1::text IS NULL OR status = $1) AND ($2::uuid IS NULL OR payment_id = $2)
          AND ($3::timestamptz IS NULL OR (message.received_at, message.id) < ($3, $4::uuid))
          AND ($6::text IS NULL OR gateway = $6) AND ($7::text IS NULL OR type = $7)
          AND ($8::timestamptz IS NULL OR message.received_at >= $8)
          AND ($9::timestamptz IS NULL OR message.received_at < $9)
          AND (NOT $10::boolean OR status IN ('quarantined', 'dead'))
        ORDER BY message.received_at DESC, message.id DESC LIMIT $5
        """,
        wanted.status,
        wanted.payment,
        at,
        id_,
        wanted.limit + 1,
        wanted.gateway,
        wanted.type,
        wanted.since,
        wanted.until,
        wanted.failed,
    )
    return paging.page(rows, wanted.limit, "received_at", _show)


async def matching(tx: Transaction, wanted: Selection, limit: int) -> int:
    """Count the webhooks that a selection means, up to a limit."""
    count: int = await tx.fetchval(
        """
        SELECT count(*) FROM (
            SELECT FROM inbox_message
            WHERE EXISTS (SELECT FROM inbox_body WHERE message_id = inbox_message.id)
              AND status = ANY($1::text[]) AND ($2::text IS NULL OR gateway = $2) AND ($3::text IS NULL OR type = $3)
              AND ($4::timestamptz IS NULL OR received_at >= $4) AND ($5::timestamptz IS NULL OR received_at < $5)
            LIMIT $6
        ) AS selected
        """,
        list(wanted.statuses),
        wanted.gateway,
        wanted.type,
        wanted.since,
        wanted.until,
        limit,
    )
    return count


async def body(tx: Transaction, message: UUID) -> bytes:
    """Read what a webhook brought, sealed; it is empty where that is not kept any more."""
    found: bytes | None = await tx.fetchval("SELECT sealed FROM inbox_body WHERE message_id = $1", message)
    return found or b""


async def arrivals(tx: Transaction, message: UUID) -> list[str | None]:
    """Tell when a webhook came again, the latest first."""
    rows = await tx.fetch(
        "SELECT received_at FROM inbox_duplicate WHERE message_id = $1 ORDER BY received_at DESC LIMIT $2",
        message,
        arrivals_max,
    )
    return [time(row["received_at"]) for row in rows]


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
