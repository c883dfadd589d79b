"""All SQL of payouts."""

from collections.abc import Sequence
from uuid import UUID

from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.settlement.values import Payout, PayoutStatus


async def lock(tx: Transaction, payouts: Sequence[UUID]) -> dict[UUID, Payout]:
    """Lock the payouts that are known."""
    rows = await tx.fetch(
        "SELECT * FROM payout WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE", list(payouts)
    )
    return {row["id"]: _payout(row) for row in rows}


async def save(tx: Transaction, payouts: Sequence[Payout]) -> None:
    """Write payouts, new ones and known ones; of two that are first heard of at once the further one stands."""
    await tx.execute(
        """
        INSERT INTO payout (id, gateway, gateway_reference, status, amount, currency, arrives_at, bank_reference,
                            automatic, error_code)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[],
                             $7::timestamptz[], $8::text[], $9::boolean[], $10::text[])
        ON CONFLICT (id) DO UPDATE
        SET status = excluded.status, arrives_at = excluded.arrives_at, bank_reference = excluded.bank_reference,
            error_code = excluded.error_code, changed_at = clock_timestamp()
        WHERE payout.status = 'created' OR excluded.status <> 'created'
        """,
        [payout.id for payout in payouts],
        [payout.gateway for payout in payouts],
        [payout.reference for payout in payouts],
        [payout.status for payout in payouts],
        [payout.amount for payout in payouts],
        [payout.currency for payout in payouts],
        [payout.arrives_at for payout in payouts],
        [payout.bank_reference for payout in payouts],
        [payout.automatic for payout in payouts],
        [payout.error_code for payout in payouts],
    )


def _payout(row: Record) -> Payout:
    return Payout(
        id=row["id"],
        gateway=row["gateway"],
        reference=row["gateway_reference"],
        status=PayoutStatus(row["status"]),
        amount=row["amount"],
        currency=row["currency"],
        arrives_at=row["arrives_at"],
        bank_reference=row["bank_reference"],
        automatic=row["automatic"],
        error_code=row["error_code"],
    )
