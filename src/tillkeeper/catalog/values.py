"""Packages as plain values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """Hold something that is for sale; `quantity` is units of its kind, prices are minor units by currency."""

    id: str
    kind: str
    title: str
    quantity: int
    prices: dict[str, int]
