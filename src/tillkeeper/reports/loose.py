"""Lines of gateways' accounts that belong to nothing of ours, with the words that they still have."""

from collections.abc import Sequence
from datetime import datetime

from tillkeeper.kernel.db import Transaction

found_seconds_max = 60
"""Lines that belong to nothing lie far apart."""
LOOSE = """
raw <> '' AND NOT EXISTS (SELECT FROM settlement_link AS link WHERE link.line_id = line.id)
AND NOT EXISTS (SELECT FROM payment WHERE payment.id = line.our_payment)
AND NOT EXISTS (SELECT FROM refund WHERE refund.id = line.our_refund)
"""
QUIET = "NOT EXISTS (SELECT FROM discrepancy WHERE status = 'open' AND discrepancy.line_id = line.id)"
"""Nobody has to look at the line any more."""
UNREAD_QUIET = """
NOT EXISTS (SELECT FROM discrepancy WHERE status = 'open' AND discrepancy.gateway = line.gateway
            AND subject = 'unread:' || line.line_id || ':' || line.reason)
"""


async def reach(tx: Transaction, *, after: int, before: datetime, limit: int) -> int:
    """Tell up to which line everything behind one of them was told long enough ago."""
    reached: int = await tx.fetchval(
        """
        WITH next AS MATERIALIZED (SELECT id, told_at FROM settlement_line WHERE id > $1 ORDER BY id LIMIT $3)
        SELECT coalesce(max(id), $1) FROM next
        WHERE id < coalesce((SELECT min(id) FROM next WHERE told_at >= $2), 9223372036854775807)
        """,
        after,
        before,
        limit,
    )
    return reached


async def between(tx: Transaction, *, after: int, until: int) -> list[int]:
    """List the loose lines of a stretch that nobody has to look at."""
    rows = await tx.fetch(
        f"SELECT id FROM settlement_line AS line WHERE id > $1 AND id <= $2 AND {LOOSE} AND {QUIET}", after, until
    )
    return [row["id"] for row in rows]


async def seen_to(tx: Transaction, *, until: int, before: datetime, limit: int) -> list[int]:
    """List loose lines that somebody had to look at when all around them was done, and that nobody has to any more."""
    rows = await tx.fetch(
        f"""
        SELECT DISTINCT line.id FROM discrepancy AS done JOIN settlement_line AS line ON line.id = done.line_id
        WHERE done.first_seen_at < $2 AND done.status <> 'open' AND line.id <= $1 AND {LOOSE} AND {QUIET}
        LIMIT $3
        """,
        until,
        before,
        limit,
    )
    return [row["id"] for row in rows]


async def unread(tx: Transaction, *, before: datetime, limit: int) -> list[int]:
    """List lines that nobody could read and nobody has to look at any more, the oldest first."""
    rows = await tx.fetch(
        f"""
        SELECT id FROM unread_line AS line WHERE raw <> '' AND told_at < $1 AND {UNREAD_QUIET}
        ORDER BY told_at, id LIMIT $2
        """,
        before,
        limit,
    )
    return [row["id"] for row in rows]


async def lines_since(tx: Transaction, *, since: datetime, after: int, limit: int) -> list[tuple[int, bytes]]:
    """List what loose lines say, sealed, in the order of their ids."""
    rows = await tx.fetch_long(
        f"""
        SELECT id, raw FROM settlement_line AS line WHERE id > $2 AND told_at >= $1 AND {LOOSE} ORDER BY id LIMIT $3
        """,
        since,
        after,
        limit,
        seconds_max=found_seconds_max,
    )
    return [(row["id"], row["raw"]) for row in rows]


async def unread_since(tx: Transaction, *, since: datetime, after: int, limit: int) -> list[tuple[int, bytes]]:
    """List what lines say that nobody could read, sealed, in the order of their ids."""
    rows = await tx.fetch(
        "SELECT id, raw FROM unread_line WHERE id > $2 AND told_at >= $1 AND raw <> '' ORDER BY id LIMIT $3",
        since,
        after,
        limit,
    )
    return [(row["id"], row["raw"]) for row in rows]


async def due(tx: Transaction, *, after: int, before: datetime, limit: int) -> int:
    """Count lines that lose their words next."""
    found: Sequence[int] = [
        await tx.fetchval(
            f"""
            SELECT count(*) FROM (
                SELECT FROM settlement_line AS line WHERE id > $1 AND told_at < $2 AND {LOOSE} AND {QUIET} LIMIT $3
            ) AS old
            """,
            after,
            before,
            limit,
        ),
        await tx.fetchval(
            f"""
            SELECT count(*) FROM (
                SELECT FROM unread_line AS line WHERE raw <> '' AND told_at < $1 AND {UNREAD_QUIET} LIMIT $2
            ) AS old
            """,
            before,
            limit,
        ),
    ]
    return sum(found)
