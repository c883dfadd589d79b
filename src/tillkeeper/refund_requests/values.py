"""Refund requests and the policy that they are measured by, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from tillkeeper.kernel.money import TENS, exponent

approvals_max = 2


class ReasonCode(StrEnum):
    """Name why somebody wants money back."""

    DUPLICATE = "duplicate"
    FRAUDULENT = "fraudulent"
    REQUESTED_BY_CUSTOMER = "requested_by_customer"
    NOT_DELIVERED = "not_delivered"
    DEFECTIVE = "defective"
    OTHER = "other"


class State(StrEnum):
    """Name what was decided of a request; what became of the refund itself is told by the refund."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"


class StepKind(StrEnum):
    """Name what can happen to a request."""

    REQUESTED = "requested"
    APPROVAL = "approval"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Hold who acts: `id` tells people apart, `name` is what others know them by."""

    id: str
    name: str

    @property
    def is_buyer(self) -> bool:
        """Tell whether it is an end user of the merchant's, who asks for their own money."""
        return self.id.startswith(BUYER)


BUYER = "user:"
"""How ids of end users begin; those of keys and of people of the merchant's begin otherwise."""
POLICY = Person(id="policy", name="the refund policy")
"""Who decides when no person has to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Hold the rules for giving money back.

    Amounts are limits on what has gone back of a payment in all: in minor units by currency where one is named, in
    whole units of the currency (`…_units`) elsewhere; None means that there is no such limit. Shares are basis points
    of the captured amount, and `window_hours` counts from the capture. Without `direct_refunds` a key that may only
    write gives back directly what this policy would approve at once, and nothing else.
    """

    version: int = 0
    auto_approve_units: int | None = 50
    auto_approve_amounts: Mapping[str, int] = field(default_factory=dict)
    second_person_units: int | None = None
    second_person_amounts: Mapping[str, int] = field(default_factory=dict)
    window_hours: int | None = 168
    share_min_bps: int = 0
    share_max_bps: int = 10_000
    used_goods: bool = True
    direct_refunds: bool = True

    def auto_approve_max(self, currency: str) -> int:
        """Tell up to how much goes back without a person; 0 when every refund needs one."""
        return _limit(self.auto_approve_amounts, self.auto_approve_units, currency) or 0

    def one_person_max(self, currency: str) -> int | None:
        """Tell up to how much one person may let go back alone; None for any amount."""
        return _limit(self.second_person_amounts, self.second_person_units, currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Hold rules that somebody has proposed and nobody else has agreed to yet."""

    terms: Policy
    by: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Hold what a policy must know of a payment.

    `given_back` is what went back or is going back already, `unused` the share whose goods nobody used, None when
    that does not matter; `drawn` tells whether chance chose the goods.
    """

    currency: str
    captured: int
    captured_at: datetime
    given_back: int
    unused: int | None
    drawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """Say that nobody needs to be asked."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedsApproval:
    """Say how many different people must agree."""

    people: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Say that the policy does not allow it."""

    reason: str


Ruling: TypeAlias = Approved | NeedsApproval | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """Hold one wish for money back; `override_reason` says why the policy and the use of the goods do not count.

    `decision` is why it was decided as it was, and `approvals_needed` how many different people must agree.
    """

    id: UUID
    payment: UUID
    amount: int
    currency: str
    reason_code: ReasonCode
    note: str | None
    evidence: tuple[str, ...]
    override_reason: str | None
    state: State
    approvals_needed: int
    policy_version: int
    decision: str
    requested_by: Person
    created_at: datetime
    refund: UUID | None = None
    bulk: UUID | None = None
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Hold one thing that happened to a request."""

    request: UUID
    kind: StepKind
    by: Person
    at: datetime
    note: str | None = None


def _limit(amounts: Mapping[str, int], units: int | None, currency: str) -> int | None:
    return amounts.get(currency, None if units is None else units * TENS[exponent(currency)])
