"""Late deliveries as plain values."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from tillkeeper.facts import Step


class Wait(StrEnum):
    """Name how goods that were put off wait: to be tried, for a bank to decide, or not any more."""

    PENDING = "pending"
    HELD = "held"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Hold a payment whose goods are tried once more; `tries` counts this one too."""

    payment: UUID
    tries: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Owing:
    """Hold a step whose money is booked and whose goods could not be moved; `tries` counts the one that comes.

    `amount` is without tax, `lost` is what the books were told of money that is not owed in goods any more, and
    `occasion` tells apart the steps of one dispute.
    """

    payment: UUID
    step: Step
    amount: int
    lost: int
    reason: str
    refund: UUID | None = None
    dispute: UUID | None = None
    occasion: str = ""
    id: int = 0
    tries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PutOff:
    """Hold what is put off, and why, and how it waits."""

    payment: UUID
    kind: str
    reason: str
    wait: Wait
