"""Payments and refunds as plain values."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tillkeeper.facts import Change, DisputeStatus, Notice, Sale, Taxes, Verdict


class Status(StrEnum):
    """Name every state a payment can be in."""

    CREATED = "created"
    IN_REVIEW = "in_review"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    OUTCOME_UNKNOWN = "outcome_unknown"
    REQUIRES_CAPTURE = "requires_capture"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"


GIVEN_UP = "given_up"
"""The code of a refund that a person ended because nobody could find out any more whether it was made."""


class RefundStatus(StrEnum):
    """Name every state a refund can be in."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """Hold what deciding about a payment needs; amounts are minor units of `currency`.

    `disputed` is what banks claim of it, and `lost` the part of that which they have taken for good. Under `review` a
    person must look before authorised money is captured.
    """

    id: UUID
    status: Status
    amount: int
    currency: str
    captured: int
    refunding: int
    refunded: int
    user: UUID | None
    sale: Sale | None
    gateway: str
    manual_capture: bool
    reference: str | None
    created_at: datetime
    disputed: int = 0
    lost: int = 0
    fee: int = 0
    fee_final: bool = False
    fee_tax: int = 0
    fee_told_at: datetime | None = None
    tax_refunded: int = 0
    imported: bool = False
    review: bool = False
    error_code: str | None = None
    error_message: str | None = None
    next_action: dict[str, str] | None = None
    expires_at: datetime | None = None
    authorized_at: datetime | None = None
    captured_at: datetime | None = None

    @property
    def left(self) -> int:
        """Tell what can still go back to the customer."""
        return max(0, self.captured - self.refunded - self.refunding - self.disputed)

    @property
    def tax(self) -> int:
        """Tell how much of the captured money is tax."""
        return self.sale.tax_in(self.captured) if self.sale else 0

    @property
    def taxes(self) -> Taxes:
        """Tell how much of the totals is tax."""
        return Taxes(captured=self.tax, refunded=self.tax_refunded, lost=self.tax_in_lost(self.lost))

    def tax_in_lost(self, lost: int) -> int:
        """Tell how much of money that banks took for good is tax, of what refunds leave of it."""
        if not self.captured:
            return 0
        back = min(self.captured, self.refunded + self.refunding + lost)
        return max(0, min(self.tax * back // self.captured - self.tax_refunded, lost))


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Hold one refund; `origin` tells who asked for it: us, or somebody in the gateway's own dashboard.

    A `surplus` gives back what was captured a second time: it takes no goods and is no part of the payment's refunds.
    `capture` is the gateway's id of what is given back, where that is not the payment's own, and `fee` what was booked
    for that second capture; `tax` is a part of the amount. A `reversal` was made by the gateway against our will; when
    a dispute turns out to be behind it, it is undone in favour of that. What is `imported` an earlier system told of.
    """

    id: UUID
    payment: UUID
    amount: int
    currency: str
    status: RefundStatus
    origin: str
    gateway: str
    reference: str | None
    reason: str | None
    created_at: datetime
    error_code: str | None = None
    settled_at: datetime | None = None
    surplus: bool = False
    capture: str | None = None
    reversal: bool = False
    tax: int = 0
    fee: int | None = None
    imported: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """Hold one dispute; `withdrawn` and `fee` are what the gateway took for it in all so far, where it says so.

    `money_at` is when it said so. `claimed` is what it claims of the payment now, in the payment's currency. `steps`
    counts what happened to it, and `booked_*` is how much of its money the books hold. `closed_at` is when it ended
    last, also while it goes on after that.
    """

    id: UUID
    payment: UUID
    gateway: str
    reference: str
    status: DisputeStatus
    amount: int
    currency: str
    reason: str | None
    due_at: datetime | None
    withdrawn: int | None
    fee: int | None
    opened_at: datetime
    told_at: datetime
    closed_at: datetime | None = None
    money_at: datetime | None = None
    conceded: int = 0
    claimed: int = 0
    steps: int = 0
    booked_withdrawn: int = 0
    booked_fee: int = 0
    booked_lost: int = 0

    @property
    def of_surplus(self) -> bool:
        """Tell whether it is about a second capture: it wants money, or got some, and claims none of the payment."""
        wants = self.status in {DisputeStatus.NEEDS_RESPONSE, DisputeStatus.UNDER_REVIEW}
        return not self.claimed and (wants or (self.status is DisputeStatus.LOST and self.withdrawn != 0))

    @property
    def lost(self) -> int:
        """Tell how much of what the gateway holds nobody expects back any more."""
        if self.status is DisputeStatus.WON:
            return self.conceded
        return (self.withdrawn or 0) if self.status in {DisputeStatus.LOST, DisputeStatus.PREVENTED} else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Hold what this installation decided: the fee to expect by gateway, amount and currency, and what late money does.

    With `refund_late`, money that comes after a payment has ended goes back instead of buying what was sold.
    """

    predict_fee: Callable[[str, int, str], int]
    refund_late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPayment:
    """Hold a payment that is about to be remembered for the first time."""

    id: UUID
    mode: str
    amount: int
    currency: str
    user: UUID | None
    sale: Sale | None
    description: str | None
    gateway: str
    checkout: str
    capture_method: str
    return_url: str | None
    metadata: dict[str, str]
    created_at: datetime
    expires_at: datetime
    customer: UUID | None = None
    review: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """Hold the locked payments that a set of notices speaks of, found by our id or by the gateway's.

    `canceling` are payments that somebody is canceling, `given_up` refunds of which nobody could find out any more.
    """

    payments: dict[UUID, Payment]
    refunds: dict[UUID, Refund]
    references: dict[tuple[str, str], UUID]
    disputes: dict[UUID, Dispute] = field(default_factory=dict)
    canceling: frozenset[UUID] = frozenset()
    given_up: frozenset[UUID] = frozenset()


class OwnMove(StrEnum):
    """Name the moves that start here and not at a gateway."""

    OPENED = "opened"
    UNCLEAR = "unclear"
    REFUSED = "refused"
    DOUBTED = "doubted"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Hold what became of the try to open a checkout."""

    move: OwnMove
    references: tuple[str, ...] = ()
    next_action: dict[str, str] | None = None
    error_code: str | None = None
    error_message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Hold what became of one fact: the verdict with its reason, and the new values when it was applied.

    `rest` is what remains of a refund that was taken over, where `refund` turned out to be a part of it.
    """

    verdict: Verdict
    reason: str
    notice: Notice | None = None
    links: tuple[str, ...] = ()
    payment: Payment | None = None
    refund: Refund | None = None
    rest: Refund | None = None
    dispute: Dispute | None = None
    change: Change | None = None
    waits_for: str | None = None
