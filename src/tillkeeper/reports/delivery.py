"""What our own records say of a payment, for whoever must prove it."""

from uuid import UUID

from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.responses import CardHeld, Delivery, Returned, Spent

spends_max = 50
cards_max = 100
SOLD = """
SELECT payment.*, end_user.name AS user_name, customer.name AS customer_name, customer.email AS customer_email,
       entitlement.kind, coalesce(entitlement.granted, 0) AS granted, coalesce(entitlement.revoked, 0) AS revoked,
       entitlement.created_at AS delivered_at, wallet.balance + wallet.frozen AS credits_left,
       coalesce((SELECT effective_at FROM journal
                 WHERE source = 'payment' AND source_id = payment.id::text AND kind = 'capture'),
                payment.captured_at) AS taken_at,
       (SELECT count(*) FROM credit_lot WHERE user_id = payment.user_id) = 1 AS only_lot
FROM payment
LEFT JOIN end_user ON end_user.id = payment.user_id
LEFT JOIN customer ON customer.id = payment.customer_id
LEFT JOIN entitlement ON entitlement.payment_id = payment.id AND entitlement.line = 0 AND entitlement.ordinal = 0
LEFT JOIN wallet ON wallet.user_id = payment.user_id
WHERE payment.id = $1
"""


async def read(tx: Transaction, payment: UUID, *, window_hours: int | None) -> Delivery:
    """Gather what is known of a payment; raises NotFoundError."""
    row = await tx.fetchrow(SOLD, payment)
    if row is None:
        message = "No payment has this id."
        raise NotFoundError(message)
    by_credits = row["kind"] == "credits"
    spent = await _spent(tx, row) if by_credits else []
    return Delivery(
        payment=payment,
        reference=row["gateway_reference"],
        amount=row["amount_captured"],
        currency=row["currency"],
        title=row["description"] or (row["sale"]["package"] if row["sale"] else "Payment"),
        captured_at=row["taken_at"],
        kind=row["kind"],
        granted=row["granted"],
        revoked=row["revoked"],
        delivered_at=row["delivered_at"],
        user=row["user_name"],
        customer_name=row["customer_name"],
        customer_email=row["customer_email"],
        balance=row["credits_left"] if by_credits else None,
        spent=tuple(_purchase(each, only_lot=row["only_lot"]) for each in spent),
        spent_total=spent[0]["total"] if spent else 0,
        cards=await _cards(tx, payment),
        refunds=await _refunds(tx, payment),
        window_hours=window_hours,
    )


async def _spent(tx: Transaction, row: Record) -> list[Record]:
    """List what a user bought with credits since they were delivered, the latest first, each with the sum of all."""
    return await tx.fetch(
        f"""
        SELECT at, amount, reason, sum(amount) OVER ()::bigint AS total FROM wallet_spend
        WHERE user_id = $1 AND at >= $2 ORDER BY at DESC, id DESC LIMIT {spends_max}
        """,
        row["user_id"],
        row["delivered_at"],
    )


def _purchase(row: Record, *, only_lot: bool) -> Spent:
    """Show a purchase; what it was for may be another payment's business, unless these are all credits there were."""
    return Spent(at=row["at"], credits=row["amount"], reason=row["reason"] if only_lot else None)


async def _cards(tx: Transaction, payment: UUID) -> tuple[CardHeld, ...]:
    rows = await tx.fetch(
        f"""
        SELECT card_design.title, card.number, card.status FROM card
        JOIN card_design ON card_design.id = card.design_id
        WHERE card.payment_id = $1 ORDER BY card.ordinal LIMIT {cards_max}
        """,
        payment,
    )
    return tuple(CardHeld(title=row["title"], serial=str(row["number"]), status=row["status"]) for row in rows)


async def _refunds(tx: Transaction, payment: UUID) -> tuple[Returned, ...]:
    rows = await tx.fetch(
        "SELECT created_at, amount, status FROM refund WHERE payment_id = $1 AND NOT surplus ORDER BY created_at, id",
        payment,
    )
    return tuple(Returned(at=row["created_at"], amount=row["amount"], status=row["status"]) for row in rows)
