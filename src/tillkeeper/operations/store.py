"""All SQL of operations."""

from collections.abc import Sequence
from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.operations.values import Kind, Operation


async def insert(
    tx: Transaction, operations: Sequence[Operation], lease_seconds: int, patience_seconds: int
) -> frozenset[UUID]:
    """Append operations; those that carry a token are leased to the caller from the start. Return which are new."""
    rows = await tx.fetch(
        """
        INSERT INTO operation (id, kind, payment_id, refund_id, gateway, key, lease_token, amount, reference,
                               response_id, tries, due_at, lease_until)
        SELECT asked.*, (asked.token IS NOT NULL)::int,
               clock_timestamp() + interval '1 second'
                   * CASE WHEN asked.token IS NOT NULL THEN $11 WHEN asked.kind = 'fee' THEN $12 ELSE 0 END,
               CASE WHEN asked.token IS NULL THEN NULL ELSE clock_timestamp() + $11 * interval '1 second' END
        FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::uuid[], $8::bigint[],
                    $9::text[], $10::uuid[])
             AS asked (id, kind, payment_id, refund_id, gateway, key, token, amount, reference, response_id)
        ON CONFLICT DO NOTHING
        RETURNING id
        """,
        [operation.id for operation in operations],
        [operation.kind for operation in operations],
        [operation.payment for operation in operations],
        [operation.refund for operation in operations],
        [operation.gateway for operation in operations],
        [operation.key for operation in operations],
        [operation.token for operation in operations],
        [operation.amount for operation in operations],
        [operation.reference for operation in operations],
        [operation.response for operation in operations],
        lease_seconds,
        patience_seconds,
    )
    return frozenset(row["id"] for row in rows)


async def any_due(tx: Transaction, gateway: str) -> bool:
    """Tell whether a call is due at a gateway."""
    return bool(
        await tx.fetchval(
            """
            SELECT EXISTS (SELECT FROM operation
                           WHERE gateway = $1 AND state = 'asked' AND due_at <= clock_timestamp())
            """,
            gateway,
        )
    )


async def doubt_all(tx: Transaction) -> int:
    """Let every unfinished call be in doubt."""
    return await tx.execute(
        "UPDATE operation SET doubts = greatest(doubts, 1), due_at = clock_timestamp(), lease_until = NULL,"
        " lease_token = NULL WHERE state = 'asked'"
    )


async def claim(tx: Transaction, gateway: str, limit: int, lease_seconds: int) -> list[Operation]:
    """Lease what is due; a lease that ran out belongs to whoever comes next, with a new token."""
    rows = await tx.fetch(
        """
        WITH due AS (
            SELECT id FROM operation
            WHERE gateway = $4 AND state = 'asked' AND due_at <= clock_timestamp()
            ORDER BY due_at, id
            LIMIT $1
            FOR NO KEY UPDATE SKIP LOCKED
        )
        UPDATE operation
        SET lease_token = $3, tries = tries + 1, doubts = doubts + (lease_token IS NOT NULL)::int,
            lease_until = clock_timestamp() + $2 * interval '1 second',
            due_at = clock_timestamp() + $2 * interval '1 second'
        FROM due WHERE operation.id = due.id
        RETURNING operation.*
        """,
        limit,
        lease_seconds,
        ids.new(),
        gateway,
    )
    return [_operation(row) for row in rows]


async def take_over(tx: Transaction, subject: UUID, lease_seconds: int) -> Operation | None:
    """Lease the unfinished opening of a payment, or making of a refund, whose lease has run out."""
    row = await tx.fetchrow(
        """
        UPDATE operation
        SET lease_token = $2, tries = tries + 1, doubts = doubts + (lease_token IS NOT NULL)::int,
            lease_until = clock_timestamp() + $3 * interval '1 second',
            due_at = clock_timestamp() + $3 * interval '1 second'
        WHERE coalesce(refund_id, payment_id) = $1 AND kind IN ('create', 'refund') AND state = 'asked'
          AND (lease_until IS NULL OR lease_until <= clock_timestamp())
        RETURNING *
        """,
        subject,
        ids.new(),
        lease_seconds,
    )
    return _operation(row) if row else None


