"""Fees that are still what was expected, although the gateway's line says what was kept."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tillkeeper.kernel.db import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedFee:
    """Hold what a gateway kept of a payment whose fee was only expected, in minor units of `currency`."""

    payment: UUID
    gateway: str
    reference: str
    fee: int
    tax: int
    currency: str


async def find(tx: Transaction, *, before: datetime, limit: int) -> list[ExpectedFee]:
    """List what disagrees since before a moment, the oldest first."""
    rows = await tx.fetch(
        """
        SELECT payment.id, payment.gateway, gateway_reference, line.fee, line.tax, payment.currency
        FROM discrepancy
        JOIN payment ON payment.id = discrepancy.object
        JOIN settlement_line AS line ON line.id = discrepancy.line_id
        WHERE discrepancy.kind = 'fee_mismatch' AND discrepancy.status = 'open' AND first_seen_at < $1
          AND NOT fee_final AND line.settle_currency = payment.currency AND gateway_reference IS NOT NULL
          AND line.net = line.gross - line.fee - line.tax
        ORDER BY first_seen_at, payment.id LIMIT $2
        """,
        before,
        limit,
    )
    return [
        ExpectedFee(
            payment=row["id"],
            gateway=row["gateway"],
            reference=row["gateway_reference"],
            fee=row["fee"],
            tax=row["tax"],
            currency=row["currency"],
        )
        for row in rows
    ]
