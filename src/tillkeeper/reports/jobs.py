"""What is still to be done behind the scenes, what of it is late, and what the workers left behind as they went."""

from datetime import datetime, timedelta

from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.reports import time

overdue_minutes = 15
"""What has been due for longer is not being worked on."""
counted_max = 1_000
quiet_seconds = 60
"""A worker shows itself every ten seconds; after a minute without a sign of one, none is at work."""

WAITING = {
    "webhooks": "SELECT due_at FROM inbox_message WHERE status IN ('received', 'parked')",
    "calls": "SELECT due_at FROM operation WHERE state = 'asked'",
    "deliveries": """
        SELECT due_at FROM webhook_delivery
        WHERE status = 'pending' AND (SELECT enabled FROM webhook_endpoint WHERE id = endpoint_id)""",
    "letters": "SELECT due_at FROM mail_letter WHERE status = 'pending'",
    "late_goods": "SELECT due_at FROM late_delivery WHERE status = 'pending'",
    "late_revocations": "SELECT due_at FROM late_revocation WHERE finished_at IS NULL",
    "comparisons": "SELECT due_at FROM reconciliation_run WHERE status <> 'done'",
    "events": "SELECT created_at AS due_at FROM outbox_event WHERE seq IS NULL",
}
"""The rows that are work, each with the moment from which on it is to be done."""
STUCK = {
    "webhooks": "SELECT FROM inbox_message WHERE status IN ('quarantined', 'dead')",
    "calls": "SELECT FROM operation WHERE state = 'given_up'",
    "deliveries": "SELECT FROM webhook_delivery WHERE status = 'dead'",
    "late_goods": "SELECT FROM late_delivery WHERE status = 'failed'",
}
"""What no worker will touch again: somebody must look."""

RUNS = """
SELECT 'examine' AS job, scope AS subject, taken_at AS ran_at, finished_at, slot FROM invariant_run
UNION ALL SELECT 'catch_up', gateway, ran_at, NULL, NULL FROM catch_up
UNION ALL SELECT 'import', gateway, ran_at, NULL, NULL FROM settlement_cursor
UNION ALL SELECT 'notify', name, updated_at, NULL, NULL FROM event_cursor
UNION ALL (SELECT 'seal', NULL, sealed_at, NULL, NULL FROM seal WHERE number > 0 ORDER BY number DESC LIMIT 1)
UNION ALL (SELECT 'compare', gateway || ' ' || day, coalesce(finished_at, started_at), finished_at, NULL
           FROM reconciliation_run WHERE started_at IS NOT NULL ORDER BY created_at DESC, id DESC LIMIT 1)
"""
LATEST = """
WITH RECURSIVE job (name) AS (
    SELECT min(job) FROM schedule_run
    UNION ALL SELECT (SELECT min(job) FROM schedule_run WHERE job > name) FROM job WHERE name IS NOT NULL
)
SELECT run.* FROM job CROSS JOIN LATERAL (
    SELECT * FROM schedule_run WHERE job = name ORDER BY slot DESC LIMIT 1
) AS run
ORDER BY next_slot, job
"""
"""Reads one row for each job, however many there are by now."""
SLOTS = {"recent": timedelta(minutes=1), "full": timedelta(days=1)}
"""How far apart the looks at the books are."""


async def queues(tx: Transaction) -> list[dict[str, object]]:
    """Count what waits, what of it is late, and what needs somebody; each up to a limit, so that it stays quick."""
    return [await _queue(tx, name, work) for name, work in WAITING.items()]


async def _queue(tx: Transaction, name: str, work: str) -> dict[str, object]:
    row = await tx.fetchrow(
        f"""
        SELECT count(*) AS waiting, min(due_at) AS oldest,
               count(*) FILTER (WHERE due_at < clock_timestamp() - $1 * interval '1 minute') AS overdue
        FROM ({work} ORDER BY due_at LIMIT $2) AS work
        """,
        overdue_minutes,
        counted_max,
    )
    assert row, "a count is always one row"
    stuck = 0
    if name in STUCK:
        stuck = await tx.fetchval(f"SELECT count(*) FROM ({STUCK[name]} LIMIT $1) AS stuck", counted_max)
    return {
        "queue": name,
        "waiting": row["waiting"],
        "overdue": row["overdue"],
        "oldest_due_at": time(row["oldest"]),
        "stuck": stuck,
    }


async def runs(tx: Transaction) -> list[dict[str, object]]:
    """List what the workers did last, as far as it leaves a trace of its own, the latest first."""
    rows = await tx.fetch(f"SELECT * FROM ({RUNS}) AS run ORDER BY ran_at DESC, job, subject")
    return [_run(row) for row in rows]


def _run(row: Record) -> dict[str, object]:
    slot: datetime | None = row["slot"]
    return {
        "job": row["job"],
        "subject": row["subject"],
        "ran_at": time(row["ran_at"]),
        "finished_at": time(row["finished_at"]),
        "next_at": time(slot + SLOTS[row["subject"]]) if slot else None,
    }


async def appointments(tx: Transaction) -> list[dict[str, object]]:
    """List what is due at certain moments, as its latest slot went; what is due next stands first."""
    return [
        {
            "job": row["job"],
            "slot": time(row["slot"]),
            "status": row["status"],
            "tries": row["tries"],
            "ran_at": time(row["finished_at"] or row["started_at"]),
            "again_at": time(row["due_at"]),
            "next_at": time(row["next_slot"]),
            "error": row["error"],
        }
        for row in await tx.fetch(LATEST)
    ]


async def workers(tx: Transaction) -> list[dict[str, object]]:
    """List who is at work."""
    rows = await tx.fetch(
        "SELECT kind, host, pid, started_at, beat_at FROM worker"
        " WHERE ended_at IS NULL AND beat_at > clock_timestamp() - $1 * interval '1 second' ORDER BY started_at, id",
        quiet_seconds,
    )
    return [
        {
            "kind": row["kind"],
            "host": row["host"],
            "pid": row["pid"],
            "started_at": time(row["started_at"]),
            "beat_at": time(row["beat_at"]),
        }
        for row in rows
    ]


async def last_sign(tx: Transaction) -> datetime | None:
    """Tell when a worker was last seen; what only wakes workers does no work."""
    found: datetime | None = await tx.fetchval("SELECT max(beat_at) FROM worker WHERE kind <> 'beat'")
    return found
