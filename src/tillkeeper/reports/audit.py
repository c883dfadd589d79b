"""The audit log as the API and the command line show it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.reports import paging, time


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Hold which entries to list; None means any. `before` is the number of an entry, to go on from there."""

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = paging.limit_default
    before: int | None = None


async def show(tx: Transaction, entry: UUID) -> dict[str, object]:
    """Show one entry; raises NotFoundError."""
    row = await tx.fetchrow("SELECT * FROM audit_entry WHERE id = $1", entry)
    if row is None:
        message = "No entry of the audit log has this id."
        raise NotFoundError(message)
    return _show(row)


async def find(tx: Transaction, wanted: Filter) -> dict[str, object]:
    """List entries, newest first."""
    rows = await tx.fetch(
        """
        SELECT * FROM audit_entry
        WHERE ($1::text IS NULL OR actor = $1) AND ($2::text IS NULL OR action = $2)
          AND ($3::text IS NULL OR subject = $3)
          AND ($4::timestamptz IS NULL OR at >= $4) AND ($5::timestamptz IS NULL OR at < $5)
          AND ($6::bigint IS NULL OR number < $6)
        ORDER BY number DESC LIMIT $7
        """,
        wanted.actor,
        wanted.action,
        wanted.subject,
        wanted.since,
        wanted.until,
        wanted.before,
        wanted.limit + 1,
    )
    shown, has_more = rows[: wanted.limit], len(rows) > wanted.limit
    return {
        "data": [_show(row) for row in shown],
        "has_more": has_more,
        "next_cursor": str(shown[-1]["number"]) if has_more else None,
    }


def _show(row: Record) -> dict[str, object]:
    return {
        "id": ids.text("audit", row["id"]),
        "object": "audit_entry",
        "number": row["number"],
        "at": time(row["at"]),
        "actor": row["actor"],
        "actor_name": row["actor_name"],
        "action": row["action"],
        "subject": row["subject"],
        "before": row["before"],
        "after": row["after"],
        "reason": row["reason"],
        "request": row["request"],
        "digest": row["digest"].hex(),
    }
