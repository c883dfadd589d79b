"""All SQL of late deliveries."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from tillkeeper.fulfilment.late.values import PutOff, Wait, Waiting
from tillkeeper.kernel.db import Transaction


async def save(tx: Transaction, put_off: Sequence[PutOff], wait_seconds: int) -> None:
    """Remember what could not be handed over; of what is being tried again, the newest reason."""
    await tx.execute(
        """
        INSERT INTO late_delivery (payment_id, kind, status, reason, due_at)
        SELECT payment_id, kind, status, reason, clock_timestamp() + $5 * interval '1 second'
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS new (payment_id, kind, reason, status)
        ON CONFLICT (payment_id) DO UPDATE SET reason = excluded.reason
        """,
        [item.payment for item in put_off],
        [item.kind for item in put_off],
        [item.reason for item in put_off],
        [item.wait for item in put_off],
        wait_seconds,
    )


async def adjust(tx: Transaction, waits: Mapping[UUID, Wait]) -> None:
    """Stop waiting for goods whose money goes back, hold those that a bank claims, and wait again when that is over.

    Sold out stays sold out.
    """
    await tx.execute(
        """
        UPDATE late_delivery
        SET status = new.status, tries = 0, due_at = clock_timestamp(),
            finished_at = CASE WHEN new.status = 'canceled' THEN clock_timestamp() END
        FROM unnest($1::uuid[], $2::text[]) AS new (payment_id, status)
        WHERE late_delivery.payment_id = new.payment_id
          AND late_delivery.status IN ('pending', 'held', 'canceled') AND late_delivery.status <> new.status
          AND NOT EXISTS (SELECT FROM undelivered WHERE undelivered.payment_id = new.payment_id)
        """,
        list(waits),
        list(waits.values()),
    )


async def claim(tx: Transaction, limit: int, wait_seconds: Sequence[int]) -> list[Waiting]:
    """Count a try at what is due before it is made, and say when the next one would be."""
    rows = await tx.fetch(
        """
        WITH due AS (
            SELECT payment_id FROM late_delivery
            WHERE status = 'pending' AND due_at <= clock_timestamp()
            ORDER BY due_at, payment_id
            LIMIT $1
            FOR NO KEY UPDATE SKIP LOCKED
        )
        UPDATE late_delivery
        SET tries = tries + 1,
            due_at = clock_timestamp() + ($2::int[])[least(tries + 2, cardinality($2::int[]))] * interval '1 second'
        FROM due WHERE late_delivery.payment_id = due.payment_id
        RETURNING late_delivery.payment_id, tries, reason
        """,
        limit,
        list(wait_seconds),
    )
    return [Waiting(payment=row["payment_id"], tries=row["tries"], reason=row["reason"]) for row in rows]


async def lock(tx: Transaction, payment: UUID) -> bool:
    """Lock a late delivery; false when it is not waited for any more."""
    return bool(
        await tx.fetchrow(
            "SELECT payment_id FROM late_delivery WHERE payment_id = $1 AND status = 'pending' FOR NO KEY UPDATE",
            payment,
        )
    )


async def lock_any(tx: Transaction, payment: UUID) -> str | None:
    """Lock a late delivery however it stands, and tell how it does."""
    status: str | None = await tx.fetchval(
        "SELECT status FROM late_delivery WHERE payment_id = $1 FOR NO KEY UPDATE", payment
    )
    return status


async def reopen(tx: Transaction, payment: UUID, wait_seconds: int) -> None:
    """Wait again for what was given up."""
    await tx.execute(
        """
        UPDATE late_delivery
        SET status = 'pending', tries = 0, finished_at = NULL, due_at = clock_timestamp() + $2 * interval '1 second'
        WHERE payment_id = $1 AND status = 'failed'
        """,
        payment,
        wait_seconds,
    )


async def finish(tx: Transaction, payment: UUID, status: str, reason: str | None) -> bool:
    """End the wait; false when it was over."""
    return bool(
        await tx.execute(
            """
            UPDATE late_delivery
            SET status = $2, reason = coalesce($3, reason), finished_at = clock_timestamp()
            WHERE payment_id = $1 AND status = 'pending'
            """,
            payment,
            status,
            reason,
        )
    )


async def note(tx: Transaction, payment: UUID, reason: str) -> None:
    """Write down why a try failed."""
    await tx.execute(
        "UPDATE late_delivery SET reason = $2 WHERE payment_id = $1 AND status = 'pending'", payment, reason
    )
