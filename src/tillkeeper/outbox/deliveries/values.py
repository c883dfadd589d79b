"""Deliveries as plain values."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from tillkeeper.outbox.values import Numbered


class Status(StrEnum):
    """Name the states of a delivery; `canceled` ones went with their endpoint."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    DEAD = "dead"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Hold an event that is to be sent to an endpoint now, under a lease; `secrets` are sealed."""

    id: UUID
    token: UUID
    endpoint: UUID
    url: str
    secrets: tuple[bytes, ...]
    event: Numbered


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Hold how a delivery goes on; `delay_ms` belongs to one that is tried again."""

    status: Status
    delay_ms: int = 0
    gone: bool = False
