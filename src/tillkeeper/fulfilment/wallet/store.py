"""All SQL of wallets."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tillkeeper.fulfilment.wallet.values import Adjustment, Entry, Lot, Purse, Revocation
from tillkeeper.kernel.db import Record, Transaction


async def lock(tx: Transaction, users: Sequence[UUID]) -> dict[UUID, Purse]:
    """Lock wallets in the order of their users; return those that exist, without their lots."""
    rows = await tx.fetch(
        """
        SELECT user_id, balance, debt, frozen
        FROM unnest($1::uuid[]) AS asked (user_id) JOIN wallet USING (user_id)
        ORDER BY user_id FOR NO KEY UPDATE OF wallet
        """,
        sorted(users),
    )
    return {
        row["user_id"]: Purse(user=row["user_id"], balance=row["balance"], debt=row["debt"], frozen=row["frozen"])
        for row in rows
    }


async def insert(tx: Transaction, users: Sequence[UUID]) -> None:
    """Open wallets that do not exist yet."""
    await tx.execute(
        "INSERT INTO wallet (user_id) SELECT * FROM unnest($1::uuid[]) ON CONFLICT DO NOTHING", sorted(users)
    )


async def lock_lots(tx: Transaction, users: Sequence[UUID], payments: Sequence[UUID]) -> list[Lot]:
    """Lock the lots that still hold credits, and those of these payments."""
    rows = await tx.fetch(
        """
        SELECT * FROM credit_lot
        WHERE (user_id = ANY($1::uuid[]) AND remaining > 0) OR payment_id = ANY($2::uuid[])
        ORDER BY id FOR NO KEY UPDATE
        """,
        list(users),
        list(payments),
    )
    return [_lot(row) for row in rows]


async def lock_of(tx: Transaction, payment: UUID) -> None:
    """Lock the wallet into which a payment brought credits."""
    await tx.execute(
        "SELECT FROM wallet JOIN credit_lot USING (user_id) WHERE payment_id = $1 FOR NO KEY UPDATE OF wallet", payment
    )


async def lot_of(tx: Transaction, payment: UUID) -> Lot | None:
    """Lock the lot of one payment."""
    row = await tx.fetchrow("SELECT * FROM credit_lot WHERE payment_id = $1 FOR NO KEY UPDATE", payment)
    return _lot(row) if row else None


async def save_wallets(tx: Transaction, purses: Sequence[Purse]) -> None:
    """Write balances, debts and what is frozen."""
    await tx.execute(
        """
        UPDATE wallet SET balance = new.balance, debt = new.debt, frozen = new.frozen
        FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) AS new (user_id, balance, debt, frozen)
        WHERE wallet.user_id = new.user_id
        """,
        [purse.user for purse in purses],
        [purse.balance for purse in purses],
        [purse.debt for purse in purses],
        [purse.frozen for purse in purses],
    )


async def save_lots(tx: Transaction, lots: Sequence[Lot]) -> None:
    """Write lots, new ones and known ones."""
    await tx.execute(
        """
        INSERT INTO credit_lot (id, user_id, payment_id, granted, remaining, revoked, currency, amount, recognised,
                                returned, expires_at, created_at, frozen, lost)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[],
                             $8::bigint[], $9::bigint[], $10::bigint[], $11::timestamptz[], $12::timestamptz[],
                             $13::bigint[], $14::bigint[])
        ON CONFLICT (id) DO UPDATE
        SET remaining = excluded.remaining, revoked = excluded.revoked, recognised = excluded.recognised,
            returned = excluded.returned, frozen = excluded.frozen, lost = excluded.lost
        """,
        [lot.id for lot in lots],
        [lot.user for lot in lots],
        [lot.payment for lot in lots],
        [lot.granted for lot in lots],
        [lot.remaining for lot in lots],
        [lot.revoked for lot in lots],
        [lot.currency for lot in lots],
        [lot.amount for lot in lots],
        [lot.recognised for lot in lots],
        [lot.returned for lot in lots],
        [lot.expires_at for lot in lots],
        [lot.created_at for lot in lots],
        [lot.frozen for lot in lots],
        [lot.lost for lot in lots],
    )


async def insert_entries(tx: Transaction, entries: Sequence[Entry]) -> None:
    """Append movements."""
    await tx.execute(
        """
        INSERT INTO wallet_entry (user_id, kind, amount, balance_before, balance_after, source, reason, at)
        SELECT user_id, kind, amount, before, before + amount, source, reason, at
        FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::uuid[], $6::text[], $7::timestamptz[])
             AS new (user_id, kind, amount, before, source, reason, at)
        """,
        [entry.user for entry in entries],
        [entry.kind for entry in entries],
        [entry.amount for entry in entries],
        [entry.before for entry in entries],
        [entry.source for entry in entries],
        [entry.reason for entry in entries],
        [entry.at for entry in entries],
    )


async def insert_revocations(tx: Transaction, revocations: Sequence[Revocation]) -> None:
    """Remember how refunds were taken."""
    await tx.execute(
        """
        INSERT INTO revocation (refund_id, lot_id, units, unearned, earned)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[])
        """,
        [item.refund for item in revocations],
        [item.lot for item in revocations],
        [item.units for item in revocations],
        [item.unearned for item in revocations],
        [item.earned for item in revocations],
    )


async def revocations(tx: Transaction, refunds: Sequence[UUID]) -> dict[UUID, Revocation]:
    """Read how refunds were taken."""
    rows = await tx.fetch("SELECT * FROM revocation WHERE refund_id = ANY($1::uuid[])", list(refunds))
    return {
        row["refund_id"]: Revocation(
            refund=row["refund_id"],
            lot=row["lot_id"],
            units=row["units"],
            unearned=row["unearned"],
            earned=row["earned"],
        )
        for row in rows
    }


async def insert_spend(tx: Transaction, spend: UUID, user: UUID, units: int, reason: str, at: datetime) -> None:
    """Remember a purchase made with credits."""
    await tx.execute(
        "INSERT INTO wallet_spend (id, user_id, amount, reason, at) VALUES ($1, $2, $3, $4, $5)",
        spend,
        user,
        units,
        reason,
        at,
    )


async def insert_adjustment(tx: Transaction, made: Adjustment) -> None:
    """Remember what somebody did to credits by hand."""
    await tx.execute(
        """
        INSERT INTO wallet_adjustment (id, user_id, kind, amount, reason, made_by, expires_at, at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        made.id,
        made.user,
        made.kind,
        made.amount,
        made.reason,
        made.made_by,
        made.expires_at,
        made.at,
    )


async def lapsing(tx: Transaction, lots_max: int) -> tuple[set[UUID], datetime | None]:
    """List whose credits are over by the database's clock, and tell what time it shows; None when there are none."""
    rows = await tx.fetch(
        """
        SELECT user_id, statement_timestamp() AS now FROM credit_lot
        WHERE remaining > 0 AND expires_at <= statement_timestamp()
        ORDER BY expires_at LIMIT $1
        """,
        lots_max,
    )
    return {row["user_id"] for row in rows}, rows[0]["now"] if rows else None


def _lot(row: Record) -> Lot:
    return Lot(
        id=row["id"],
        user=row["user_id"],
        payment=row["payment_id"],
        granted=row["granted"],
        remaining=row["remaining"],
        currency=row["currency"],
        amount=row["amount"],
        created_at=row["created_at"],
        revoked=row["revoked"],
        recognised=row["recognised"],
        returned=row["returned"],
        frozen=row["frozen"],
        lost=row["lost"],
        expires_at=row["expires_at"],
    )


async def erase(tx: Transaction, user: UUID) -> None:
    """Take the words out of what was spent; the histories have a function of their own for that."""
    await tx.execute("UPDATE wallet_spend SET reason = 'erased' WHERE user_id = $1", user)
