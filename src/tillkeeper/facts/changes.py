"""What followed from it: changes of payments, and the goods that they move."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

CREDITS = "CRD"
"""The unit in which the books count credits; every other unit is a kind of card pack."""
WHOLE_BPS = 10_000
ERASED = "erased"
ERASED_NAME = re.compile(rf"{ERASED}_[0-9a-hjkmnp-tv-z]{{26}}")
"""What is left of the name of somebody who was erased; whoever took it would have that wallet."""


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
    gave back; `lost` is how much of what it holds nobody expects back any more, and `owed` how much of that was owed to
    the customer anyway.
    """

    number: int
    withdrawn: int = 0
    fee: int = 0
    lost: int = 0
    owed: int = 0


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
