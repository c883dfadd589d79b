"""All SQL of what payments keep of a person."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tillkeeper.kernel.db import Record, Transaction

MINE = "user_id = $1 OR (user_id IS NULL AND customer_id = ANY ($2::uuid[]))"
"""A payment for nobody in particular is that of the customer who paid it."""


async def payments(tx: Transaction, user: UUID | None, customers_: Sequence[UUID]) -> list[Record]:
    """Lock the payments of somebody, in order."""
    return await tx.fetch(
        f"""
        SELECT id, status NOT IN ('succeeded', 'failed', 'canceled', 'expired') AS unfinished
        FROM payment WHERE {MINE} ORDER BY id FOR NO KEY UPDATE
        """,
        user,
        customers_,
    )


async def old(
    tx: Transaction, *, unpaid: bool, before: datetime, after: tuple[datetime, UUID], limit: int
) -> list[Record]:
    """Lock old payments, in the order in which they were made."""
    return await tx.fetch(
        """
        SELECT id, created_at FROM payment
        WHERE created_at < $1 AND (created_at, id) > ($2, $3)
          AND (status IN ('failed', 'canceled', 'expired') AND amount_captured = 0) = $4
        ORDER BY created_at, id LIMIT $5 FOR NO KEY UPDATE
        """,
        before,
        *after,
        unpaid,
        limit,
    )


async def unfinished(tx: Transaction, payments_: Sequence[UUID]) -> list[UUID]:
    """List those of payments of which money may still move."""
    rows = await tx.fetch(
        """
        SELECT id FROM payment
        WHERE id = ANY ($1::uuid[]) AND (
            status NOT IN ('succeeded', 'failed', 'canceled', 'expired')
            OR id IN (SELECT payment_id FROM refund WHERE payment_id = ANY ($1::uuid[]) AND status = 'pending')
            OR id IN (SELECT payment_id FROM dispute WHERE payment_id = ANY ($1::uuid[])
                      AND status IN ('warning', 'needs_response', 'under_review')))
        """,
        payments_,
    )
    return [row["id"] for row in rows]


async def for_others(tx: Transaction, user: UUID | None, customers_: Sequence[UUID]) -> list[UUID]:
    """List what customers paid for other users."""
    rows = await tx.fetch(
        "SELECT id FROM payment WHERE customer_id = ANY ($2::uuid[]) AND user_id IS NOT NULL"
        " AND user_id IS DISTINCT FROM $1",
        user,
        customers_,
    )
    return [row["id"] for row in rows]


async def begun_at(tx: Transaction, user: UUID | None, customers_: Sequence[UUID]) -> datetime | None:
    """Tell when somebody's first purchase began."""
    found: datetime | None = await tx.fetchval(f"SELECT min(created_at) FROM payment WHERE {MINE}", user, customers_)
    return found


async def references(tx: Transaction, user: UUID | None, customers_: Sequence[UUID]) -> list[Record]:
    """List what gateways call somebody's payments, refunds and disputes."""
    return await tx.fetch(
        f"""
        WITH mine AS (SELECT id, gateway_reference, customer_reference FROM payment WHERE {MINE})
        SELECT reference FROM (
            SELECT unnest(ARRAY[gateway_reference, customer_reference]) AS reference FROM mine
            UNION ALL SELECT reference FROM payment_reference WHERE payment_id IN (SELECT id FROM mine)
            UNION ALL SELECT gateway_reference FROM refund WHERE payment_id IN (SELECT id FROM mine)
            UNION ALL SELECT gateway_reference FROM dispute WHERE payment_id IN (SELECT id FROM mine)
        ) AS known WHERE reference IS NOT NULL
        """,
        user,
        customers_,
    )


async def words(tx: Transaction, payments_: Sequence[UUID]) -> list[str]:
    """List what gateways said where we keep it as the reason of a step as well."""
    rows = await tx.fetch(
        """
        SELECT DISTINCT error_message FROM attempt
        WHERE payment_id = ANY ($1::uuid[]) AND error_message IS NOT NULL AND outcome <> 'opened'
        """,
        payments_,
    )
    return [row["error_message"] for row in rows]


async def refunds(tx: Transaction, payments_: Sequence[UUID]) -> list[Record]:
    """List refunds of payments."""
    return await tx.fetch(
        "SELECT id, status = 'pending' AS unfinished FROM refund WHERE payment_id = ANY ($1::uuid[]) ORDER BY id",
        payments_,
    )


async def disputes(tx: Transaction, payments_: Sequence[UUID]) -> list[Record]:
    """List disputes of payments."""
    return await tx.fetch(
        """
        SELECT id, status IN ('warning', 'needs_response', 'under_review') AS unfinished
        FROM dispute WHERE payment_id = ANY ($1::uuid[]) ORDER BY id
        """,
        payments_,
    )


async def customers(tx: Transaction, user: UUID | None, own: Sequence[UUID]) -> list[Record]:
    """List who paid for a user, and whether the same customer, not known to be this person, paid for others as well."""
    return await tx.fetch(
        """
        SELECT mine.id AS customer_id, mine.id <> ALL ($2::uuid[]) AND others.found IS NOT NULL AS shared
        FROM (
            SELECT customer_id AS id FROM payment WHERE user_id = $1 AND customer_id IS NOT NULL
            UNION SELECT unnest($2::uuid[])
        ) AS mine
        LEFT JOIN LATERAL (
            SELECT true AS found FROM payment AS other
            WHERE other.customer_id = mine.id AND other.user_id <> $1 LIMIT 1
        ) AS others ON true
        ORDER BY 1
        """,
        user,
        own,
    )


async def erase(tx: Transaction, payments_: Sequence[UUID], customers_: Sequence[UUID]) -> None:
    """Take out what was said about payments, and leave what was sold, paid and returned."""
    await tx.execute(
        """
        UPDATE payment
        SET description = NULL, return_url = NULL, next_action = NULL, metadata = '{}', customer_reference = NULL,
            error_message = error_code
        WHERE id = ANY ($1::uuid[])
        """,
        payments_,
    )
    await tx.execute("UPDATE attempt SET error_message = error_code WHERE payment_id = ANY ($1::uuid[])", payments_)
    await tx.execute("UPDATE refund SET reason = NULL WHERE payment_id = ANY ($1::uuid[])", payments_)
    # A customer's name at a gateway stands also at payments for others.
    await tx.execute(
        """
        UPDATE payment SET customer_reference = NULL
        WHERE customer_id = ANY ($1::uuid[]) AND customer_reference IS NOT NULL
          AND status IN ('succeeded', 'failed', 'canceled', 'expired')
        """,
        customers_,
    )


async def erase_history(tx: Transaction, user: UUID | None, payments_: Sequence[UUID]) -> None:
    """Take people's words out of histories, which this role can change in no other way."""
    await tx.execute("SELECT erase_history($1, $2)", user, payments_)
