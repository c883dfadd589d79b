"""Operations as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Kind(StrEnum):
    """Name what a gateway can be told."""

    CREATE = "create"
    CAPTURE = "capture"
    CANCEL = "cancel"
    EXPIRE = "expire"
    REFUND = "refund"
    CONFIRM = "confirm"
    FEE = "fee"
    EVIDENCE = "evidence"
    ACCEPT = "accept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Hold one call that a gateway must hear; `token` is the lease under which it may be finished.

    `doubts` counts the tries of which nobody knows whether they arrived. `amount` is what a capture takes.
    `reference` is the gateway's id of what is meant, where it is not what the payment goes by. `response` is our answer
    to a dispute. `data` is what a
    customer's browser brought; it is never stored.
    """

    id: UUID
    kind: Kind
    payment: UUID
    gateway: str
    key: str
    refund: UUID | None = None
    response: UUID | None = None
    token: UUID | None = None
    tries: int = 1
    doubts: int = 0
    amount: int | None = None
    reference: str | None = None
    created_at: datetime | None = None
    data: Mapping[str, str] = field(default_factory=dict)
