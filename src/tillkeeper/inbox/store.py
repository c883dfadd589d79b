"""All SQL of the inbox."""

from collections.abc import Sequence
from uuid import UUID

from tillkeeper.inbox.values import Arrival, Ending, Message
from tillkeeper.kernel.db import Record, Transaction


async def insert(tx: Transaction, arrivals: Sequence[Arrival]) -> set[UUID]:
    """Store what is new in one statement; a row that is known by its id or by its content is left alone."""
    rows = await tx.fetch(
        """
        INSERT INTO inbox_message (id, gateway, event_id, content_sha, type, body)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::bytea[])
        ON CONFLICT DO NOTHING
        RETURNING id
        """,
        [arrival.id for arrival in arrivals],
        [arrival.gateway for arrival in arrivals],
        [arrival.event_id for arrival in arrivals],
        [arrival.content_sha for arrival in arrivals],
        [arrival.type for arrival in arrivals],
        [arrival.body for arrival in arrivals],
    )
    return {row["id"] for row in rows}


async def insert_duplicates(tx: Transaction, arrivals: Sequence[Arrival]) -> None:
    """Count arrivals of what was there already, beside the message so that nobody waits for its lock."""
    await tx.execute(
        """
        INSERT INTO inbox_duplicate (message_id)
        SELECT coalesce(by_event.id, by_content.id)
        FROM unnest($1::text[], $2::text[], $3::bytea[]) AS came (gateway, event_id, content_sha)
        LEFT JOIN inbox_message AS by_event USING (gateway, event_id)
        LEFT JOIN inbox_message AS by_content
               ON by_content.gateway = came.gateway AND by_content.content_sha = came.content_sha
        WHERE coalesce(by_event.id, by_content.id) IS NOT NULL
        """,
        [arrival.gateway for arrival in arrivals],
        [arrival.event_id for arrival in arrivals],
        [arrival.content_sha for arrival in arrivals],
    )


async def claim(tx: Transaction, limit: int) -> list[Message]:
    """Lock the oldest messages that are due and that no other worker holds."""
    rows = await tx.fetch(
        """
        SELECT id, gateway, type, body, attempts FROM inbox_message
        WHERE status IN ('received', 'parked') AND due_at <= clock_timestamp()
        ORDER BY due_at, id
        LIMIT $1
        FOR NO KEY UPDATE SKIP LOCKED
        """,
        limit,
    )
    return [_message(row) for row in rows]


async def claim_one(tx: Transaction, message: UUID) -> list[Message]:
    """Lock one message, if it is still to be done."""
    rows = await tx.fetch(
        """
        SELECT id, gateway, type, body, attempts FROM inbox_message
        WHERE id = $1 AND status IN ('received', 'parked')
        FOR NO KEY UPDATE SKIP LOCKED
        """,
        message,
    )
    return [_message(row) for row in rows]


async def finish(tx: Transaction, endings: Sequence[Ending]) -> None:
    """Write how each message ended, or when it is to be tried again."""
    await tx.execute(
        """
        UPDATE inbox_message AS message
        SET status = ending.status, reason = ending.reason,
            payment_id = coalesce(ending.payment_id, message.payment_id), waits_for = ending.waits_for,
            attempts = message.attempts + ending.counted,
            due_at = CASE WHEN ending.delay_ms IS NULL THEN message.due_at
                          ELSE clock_timestamp() + ending.delay_ms * interval '1 millisecond' END,
            finished_at = CASE WHEN ending.status IN ('received', 'parked') THEN NULL ELSE clock_timestamp() END
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::bigint[], $7::int[])
             AS ending (id, status, reason, payment_id, waits_for, delay_ms, counted)
        WHERE message.id = ending.id
        """,
        [ending.message for ending in endings],
        [ending.status for ending in endings],
        [ending.reason for ending in endings],
        [ending.payment for ending in endings],
        [ending.waits_for for ending in endings],
        [ending.delay_ms for ending in endings],
        [int(ending.delay_ms is not None) for ending in endings],
    )


async def release(tx: Transaction, waited_for: Sequence[str]) -> None:
    """Make parked messages due, now that what they waited for is known."""
    await tx.execute(
        """
        UPDATE inbox_message SET status = 'received', due_at = clock_timestamp(), waits_for = NULL
        WHERE status = 'parked' AND waits_for = ANY($1::text[])
        """,
        list(waited_for),
    )


def _message(row: Record) -> Message:
    return Message(id=row["id"], gateway=row["gateway"], type=row["type"], body=row["body"], attempts=row["attempts"])
