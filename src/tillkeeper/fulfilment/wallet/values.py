"""Wallets and lots of credits as plain values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tillkeeper.facts import Earned

FREE = "XXX"
"""The currency of lots that nobody paid for; ISO 4217 writes “no currency” so."""


class AdjustmentKind(StrEnum):
    """Name what people do to credits by hand."""

    BONUS = "bonus"
    ADJUSTMENT = "adjustment"
    WRITE_OFF = "write_off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """Hold credits that came together: units, and the money behind them in minor units of `currency`.

    `frozen` credits are there and cannot be spent, because a bank claims their money. Of the money, `recognised` was
    earned, `returned` went back with refunds, and `lost` went with lost disputes.
    """

    id: UUID
    user: UUID
    payment: UUID | None
    granted: int
    remaining: int
    currency: str
    amount: int
    created_at: datetime
    revoked: int = 0
    recognised: int = 0
    returned: int = 0
    frozen: int = 0
    lost: int = 0
    expires_at: datetime | None = None

    @property
    def unearned(self) -> int:
        """Tell how much of the money is still owed in credits."""
        return self.amount - self.recognised - self.returned - self.lost

    @property
    def source(self) -> UUID:
        """Name what brought these credits: a payment, or what shares its id with them."""
        return self.payment or self.id


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
    frozen: int = 0
    lots: tuple[Lot, ...] = ()
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Hold what banks have to do with one lot: credits that must not be spent meanwhile, and money lost to them."""

    frozen: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Hold what bringing one lot to its due state came to, in units and in money.

    `units` left the wallet and `from_frozen` what was frozen; `to_debt` were nowhere to be found. `returned` came back
    into the wallet, and `repaid` of what came back went against what the user owed. `recognised` is money that was
    earned by it, and `lost` is by how much more of the lot's money was lost.
    """

    units: int = 0
    from_frozen: int = 0
    to_debt: int = 0
    returned: int = 0
    frozen: int = 0
    thawed: int = 0
    repaid: int = 0
    lost: int = 0
    recognised: tuple[Earned, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """Hold what somebody did to a user's credits by hand, who it was and why; what was taken is negative."""

    id: UUID
    user: UUID
    kind: AdjustmentKind
    amount: int
    reason: str
    made_by: str
    at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Hold what a user brings along from an earlier system: credits in lots, or what is owed."""

    user: UUID
    lots: tuple[Lot, ...] = ()
    debt: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lapsed:
    """Hold what one lot lost because its time was over, and the money that nobody can spend any more."""

    lot: UUID
    user: UUID
    units: int
    earned: Earned
