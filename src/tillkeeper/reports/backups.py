"""How old the last good backup is, what came of the last drill, and whether this is a copy that is kept apart."""

from datetime import datetime
from typing import Any

from tillkeeper.kernel.db import Transaction
from tillkeeper.reports import time

DRILLS = """
SELECT status, wished_by, wished_at, finished_at, file, report FROM drill
WHERE status {} ('passed', 'failed') ORDER BY {} DESC LIMIT 1
"""
DRILL_AGE = """
SELECT extract(epoch FROM clock_timestamp()
                          - coalesce((SELECT max(finished_at) FROM drill), (SELECT min(taken_at) FROM backup)))::bigint
"""


async def age_seconds(tx: Transaction) -> int | None:
    """Tell how old the data in the last good backup is; None when there never was one."""
    found: int | None = await tx.fetchval(
        "SELECT extract(epoch FROM clock_timestamp() - max(taken_at))::bigint FROM backup"
    )
    return found


async def drill_success(tx: Transaction) -> bool | None:
    """Tell whether the last drill passed; None when there never was one."""
    found = await last_drill(tx)
    return found["status"] == "passed" if found else None


async def drill_age_seconds(tx: Transaction) -> int | None:
    """Tell how long ago a drill ended, or the first backup was taken where none ever did; None without either."""
    found: int | None = await tx.fetchval(DRILL_AGE)
    return found


async def last_backup(tx: Transaction) -> dict[str, Any] | None:
    """Show the last good backup."""
    row = await tx.fetchrow("SELECT file, taken_at, bytes, rows, took_ms FROM backup ORDER BY taken_at DESC LIMIT 1")
    return {**row, "taken_at": time(row["taken_at"])} if row else None


async def last_drill(tx: Transaction) -> dict[str, Any] | None:
    """Show the last drill that is over, whole."""
    row = await tx.fetchrow(DRILLS.format("IN", "finished_at"))
    return {**row, "wished_at": time(row["wished_at"]), "finished_at": time(row["finished_at"])} if row else None


async def drill_under_way(tx: Transaction) -> dict[str, Any] | None:
    """Show the drill that is asked for or going on, if there is one."""
    row = await tx.fetchrow(DRILLS.format("NOT IN", "wished_at"))
    return {**row, "wished_at": time(row["wished_at"]), "finished_at": None} if row else None


async def isolation(tx: Transaction) -> dict[str, Any] | None:
    """Show since when this is a restored copy that nobody has released, and how far it has caught up."""
    row = await tx.fetchrow("SELECT since, source, taken_at FROM isolation")
    if row is None:
        return None
    seen = await tx.fetch("SELECT gateway, seen_until FROM catch_up ORDER BY gateway")
    return {
        "since": time(row["since"]),
        "source": row["source"],
        "taken_at": time(row["taken_at"]),
        "caught_up": {each["gateway"]: time(each["seen_until"]) for each in seen},
        "waiting": await tx.fetchval("SELECT count(*) FROM inbox_message WHERE status IN ('received', 'parked')"),
        "calls": await tx.fetchval("SELECT count(*) FROM operation WHERE state = 'asked'"),
        "deliveries": await tx.fetchval("SELECT count(*) FROM webhook_delivery WHERE status = 'pending'"),
    }


async def isolated_since(tx: Transaction) -> datetime | None:
    """Tell since when this is a restored copy that nobody has released."""
    found: datetime | None = await tx.fetchval("SELECT since FROM isolation")
    return found
