"""Values that several packages share: what a gateway told us, and what followed from it."""

import re
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
CREDITS = "CRD"
"""The unit in which the books count credits; every other unit is a kind of card pack."""
WHOLE_BPS = 10_000
ERASED = "erased"
ERASED_NAME = re.compile(rf"{ERASED}_[0-9a-hjkmnp-tv-z]{{26}}")
"""What is left of the name of somebody who was erased; whoever took it would have that wallet."""
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


class LineKind(StrEnum):
    """Name what can move a merchant's balance at a gateway."""

    CAPTURE = "capture"
    REFUND = "refund"
    REFUND_FAILED = "refund_failed"
    DISPUTE = "dispute"
    DISPUTE_REVERSED = "dispute_reversed"
    FEE = "fee"
    PAYOUT = "payout"
    PAYOUT_FAILED = "payout_failed"
    CONVERSION = "conversion"
    RESERVE = "reserve"
    ADJUSTMENT = "adjustment"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementLine:
    """Hold one line of a gateway's own account of us, in one form for every gateway.

    `gross` is in minor units of `currency`, as the merchant's balance sees it: a capture is positive; a refund, a
    dispute and a payout are negative. `fee`, `tax` and `net` are in `settle_currency`; a fee that is kept is positive,
    and `net` is what the balance changed by: the gross, converted at `rate` (decimal text) where the two currencies
    differ, less fee and tax. A FEE line is nothing but a fee: its gross is zero, as is that of the fee of a dispute
    where it has a line of its own.

    `object_id` is the gateway's id of what moved: a capture by the first of the references that notices give it, a
    refund, a dispute, a payout; None where the line names only the payment. `parent_id` is that of the payment behind
    it, `our_reference` our own id as the gateway carried it, and `payout_id` the payout that took the line along: the
    nets of all such lines add up to minus the net of the PAYOUT line whose `object_id` it is. A line may be told again,
    under the same `line_id`, with the payout that was not known before, and otherwise as it was. `raw` is the line as
    the gateway wrote it by then, without what it says of the customer.
    """

    gateway: str
    line_id: str
    kind: LineKind
    object_id: str | None
    parent_id: str | None = None
    our_reference: str | None = None
    gross: int
    fee: int = 0
    tax: int = 0
    net: int
    currency: str
    settle_currency: str
    rate: str | None = None
    occurred_at: datetime
    available_at: datetime | None = None
    payout_id: str | None = None
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadLine:
    """Hold a line that cannot be read, and why: it is looked at by a person, never left out."""

    gateway: str
    line_id: str
    reason: str
    raw: str


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
    DELIVERED = "delivered"
    REVOKED = "revoked"
    RESTORED = "restored"
    APPROVED = "approved"
    LET_GO = "let_go"
    AUTHORIZED = "authorized"
    AUTHORIZED_IN_VAIN = "authorized_in_vain"
    FEE_CHANGED = "fee_changed"
    FEE_UNTOLD = "fee_untold"
    SURPLUS_CAPTURED = "surplus_captured"
    SURPLUS_REFUNDED = "surplus_refunded"
    SURPLUS_RETURNED = "surplus_returned"
    DISPUTE_OPENED = "dispute_opened"
    DISPUTE_UPDATED = "dispute_updated"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """Hold what was sold: a snapshot, so later price edits do not change it.

    `tax_bps` is the rate of the tax that the price includes, in hundredths of a percent: 1900 are 19 %.
    """

    package: str
    kind: str
    units: int
    quantity: int
    tax_bps: int = 0

    def tax_in(self, amount: int) -> int:
        """Tell how much of a price paid is tax, to the nearest minor unit."""
        gross_bps = WHOLE_BPS + self.tax_bps
        return (2 * amount * self.tax_bps + gross_bps) // (2 * gross_bps)


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeMoves:
    """Hold what moved with one step of a dispute, in minor units of the dispute's currency.

    `number` counts the steps of one dispute from 1. `withdrawn` and `fee` are what the gateway took, negative when it
    gave back; `lost` is how much of what it holds nobody expects back any more.
    """

    number: int
    withdrawn: int = 0
    fee: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Taxes:
    """Hold how much of a payment's totals is tax, and by how much one step has changed that."""

    captured: int = 0
    refunded: int = 0
    refunded_more: int = 0
    lost: int = 0
    lost_more: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Hold one step of one payment: the state before and after, and what it means for goods and books.

    `gateway` is where it happened, `reference` the gateway's id of what must be told there. `withheld` says why goods
    are not handed over although money was captured. `fee` is what the gateway keeps of a capture, and by how much that
    has changed in a correction; `fee_tax` is by how much the tax in it has. `tax` is how much of the amount is tax.
    `occasion` tells apart events of one kind about one subject. `at` is when we took it in, and `occurred_at` when the
    gateway says that it happened.

    The totals are in `paid_in`, the currency of the payment: what was captured, what went back or is on its way,
    what banks have taken for good, and what they claim and have not decided yet. `refunded_more` and `lost_more` say by
    how much this step changed the totals, and `taxes` how much of all these is tax. `lost_booked` is what the books
    were told of `lost_of_owed` when goods could not be moved yet and are moved now.
    """

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
    paid_in: str = ""
    captured_total: int = 0
    refunded_total: int = 0
    refunded_more: int = 0
    lost_total: int = 0
    lost_more: int = 0
    claimed_total: int = 0
    lost_booked: int = 0
    fee: int = 0
    fee_tax: int = 0
    tax: int = 0
    taxes: Taxes = Taxes()
    refund: UUID | None = None
    dispute: UUID | None = None
    moves: DisputeMoves | None = None
    reference: str | None = None
    withheld: str | None = None
    was_settled: bool = False
    event: str | None = None
    occasion: str = ""
    occurred_at: datetime | None = None

    @property
    def effective_at(self) -> datetime:
        """Tell on which day the money of it belongs."""
        return self.occurred_at or self.at

    @property
    def net(self) -> int:
        """Tell how much of the amount is ours: what stands behind goods, without the tax."""
        return self.amount - self.tax

    @property
    def lost_of_owed(self) -> int:
        """Tell by how much more of what is owed in goods is lost to banks, as if all of the money were still owed.

        All of it is without tax. A refund has the first right to it; where no goods were sold, nothing was ever owed.
        """
        if self.sale is None:
            return 0
        taxes = self.taxes
        lost = self.lost_total - taxes.lost
        owed = self.captured_total - taxes.captured - (self.refunded_total - taxes.refunded)
        lost_before = lost - (self.lost_more - taxes.lost_more)
        owed_before = owed + self.refunded_more - taxes.refunded_more
        return max(0, min(lost, owed)) - max(0, min(lost_before, owed_before))


@dataclass(frozen=True, slots=True, kw_only=True)
class Earned:
    """Hold money that stopped being owed in goods, by currency."""

    currency: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods:
    """Hold what fulfilment did for one change, in units and in the money that stands behind them.

    `unit` is the currency in which the books count the goods. `failed` says why nothing could be handed over. `frozen`
    units were set apart because a bank claims their money, `thawed` ones are free again, and `taken_frozen` ones went
    from there. `lost` is money that was owed in goods and went with a lost dispute, negative when less of it did.
    """

    change: Change
    unit: str = CREDITS
    failed: str | None = None
    granted: int = 0
    debt_repaid: int = 0
    taken: int = 0
    taken_frozen: int = 0
    to_debt: int = 0
    frozen: int = 0
    thawed: int = 0
    lost: int = 0
    unearned: int = 0
    earned: int = 0
    recognised: tuple[Earned, ...] = ()
    restored: int = 0
    status: str | None = None
