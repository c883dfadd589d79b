"""All SQL of idempotency keys."""

from collections.abc import Sequence
from uuid import UUID

from tillkeeper.kernel.db import Record, Transaction

erase_seconds_max = 120


async def insert(tx: Transaction, scope: str, key: str, request_sha: bytes, lease_seconds: int) -> bool:
    """Claim a key; waits for another claim of the same key to commit."""
    return bool(
        await tx.execute(
            """
            INSERT INTO idempotency_key (scope, key, request_sha, lease_until)
            VALUES ($1, $2, $3, clock_timestamp() + $4 * interval '1 second')
            ON CONFLICT DO NOTHING
            """,
            scope,
            key,
            request_sha,
            lease_seconds,
        )
    )


async def lock(tx: Transaction, scope: str, key: str) -> Record | None:
    """Lock a claimed key."""
    return await tx.fetchrow(
        """
        SELECT *, lease_until <= clock_timestamp() AS lease_over FROM idempotency_key
        WHERE scope = $1 AND key = $2 FOR NO KEY UPDATE
        """,
        scope,
        key,
    )


async def renew(tx: Transaction, scope: str, key: str, lease_seconds: int) -> None:
    """Take over a claim whose owner died."""
    await tx.execute(
        "UPDATE idempotency_key SET lease_until = clock_timestamp() + $3 * interval '1 second' "
        "WHERE scope = $1 AND key = $2",
        scope,
        key,
        lease_seconds,
    )


async def attach(tx: Transaction, scope: str, key: str, resource: UUID) -> None:
    """Remember what the key is making."""
    await tx.execute("UPDATE idempotency_key SET resource_id = $3 WHERE scope = $1 AND key = $2", scope, key, resource)


async def finish(tx: Transaction, scope: str, key: str, status: int, body: dict[str, object]) -> None:
    """Keep the answer for replay."""
    await tx.execute(
        "UPDATE idempotency_key SET status = $3, body = $4 WHERE scope = $1 AND key = $2", scope, key, status, body
    )


async def count_replay(tx: Transaction, scope: str, key: str) -> None:
    """Count that an answer was given again."""
    await tx.execute("UPDATE idempotency_key SET replays = replays + 1 WHERE scope = $1 AND key = $2", scope, key)


async def delete(tx: Transaction, scope: str, key: str) -> None:
    """Forget a key under which nothing was done; one that has its answer stays."""
    await tx.execute("DELETE FROM idempotency_key WHERE scope = $1 AND key = $2 AND status IS NULL", scope, key)


async def purge(tx: Transaction, hours: int, kept: Sequence[UUID], limit: int) -> int:
    """Forget answered keys that are old enough; a key without an answer stays, and those of what is to be kept."""
    return await tx.execute(
        """
        DELETE FROM idempotency_key
        WHERE (scope, key) IN (
            SELECT scope, key FROM idempotency_key
            WHERE status IS NOT NULL AND created_at < clock_timestamp() - $1 * interval '1 hour'
              AND (resource_id IS NULL OR resource_id <> ALL($2::uuid[]))
            ORDER BY created_at LIMIT $3)
        """,
        hours,
        list(kept),
        limit,
    )


async def erase(
    tx: Transaction, user: str, scopes: tuple[str, str], objects: Sequence[UUID], shown: Sequence[str]
) -> None:
    """Leave of answers only what they are about, and name a user's own keys anew."""
    await tx.fetch_long(  # a day of all keys is looked through
        """
        UPDATE idempotency_key
        SET body = jsonb_strip_nulls(jsonb_build_object(
            'id', body -> 'id', 'object', body -> 'object', 'status', body -> 'status', 'erased', true))
        WHERE status IS NOT NULL AND (
            resource_id = ANY ($1::uuid[]) OR body ->> 'user' = $2 OR body ->> 'payment' = ANY ($3::text[])
            OR scope = $4)
        """,
        list(objects),
        user,
        list(shown),
        scopes[0],
        seconds_max=erase_seconds_max,
    )
    await tx.execute("UPDATE idempotency_key SET scope = $2 WHERE scope = $1", *scopes)
