"""Values that several packages share: what a gateway told us, and what followed from it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tillkeeper.kernel import ids


class NoticeKind(StrEnum):
    """Name the facts about money that any gateway can tell."""

    PAYMENT_AUTHORIZED = "payment.authorized"
    PAYMENT_CAPTURED = "payment.captured"
    PAYMENT_FAILED = "payment.failed"
    PAYMENT_PENDING = "payment.pending"
    PAYMENT_CANCELED = "payment.canceled"
    REFUND_CREATED = "refund.created"
    REFUND_SUCCEEDED = "refund.succeeded"
    REFUND_FAILED = "refund.failed"


REFUND_KINDS = frozenset({NoticeKind.REFUND_CREATED, NoticeKind.REFUND_SUCCEEDED, NoticeKind.REFUND_FAILED})
CREDITS = "CRD"
"""The unit in which the books count credits; every other unit is a kind of card pack."""
EXPIRED = "expired"
"""The code of a cancellation that happened because time ran out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Hold one fact from a gateway in our own words; `references` are the gateway's ids of this payment."""

    kind: NoticeKind
    gateway: str
    references: tuple[str, ...]
    payment: UUID | None = None
    amount: int | None = None
    currency: str | None = None
    refund: UUID | None = None
    refund_reference: str | None = None
    code: str | None = None
    message: str | None = None
    live: bool = False
    id: UUID = field(default_factory=ids.new)


class Verdict(StrEnum):
    """Tell what became of a notice."""

    APPLIED = "applied"
    KNOWN = "known"
    PARKED = "parked"
    QUARANTINED = "quarantined"


class Step(StrEnum):
    """Name what a change asks of goods and books."""

    NONE = "none"
    CAPTURED = "captured"
    REFUND_REQUESTED = "refund_requested"
    REFUND_SUCCEEDED = "refund_succeeded"
    REFUND_FAILED = "refund_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """Hold what was sold: a snapshot, so later price edits do not change it."""

    package: str
    kind: str
    units: int
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Hold one step of one payment: the state before and after, and what it means for goods and books."""

    payment: UUID
    before: str
    after: str
    reason: str
    step: Step
    at: datetime
    gateway: str
    currency: str
    user: UUID | None
    sale: Sale | None
    amount: int = 0
    captured_total: int = 0
    refunded_total: int = 0
    refund: UUID | None = None
    was_settled: bool = False
    event: str | None = None
    data: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Earned:
    """Hold money that stopped being owed in goods, by currency."""

    currency: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods:
    """Hold what fulfilment did for one change, in units and in the money that stands behind them.

    `unit` is the currency in which the books count the goods. `failed` says why nothing could be handed over.
    """

    change: Change
    unit: str = CREDITS
    failed: str | None = None
    granted: int = 0
    debt_repaid: int = 0
    taken: int = 0
    to_debt: int = 0
    unearned: int = 0
    earned: int = 0
    recognised: tuple[Earned, ...] = ()
    restored: int = 0
    status: str | None = None
