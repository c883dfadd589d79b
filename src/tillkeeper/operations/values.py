"""Operations as plain values."""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Hold one call that a gateway must hear; `token` is the lease under which it may be finished.

    `doubts` counts the tries of which nobody knows whether they arrived. `amount` is what a capture takes.
    """

    id: UUID
    kind: Kind
    payment: UUID
    gateway: str
    key: str
    refund: UUID | None = None
    token: UUID | None = None
    tries: int = 1
    doubts: int = 0
    amount: int | None = None
    created_at: datetime | None = None
