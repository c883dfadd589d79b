"""All SQL of what payments keep of a person."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tillkeeper.kernel.db import Record, Transaction


async def payments(tx: Transaction, user: UUID) -> list[Record]:
    """Lock the payments of a user, in order."""
    return await tx.fetch(
        """
        SELECT id, status NOT IN ('succeeded', 'failed', 'canceled', 'expired') AS unfinished
        FROM payment WHERE user_id = $1 ORDER BY id FOR NO KEY UPDATE
        """,
        user,
    )


async def begun_at(tx: Transaction, user: UUID) -> datetime | None:
    """Tell when a user's first purchase began."""
    found: datetime | None = await tx.fetchval("SELECT min(created_at) FROM payment WHERE user_id = $1", user)
    return found


async def references(tx: Transaction, user: UUID) -> list[Record]:
    """List what gateways call a user's payments, refunds and disputes."""
    return await tx.fetch(
        """
        WITH mine AS (SELECT id, gateway_reference, customer_reference FROM payment WHERE user_id = $1)
        SELECT reference FROM (
            SELECT unnest(ARRAY[gateway_reference, customer_reference]) AS reference FROM mine
            UNION ALL SELECT reference FROM payment_reference WHERE payment_id IN (SELECT id FROM mine)
            UNION ALL SELECT gateway_reference FROM refund WHERE payment_id IN (SELECT id FROM mine)
            UNION ALL SELECT gateway_reference FROM dispute WHERE payment_id IN (SELECT id FROM mine)
        ) AS known WHERE reference IS NOT NULL
        """,
        user,
    )


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


async def customers(tx: Transaction, user: UUID, payments_: Sequence[UUID]) -> list[Record]:
    """List who paid, and whether the same customer paid for other users as well."""
    return await tx.fetch(
        """
        SELECT DISTINCT mine.customer_id, EXISTS (
            SELECT FROM payment AS other
            WHERE other.customer_id = mine.customer_id AND other.user_id IS DISTINCT FROM $1
        ) AS shared
        FROM payment AS mine WHERE mine.id = ANY ($2::uuid[]) AND mine.customer_id IS NOT NULL ORDER BY 1
        """,
        user,
        payments_,
    )


async def erase(tx: Transaction, payments_: Sequence[UUID]) -> None:
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


async def erase_history(tx: Transaction, user: UUID, payments_: Sequence[UUID]) -> None:
    """Take people's words out of histories, which this role can change in no other way."""
    await tx.execute("SELECT erase_history($1, $2)", user, payments_)
