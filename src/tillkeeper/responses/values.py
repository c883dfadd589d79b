"""What we answer to disputes, and what is known of the delivery, as plain values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class ResponseKind(StrEnum):
    """Name what can be answered to a dispute."""

    EVIDENCE = "evidence"
    ACCEPT = "accept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """Hold one answer to a dispute; `body` is the sealed evidence, None when the dispute is given up."""

    id: UUID
    dispute: UUID
    payment: UUID
    kind: ResponseKind
    by_id: str
    by_name: str
    at: datetime
    body: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Hold one purchase that was made with credits; its reason only where they are surely those of this payment."""

    at: datetime
    credits: int
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CardHeld:
    """Hold one card that a pack brought."""

    title: str
    serial: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """Hold one refund."""

    at: datetime
    amount: int
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Hold what our own records say of a payment: what was sold, to whom, what was handed over and what came of it.

    `captured_at` is when the gateway took the money, `delivered_at` when the goods were handed over. `balance` counts
    what is set apart because of disputes, too. `spent` are the latest purchases with credits since, and `spent_total`
    is how many credits they and the earlier ones took. `window_hours` is within what time money went back by the policy
    of the day on which it was sold.
    """

    payment: UUID
    reference: str | None
    amount: int
    currency: str
    title: str
    captured_at: datetime | None
    kind: str | None = None
    granted: int = 0
    revoked: int = 0
    delivered_at: datetime | None = None
    user: str | None = None
    customer_name: str | None = None
    customer_email: str | None = None
    balance: int | None = None
    spent: tuple[Spent, ...] = ()
    spent_total: int = 0
    cards: tuple[CardHeld, ...] = ()
    refunds: tuple[Returned, ...] = ()
    window_hours: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Hold what the merchant says in words of their own; it stands before what our records say, or instead of it."""

    statement: str | None = None
    product: str | None = None
    refund_policy: str | None = None
    refunds: str | None = None
    customer_name: str | None = None
    customer_email: str | None = None
    customer_ip: str | None = None
