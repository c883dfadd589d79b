"""All SQL of answers to disputes."""

from collections.abc import Sequence
from uuid import UUID

from tillkeeper.kernel.db import Transaction
from tillkeeper.responses.values import Response, ResponseKind


async def insert(tx: Transaction, response: Response) -> None:
    """Append an answer."""
    await tx.execute(
        """
        INSERT INTO dispute_response (id, dispute_id, payment_id, kind, body, by_id, by_name, at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        response.id,
        response.dispute,
        response.payment,
        response.kind,
        response.body,
        response.by_id,
        response.by_name,
        response.at,
    )


async def get(tx: Transaction, response: UUID) -> Response | None:
    """Read an answer."""
    row = await tx.fetchrow("SELECT * FROM dispute_response WHERE id = $1", response)
    if row is None:
        return None
    return Response(
        id=row["id"],
        dispute=row["dispute_id"],
        payment=row["payment_id"],
        kind=ResponseKind(row["kind"]),
        body=row["body"],
        by_id=row["by_id"],
        by_name=row["by_name"],
        at=row["at"],
    )


async def agreed_by_another(tx: Transaction, dispute: UUID, by_id: str) -> bool:
    """Tell whether somebody else has said that a dispute is given up, and was waited with."""
    found: bool = await tx.fetchval(
        """
        SELECT EXISTS (
            SELECT FROM dispute_response AS response
            WHERE dispute_id = $1 AND kind = 'accept' AND by_id <> $2
              AND NOT EXISTS (SELECT FROM operation WHERE response_id = response.id))
        """,
        dispute,
        by_id,
    )
    return found


async def erase(tx: Transaction, payments: Sequence[UUID]) -> None:
    """Drop the sealed words of answers."""
    await tx.execute(
        "UPDATE dispute_response SET body = '' WHERE payment_id = ANY ($1::uuid[]) AND body IS NOT NULL", list(payments)
    )
