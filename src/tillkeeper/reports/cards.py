"""Cards as the API shows them."""

from uuid import UUID

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.reports import paging, time

SELECT = """
SELECT card.id, card.number, card.status, card.payment_id, card.created_at, card.used_at,
       card_design.sku, card_design.title, card_design.artist, card_design.tier, card_design.supply
FROM card
JOIN card_design ON card_design.id = card.design_id
"""


async def show(tx: Transaction, card: UUID) -> dict[str, object]:
    """Show one card; raises NotFoundError."""
    row = await tx.fetchrow(f"{SELECT} WHERE card.id = $1", card)
    if row is None:
        message = "No card has this id."
        raise NotFoundError(message)
    return _show(row)


async def of_payment(tx: Transaction, payment: UUID) -> list[dict[str, object]]:
    """List the cards of a payment, in the order in which they were drawn."""
    rows = await tx.fetch(
        f"{SELECT} WHERE card.payment_id = $1 ORDER BY card.ordinal LIMIT {paging.limit_max}", payment
    )
    return [_show(row) for row in rows]


async def find(
    tx: Transaction,
    user: str,
    *,
    limit: int,
    cursor: str | None,
    payment: str | None = None,
    pack: str | None = None,
    tier: str | None = None,
) -> dict[str, object]:
    """List a user's cards, newest first, each with its serial; None means any."""
    at, id_ = paging.place(cursor)
    rows = await tx.fetch(
        f"""{SELECT}
        JOIN end_user ON end_user.id = card.user_id
        WHERE end_user.name = $1
          AND ($2::timestamptz IS NULL OR (card.created_at, card.id) < ($2, $3::uuid))
          AND ($5::uuid IS NULL OR card.payment_id = $5)
          AND ($6::text IS NULL OR card_design.sku = $6) AND ($7::text IS NULL OR card_design.tier = $7)
        ORDER BY card.created_at DESC, card.id DESC LIMIT $4
        """,
        user,
        at,
        id_,
        limit + 1,
        ids.parse("payment", payment) if payment else None,
        pack,
        tier,
    )
    return paging.page(rows, limit, "created_at", _show)


async def losses(tx: Transaction, user: str) -> dict[str, str]:
    """Say, by payment, why its cards were taken back or are held: a dispute, or else a refund."""
    rows = await tx.fetch(
        """
        SELECT DISTINCT payment.id, EXISTS (
                   SELECT FROM dispute WHERE dispute.payment_id = payment.id AND dispute.status <> 'won') AS disputed
        FROM card JOIN payment ON payment.id = card.payment_id JOIN end_user ON end_user.id = card.user_id
        WHERE end_user.name = $1 AND card.status <> 'owned'
        """,
        user,
    )
    return {ids.text("payment", row["id"]): "dispute" if row["disputed"] else "refund" for row in rows}


def _show(row: Record) -> dict[str, object]:
    edition = f" of {row['supply']}" if row["supply"] else ""
    return {
        "id": ids.text("card", row["id"]),
        "object": "card",
        "serial": f"{row['number']}{edition}",
        "title": row["title"],
        "artist": row["artist"],
        "tier": row["tier"],
        "pack": row["sku"],
        "status": row["status"],
        "used_at": time(row["used_at"]),
        "payment": ids.text("payment", row["payment_id"]),
        "created_at": time(row["created_at"]),
    }
