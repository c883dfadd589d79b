"""What an earlier system left behind, in our words."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import ClassVar

Key = tuple[str, str]
"""What makes a record the only one of its thing, for ever: what it is about, and its name in the earlier system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastLot:
    """Hold credits that came together; `amount` is the money still owed for them, in minor units of `currency`."""

    credits: int
    amount: int = 0
    currency: str | None = None
    expires_at: datetime | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastUser:
    """Hold a user's credits by their lots, or what the user owes."""

    kind: ClassVar[str] = "user"
    id: str
    lots: tuple[PastLot, ...] = ()
    debt: int = 0

    @property
    def balance(self) -> int:
        """Tell how many credits the user has."""
        return sum(lot.credits for lot in self.lots)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRefund:
    """Hold money that went back."""

    amount: int
    reference: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastPayment:
    """Hold a payment that has ended; `reference` is what its gateway calls the money that was taken."""

    kind: ClassVar[str] = "payment"
    id: str
    status: str
    amount: int
    currency: str
    gateway: str
    created_at: datetime
    user: str | None = None
    reference: str | None = None
    description: str | None = None
    captured_at: datetime | None = None
    refunds: tuple[PastRefund, ...] = ()

    @property
    def refunded(self) -> int:
        """Tell how much went back."""
        return sum(refund.amount for refund in self.refunds)

    @property
    def names(self) -> list[tuple[str, str]]:
        """List what its gateway calls the payment and its refunds."""
        references = [self.reference, *(refund.reference for refund in self.refunds)]
        return [(self.gateway, reference) for reference in references if reference]


Record = PastUser | PastPayment


def key_of(record: Record) -> Key:
    """Name a record."""
    return (record.kind, record.id)


def digest_of(record: Record) -> bytes:
    """Digest what a record says, however its line was written."""
    said = {name: value for name, value in asdict(record).items() if value not in (None, (), 0)}
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Hold what a line says, and which of its fields nobody asks for."""

    record: Record
    ignored: frozenset[str] = field(default=frozenset())
