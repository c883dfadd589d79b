"""All SQL of findings."""

from collections.abc import Sequence
from datetime import datetime

from tillkeeper.kernel.db import Transaction
from tillkeeper.ledger.values import Finding


async def take(tx: Transaction, scope: str, slot: datetime, *, lease_seconds: int) -> bool:
    """Take a slot of time, so that one worker alone examines it; false when it is taken or over.

    After the lease without an end, whoever took it is dead, and the next slot is free.
    """
    taken = await tx.fetchval(
        """
        INSERT INTO invariant_run (scope, slot, taken_at) VALUES ($1, $2, clock_timestamp())
        ON CONFLICT (scope) DO UPDATE
        SET slot = excluded.slot, taken_at = excluded.taken_at, finished_at = NULL
        WHERE invariant_run.slot < excluded.slot AND invariant_run.finished_at IS NOT NULL
           OR invariant_run.finished_at IS NULL
              AND invariant_run.taken_at < clock_timestamp() - $3 * interval '1 second'
        RETURNING true
        """,
        scope,
        slot,
        lease_seconds,
    )
    return bool(taken)


async def finish(tx: Transaction, scope: str, slot: datetime) -> bool:
    """Close a slot; false when somebody else has taken it meanwhile."""
    return bool(
        await tx.execute(
            "UPDATE invariant_run SET finished_at = clock_timestamp() "
            "WHERE scope = $1 AND slot = $2 AND finished_at IS NULL",
            scope,
            slot,
        )
    )


async def save(tx: Transaction, findings: Sequence[Finding], *, scope: str, at: datetime) -> None:
    """Remember the last word on each thing, and since when it is broken if it is."""
    await tx.execute(
        """
        INSERT INTO invariant_check AS known (name, scope, checked_at, violations, sample, broken_since)
        SELECT name, $4, $5::timestamptz, violations, sample, CASE WHEN violations > 0 THEN $5::timestamptz END
        FROM (SELECT name, violations, string_to_array(sample, chr(10)) AS sample
              FROM unnest($1::text[], $2::integer[], $3::text[]) AS found (name, violations, sample)) AS found
        ON CONFLICT (name, scope) DO UPDATE
        SET checked_at = excluded.checked_at, violations = excluded.violations, sample = excluded.sample,
            broken_since = CASE WHEN excluded.violations > 0
                                THEN coalesce(known.broken_since, excluded.broken_since) END
        """,
        [finding.name for finding in findings],
        [finding.violations for finding in findings],
        ["\n".join(finding.sample) for finding in findings],
        scope,
        at,
    )


async def latest(tx: Transaction) -> list[Finding]:
    """Read the last word on each thing."""
    rows = await tx.fetch("SELECT * FROM invariant_check ORDER BY name, scope DESC")
    return [
        Finding(
            name=row["name"],
            violations=row["violations"],
            sample=tuple(row["sample"]),
            scope=row["scope"],
            checked_at=row["checked_at"],
            broken_since=row["broken_since"],
        )
        for row in rows
    ]
