"""What a gateway tells us of payments, refunds, disputes and payouts."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tillkeeper.kernel import checks, ids, logs


class NoticeKind(StrEnum):
    """Name the facts about money that any gateway can tell.

    A payment is let go when one of several cards that were charged for it holds no money any more, and another may.
    """

    PAYMENT_APPROVED = "payment.approved"
    PAYMENT_AUTHORIZED = "payment.authorized"
    PAYMENT_CAPTURED = "payment.captured"
    PAYMENT_FAILED = "payment.failed"
    PAYMENT_PENDING = "payment.pending"
    PAYMENT_CANCELED = "payment.canceled"
    PAYMENT_LET_GO = "payment.let_go"
    PAYMENT_FEE = "payment.fee"
    REFUND_CREATED = "refund.created"
    REFUND_SUCCEEDED = "refund.succeeded"
    REFUND_FAILED = "refund.failed"
    DISPUTE_OPENED = "dispute.opened"
    DISPUTE_UPDATED = "dispute.updated"
    DISPUTE_WON = "dispute.won"
    DISPUTE_LOST = "dispute.lost"
    PAYOUT_CREATED = "payout.created"
    PAYOUT_PAID = "payout.paid"
    PAYOUT_FAILED = "payout.failed"


REFUND_KINDS = frozenset({NoticeKind.REFUND_CREATED, NoticeKind.REFUND_SUCCEEDED, NoticeKind.REFUND_FAILED})
DISPUTE_KINDS = frozenset(
    {NoticeKind.DISPUTE_OPENED, NoticeKind.DISPUTE_UPDATED, NoticeKind.DISPUTE_WON, NoticeKind.DISPUTE_LOST}
)
PAYOUT_KINDS = frozenset({NoticeKind.PAYOUT_CREATED, NoticeKind.PAYOUT_PAID, NoticeKind.PAYOUT_FAILED})
EXPIRED = "expired"
"""The code of a cancellation that happened because time ran out."""


class DisputeStatus(StrEnum):
    """Name the stages of a dispute; a warning or an inquiry takes no money yet, a prevented dispute never does."""

    WARNING = "warning"
    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"
    PREVENTED = "prevented"


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeFacts:
    """Hold what a gateway says of a dispute; amounts are minor units of the notice's currency.

    `withdrawn` is what the gateway holds back for it in all by now, and `fee` what it charged for it; None when it
    does not say. `conceded` is what the customer keeps of a dispute that was won in part. `at` is when it says so: what
    is older than something known changes nothing.
    """

    id: str
    status: DisputeStatus
    reason: str | None = None
    due_at: datetime | None = None
    withdrawn: int | None = None
    fee: int | None = None
    conceded: int = 0
    at: datetime | None = None

    def __post_init__(self) -> None:
        """Mask what a gateway should not say; its id of the dispute is what it is asked by."""
        logs.mask_in(self, "reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutFacts:
    """Hold what a gateway says of money that it sends to the bank; `bank_reference` is what the bank's line shows."""

    id: str
    arrives_at: datetime | None = None
    bank_reference: str | None = None
    automatic: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Hold one fact from a gateway in our own words.

    `references` are the gateway's ids of this payment. The first is the one to use from now on when the gateway is
    asked or told something about it: once money was taken, the id of exactly that capture; of an attempt that
    failed, the id of the order or session that goes on. `amount` is what the fact is about: captured, refunded,
    disputed, paid out, or the fee; None when the gateway did not say, and then it is asked. `tax` is how much of a fee
    is tax on it; None when the gateway does not say. A refund that is a `reversal` was made by the gateway against our
    will, as it does when a dispute is lost. `occurred_at` is when it happened, where the gateway says so: a webhook may
    come days later. `attempt` is what the gateway calls an attempt that failed or may yet, where it has a name for
    each: by it the same failure is known again, however often, in whatever way and in whatever order it is told.
    """

    kind: NoticeKind
    gateway: str
    references: tuple[str, ...]
    payment: UUID | None = None
    amount: int | None = None
    currency: str | None = None
    tax: int | None = None
    refund: UUID | None = None
    refund_reference: str | None = None
    reversal: bool = False
    code: str | None = None
    message: str | None = None
    attempt: str | None = None
    dispute: DisputeFacts | None = None
    payout: PayoutFacts | None = None
    occurred_at: datetime | None = None
    live: bool = False
    id: UUID = field(default_factory=ids.new)

    def __post_init__(self) -> None:
        """Mask what a gateway should not say: its words are stored, shown and sent on."""
        logs.mask_in(self, "code", "message")

    def check(self) -> None:
        """Prove that everything in it is of its kind, which a gateway's JSON does not; raises ValueError."""
        dispute, payout = self.dispute, self.payout
        held = (dispute.withdrawn, dispute.fee, dispute.conceded) if dispute else ()
        checks.amounts(self.amount, self.tax, *held)
        checks.names(*self.references, *(each.id for each in (dispute, payout) if each))
        checks.currencies(self.currency)
        checks.texts(self.refund_reference, self.code, self.message, self.attempt)
        checks.texts(dispute and dispute.reason, payout and payout.bank_reference)
        checks.moments(
            self.occurred_at, dispute and dispute.due_at, dispute and dispute.at, payout and payout.arrives_at
        )

    @property
    def failure(self) -> str | None:
        """Name the failure that is told, or may be, beside the names of the payment itself."""
        return f"failed:{self.attempt}" if self.attempt else None
