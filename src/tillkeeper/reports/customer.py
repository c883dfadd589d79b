"""Customers as the API shows them."""

from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.reports import paging, time

SELECT = """
SELECT customer.*,
       (SELECT coalesce(jsonb_object_agg(gateway, reference), '{}') FROM customer_link WHERE customer_id = customer.id)
           AS gateways
FROM customer
"""


async def show(tx: Transaction, customer: UUID) -> dict[str, object]:
    """Show one customer; raises NotFoundError."""
    row = await tx.fetchrow(f"{SELECT} WHERE id = $1", customer)
    if row is None:
        message = "No customer has this id."
        raise NotFoundError(message)
    return _show(row)


async def find(tx: Transaction, *, limit: int, cursor: str | None) -> dict[str, object]:
    """List customers, newest first."""
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
        "id": ids.text("customer", row["id"]),
        "object": "customer",
        "email": row["email"],
        "name": row["name"],
        "external_id": row["external_id"],
        "gateways": row["gateways"],
        "created_at": time(row["created_at"]),
    }
