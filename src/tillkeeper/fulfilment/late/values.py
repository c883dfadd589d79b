"""Late deliveries as plain values."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


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
class PutOff:
    """Hold what is put off, and why, and how it waits."""

    payment: UUID
    kind: str
    reason: str
    wait: Wait
