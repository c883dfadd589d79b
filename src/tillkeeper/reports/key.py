"""Keys as the API and the command line show them: never their texts."""

from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.reports import paging, time

SELECT = """
SELECT id, name, kind, mode, hint, scopes, created_at, last_used_at, expires_at, revoked_at FROM api_key
"""


async def show(tx: Transaction, key: UUID) -> dict[str, object]:
    """Show one key; raises NotFoundError."""
    row = await tx.fetchrow(f"{SELECT} WHERE id = $1", key)
    if row is None:
        message = "No key has this id."
        raise NotFoundError(message)
    return _show(row)


async def find(tx: Transaction, *, limit: int, cursor: str | None = None) -> dict[str, object]:
    """List keys, newest first, also those that are over."""
    at, id_ = paging.place(cursor)
    rows = await tx.fetch(
        f"""{SELECT}
        WHERE $1::timestamptz IS NULL OR (created_at, id) < ($1, $2::uuid)
        ORDER BY created_at DESC, id DESC LIMIT $3
        """,
        at,
        id_,
        limit + 1,
    )
    return paging.page(rows, limit, "created_at", _show)


def _show(row: Record) -> dict[str, object]:
    return {
        "id": ids.text("key", row["id"]),
        "object": "key",
        "name": row["name"],
        "kind": row["kind"],
        "mode": row["mode"],
        "ends_with": row["hint"],
        "scopes": row["scopes"],
        "created_at": time(row["created_at"]),
        "last_used_at": time(row["last_used_at"]),
        "expires_at": time(row["expires_at"]),
        "revoked_at": time(row["revoked_at"]),
    }
