"""All SQL of the endpoints."""

from collections.abc import Sequence
from uuid import UUID

from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.outbox.endpoints.values import Endpoint, Span

SELECT = """
SELECT id, url, types, description, enabled, secret,
       CASE WHEN previous_until > clock_timestamp() THEN previous_secret END AS previous
FROM webhook_endpoint WHERE deleted_at IS NULL AND id = $1
"""


async def count(tx: Transaction) -> int:
    """Count endpoints, one writer at a time."""
    await tx.execute("SELECT FROM sequencer WHERE name = 'outbox' FOR UPDATE")
    found: int = await tx.fetchval("SELECT count(*) FROM webhook_endpoint WHERE deleted_at IS NULL")
    return found


async def insert(
    tx: Transaction, id_: UUID, url: str, types: Sequence[str], description: str | None, secret: bytes
) -> None:
    """Add an endpoint whose place is behind the newest number."""
    await tx.execute(
        """
        INSERT INTO webhook_endpoint (id, url, types, description, secret, cursor, owed_since)
        SELECT $1, $2, $3::text[], $4, $5, last, last FROM sequencer WHERE name = 'outbox'
        """,
        id_,
        url,
        list(types),
        description,
        secret,
    )


async def read(tx: Transaction, endpoint: UUID) -> Endpoint | None:
    """Read an endpoint."""
    row = await tx.fetchrow(SELECT, endpoint)
    return _endpoint(row) if row else None


async def lock(tx: Transaction, endpoint: UUID) -> Endpoint | None:
    """Read an endpoint, and keep others from changing it."""
    row = await tx.fetchrow(f"{SELECT} FOR NO KEY UPDATE", endpoint)
    return _endpoint(row) if row else None


async def change(tx: Transaction, endpoint: Endpoint) -> None:
    """Write what may be changed; switching on starts behind the newest number, and other types where it stands."""
    await tx.execute(
        """
        UPDATE webhook_endpoint AS before SET
            url = $2, types = $3, description = $4, enabled = $5,
            disabled_at = CASE WHEN NOT $5 THEN coalesce(disabled_at, clock_timestamp()) END,
            disabled_reason = CASE WHEN NOT $5 THEN coalesce(disabled_reason, 'Switched off by hand.') END,
            failing_since = CASE WHEN enabled = $5 AND url = $2 THEN failing_since END,
            cursor = place, owed_since = CASE WHEN place = cursor AND types = $3 THEN owed_since ELSE place END
        FROM (
            SELECT CASE WHEN $5 AND NOT enabled THEN last ELSE cursor END AS place
            FROM webhook_endpoint, sequencer WHERE webhook_endpoint.id = $1 AND name = 'outbox'
        ) AS next
        WHERE before.id = $1
        """,
        endpoint.id,
        endpoint.url,
        sorted(set(endpoint.types)),
        endpoint.description,
        endpoint.enabled,
    )


async def remove(tx: Transaction, endpoint: UUID) -> None:
    """Forget the secrets, and keep the row for the deliveries that belong to it."""
    await tx.execute(
        """
        UPDATE webhook_endpoint SET
            deleted_at = clock_timestamp(), enabled = false, disabled_at = coalesce(disabled_at, clock_timestamp()),
            disabled_reason = 'Deleted.', secret = NULL, previous_secret = NULL, previous_until = NULL
        WHERE id = $1
        """,
        endpoint,
    )


async def rotate(tx: Transaction, endpoint: UUID, secret: bytes, grace_seconds: int) -> None:
    """Put a secret in the place of the one before, which stays valid for a while."""
    await tx.execute(
        """
        UPDATE webhook_endpoint SET
            previous_secret = secret, previous_until = clock_timestamp() + $3 * interval '1 second', secret = $2
        WHERE id = $1
        """,
        endpoint,
        secret,
        grace_seconds,
    )


async def behind(tx: Transaction, limit: int) -> list[Span]:
    """Lock endpoints that wait for events, leaving alone those that somebody else serves or changes."""
    rows = await tx.fetch(
        """
        SELECT id, cursor, least(cursor + $1, sequencer.last) AS until
        FROM webhook_endpoint, sequencer
        WHERE sequencer.name = 'outbox' AND enabled AND cursor < sequencer.last
        ORDER BY id
        FOR NO KEY UPDATE OF webhook_endpoint SKIP LOCKED
        """,
        limit,
    )
    return [Span(endpoint=row["id"], after=row["cursor"], until=row["until"]) for row in rows]


async def advance(tx: Transaction, spans: Sequence[Span]) -> None:
    """Move the cursors of locked endpoints."""
    await tx.execute(
        """
        UPDATE webhook_endpoint SET cursor = span.until
        FROM unnest($1::uuid[], $2::bigint[]) AS span (endpoint, until) WHERE id = span.endpoint
        """,
        [span.endpoint for span in spans],
        [span.until for span in spans],
    )


async def rewind(tx: Transaction, endpoint: UUID, seq: int) -> None:
    """Move a cursor back; what stands behind it is owed."""
    await tx.execute(
        "UPDATE webhook_endpoint SET cursor = least(cursor, $2), owed_since = least(owed_since, $2) WHERE id = $1",
        endpoint,
        seq,
    )


async def note_success(tx: Transaction, endpoint: UUID, url: str) -> None:
    """End a time of failures, if there was one."""
    await tx.execute(
        "UPDATE webhook_endpoint SET failing_since = NULL WHERE id = $1 AND url = $2 AND failing_since IS NOT NULL",
        endpoint,
        url,
    )


async def note_failure(tx: Transaction, endpoint: UUID, url: str, hours_max: int, reason: str) -> bool:
    """Begin a time of failures, or end the endpoint's service when it lasts too long; true when it was ended."""
    await tx.execute(
        """
        UPDATE webhook_endpoint SET failing_since = clock_timestamp()
        WHERE id = $1 AND url = $2 AND failing_since IS NULL
        """,
        endpoint,
        url,
    )
    return bool(
        await tx.execute(
            """
            UPDATE webhook_endpoint SET enabled = false, disabled_at = clock_timestamp(), disabled_reason = $4
            WHERE id = $1 AND url = $2 AND enabled AND failing_since < clock_timestamp() - $3 * interval '1 hour'
            """,
            endpoint,
            url,
            hours_max,
            reason,
        )
    )


async def disable(tx: Transaction, endpoint: UUID, url: str, reason: str) -> bool:
    """End an endpoint's service."""
    return bool(
        await tx.execute(
            """
            UPDATE webhook_endpoint SET enabled = false, disabled_at = clock_timestamp(), disabled_reason = $3
            WHERE id = $1 AND url = $2 AND enabled
            """,
            endpoint,
            url,
            reason,
        )
    )


def _endpoint(row: Record) -> Endpoint:
    return Endpoint(
        id=row["id"],
        url=row["url"],
        types=tuple(row["types"]),
        description=row["description"],
        enabled=row["enabled"],
        secrets=tuple(secret for secret in (row["secret"], row["previous"]) if secret),
    )