async def take_over_ending(tx: Transaction, payment: UUID, lease_seconds: int) -> Operation | None:
    """Lease the unfinished capture or cancellation of a payment whose caller has died."""
    row = await tx.fetchrow(
        """
        UPDATE operation
        SET lease_token = $2, tries = tries + 1, doubts = doubts + (lease_token IS NOT NULL)::int,
            lease_until = clock_timestamp() + $3 * interval '1 second',
            due_at = clock_timestamp() + $3 * interval '1 second'
        WHERE payment_id = $1 AND kind IN ('capture', 'cancel', 'expire') AND state = 'asked' AND reference IS NULL
          AND (lease_until IS NULL OR lease_until <= clock_timestamp())
        RETURNING *
        """,
        payment,
        ids.new(),
        lease_seconds,
    )
    return _operation(row) if row else None


async def take_over_answering(tx: Transaction, response: UUID, lease_seconds: int) -> Operation | None:
    """Lease the unfinished call of an answer to a dispute whose caller has died."""
    row = await tx.fetchrow(
        """
        UPDATE operation
        SET lease_token = $2, tries = tries + 1, doubts = doubts + (lease_token IS NOT NULL)::int,
            lease_until = clock_timestamp() + $3 * interval '1 second',
            due_at = clock_timestamp() + $3 * interval '1 second'
        WHERE response_id = $1 AND state = 'asked' AND (lease_until IS NULL OR lease_until <= clock_timestamp())
        RETURNING *
        """,
        response,
        ids.new(),
        lease_seconds,
    )
    return _operation(row) if row else None


async def unfinished(tx: Transaction, subject: UUID) -> bool:
    """Tell whether the opening of a payment, or the making of a refund, is still being tried."""
    return bool(
        await tx.fetchval(
            """
            SELECT EXISTS (SELECT FROM operation WHERE coalesce(refund_id, payment_id) = $1
                           AND kind IN ('create', 'refund') AND state = 'asked')
            """,
            subject,
        )
    )


async def unfinished_ending(tx: Transaction, payment: UUID) -> bool:
    """Tell whether the capture or cancellation of a payment is still being tried."""
    return bool(
        await tx.fetchval(
            """
            SELECT EXISTS (SELECT FROM operation WHERE payment_id = $1
                           AND kind IN ('capture', 'cancel', 'expire') AND state = 'asked'
                           AND reference IS NULL)
            """,
            payment,
        )
    )


async def canceling(tx: Transaction, payments: Sequence[UUID]) -> frozenset[UUID]:
    """Tell which of these payments somebody is canceling."""
    rows = await tx.fetch(
        "SELECT payment_id FROM operation "
        "WHERE payment_id = ANY ($1::uuid[]) AND kind = 'cancel' AND state = 'asked' AND reference IS NULL",
        list(payments),
    )
    return frozenset(row["payment_id"] for row in rows)


async def confirming(tx: Transaction, payments: Sequence[UUID]) -> frozenset[UUID]:
    """Tell which of these payments have a confirmation without a known answer."""
    rows = await tx.fetch(
        "SELECT payment_id FROM operation WHERE payment_id = ANY ($1::uuid[]) AND kind = 'confirm' AND state = 'asked'",
        list(payments),
    )
    return frozenset(row["payment_id"] for row in rows)


async def call_off_expiry(tx: Transaction, payments: Sequence[UUID]) -> None:
    """End the expiry of payments that go on; whoever is carrying it out loses the lease."""
    await tx.execute(
        """
        UPDATE operation
        SET state = 'done', error = 'called off: the payment goes on', lease_until = NULL,
            finished_at = clock_timestamp()
        WHERE payment_id = ANY ($1::uuid[]) AND kind = 'expire' AND state = 'asked'
        """,
        list(payments),
    )


