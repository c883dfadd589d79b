"""What became of the money of one payment, and how long its goods took."""

from uuid import UUID

from tillkeeper.kernel.db import Transaction
from tillkeeper.reports import time

# A gateway's fee is known in the currency in which it settles; only one in the payment's own can be taken off it.
SQL = """
SELECT amount_captured - amount_refunded - amount_refunding - amount_disputed - fee AS net,
       amount_disputed - amount_lost AS claimed, amount_lost AS lost, fee, fee_final,
       CASE WHEN delivered_at >= told_at THEN (extract(epoch FROM delivered_at - told_at) * 1000)::bigint END
           AS delivered_ms
FROM payment, LATERAL (SELECT min(created_at) AS delivered_at FROM entitlement WHERE payment_id = payment.id) AS goods,
     LATERAL (SELECT min(received_at) AS told_at FROM inbox_message WHERE payment_id = payment.id) AS webhook
WHERE id = $1
"""


async def show(tx: Transaction, payment: UUID) -> dict[str, object]:
    """Break down the money of a payment, in its minor units; `delivered_ms` counts from the first webhook.

    It is not known where goods came before any webhook: by a call of ours, or in a history with a clock set back.
    """
    row = await tx.fetchrow(SQL, payment)
    assert row, "whoever asks has seen the payment"
    return dict(row)


async def delivered_at(tx: Transaction, payment: UUID) -> str | None:
    """Tell when a payment had its goods; None while it had none."""
    return time(await tx.fetchval("SELECT min(created_at) FROM entitlement WHERE payment_id = $1", payment))
