"""All SQL of access."""

from datetime import datetime
from uuid import UUID

from tillkeeper.access.values import NewKey
from tillkeeper.kernel.db import Record, Transaction


async def insert(tx: Transaction, key: UUID, wanted: NewKey, *, mode: str, hint: str, digest: bytes) -> None:
    """Keep a key without its text."""
    await tx.execute(
        "INSERT INTO api_key (id, name, mode, kind, hint, digest, scopes, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        key,
        wanted.name,
        mode,
        wanted.kind,
        hint,
        digest,
        list(wanted.scopes),
        wanted.expires_at,
    )


async def use(tx: Transaction, digest: bytes, *, mode: str, now: datetime) -> Record | None:
    """Find a key that is good at this moment, and remember at most once a minute that it was used.

    The index compares digests, which tell nothing of the text. It is one statement, because every request needs it.
    """
    return await tx.fetchrow(
        """
        WITH good AS MATERIALIZED (
            SELECT id, name, scopes FROM api_key
            WHERE digest = $1 AND mode = $2 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $3)
        ), used AS (
            UPDATE api_key SET last_used_at = clock_timestamp() FROM good
            WHERE api_key.id = good.id
              AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute')
        )
        SELECT id, name, scopes FROM good
        """,
        digest,
        mode,
        now,
    )


async def revoke(tx: Transaction, key: UUID, at: datetime) -> bool:
    """End a key; false when there is none that could be ended."""
    return bool(await tx.execute("UPDATE api_key SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL", key, at))


async def take(tx: Transaction, who: str, start: datetime, wanted: int) -> int:
    """Count calls of a window, and return how many there are with them."""
    taken: int = await tx.fetchval(
        "INSERT INTO rate_window AS window_ (who, start, taken) VALUES ($1, $2, $3)"
        " ON CONFLICT (who, start) DO UPDATE SET taken = window_.taken + excluded.taken RETURNING taken",
        who,
        start,
        wanted,
    )
    return taken


async def forget(tx: Transaction, before: datetime, limit: int) -> int:
    """Drop windows that are over, and leave to others those that they are dropping."""
    return await tx.execute(
        """
        DELETE FROM rate_window USING (
            SELECT who, start FROM rate_window WHERE start < $1 ORDER BY start LIMIT $2 FOR UPDATE SKIP LOCKED
        ) AS past
        WHERE rate_window.who = past.who AND rate_window.start = past.start
        """,
        before,
        limit,
    )


async def forget_caller(tx: Transaction, who: str) -> None:
    """Drop the counts of one caller."""
    await tx.execute("DELETE FROM rate_window WHERE who = $1", who)
