"""Wallets and lots of credits as plain values."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tillkeeper.facts import Earned


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """Hold credits that came together: units, and the money behind them in minor units of `currency`."""

    id: UUID
    user: UUID
    payment: UUID
    granted: int
    remaining: int
    currency: str
    amount: int
    created_at: datetime
    revoked: int = 0
    recognised: int = 0
    returned: int = 0
    expires_at: datetime | None = None

    @property
    def unearned(self) -> int:
        """Tell how much of the money is still owed in credits."""
        return self.amount - self.recognised - self.returned


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Hold one movement of a wallet."""

    user: UUID
    kind: str
    amount: int
    before: int
    source: UUID
    reason: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """Hold what one refund took, in credits and in money, so that it can be given back."""

    refund: UUID
    lot: UUID
    units: int
    unearned: int
    earned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """Hold one user's locked wallet while a batch is decided: its lots in the order in which they are spent."""

    user: UUID
    balance: int = 0
    debt: int = 0
    lots: tuple[Lot, ...] = ()
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Hold what taking credits away came to."""

    units: int
    to_debt: int
    unearned: int
    earned: int
    recognised: tuple[Earned, ...]
    revocation: Revocation
