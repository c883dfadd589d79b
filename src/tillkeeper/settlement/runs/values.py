"""Runs, what they compare, and what they find."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from tillkeeper.facts import LineKind
from tillkeeper.settlement.lines.values import Side


class Kind(StrEnum):
    """Name every way in which a gateway's account and ours can differ."""

    MISSING_INTERNAL = "missing_internal"
    MISSING_AT_GATEWAY = "missing_at_gateway"
    IN_TRANSIT = "in_transit"
    AMOUNT_OVER = "amount_over"
    AMOUNT_UNDER = "amount_under"
    CURRENCY_MISMATCH = "currency_mismatch"
    DIRECTION_MISMATCH = "direction_mismatch"
    FEE_MISMATCH = "fee_mismatch"
    FX_RESIDUAL = "fx_residual"
    STATUS_MISMATCH = "status_mismatch"
    DUPLICATE_INTERNAL = "duplicate_internal"
    DUPLICATE_AT_GATEWAY = "duplicate_at_gateway"
    PAYOUT_SUM_MISMATCH = "payout_sum_mismatch"
    PAYOUT_MISSING_IN_BANK = "payout_missing_in_bank"
    CLEARING_NOT_ZERO = "clearing_not_zero"
    ORPHAN_ADJUSTMENT = "orphan_adjustment"
    REFUND_UNLINKED = "refund_unlinked"
    DISPUTE_UNLINKED = "dispute_unlinked"
    GRANT_MISSING = "grant_missing"
    GRANT_WITHOUT_PAYMENT = "grant_without_payment"
    UNPARSED_LINE = "unparsed_line"


class Home(StrEnum):
    """Name where a difference belongs in the books once a person accepts it."""

    INCOME = "income"
    LOSS = "loss"
    PROCESSING_FEE = "processing_fee"
    DISPUTE_FEE = "dispute_fee"
    REFUND_PAYABLE = "refund_payable"
    REFUNDS_OF_EARNED = "refunds_of_earned"
    IN_TRANSIT = "in_transit"
    BANK = "bank"
    TRADE = "trade"
    EXCHANGE = "exchange"


class Status(StrEnum):
    """Name the ends of a discrepancy: explained by later evidence, or closed by a named person or a tolerance."""

    OPEN = "open"
    EXPLAINED = "explained"
    CLOSED = "closed"


class Action(StrEnum):
    """Name what a person can decide about a discrepancy."""

    ACCEPT = "accept"
    IGNORE = "ignore"


class Step(StrEnum):
    """Name the steps of a run, in order: the gateway's lines, then what of ours should be among them."""

    LINES = "lines"
    CAPTURES = "captures"
    REFUNDS = "refunds"
    DISPUTES = "disputes"
    PAYOUTS = "payouts"
    RETURNS = "returns"
    GRANTS = "grants"
    UNREAD = "unread"
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Hold how far a step is, by what it goes through in order; nothing yet when both are None."""

    at: datetime | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Hold the comparison of one day of one gateway; `turn` counts how often it was begun."""

    id: UUID
    gateway: str
    day: date
    status: str
    asked: int
    turn: int
    step: Step
    place: Place
    lines: int = 0
    ours: int = 0
    found: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Hold of a line what is compared; `id` is our own number of it. Amounts as in facts.SettlementLine."""

    id: int
    line_id: str
    kind: LineKind
    gross: int
    fee: int
    tax: int
    net: int
    currency: str
    settle_currency: str
    rate: str | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """Hold of ours what is compared: `amount` is signed as the gateway's balance sees it.

    `settled` tells whether we know that the money moved, `status` what we say instead. `fee` is what we booked for it,
    None when nothing is known, and `fee_final` whether the gateway told it itself. What is `imported` was booked in an
    earlier system.
    """

    side: Side
    id: UUID
    amount: int
    currency: str
    settled: bool
    status: str
    at: datetime
    payment: UUID | None = None
    fee: int | None = None
    fee_final: bool = True
    imported: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Hold a line and what of ours it stands for.

    `rival` when it names something of ours that another line stands for already, and `payment` is the payment that it
    names, if any. `total` and `kept` are what all lines of the same dispute come to, with what the gateway charged.
    """

    line: Line
    ours: Ours | None = None
    rival: bool = False
    payment: UUID | None = None
    total: int | None = None
    kept: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lonely:
    """Hold something of ours that has no line; `double` when it names what another thing of ours has the line of."""

    ours: Ours
    double: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """Hold a payment that was paid out: what its lines came to, and what our books of the gateway's balance say."""

    ours: Ours
    told: int
    booked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Hold a payout and what is known of it: the sum of its lines, whether the gateway's line and the bank's are there.

    `sent` is what the gateway took from our balance for it, which is its amount and perhaps a fee, and `bank_known`
    tells whether the bank's account is here for the day on which it should have arrived. `named` tells whether the
    gateway said by what the bank's line is known, and `alike` is a line of the same amount that nothing else is.
    """

    ours: Ours
    reference: str
    automatic: bool
    has_line: bool
    lines: int
    total: int
    sent: int
    paid: bool
    arrives_at: datetime | None
    in_bank: bool
    bank_known: bool
    named: bool = True
    alike: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Hold one disagreement; `subject` names what it is about, the same for ever.

    `theirs` and `ours` are minor units of `currency`, None where a side has nothing. `difference` is by how much the
    gateway's account exceeds our books, in minor units of `difference_currency`; `suspend` when money has moved there
    that our books know nothing of. `home` is where the difference belongs once somebody accepts it, None where no
    account is right; `counter` is what our books hold of the same thing in another currency, `counter_currency`.
    """

    kind: Kind
    subject: str
    detail: str
    theirs: int | None
    ours: int | None
    currency: str
    difference: int = 0
    difference_currency: str | None = None
    line: int | None = None
    object: UUID | None = None
    payment: UUID | None = None
    suspend: bool = False
    tolerated: bool = False
    home: Home | None = None
    counter: int | None = None
    counter_currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """Hold a disagreement as it is kept; `accepted` when a person's word had closed it, and the books followed."""

    id: UUID
    run: UUID
    gateway: str
    day: date
    kind: Kind
    status: Status
    subject: str
    detail: str
    theirs: int | None
    ours: int | None
    currency: str
    difference: int
    difference_currency: str
    line: int | None
    object: UUID | None
    payment: UUID | None
    suspended: bool
    home: Home | None = None
    counter: int | None = None
    counter_currency: str | None = None
    accepted: bool = False
    first_seen_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Hold what a step has found that is new: disagreements, and differences within tolerance."""

    opened: tuple[Discrepancy, ...] = ()
    tolerated: tuple[Discrepancy, ...] = ()
