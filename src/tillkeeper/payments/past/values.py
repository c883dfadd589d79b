"""Payments of an earlier system as plain values."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tillkeeper.payments.values import Refund, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Hold a payment that ended before it came here; amounts are minor units of `currency`."""

    id: UUID
    mode: str
    status: Status
    amount: int
    currency: str
    captured: int
    user: UUID | None
    gateway: str
    reference: str | None
    description: str | None
    metadata: dict[str, str]
    created_at: datetime
    captured_at: datetime | None
    refunds: tuple[Refund, ...]
