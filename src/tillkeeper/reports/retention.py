"""What retention would take words out of now."""

from datetime import datetime

from tillkeeper.kernel.db import Transaction
from tillkeeper.reports import loose
from tillkeeper.retention import Kind, Mark

counted_max = 100_000
UNPAID = "status IN ('failed', 'canceled', 'expired') AND amount_captured = 0"
OLD_PAYMENTS = f"""
SELECT count(*) FROM (
    SELECT FROM payment WHERE created_at < $1 AND (created_at, id) > ($2, $3) AND ({UNPAID}) = $4 LIMIT {counted_max}
) AS old
"""
OLD_ENTRIES = f"SELECT count(*) FROM (SELECT FROM audit_entry WHERE number > $1 AND at < $2 LIMIT {counted_max}) AS old"
OLD_BODIES = f"""
SELECT count(*) FROM (
    SELECT FROM inbox_body JOIN inbox_message ON id = message_id
    WHERE received_at < $1 AND status IN ('processed', 'ignored') LIMIT {counted_max}
) AS old
"""


async def due(tx: Transaction, kind: Kind, mark: Mark, before: datetime) -> int:
    """Count what is older than its time and still has words."""
    found: int
    match kind:
        case Kind.AUDIT:
            found = await tx.fetchval(OLD_ENTRIES, mark.number, before)
        case Kind.LINES:
            found = await loose.due(tx, after=mark.number, before=before, limit=counted_max)
        case Kind.PAID | Kind.UNPAID:
            found = await tx.fetchval(OLD_PAYMENTS, before, mark.at, mark.id, kind is Kind.UNPAID)
    return found


async def bodies_due(tx: Transaction, before: datetime) -> int:
    """Count webhooks whose words are older than their time."""
    found: int = await tx.fetchval(OLD_BODIES, before)
    return found