async def unresolved(tx: Transaction) -> list[UUID]:
    """List the subjects of calls without a known answer: still being tried, or given up."""
    rows = await tx.fetch(
        "SELECT DISTINCT coalesce(response_id, refund_id, payment_id) AS subject FROM operation "
        "WHERE kind NOT IN ('expire', 'fee') AND (state = 'asked' OR state = 'given_up')"
    )  # each state has an index of its own, and `IN` would use neither
    return [row["subject"] for row in rows]


async def refund_calls(tx: Transaction, payment: UUID) -> list[Operation]:
    """List the refund calls of a payment that were answered or given up."""
    rows = await tx.fetch(
        "SELECT * FROM operation "
        "WHERE payment_id = $1 AND kind = 'refund' AND state IN ('done', 'given_up') ORDER BY id",
        payment,
    )
    return [_operation(row) for row in rows]


async def given_up(tx: Transaction, payments: Sequence[UUID]) -> frozenset[UUID]:
    """Tell which refunds of these payments were given up."""
    rows = await tx.fetch(
        "SELECT refund_id FROM operation "
        "WHERE payment_id = ANY ($1::uuid[]) AND kind = 'refund' AND state = 'given_up'",
        list(payments),
    )
    return frozenset(row["refund_id"] for row in rows)


async def given_up_call(tx: Transaction, refund: UUID) -> Operation | None:
    """Read the call of a refund that was given up."""
    row = await tx.fetchrow(
        "SELECT * FROM operation WHERE refund_id = $1 AND kind = 'refund' AND state = 'given_up'", refund
    )
    return _operation(row) if row else None


async def close(tx: Transaction, refunds: Sequence[UUID]) -> None:
    """End the given-up calls of refunds whose end is known."""
    await tx.execute(
        "UPDATE operation SET state = 'done' WHERE refund_id = ANY ($1::uuid[]) AND state = 'given_up'", list(refunds)
    )


async def finish(tx: Transaction, operation: Operation, state: str, error: str | None) -> bool:
    """End an operation; false when the lease was lost to somebody else meanwhile."""
    return bool(
        await tx.execute(
            """
            UPDATE operation SET state = $3, error = $4, lease_until = NULL, finished_at = clock_timestamp()
            WHERE id = $1 AND lease_token = $2 AND state = 'asked'
            """,
            operation.id,
            operation.token,
            state,
            error,
        )
    )


async def renew(tx: Transaction, operation: Operation, lease_seconds: int) -> bool:
    """Lengthen a lease; false when it was lost, or the operation is over."""
    return bool(
        await tx.execute(
            """
            UPDATE operation
            SET lease_until = clock_timestamp() + $3 * interval '1 second',
                due_at = clock_timestamp() + $3 * interval '1 second'
            WHERE id = $1 AND lease_token = $2 AND state = 'asked'
            """,
            operation.id,
            operation.token,
            lease_seconds,
        )
    )


async def postpone(tx: Transaction, operation: Operation, delay_seconds: int, error: str, *, doubtful: bool) -> bool:
    """Give the lease back and ask for another try later; a doubtful try may have arrived."""
    return bool(
        await tx.execute(
            """
            UPDATE operation
            SET lease_token = NULL, lease_until = NULL, error = $4, doubts = doubts + $5::int,
                due_at = clock_timestamp() + $3 * interval '1 second'
            WHERE id = $1 AND lease_token = $2 AND state = 'asked'
            """,
            operation.id,
            operation.token,
            delay_seconds,
            error,
            int(doubtful),
        )
    )


async def erase(tx: Transaction, payments: Sequence[UUID]) -> None:
    """Take out what gateways said and what is no code."""
    await tx.execute(
        "UPDATE operation SET error = 'erased' WHERE payment_id = ANY ($1::uuid[]) AND error ~ ' '", list(payments)
    )


def _operation(row: Record) -> Operation:
    return Operation(
        id=row["id"],
        kind=Kind(row["kind"]),
        payment=row["payment_id"],
        refund=row["refund_id"],
        response=row["response_id"],
        gateway=row["gateway"],
        key=row["key"],
        token=row["lease_token"],
        tries=row["tries"],
        doubts=row["doubts"],
        amount=row["amount"],
        reference=row["reference"],
        created_at=row["created_at"],
    )
