"""All SQL of the outbox."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tillkeeper.kernel.db import Transaction
from tillkeeper.outbox.values import Event, Numbered


async def insert(tx: Transaction, events: Sequence[Event]) -> None:
    """Append events; one that was told already, perhaps before a restore, stays as it is."""
    await tx.execute(
        """
        INSERT INTO outbox_event (id, type, subject, payment_id, data)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::jsonb[])
        ON CONFLICT (id) DO NOTHING
        """,
        [event.id for event in events],
        [event.type for event in events],
        [event.subject for event in events],
        [event.payment for event in events],
        [event.data for event in events],
    )


async def sequence(tx: Transaction, limit: int | None) -> int:
    """Give committed events numbers without gaps; the lock makes one sequencer at a time."""
    await tx.execute("SELECT FROM sequencer WHERE name = 'outbox' FOR UPDATE")
    return await tx.execute(
        """
        WITH fresh AS MATERIALIZED (
            SELECT id, row_number() OVER (ORDER BY created_at, id) AS place
            FROM (SELECT id, created_at FROM outbox_event WHERE seq IS NULL ORDER BY created_at, id LIMIT $1) AS oldest
        ), head AS (
            UPDATE sequencer SET last = last + (SELECT count(*) FROM fresh)
            WHERE name = 'outbox' AND EXISTS (SELECT FROM fresh)
            RETURNING last - (SELECT count(*) FROM fresh) AS start
        )
        UPDATE outbox_event AS event SET seq = head.start + fresh.place
        FROM fresh, head WHERE event.id = fresh.id
        """,
        limit,
    )


async def newest(tx: Transaction) -> int:
    """Read the last number that was given."""
    last: int = await tx.fetchval("SELECT last FROM sequencer WHERE name = 'outbox'")
    return last


async def last_before(tx: Transaction, since: datetime) -> int:
    """Find the number before the first event since a moment, or else the last number."""
    found: int = await tx.fetchval(
        """
        SELECT coalesce((SELECT min(seq) - 1 FROM outbox_event WHERE created_at >= $1 AND seq IS NOT NULL), last)
        FROM sequencer WHERE name = 'outbox'
        """,
        since,
    )
    return found


async def following(tx: Transaction, seq: int, limit: int) -> list[Numbered]:
    """List events after a number."""
    rows = await tx.fetch(
        "SELECT id, seq, type, data, created_at FROM outbox_event WHERE seq > $1 ORDER BY seq LIMIT $2", seq, limit
    )
    return [Numbered(**row) for row in rows]


async def place(tx: Transaction, name: str) -> int | None:
    """Read a listener's place."""
    found: int | None = await tx.fetchval("SELECT seq FROM event_cursor WHERE name = $1", name)
    return found


async def hold(tx: Transaction, name: str) -> int | None:
    """Read a listener's place, one reader at a time."""
    found: int | None = await tx.fetchval("SELECT seq FROM event_cursor WHERE name = $1 FOR NO KEY UPDATE", name)
    return found


async def move(tx: Transaction, name: str, seq: int) -> None:
    """Write a listener's place."""
    await tx.execute(
        """
        INSERT INTO event_cursor (name, seq) VALUES ($1, $2)
        ON CONFLICT (name) DO UPDATE SET seq = excluded.seq, updated_at = clock_timestamp()
        """,
        name,
        seq,
    )


async def erase(tx: Transaction, payments: Sequence[UUID], words: Sequence[str]) -> None:
    """Take out reasons that are no codes of ours, and the bodies of answers."""
    await tx.execute(
        """
        UPDATE outbox_event SET data = jsonb_set(data, '{reason}', '"erased"')
        WHERE payment_id = ANY ($1::uuid[]) AND (data ->> 'reason' ~ ': ' OR data ->> 'reason' = ANY ($2::text[]))
        """,
        list(payments),
        list(words),
    )
    await tx.execute(
        """
        UPDATE webhook_try SET body = NULL
        FROM webhook_delivery AS delivery JOIN outbox_event AS event ON event.id = delivery.event_id
        WHERE webhook_try.delivery_id = delivery.id AND event.payment_id = ANY ($1::uuid[])
        """,
        list(payments),
    )
