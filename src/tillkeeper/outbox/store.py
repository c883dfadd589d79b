"""All SQL of the outbox."""

from collections.abc import Sequence

from tillkeeper.kernel.db import Transaction
from tillkeeper.outbox.values import Event


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


async def sequence(tx: Transaction, limit: int) -> int:
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
