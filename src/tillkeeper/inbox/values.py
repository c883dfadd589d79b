"""Messages of the inbox as plain values."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """Hold a verified webhook that is about to be stored; `body` is sealed, `version` that of the gateway's API.

    One is made for each webhook while its sender waits, and a dataclass would take ten times as long to make.
    """

    id: UUID
    gateway: str
    event_id: str
    content_sha: bytes
    type: str
    body: bytes
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Hold a stored webhook that a worker has claimed; `body` is sealed."""

    id: UUID
    gateway: str
    type: str
    body: bytes
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Hold the messages that one worker is about to touch."""

    id: UUID
    messages: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Hold which messages are meant; None means any."""

    statuses: tuple[str, ...]
    gateway: str | None = None
    type: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Hold how one try at a message ended; `delay_ms` set means that it is tried again after that."""

    message: UUID
    status: str
    reason: str | None = None
    payment: UUID | None = None
    waits_for: str | None = None
    delay_ms: int | None = None
