"""Payouts as plain values."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from tillkeeper.facts import Notice, Verdict


class PayoutStatus(StrEnum):
    """Name the stages of a payout; one that failed has come back, also after it had arrived."""

    CREATED = "created"
    PAID = "paid"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    """Hold money on its way from a gateway to the bank, in minor units of `currency`; below zero, the other way."""

    id: UUID
    gateway: str
    reference: str
    status: PayoutStatus
    amount: int
    currency: str
    arrives_at: datetime | None
    bank_reference: str | None
    automatic: bool
    error_code: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutDecision:
    """Hold what became of one notice: the payout as it stands now when something changed, and the event it owes.

    `before` is how far the payout was, None when nobody had heard of it.
    """

    notice: Notice
    verdict: Verdict
    reason: str
    payout: Payout | None = None
    before: PayoutStatus | None = None
    event: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BankLine:
    """Hold a line of the bank's account, in minor units of `currency`; `ordinal` tells apart two that say the same."""

    day: date
    amount: int
    currency: str
    reference: str
    ordinal: int
