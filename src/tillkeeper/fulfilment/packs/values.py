"""Packs, designs and cards as plain values."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from uuid import UUID


class Tier(IntEnum):
    """Order the tiers from the most common to the rarest."""

    COMMON = 0
    RARE = 1
    EPIC = 2
    LEGENDARY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Hold a card that can be drawn; `supply` is how many there will ever be, None for no limit."""

    id: str
    artist: str
    title: str
    tier: Tier
    weight: int
    supply: int | None
    issued: int = 0

    @property
    def left(self) -> bool:
        """Tell whether one more can be issued."""
        return self.supply is None or self.issued < self.supply


@dataclass(frozen=True, slots=True, kw_only=True)
class PackType:
    """Hold a kind of pack; `stock` is how many packs are left, None for no limit."""

    sku: str
    cards: int
    stock: int | None
    guaranteed_tier: Tier
    guaranteed_cards: int
    designs: tuple[Design, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Hold one card with its unique serial: the design and its number."""

    id: UUID
    design: str
    number: int
    user: UUID
    payment: UUID
    ordinal: int
    status: str
    created_at: datetime
