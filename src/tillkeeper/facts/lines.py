"""Lines of a gateway's account, in our own words."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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
    under the same `line_id`, with the payout that was not known before, and otherwise as it was. A PAYOUT that is not
    `automatic` is one of which the gateway never tells what it took along. `raw` is the line as the gateway wrote it
    by then, without what it says of the customer.
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
    automatic: bool = True
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadLine:
    """Hold a line that cannot be read, and why: it is looked at by a person, never left out."""

    gateway: str
    line_id: str
    reason: str
    raw: str
