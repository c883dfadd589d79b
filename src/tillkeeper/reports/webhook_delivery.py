"""Deliveries of events as the API shows them: how each went, try by try."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.reports import paging, time

SELECT = """
SELECT delivery.id, endpoint_id, event_id, event.type, delivery.status, tries, due_at, delivery.created_at, finished_at,
       url, enabled, last.status AS last_status, last.error AS last_error
FROM webhook_delivery AS delivery
JOIN outbox_event AS event ON event.id = event_id
JOIN webhook_endpoint AS endpoint ON endpoint.id = endpoint_id
LEFT JOIN webhook_try AS last ON last.delivery_id = delivery.id AND last.number = tries
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Hold what deliveries to list; None means any."""

    endpoint: UUID | None = None
    event: UUID | None = None
    status: str | None = None
    limit: int = paging.limit_default
    cursor: str | None = None


async def show(tx: Transaction, delivery: UUID) -> dict[str, object]:
    """Show one delivery with its tries; raises NotFoundError."""
    row = await tx.fetchrow(f"{SELECT} WHERE delivery.id = $1", delivery)
    if row is None:
        message = "No delivery has this id."
        raise NotFoundError(message)
    tries = await tx.fetch(
        "SELECT number, at, status, latency_ms, error, body FROM webhook_try WHERE delivery_id = $1 ORDER BY number",
        delivery,
    )
    return {**_show(row), "log": [_try(each) for each in tries]}


async def find(tx: Transaction, wanted: Filter) -> dict[str, object]:
    """List deliveries, newest first."""
    at, id_ = paging.place(wanted.cursor)
    rows = await tx.fetch(
        f"""{SELECT}
        WHERE ($1::uuid IS NULL OR endpoint_id = $1) AND ($2::uuid IS NULL OR event_id = $2)
          AND ($3::text IS NULL OR delivery.status = $3)
          AND ($4::timestamptz IS NULL OR (delivery.created_at, delivery.id) < ($4, $5::uuid))
        ORDER BY delivery.created_at DESC, delivery.id DESC LIMIT $6
        """,
        wanted.endpoint,
        wanted.event,
        wanted.status,
        at,
        id_,
        wanted.limit + 1,
    )
    return paging.page(rows, wanted.limit, "created_at", _show)


def _show(row: Record) -> dict[str, object]:
    waits = row["status"] == "pending" and row["enabled"]
    return {
        "id": ids.text("delivery", row["id"]),
        "object": "delivery",
        "endpoint": ids.text("endpoint", row["endpoint_id"]),
        "url": row["url"],
        "event": ids.text("event", row["event_id"]),
        "type": row["type"],
        "status": row["status"],
        "tries": row["tries"],
        "last_status": row["last_status"],
        "last_error": row["last_error"],
        "next_try_at": time(row["due_at"]) if waits else None,
        "created_at": time(row["created_at"]),
        "finished_at": time(row["finished_at"]),
    }


def _try(row: Record) -> dict[str, object]:
    at: datetime = row["at"]
    return {
        "number": row["number"],
        "at": time(at),
        "status": row["status"],
        "latency_ms": row["latency_ms"],
        "error": row["error"],
        "body": row["body"],
    }
