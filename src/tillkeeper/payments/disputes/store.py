"""All SQL of disputes."""

from collections.abc import Sequence
from uuid import UUID

from tillkeeper.facts import DisputeStatus
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.payments.values import Dispute


async def lock(tx: Transaction, payments: Sequence[UUID]) -> dict[UUID, Dispute]:
    """Lock every dispute of these payments."""
    rows = await tx.fetch(
        "SELECT * FROM dispute WHERE payment_id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE", list(payments)
    )
    return {row["id"]: _dispute(row) for row in rows}


async def save(tx: Transaction, disputes: Sequence[Dispute]) -> None:
    """Write disputes, new ones and known ones."""
    await tx.execute(
        """
        INSERT INTO dispute (id, payment_id, gateway, gateway_reference, status, amount, currency, reason, due_at,
                             withdrawn, fee, opened_at, told_at, closed_at, money_at, conceded, claimed, steps,
                             booked_withdrawn, booked_fee, booked_lost)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[],
                             $8::text[], $9::timestamptz[], $10::bigint[], $11::bigint[], $12::timestamptz[],
                             $13::timestamptz[], $14::timestamptz[], $15::timestamptz[], $16::bigint[], $17::bigint[],
                             $18::int[], $19::bigint[], $20::bigint[], $21::bigint[])
        ON CONFLICT (id) DO UPDATE
        SET status = excluded.status, reason = excluded.reason, due_at = excluded.due_at,
            withdrawn = excluded.withdrawn, fee = excluded.fee, told_at = excluded.told_at,
            closed_at = excluded.closed_at, money_at = excluded.money_at, conceded = excluded.conceded,
            claimed = excluded.claimed, steps = excluded.steps, booked_withdrawn = excluded.booked_withdrawn,
            booked_fee = excluded.booked_fee, booked_lost = excluded.booked_lost
        """,
        [dispute.id for dispute in disputes],
        [dispute.payment for dispute in disputes],
        [dispute.gateway for dispute in disputes],
        [dispute.reference for dispute in disputes],
        [dispute.status for dispute in disputes],
        [dispute.amount for dispute in disputes],
        [dispute.currency for dispute in disputes],
        [dispute.reason for dispute in disputes],
        [dispute.due_at for dispute in disputes],
        [dispute.withdrawn for dispute in disputes],
        [dispute.fee for dispute in disputes],
        [dispute.opened_at for dispute in disputes],
        [dispute.told_at for dispute in disputes],
        [dispute.closed_at for dispute in disputes],
        [dispute.money_at for dispute in disputes],
        [dispute.conceded for dispute in disputes],
        [dispute.claimed for dispute in disputes],
        [dispute.steps for dispute in disputes],
        [dispute.booked_withdrawn for dispute in disputes],
        [dispute.booked_fee for dispute in disputes],
        [dispute.booked_lost for dispute in disputes],
    )


def _dispute(row: Record) -> Dispute:
    return Dispute(
        id=row["id"],
        payment=row["payment_id"],
        gateway=row["gateway"],
        reference=row["gateway_reference"],
        status=DisputeStatus(row["status"]),
        amount=row["amount"],
        currency=row["currency"],
        reason=row["reason"],
        due_at=row["due_at"],
        withdrawn=row["withdrawn"],
        fee=row["fee"],
        opened_at=row["opened_at"],
        told_at=row["told_at"],
        closed_at=row["closed_at"],
        money_at=row["money_at"],
        conceded=row["conceded"],
        claimed=row["claimed"],
        steps=row["steps"],
        booked_withdrawn=row["booked_withdrawn"],
        booked_fee=row["booked_fee"],
        booked_lost=row["booked_lost"],
    )
