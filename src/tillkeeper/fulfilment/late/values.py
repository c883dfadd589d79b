"""Late deliveries as plain values."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Hold a payment whose goods are tried once more; `tries` counts this one too."""

    payment: UUID
    tries: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutOff:
    """Hold what is put off, and why; `owed` is false once all of its money is on the way back."""

    payment: UUID
    kind: str
    reason: str
    owed: bool
