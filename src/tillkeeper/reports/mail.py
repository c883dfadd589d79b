"""Letters as the API and the commands show them."""

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.reports import time


async def find(tx: Transaction, *, status: str | None, limit: int) -> list[dict[str, object]]:
    """List letters, newest first; nobody's address stands in them."""
    rows = await tx.fetch(
        """
        SELECT id, kind, topic, status, reason, failures, created_at, due_at, finished_at FROM mail_letter
        WHERE $1::text IS NULL OR status = $1 ORDER BY id DESC LIMIT $2
        """,
        status,
        limit,
    )
    return [
        {
            "id": ids.text("letter", row["id"]),
            "object": "letter",
            "kind": row["kind"],
            "topic": row["topic"],
            "status": row["status"],
            "reason": row["reason"],
            "failures": row["failures"],
            "created_at": time(row["created_at"]),
            "due_at": time(row["due_at"]) if row["status"] == "pending" else None,
            "finished_at": time(row["finished_at"]),
        }
        for row in rows
    ]
