"""Payouts as plain values."""

from dataclasses import dataclass
from datetime import datetime
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
    """Hold money on its way from a gateway to the bank, in minor units of `currency`."""

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
    """Hold what became of one notice: the payout as it stands now when something changed, and the event it owes."""

    notice: Notice
    verdict: Verdict
    reason: str
    payout: Payout | None = None
    event: str | None = None
