"""All SQL of the audit log."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from tillkeeper.audit.values import Action, Actor
from tillkeeper.kernel.db import Transaction


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


async def broken(tx: Transaction, *, last: int | None) -> list[int]:
    """List entries that are not what was written, or whose predecessor is gone; only among the last, if so asked."""
    rows = await tx.fetch(
        """
        WITH erased AS MATERIALIZED (
            SELECT entries.key::bigint AS number, decode(entries.value, 'hex') AS digest
            FROM audit_entry AS told, jsonb_each_text(told.after -> 'entries') AS entries
            WHERE told.action = 'user.erased'
        )
        SELECT entry.number
        FROM audit_entry AS entry LEFT JOIN audit_entry AS earlier ON earlier.number = entry.number - 1
        WHERE ((entry.digest <> audit_digest(entry, coalesce(earlier.digest, ''))
                AND (entry.number, audit_digest(entry, coalesce(earlier.digest, ''))) NOT IN (SELECT * FROM erased))
               OR (earlier.number IS NULL AND entry.number <> 1))
          AND entry.number > coalesce((SELECT max(number) FROM audit_entry) - $1::bigint, 0)
        ORDER BY entry.number
        """,
        last,
    )
    return [row["number"] for row in rows]


async def erase(tx: Transaction, subjects: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Take words out of entries, which this role can change in no other way."""
    rows = await tx.fetch("SELECT * FROM erase_audit($1, $2)", list(subjects), list(names))
    return {str(row["number"]): row["digest"].hex() for row in rows}
