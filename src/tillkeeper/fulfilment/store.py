"""All SQL of entitlements."""

from collections.abc import Sequence
from uuid import UUID

from tillkeeper.facts import Goods
from tillkeeper.fulfilment.values import Entitlement
from tillkeeper.kernel.db import Transaction


async def lock(tx: Transaction, payments: Sequence[UUID]) -> dict[UUID, Entitlement]:
    """Lock what payments were given."""
    rows = await tx.fetch(
        "SELECT * FROM entitlement WHERE payment_id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE", list(payments)
    )
    return {
        row["payment_id"]: Entitlement(
            id=row["id"],
            payment=row["payment_id"],
            kind=row["kind"],
            user=row["user_id"],
            granted=row["granted"],
            revoked=row["revoked"],
            frozen=row["frozen"],
            created_at=row["created_at"],
        )
        for row in rows
    }


async def insert_undelivered(tx: Transaction, goods: Sequence[Goods]) -> None:
    """Remember what could not be handed over, and why."""
    await tx.execute(
        """
        INSERT INTO undelivered (payment_id, kind, reason, at)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[])
        ON CONFLICT DO NOTHING
        """,
        [item.change.payment for item in goods],
        [item.change.sale.kind if item.change.sale else "" for item in goods],
        [item.failed for item in goods],
        [item.change.at for item in goods],
    )


async def save(tx: Transaction, entitlements: Sequence[Entitlement]) -> None:
    """Write what payments were given; the unique key makes a second delivery of a line impossible."""
    await tx.execute(
        """
        INSERT INTO entitlement (id, payment_id, line, ordinal, kind, user_id, granted, revoked, created_at, frozen)
        SELECT id, payment_id, 0, 0, kind, user_id, granted, revoked, created_at, frozen
        FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::bigint[], $6::bigint[], $7::timestamptz[],
                    $8::bigint[])
             AS new (id, payment_id, kind, user_id, granted, revoked, created_at, frozen)
        ON CONFLICT (id) DO UPDATE SET revoked = excluded.revoked, frozen = excluded.frozen
        """,
        [item.id for item in entitlements],
        [item.payment for item in entitlements],
        [item.kind for item in entitlements],
        [item.user for item in entitlements],
        [item.granted for item in entitlements],
        [item.revoked for item in entitlements],
        [item.created_at for item in entitlements],
        [item.frozen for item in entitlements],
    )


async def undelivered(tx: Transaction, payments: Sequence[UUID]) -> dict[UUID, str]:
    """Tell which of these payments got nothing because it could not be handed over, and why."""
    rows = await tx.fetch("SELECT payment_id, reason FROM undelivered WHERE payment_id = ANY($1::uuid[])", payments)
    return {row["payment_id"]: row["reason"] for row in rows}
