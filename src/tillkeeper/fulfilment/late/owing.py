"""All SQL of goods that are taken or given back later."""

from collections.abc import Sequence
from uuid import UUID

from tillkeeper.facts import Step
from tillkeeper.fulfilment.late.values import Owing
from tillkeeper.kernel.db import Record, Transaction


async def save(tx: Transaction, owing: Sequence[Owing], wait_seconds: int) -> None:
    """Remember steps whose goods could not be moved."""
    await tx.execute(
        """
        INSERT INTO late_revocation (payment_id, step, refund_id, dispute_id, amount, lost, occasion, reason, due_at)
        SELECT new.*, clock_timestamp() + $9 * interval '1 second'
        FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::bigint[], $6::bigint[], $7::text[], $8::text[])
             AS new
        """,
        [item.payment for item in owing],
        [item.step for item in owing],
        [item.refund for item in owing],
        [item.dispute for item in owing],
        [item.amount for item in owing],
        [item.lost for item in owing],
        [item.occasion for item in owing],
        [item.reason for item in owing],
        wait_seconds,
    )


async def claim(tx: Transaction, limit: int, wait_seconds: Sequence[int]) -> list[UUID]:
    """Count a try at what is due before it is made, and say when the next one would be; return the payments."""
    rows = await tx.fetch(
        """
        WITH due AS (
            SELECT id FROM late_revocation WHERE finished_at IS NULL AND due_at <= clock_timestamp()
            ORDER BY due_at, payment_id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED
        )
        UPDATE late_revocation
        SET tries = tries + 1,
            due_at = clock_timestamp() + ($2::int[])[least(tries + 2, cardinality($2::int[]))] * interval '1 second'
        FROM due WHERE late_revocation.id = due.id
        RETURNING payment_id
        """,
        limit,
        list(wait_seconds),
    )
    return sorted({row["payment_id"] for row in rows})


async def lock(tx: Transaction, payment: UUID) -> list[Owing]:
    """Lock all steps of a payment whose goods were not moved yet, in the order in which they happened."""
    rows = await tx.fetch(
        "SELECT * FROM late_revocation WHERE payment_id = $1 AND finished_at IS NULL ORDER BY id FOR NO KEY UPDATE",
        payment,
    )
    return [_owing(row) for row in rows]


async def finish(tx: Transaction, owing: Sequence[Owing]) -> None:
    """Mark steps as made up for."""
    await tx.execute(
        "UPDATE late_revocation SET finished_at = clock_timestamp() WHERE id = ANY($1::bigint[])",
        [item.id for item in owing],
    )


async def note(tx: Transaction, payment: UUID, reason: str) -> None:
    """Write down why a try failed."""
    await tx.execute(
        "UPDATE late_revocation SET reason = $2 WHERE payment_id = $1 AND finished_at IS NULL", payment, reason
    )


def _owing(row: Record) -> Owing:
    return Owing(
        id=row["id"],
        payment=row["payment_id"],
        step=Step(row["step"]),
        refund=row["refund_id"],
        dispute=row["dispute_id"],
        amount=row["amount"],
        lost=row["lost"],
        occasion=row["occasion"],
        reason=row["reason"],
        tries=row["tries"],
    )
