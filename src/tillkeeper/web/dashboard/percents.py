"""Percentages as people write them, which are basis points inside."""

from tillkeeper.kernel import money

DECIMALS = "XXX"
"""The code of no currency: its two decimals are those of a percentage in basis points."""


def basis_points(written: str) -> int:
    """Read a percentage such as `19` or `12.5%`; raises ValueError."""
    return money.minor(written.strip().removesuffix("%"), DECIMALS)


def show(bps: int) -> str:
    """Write basis points as a percentage, without decimals that say nothing."""
    return f"{money.decimal(bps, DECIMALS).removesuffix('.00')}%"
