"""Wallets as the API shows them."""

from tillkeeper.fulfilment.wallet import Adjustment
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.reports import time


async def show(tx: Transaction, user: str) -> dict[str, object]:
    """Show a user's credits; a user who never bought has none."""
    row = await tx.fetchrow(
        "SELECT wallet.balance, wallet.debt, wallet.frozen FROM wallet JOIN end_user ON end_user.id = wallet.user_id "
        "WHERE end_user.name = $1",
        user,
    )
    balance, frozen, debt = (row["balance"], row["frozen"], row["debt"]) if row else (0, 0, 0)
    return {"object": "wallet", "user": user, "balance": balance, "frozen": frozen, "debt": debt, "currency": "CRD"}


async def entries(tx: Transaction, user: str, *, limit: int, before: int | None) -> dict[str, object]:
    """List the movements of a wallet, newest first."""
    rows = await tx.fetch(
        """
        SELECT wallet_entry.*,
               CASE WHEN wallet_entry.kind = 'spend' THEN 'spend'
                    WHEN EXISTS (SELECT FROM payment WHERE payment.id = source) THEN 'payment'
                    WHEN EXISTS (SELECT FROM refund WHERE refund.id = source) THEN 'refund'
                    WHEN EXISTS (SELECT FROM dispute WHERE dispute.id = source) THEN 'dispute'
                    WHEN EXISTS (SELECT FROM wallet_adjustment WHERE wallet_adjustment.id = source) THEN 'adjustment'
                    ELSE 'lot' END AS source_kind
        FROM wallet_entry JOIN end_user ON end_user.id = wallet_entry.user_id
        WHERE end_user.name = $1 AND ($2::bigint IS NULL OR wallet_entry.id < $2)
        ORDER BY wallet_entry.id DESC LIMIT $3
        """,
        user,
        before,
        limit + 1,
    )
    has_more = len(rows) > limit
    shown = rows[:limit]
    return {
        "data": [_entry(row) for row in shown],
        "has_more": has_more,
        "next_cursor": str(shown[-1]["id"]) if has_more else None,
    }


def adjusted(made: Adjustment) -> dict[str, object]:
    """Show what somebody did to a wallet by hand, beside the wallet."""
    return {
        "adjustment": ids.text("adjustment", made.id),
        "kind": made.kind,
        "amount": made.amount,
        "reason": made.reason,
        "expires_at": time(made.expires_at),
    }


def _entry(row: Record) -> dict[str, object]:
    return {
        "kind": row["kind"],
        "amount": row["amount"],
        "balance_before": row["balance_before"],
        "balance_after": row["balance_after"],
        "source": ids.text(row["source_kind"], row["source"]),
        "reason": row["reason"],
        "at": time(row["at"]),
    }
