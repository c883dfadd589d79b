"""Requests under an Idempotency-Key, which are remembered for a day: what they made, and whether they came again."""

from uuid import UUID

from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.reports import time

SELECT = """
SELECT created_at, key, split_part(scope, ':', 1) AS caller, status, replays,
       coalesce(body ->> 'object', 'request') AS object, body ->> 'id' AS made
FROM idempotency_key
"""
ABOUT = f"""{SELECT}
WHERE resource_id IN (SELECT $1::uuid
                      UNION ALL SELECT id FROM refund WHERE payment_id = $1
                      UNION ALL SELECT id FROM refund_request WHERE payment_id = $1
                      UNION ALL SELECT response.id FROM dispute JOIN dispute_response AS response
                                       ON dispute_id = dispute.id WHERE dispute.payment_id = $1)
"""
"""What was asked for about one thing; about a payment also what was asked for about its refunds and disputes."""
CALLERS = {
    "secret": "a secret key",
    "user": "an end user",
    "member": "one of your people",
    "shell": "the command line",
    "shop": "the demo shop",
    "seed": "the history of the demo",
}


async def about(tx: Transaction, thing: UUID, *, limit: int) -> list[dict[str, object]]:
    """List what was asked for about something, the newest first."""
    rows = await tx.fetch(f"{ABOUT} ORDER BY created_at DESC LIMIT $2", thing, limit)
    return [_show(row) for row in rows]


async def latest(tx: Transaction, *, limit: int) -> list[dict[str, object]]:
    """List what was asked for and answered last, whatever it was about."""
    rows = await tx.fetch(f"{SELECT} WHERE status IS NOT NULL ORDER BY created_at DESC LIMIT $1", limit)
    return [_show(row) for row in rows]


def _show(row: Record) -> dict[str, object]:
    return {
        "at": time(row["created_at"]),
        "key": row["key"],
        "by": CALLERS.get(row["caller"], row["caller"]),
        "status": row["status"],
        "object": row["object"],
        "made": row["made"],
        "replays": row["replays"],
    }
