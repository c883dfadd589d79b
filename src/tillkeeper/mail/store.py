"""All SQL of the letters."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from tillkeeper.kernel.db import Transaction
from tillkeeper.mail.values import Kind, Leased, Letter, Verdict


async def insert(tx: Transaction, letters: Sequence[Letter]) -> None:
    """Owe letters; one that is owed or sent already stays as it is."""
    await tx.execute(
        """
        INSERT INTO mail_letter (id, kind, topic, data)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::jsonb[])
        ON CONFLICT (id) DO NOTHING
        """,
        [letter.id for letter in letters],
        [str(letter.kind) for letter in letters],
        [letter.topic for letter in letters],
        [dict(letter.data) for letter in letters],
    )


async def alerts_begun(tx: Transaction, since: datetime) -> int:
    """Count the alerts that were sent off since a moment."""
    found: int = await tx.fetchval("SELECT count(*) FROM mail_letter WHERE kind = 'alert' AND begun_at >= $1", since)
    return found


async def has_digest(tx: Transaction, since: datetime) -> bool:
    """Tell whether a digest was made since a moment."""
    found: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM mail_letter WHERE kind = 'digest' AND created_at > $1)", since
    )
    return found


async def claim(tx: Transaction, token: UUID, limit: int, *, new_alerts_max: int, lease_seconds: int) -> list[Leased]:
    """Lease letters that are due and that nobody holds; of alerts that were never tried only so many."""
    due = """
        SELECT id FROM mail_letter
        WHERE status = 'pending' AND due_at <= clock_timestamp()
          AND (lease_until IS NULL OR lease_until <= clock_timestamp())
    """
    rows = await tx.fetch(
        f"""
        WITH ready AS MATERIALIZED (
            {due} AND (kind <> 'alert' OR begun_at IS NOT NULL)
            ORDER BY due_at, id LIMIT $2 FOR UPDATE SKIP LOCKED
        ), fresh AS MATERIALIZED (
            {due} AND kind = 'alert' AND begun_at IS NULL
            ORDER BY due_at, id LIMIT $3 FOR UPDATE SKIP LOCKED
        )
        UPDATE mail_letter AS letter SET
            lease_token = $1, lease_until = clock_timestamp() + $4 * interval '1 second',
            begun_at = coalesce(begun_at, clock_timestamp())
        FROM (SELECT id FROM ready UNION ALL SELECT id FROM fresh) AS chosen WHERE letter.id = chosen.id
        RETURNING letter.id, kind, topic, data, failures
        """,
        token,
        limit,
        min(limit, new_alerts_max),
        lease_seconds,
    )
    return [
        Leased(
            id=row["id"],
            kind=Kind(row["kind"]),
            topic=row["topic"],
            data=row["data"],
            failures=row["failures"],
            token=token,
        )
        for row in rows
    ]


async def record(tx: Transaction, letter: Leased, verdict: Verdict) -> bool:
    """Write what came of a try; false when its lease was lost meanwhile."""
    return bool(
        await tx.execute(
            """
            UPDATE mail_letter SET
                status = $3, reason = $4, lease_token = NULL, lease_until = NULL,
                failures = failures + CASE WHEN $3 = 'pending' THEN 1 ELSE 0 END,
                due_at = clock_timestamp() + $5 * interval '1 millisecond',
                finished_at = CASE WHEN $3 <> 'pending' THEN clock_timestamp() END
            WHERE id = $1 AND lease_token = $2 AND status = 'pending'
            """,
            letter.id,
            letter.token,
            verdict.status,
            verdict.reason,
            verdict.delay_ms,
        )
    )


async def gather(tx: Transaction, limit: int) -> list[tuple[str, Mapping[str, Any]]]:
    """End alerts that were never tried, and return them, oldest first."""
    rows = await tx.fetch(
        """
        WITH waiting AS MATERIALIZED (
            SELECT id FROM mail_letter WHERE status = 'pending' AND kind = 'alert' AND begun_at IS NULL
            ORDER BY created_at, id LIMIT $1
            FOR UPDATE SKIP LOCKED
        )
        UPDATE mail_letter AS letter SET status = 'gathered', finished_at = clock_timestamp()
        FROM waiting WHERE letter.id = waiting.id
        RETURNING topic, data, letter.id
        """,
        limit,
    )
    return [(row["topic"], row["data"]) for row in sorted(rows, key=lambda row: row["id"])]


async def drop_receipts(tx: Transaction, reason: str) -> int:
    """End receipts that were not sent yet; whoever is about to send one may still do so."""
    return await tx.execute(
        """
        UPDATE mail_letter
        SET status = 'dropped', reason = $1, lease_token = NULL, lease_until = NULL, finished_at = clock_timestamp()
        WHERE status = 'pending' AND kind = 'receipt'
        """,
        reason,
    )


async def erase(tx: Transaction, payments: Sequence[str], words: Sequence[str]) -> None:
    """Take the words out of letters about payments."""
    await tx.execute(
        """
        UPDATE mail_letter
        SET reason = CASE WHEN reason IS NULL THEN NULL ELSE 'erased' END,
            data = CASE WHEN data ->> 'reason' ~ ': ' OR data ->> 'reason' = ANY ($2::text[])
                        THEN jsonb_set(data, '{reason}', '"erased"') ELSE data END
        WHERE data ->> 'payment' = ANY ($1::text[])
        """,
        list(payments),
        list(words),
    )
