"""The merchant's people as the command line and pages show them."""

from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.reports import time

members_max = 1_000
SELECT = """
SELECT id, email, role, totp IS NOT NULL AS second_factor, created_at, disabled_at,
       (SELECT max(seen_at) FROM staff_session WHERE member_id = staff_member.id) AS seen_at
FROM staff_member
"""


async def find(tx: Transaction) -> list[dict[str, object]]:
    """List the merchant's people, by address."""
    return [_show(row) for row in await tx.fetch(f"{SELECT} ORDER BY email LIMIT {members_max}")]


async def show(tx: Transaction, member: UUID) -> dict[str, object]:
    """Show one of the merchant's people; raises NotFoundError."""
    row = await tx.fetchrow(f"{SELECT} WHERE id = $1", member)
    if row is None:
        message = "Nobody has this id."
        raise NotFoundError(message)
    return _show(row)


def _show(row: Record) -> dict[str, object]:
    return {
        "id": ids.text("member", row["id"]),
        "email": row["email"],
        "role": row["role"],
        "second_factor": row["second_factor"],
        "created_at": time(row["created_at"]),
        "seen_at": time(row["seen_at"]),
        "disabled_at": time(row["disabled_at"]),
    }
