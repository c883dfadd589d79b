"""Webhook endpoints as the API shows them, never with a secret."""

from uuid import UUID

from tillkeeper.audit import Action
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.reports import paging, time

SELECT = """
SELECT id, url, types, description, enabled, disabled_reason, disabled_at, failing_since, created_at,
       CASE WHEN previous_until > clock_timestamp() THEN previous_until END AS previous_until,
       (SELECT count(*) FROM webhook_delivery WHERE endpoint_id = endpoint.id AND status = 'pending') AS pending
FROM webhook_endpoint AS endpoint WHERE deleted_at IS NULL
"""


async def show(tx: Transaction, endpoint: UUID) -> dict[str, object]:
    """Show one endpoint; raises NotFoundError."""
    row = await tx.fetchrow(f"{SELECT} AND id = $1", endpoint)
    if row is None:
        message = "No webhook endpoint has this id."
        raise NotFoundError(message)
    return _show(row)


async def find(tx: Transaction, *, limit: int, cursor: str | None) -> dict[str, object]:
    """List endpoints, newest first."""
    at, id_ = paging.place(cursor)
    rows = await tx.fetch(
        f"""{SELECT}
          AND ($1::timestamptz IS NULL OR (created_at, id) < ($1, $2::uuid))
        ORDER BY created_at DESC, id DESC LIMIT $3
        """,
        at,
        id_,
        limit + 1,
    )
    return paging.page(rows, limit, "created_at", _show)


async def secret_days(tx: Transaction) -> dict[str, str]:
    """Tell since when each endpoint has its secret: since it was made, or last given a new one."""
    rows = await tx.fetch(
        "SELECT subject, max(at) AS at FROM audit_entry WHERE action = ANY($1::text[]) GROUP BY subject",
        [Action.ENDPOINT_CREATED, Action.ENDPOINT_ROTATED],
    )
    return {row["subject"]: str(time(row["at"])) for row in rows}


def _show(row: Record) -> dict[str, object]:
    return {
        "id": ids.text("endpoint", row["id"]),
        "object": "webhook_endpoint",
        "url": row["url"],
        "types": row["types"],
        "description": row["description"],
        "enabled": row["enabled"],
        "disabled_reason": row["disabled_reason"],
        "disabled_at": time(row["disabled_at"]),
        "failing_since": time(row["failing_since"]),
        "pending": row["pending"],
        "previous_secret_until": time(row["previous_until"]),
        "created_at": time(row["created_at"]),
    }
