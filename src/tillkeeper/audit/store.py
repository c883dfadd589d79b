"""All SQL of the audit log."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from tillkeeper.audit.values import Action, Actor
from tillkeeper.kernel.db import Transaction

GONE = {"erased": True}
"""What stands in the place of what was changed, where it named somebody who was erased."""


async def insert(
    tx: Transaction,
    entry: UUID,
    by: Actor,
    action: Action,
    subject: str,
    changed: tuple[Mapping[str, object] | None, Mapping[str, object] | None],
    reason: str | None,
    at: datetime,
) -> None:
    """Append one entry; the database numbers it and chains it to the last."""
    await tx.execute(
        "INSERT INTO audit_entry (id, at, actor, actor_name, action, subject, before, after, reason, request)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        entry,
        at,
        by.id,
        by.name,
        action,
        subject,
        *changed,
        reason,
        by.request,
    )


async def newest(tx: Transaction) -> int:
    """Tell the number of the newest entry."""
    found: int = await tx.fetchval("SELECT coalesce(max(number), 0) FROM audit_entry")
    return found


async def broken(tx: Transaction, *, after: int, until: int) -> list[int]:
    """List entries of a stretch that are not what was written, or whose predecessor is gone.

    One that lost words is vouched for by a later entry, and shows that it did.
    """
    rows = await tx.fetch(
        """
        WITH erased AS MATERIALIZED (
            SELECT entries.key::bigint AS number, decode(entries.value, 'hex') AS digest
            FROM audit_entry AS told, jsonb_each_text(told.after -> 'entries') AS entries
            WHERE told.action IN ('user.erased', 'records.retained') AND told.number > $1::bigint
              AND entries.key::bigint > $1 AND entries.key::bigint <= $2::bigint AND entries.key::bigint < told.number
        )
        SELECT entry.number
        FROM audit_entry AS entry
        LEFT JOIN audit_entry AS earlier ON earlier.number = entry.number - 1,
        LATERAL (SELECT audit_digest(entry, coalesce(earlier.digest, '')) AS digest) AS found
        WHERE entry.number > $1 AND entry.number <= $2
          AND ((earlier.number IS NULL AND entry.number <> 1)
               OR (entry.digest <> found.digest
                   AND NOT ((entry.reason = 'erased' OR entry.before = $3::jsonb OR entry.after = $3::jsonb)
                            IS TRUE
                            AND (entry.number, found.digest) IN (SELECT * FROM erased))))
        ORDER BY entry.number
        """,
        after,
        until,
        GONE,
    )
    return [row["number"] for row in rows]


async def erase(tx: Transaction, subjects: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Take words out of entries, which this role can change in no other way."""
    rows = await tx.fetch("SELECT * FROM erase_audit($1, $2)", list(subjects), list(names))
    return {str(row["number"]): row["digest"].hex() for row in rows}
