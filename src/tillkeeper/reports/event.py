"""Events as the API shows them: what they say is what a merchant is sent."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.errors import InvalidFieldError, NotFoundError
from tillkeeper.outbox import Numbered
from tillkeeper.reports import paging

SELECT = "SELECT id, seq, type, data, payment_id, created_at FROM outbox_event WHERE seq IS NOT NULL"
ORDERS = {"asc": ("ASC", ">"), "desc": ("DESC", "<")}
seq_max = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Hold what events to list; None means any. `asc` begins with the oldest."""

    type: str | None = None
    payment: UUID | None = None
    since: datetime | None = None
    order: Literal["asc", "desc"] = "desc"
    limit: int = paging.limit_default
    cursor: str | None = None


async def show(tx: Transaction, event: UUID) -> dict[str, object]:
    """Show one event; raises NotFoundError."""
    row = await tx.fetchrow(f"{SELECT} AND id = $1", event)
    if row is None:
        message = "No event has this id."
        raise NotFoundError(message)
    return _show(row)


async def find(tx: Transaction, wanted: Filter) -> dict[str, object]:
    """List events in the one order that they have; each page goes on where the last one ended."""
    direction, beyond = ORDERS[wanted.order]
    rows = await tx.fetch(
        f"""{SELECT}
          AND ($1::text IS NULL OR type = $1) AND ($2::uuid IS NULL OR payment_id = $2)
          AND ($3::timestamptz IS NULL OR created_at >= $3) AND ($4::bigint IS NULL OR seq {beyond} $4)
        ORDER BY seq {direction} LIMIT $5
        """,
        wanted.type,
        wanted.payment,
        wanted.since,
        _place(wanted.cursor),
        wanted.limit + 1,
    )
    shown = rows[: wanted.limit]
    has_more = len(rows) > wanted.limit
    return {
        "data": [_show(row) for row in shown],
        "has_more": has_more,
        "next_cursor": _cursor(shown[-1]["seq"]) if has_more else None,
    }


async def told(tx: Transaction, payment: UUID | None, *, limit: int) -> list[dict[str, Any]]:
    """List the newest events, or those about one payment, each with what became of its deliveries."""
    about = "AND payment_id = $2" if payment else ""
    asked = [limit, payment] if payment else [limit]
    rows = await tx.fetch(f"{SELECT} {about} ORDER BY seq DESC LIMIT $1", *asked)
    sent = await tx.fetch(
        """
        SELECT delivery.id, event_id, status, tries, url FROM webhook_delivery AS delivery
        JOIN webhook_endpoint ON webhook_endpoint.id = endpoint_id
        WHERE event_id = ANY ($1::uuid[]) ORDER BY delivery.created_at, delivery.id
        """,
        [row["id"] for row in rows],
    )
    return [
        {"event": _show(row), "deliveries": [_sent(each) for each in sent if each["event_id"] == row["id"]]}
        for row in rows
    ]


def _sent(row: Record) -> dict[str, Any]:
    return {
        "id": ids.text("delivery", row["id"]),
        "status": row["status"],
        "tries": row["tries"],
        "url": row["url"],
    }


def _cursor(seq: int) -> str:
    return base64.urlsafe_b64encode(str(seq).encode()).decode()


def _place(written: str | None) -> int | None:
    if written is None:
        return None
    try:
        seq = int(base64.urlsafe_b64decode(written.encode()).decode())
    except (ValueError, binascii.Error) as error:
        raise InvalidFieldError(paging.CURSOR_WRONG, param="cursor") from error
    if not 0 <= seq <= seq_max:
        raise InvalidFieldError(paging.CURSOR_WRONG, param="cursor")
    return seq


def _show(row: Record) -> dict[str, object]:
    event = Numbered(id=row["id"], seq=row["seq"], type=row["type"], data=row["data"], created_at=row["created_at"])
    return {
        "id": ids.text("event", event.id),
        "object": "event",
        "sequence": event.seq,
        "payment": ids.text("payment", row["payment_id"]) if row["payment_id"] else None,
        **event.payload,
    }
