"""All SQL of packs and cards."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tillkeeper.fulfilment.packs.values import Card, Design, PackType, Tier
from tillkeeper.kernel.db import Record, Transaction


async def lock_types(tx: Transaction, skus: Sequence[str]) -> dict[str, PackType]:
    """Lock the stock of these packs in the order of their names; their designs are locked by it."""
    rows = await tx.fetch(
        "SELECT * FROM pack_type WHERE sku = ANY($1::text[]) ORDER BY sku FOR NO KEY UPDATE", list(skus)
    )
    designs = await tx.fetch("SELECT * FROM card_design WHERE sku = ANY($1::text[]) ORDER BY id", list(skus))
    return {
        row["sku"]: PackType(
            sku=row["sku"],
            cards=row["cards"],
            stock=row["stock"],
            guaranteed_tier=Tier[row["guaranteed_tier"].upper()],
            guaranteed_cards=row["guaranteed_cards"],
            designs=tuple(_design(design) for design in designs if design["sku"] == row["sku"]),
        )
        for row in rows
    }


async def save_types(tx: Transaction, packs: Sequence[PackType]) -> None:
    """Write what is left of packs and designs."""
    await tx.execute(
        """
        UPDATE pack_type SET stock = new.stock
        FROM unnest($1::text[], $2::bigint[]) AS new (sku, stock) WHERE pack_type.sku = new.sku
        """,
        [pack.sku for pack in packs],
        [pack.stock for pack in packs],
    )
    designs = [design for pack in packs for design in pack.designs]
    await tx.execute(
        """
        UPDATE card_design SET issued = new.issued
        FROM unnest($1::text[], $2::bigint[]) AS new (id, issued)
        WHERE card_design.id = new.id AND card_design.issued <> new.issued
        """,
        [design.id for design in designs],
        [design.issued for design in designs],
    )


async def upsert_types(tx: Transaction, packs: Sequence[PackType]) -> None:
    """Write kinds of packs and their designs; what was issued stays."""
    for pack in packs:
        await tx.execute(
            """
            INSERT INTO pack_type (sku, cards, stock, guaranteed_tier, guaranteed_cards) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (sku) DO NOTHING
            """,
            pack.sku,
            pack.cards,
            pack.stock,
            pack.guaranteed_tier.name.lower(),
            pack.guaranteed_cards,
        )
        await tx.execute(
            """
            INSERT INTO card_design (id, sku, artist, title, tier, weight, supply)
            SELECT id, $1, artist, title, tier, weight, supply
            FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::bigint[])
                 AS new (id, artist, title, tier, weight, supply)
            ON CONFLICT (id) DO NOTHING
            """,
            pack.sku,
            [design.id for design in pack.designs],
            [design.artist for design in pack.designs],
            [design.title for design in pack.designs],
            [design.tier.name.lower() for design in pack.designs],
            [design.weight for design in pack.designs],
            [design.supply for design in pack.designs],
        )


async def insert_cards(tx: Transaction, cards: Sequence[Card]) -> None:
    """Hand out cards."""
    await tx.execute(
        """
        INSERT INTO card (id, design_id, number, user_id, payment_id, ordinal, status, created_at)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::uuid[], $5::uuid[], $6::int[], $7::text[],
                             $8::timestamptz[])
        """,
        [card.id for card in cards],
        [card.design for card in cards],
        [card.number for card in cards],
        [card.user for card in cards],
        [card.payment for card in cards],
        [card.ordinal for card in cards],
        [card.status for card in cards],
        [card.created_at for card in cards],
    )


async def revoke_beyond(tx: Transaction, payment: UUID, kept: int, free: int) -> None:
    """Let a payment keep its first cards, of which some are free; revoke the rest, used ones too."""
    await tx.execute(
        """
        UPDATE card
        SET status = CASE WHEN ordinal < $3 THEN 'owned' WHEN ordinal < $2 THEN 'suspended'
                          WHEN used_at IS NULL THEN 'revoked' ELSE 'revoked_after_use' END
        WHERE payment_id = $1
        """,
        payment,
        kept,
        free,
    )


async def used(tx: Transaction, payment: UUID) -> tuple[int, int]:
    """Count the cards of a payment, and its first ones up to the last that was used and is still there."""
    row = await tx.fetchrow(
        """
        SELECT count(*) AS granted, max(ordinal) FILTER (
            WHERE used_at IS NOT NULL AND status IN ('owned', 'suspended')) AS last
        FROM card WHERE payment_id = $1
        """,
        payment,
    )
    assert row, "a count is always there"
    return row["granted"], 0 if row["last"] is None else row["last"] + 1


async def use(tx: Transaction, user: UUID, card: UUID, at: datetime) -> bool:
    """Mark a card as used; false when this user has no such card that can be."""
    return bool(
        await tx.execute(
            "UPDATE card SET used_at = $3 WHERE id = $1 AND user_id = $2 AND status = 'owned' AND used_at IS NULL",
            card,
            user,
            at,
        )
    )


async def state(tx: Transaction, user: UUID, card: UUID) -> tuple[str, datetime | None] | None:
    """Read how a user's card stands, and when it was used; None when there is none."""
    row = await tx.fetchrow("SELECT status, used_at FROM card WHERE id = $1 AND user_id = $2", card, user)
    return (row["status"], row["used_at"]) if row else None


def _design(row: Record) -> Design:
    return Design(
        id=row["id"],
        artist=row["artist"],
        title=row["title"],
        tier=Tier[row["tier"].upper()],
        weight=row["weight"],
        supply=row["supply"],
        issued=row["issued"],
    )
