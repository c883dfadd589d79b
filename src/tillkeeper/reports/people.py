"""The people who buy as a person looks at them: who there is, what they hold, and who stands on a list."""

from collections.abc import Sequence
from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.errors import InvalidFieldError, NotFoundError
from tillkeeper.reports import customer, paging, payment, time

SELECT = """
SELECT end_user.id, end_user.name, end_user.created_at, customer.id AS customer_id, customer.email,
       coalesce(wallet.balance, 0) AS balance, coalesce(wallet.frozen, 0) AS frozen, coalesce(wallet.debt, 0) AS debt,
       (SELECT max(created_at) FROM payment WHERE user_id = end_user.id) AS paid_at
FROM end_user
LEFT JOIN wallet ON wallet.user_id = end_user.id
LEFT JOIN customer ON customer.external_id = end_user.name
"""


async def find(tx: Transaction, *, limit: int, cursor: str | None) -> dict[str, object]:
    """List users, newest first: their ids tell when they came."""
    rows = await tx.fetch(
        f"{SELECT} WHERE $1::uuid IS NULL OR end_user.id < $1 ORDER BY end_user.id DESC LIMIT $2",
        _place(cursor),
        limit + 1,
    )
    shown, has_more = rows[:limit], len(rows) > limit
    return {
        "data": [_show(row) for row in shown],
        "has_more": has_more,
        "next_cursor": ids.text("user", shown[-1]["id"]) if has_more else None,
    }


async def named(tx: Transaction, name: str) -> dict[str, object] | None:
    """Show one user; None for a name that nobody has."""
    row = await tx.fetchrow(f"{SELECT} WHERE end_user.name = $1", name)
    return _show(row) if row else None


async def paying_as(tx: Transaction, name: str) -> dict[str, object] | None:
    """Show the customer who is known by the merchant's own name; None where there is none."""
    found = await tx.fetchval("SELECT id FROM customer WHERE external_id = $1", name)
    return await customer.show(tx, found) if found else None


async def payments_of(tx: Transaction, payer: UUID, *, limit: int) -> Sequence[dict[str, object]]:
    """List the newest payments of a customer."""
    rows = await tx.fetch(
        f"{payment.SELECT} WHERE customer_id = $1 ORDER BY payment.created_at DESC, payment.id DESC LIMIT $2",
        payer,
        limit,
    )
    return [payment.shown(row) for row in rows]


async def listed(tx: Transaction, key: bytes) -> Sequence[dict[str, object]]:
    """Tell on which lists somebody stands."""
    rows = await tx.fetch("SELECT * FROM risk_list WHERE key = $1 ORDER BY side", key)
    return [
        {
            "id": ids.text("entry", row["id"]),
            "side": row["side"],
            "note": row["note"],
            "added_by": row["added_by"],
            "added_at": time(row["at"]),
            "expires_at": time(row["expires_at"]),
        }
        for row in rows
    ]


def _place(cursor: str | None) -> UUID | None:
    try:
        return ids.parse("user", cursor) if cursor else None
    except NotFoundError as error:
        raise InvalidFieldError(paging.CURSOR_WRONG, param="cursor") from error


def _show(row: Record) -> dict[str, object]:
    return {
        "id": ids.text("user", row["id"]),
        "name": row["name"],
        "customer": ids.text("customer", row["customer_id"]) if row["customer_id"] else None,
        "email": row["email"],
        "balance": row["balance"],
        "frozen": row["frozen"],
        "debt": row["debt"],
        "paid_at": time(row["paid_at"]),
        "created_at": time(row["created_at"]),
    }
