"""Packages as plain values."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """Hold something that is for sale; `quantity` is units of its kind, prices are minor units by currency.

    One that is not `active` is not for sale any more. `tax_bps` says by currency which tax a price includes, in
    hundredths of a percent; none where it is silent.
    """

    id: str
    kind: str
    title: str
    quantity: int
    prices: dict[str, int]
    tax_bps: dict[str, int] = field(default_factory=dict)
    active: bool = True
