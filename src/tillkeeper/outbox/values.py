"""Events as plain values."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from tillkeeper.kernel import ids, moments

TYPES = (
    "payment.created",
    "payment.requires_action",
    "payment.attempt_failed",
    "payment.authorized",
    "payment.succeeded",
    "payment.failed",
    "payment.canceled",
    "payment.expired",
    "payment.in_review",
    "fulfilment.delivered",
    "fulfilment.revoked",
    "fulfilment.failed",
    "refund.created",
    "refund.succeeded",
    "refund.failed",
    "dispute.opened",
    "dispute.updated",
    "dispute.won",
    "dispute.lost",
    "payout.paid",
    "payout.failed",
    "reconciliation.discrepancy",
)
"""What a merchant can be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Hold something that the merchant is told; `subject` is the thing that it is about.

    `occasion` tells apart events of one type about one subject. The id follows from these three, so that whoever finds
    the same fact again, after a restore perhaps, tells it under the same id.
    """

    type: str
    subject: UUID
    payment: UUID | None
    data: dict[str, object]
    occasion: str = ""

    def __post_init__(self) -> None:
        assert self.type in TYPES, f"nobody could ask for {self.type}"

    @property
    def id(self) -> UUID:
        """Tell the one id of this event."""
        return ids.derive(self.subject, self.type, self.occasion)


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered:
    """Hold an event that has its place in the order."""

    id: UUID
    seq: int
    type: str
    data: dict[str, object]
    created_at: datetime

    @property
    def payload(self) -> dict[str, object]:
        """Shape what the merchant is sent, and what the API shows."""
        return {"type": self.type, "timestamp": moments.written(self.created_at), "data": self.data}

    @property
    def body(self) -> bytes:
        """Write what the merchant is sent: the same bytes on every try."""
        return msgspec.json.encode(self.payload)
