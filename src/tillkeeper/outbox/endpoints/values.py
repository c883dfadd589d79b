"""Endpoints as plain values."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Hold where the merchant wants to be told of what; `secrets` are sealed, the newest first, all of them valid."""

    id: UUID
    url: str
    types: tuple[str, ...]
    description: str | None
    enabled: bool
    secrets: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Hold a stretch of events that an endpoint is to be served next: after one number, until another inclusive."""

    endpoint: UUID
    after: int
    until: int
