"""Card packs: drawn by weight from what is left, each card with a serial that exists once."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tillkeeper.fulfilment.packs import rules, store
from tillkeeper.fulfilment.packs.rules import SoldOut
from tillkeeper.fulfilment.packs.values import Card, Design, PackType, Tier
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidStateError, NotFoundError

__all__ = [
    "DEMO",
    "UNKNOWN",
    "Design",
    "PackType",
    "SoldOut",
    "Tier",
    "hand_out",
    "keep",
    "lock",
    "offer",
    "open_packs",
    "refundable",
    "save",
    "use",
    "used",
]

UNKNOWN = "This user has no card with this id."


async def lock(tx: Transaction, skus: Sequence[str]) -> dict[str, PackType]:
    """Lock what is left of these packs."""
    return await store.lock_types(tx, sorted(set(skus)))


def open_packs(pack: PackType, packs: int) -> tuple[PackType, list[Design]]:
    """Draw the cards of some packs with the system's secure generator; raises SoldOut."""
    return rules.open_packs(pack, packs, secrets.randbelow)


async def hand_out(tx: Transaction, drawn: Sequence[tuple[UUID, UUID, Sequence[Design], datetime]]) -> None:
    """Give drawn cards to users: user, payment, designs in the order of drawing, time."""
    cards = [
        Card(
            id=ids.new(),
            design=design.id,
            number=design.issued,
            user=user,
            payment=payment,
            ordinal=ordinal,
            status="owned",
            created_at=at,
        )
        for user, payment, designs, at in drawn
        for ordinal, design in enumerate(designs)
    ]
    await store.insert_cards(tx, cards)


async def keep(tx: Transaction, payment: UUID, count: int, *, suspended: int = 0) -> None:
    """Let a payment keep its first cards; the others are revoked, highest ordinal first, and some before suspended."""
    await store.revoke_beyond(tx, payment, count, count - suspended)


async def used(tx: Transaction, payment: UUID) -> tuple[int, int]:
    """Tell how many cards a payment brought, and how many of them, from the first on, stay when no used one goes."""
    return await store.used(tx, payment)


def refundable(granted: int, used: int, *, captured: int, refunded: int) -> int:
    """Tell how much money can go back while the first `used` of the granted cards stay."""
    return rules.refundable(granted, used, captured=captured, refunded=refunded)


async def use(tx: Transaction, user: UUID, card: UUID, *, at: datetime) -> None:
    """Mark a user's card as used; raises NotFoundError or InvalidStateError, and then nothing changed."""
    if await store.use(tx, user, card, at):
        return
    found = await store.state(tx, user, card)
    if found is None:
        raise NotFoundError(UNKNOWN)
    status, used_at = found
    message = f"The card was used at {used_at:%Y-%m-%d %H:%M} UTC." if used_at else f"The card is {status}."
    raise InvalidStateError(message)


async def save(tx: Transaction, packs: Sequence[PackType]) -> None:
    """Write what is left."""
    await store.save_types(tx, packs)


async def offer(tx: Transaction, packs: Sequence[PackType]) -> None:
    """Make packs that can be sold; those that exist keep their stock."""
    await store.upsert_types(tx, packs)


def _designs(sku: str, *rows: tuple[str, str, Tier, int, int | None]) -> tuple[Design, ...]:
    return tuple(
        Design(id=f"{sku}:{place:02}", artist=artist, title=title, tier=tier, weight=weight, supply=supply)
        for place, (artist, title, tier, weight, supply) in enumerate(rows, start=1)
    )


DEMO = (
    PackType(
        sku="pack_black",
        cards=5,
        stock=None,
        guaranteed_tier=Tier.RARE,
        guaranteed_cards=1,
        designs=_designs(
            "pack_black",
            ("Ines Calder", "Harbour at Four", Tier.COMMON, 400, None),
            ("Ines Calder", "The Rope Walk", Tier.COMMON, 400, None),
            ("Tomas Vey", "Soot and Salt", Tier.COMMON, 400, None),
            ("Tomas Vey", "Paper Lantern", Tier.COMMON, 400, None),
            ("Mirela Oss", "Night Ferry", Tier.RARE, 120, 5000),
            ("Mirela Oss", "Tide Table", Tier.RARE, 120, 5000),
            ("Anand Rao", "Copper Rain", Tier.EPIC, 30, 1000),
            ("Yuki Hara", "The Last Tram", Tier.LEGENDARY, 5, 100),
        ),
    ),
    PackType(
        sku="pack_gold",
        cards=5,
        stock=1000,
        guaranteed_tier=Tier.EPIC,
        guaranteed_cards=1,
        designs=_designs(
            "pack_gold",
            ("Anand Rao", "Monsoon Ledger", Tier.RARE, 300, 10000),
            ("Yuki Hara", "Glass Orchard", Tier.RARE, 300, 10000),
            ("Lene Brandt", "Counting House", Tier.RARE, 300, 10000),
            ("Lene Brandt", "Gilded Scale", Tier.EPIC, 80, 2500),
            ("Omar Siddiq", "Minaret at Noon", Tier.EPIC, 80, 2500),
            ("Omar Siddiq", "The Coin Tree", Tier.LEGENDARY, 10, 250),
        ),
    ),
)
"""The demo's packs: black for everybody, gold with a better promise and an end."""
