"""The merchant's people as the command line shows them."""

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.reports import time

members_max = 1_000


async def find(tx: Transaction) -> list[dict[str, object]]:
    """List the merchant's people, by address."""
    rows = await tx.fetch(
        "SELECT id, email, role, totp IS NOT NULL AS second_factor, created_at, disabled_at,"
        " (SELECT max(seen_at) FROM staff_session WHERE member_id = staff_member.id) AS seen_at"
        f" FROM staff_member ORDER BY email LIMIT {members_max}"
    )
    return [
        {
            "id": ids.text("member", row["id"]),
            "email": row["email"],
            "role": row["role"],
            "second_factor": row["second_factor"],
            "created_at": time(row["created_at"]),
            "seen_at": time(row["seen_at"]),
            "disabled_at": time(row["disabled_at"]),
        }
        for row in rows
    ]
