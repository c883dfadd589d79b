"""What the API answers about the books and the webhooks that came, described for its readers; the reports build it."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from tillkeeper.web.moments import Instant


class TimelineEntry(BaseModel):
    """Something that happened to a payment; what `data` holds follows from `kind`.

    `api` is a request under an Idempotency-Key, told for the day that keys are kept; `action` is what somebody did, as
    the audit log has it. The `id` in `data` of a webhook, event, sent event or note leads to the thing itself.
    """

    at: Instant
    kind: Literal[
        "api",
        "action",
        "note",
        "webhook",
        "risk",
        "attempt",
        "call",
        "request",
        "dispute",
        "payment",
        "ledger",
        "delivery",
        "goods",
        "discrepancy",
        "event",
        "sent",
        "letter",
    ]
    title: str | None
    data: dict[str, Any]


class Timeline(BaseModel):
    """Everything that happened to a payment, in order."""

    payment: str = Field(examples=["payment_01h455vb4pex5vsknk084sn02q"])
    data: list[TimelineEntry]


class InboxMessage(BaseModel):
    """A webhook that came: `arrivals` is how often, `reason` why it was not applied if it was not."""

    id: str = Field(examples=["message_01h455vb4pex5vsknk084sn02q"])
    object: Literal["inbox_message"]
    gateway: str
    event_id: str
    type: str
    status: Literal["received", "processed", "parked", "ignored", "quarantined", "dead"]
    attempts: int
    arrivals: int
    reason: str | None
    payment: str | None
    received_at: Instant
    next_try_at: Instant | None
    finished_at: Instant | None


class Note(BaseModel):
    """What somebody wrote down about a payment; the timeline shows it."""

    id: str = Field(examples=["note_01h455vb4pex5vsknk084sn02q"])
    object: Literal["note"]
    payment: str = Field(examples=["payment_01h455vb4pex5vsknk084sn02q"])
    text: str
    by: str
    at: Instant


class InboxVerdict(BaseModel):
    """What is to become of a webhook: `received` is worked on again, `ignored` is set aside for good."""

    id: str = Field(examples=["message_01h455vb4pex5vsknk084sn02q"])
    status: Literal["received", "ignored"]


class Replayed(BaseModel):
    """How many webhooks are worked on again."""

    replayed: int


class TrialBalanceRow(BaseModel):
    """What an account stands at."""

    model_config = {"populate_by_name": True}

    code: str = Field(examples=["gateway:stripe:clearing:EUR"])
    currency: str
    kind: str = Field(alias="class", examples=["asset"])
    debits: int
    credits: int
    balance: int


class Account(TrialBalanceRow):
    """An account and what it stands at."""

    object: Literal["account"]


class CurrencyTotal(BaseModel):
    """The sums of one currency: `difference` is 0, or the books are broken."""

    currency: str
    debits: int
    credits: int
    difference: int


class TrialBalance(BaseModel):
    """Every account, and the proof that debits equal credits."""

    object: Literal["trial_balance"]
    as_of: Instant | None
    recorded_before: Instant | None
    balanced: bool
    totals: list[CurrencyTotal]
    accounts: list[TrialBalanceRow]


class Posting(BaseModel):
    """An amount that moves from one account to another, so that nothing is ever out of balance."""

    debit: str
    credit: str
    amount: int
    currency: str


class Journal(BaseModel):
    """One fact in the books: `effective_at` is when it was so, `recorded_at` when we wrote it down."""

    id: str = Field(examples=["journal_01h455vb4pex5vsknk084sn02q"])
    object: Literal["journal"]
    source: str
    source_id: str
    kind: str
    effective_at: Instant
    recorded_at: Instant
    postings: list[Posting] | None


class StatementLine(BaseModel):
    """What moved an account, and what it stood at afterwards."""

    journal: str
    source: str
    source_id: str
    kind: str
    other_account: str
    debit: int
    credit: int
    balance: int
    currency: str
    effective_at: Instant
    recorded_at: Instant


class Statement(BaseModel):
    """A page of the lines of an account, the latest fact first."""

    model_config = {"populate_by_name": True}

    object: Literal["statement"]
    account: str
    currency: str
    kind: str = Field(alias="class")
    since: Instant | None
    as_of: Instant | None
    recorded_before: Instant
    data: list[StatementLine]
    has_more: bool
    next_cursor: str | None


class Seal(BaseModel):
    """A seal of the books: `hash` vouches for its journals and for every seal before it."""

    object: Literal["seal"]
    number: int
    hash: str
    journals: int
    sealed_at: Instant


class Check(BaseModel):
    """The last word on something that must always be true; `sample` names the first breaches."""

    name: str = Field(examples=["I1"])
    title: str
    scope: Literal["recent", "full"]
    checked_at: Instant | None
    violations: int
    sample: list[str]
    broken_since: Instant | None


class Checks(BaseModel):
    """The last word on everything that must always be true; `sound` when nothing is broken."""

    object: Literal["list"]
    sound: bool
    data: list[Check]
    has_more: bool
    next_cursor: str | None


class ReportRow(BaseModel):
    """What one gateway, currency and package brought in a period; money in minor units, credits in units."""

    period: str = Field(examples=["2026-11-21"])
    gateway: str | None
    currency: str
    package: str | None
    payments: int
    refunds: int
    disputes: int
    captured: int
    refunded: int
    disputed: int
    fees: int
    other: int
    net: int
    deferred: int
    earned: int
    lost: int
    units_sold: int
    units_spent: int
    units_expired: int


class Report(BaseModel):
    """A row per period, gateway, currency and package; the same `recorded_before` gives the same rows for ever."""

    model_config = {"populate_by_name": True}

    object: Literal["report"]
    step: Literal["daily", "monthly"]
    first: str = Field(alias="from", examples=["2026-11-01"])
    to: str = Field(examples=["2026-11-30"])
    recorded_before: Instant
    data: list[ReportRow]
    has_more: bool
    next_cursor: str | None
