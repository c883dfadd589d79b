"""Letters as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from tillkeeper.kernel import ids


class Kind(StrEnum):
    """Name what letters are for: a digest holds alerts of which there were too many to send each."""

    RECEIPT = "receipt"
    ALERT = "alert"
    DIGEST = "digest"


class Status(StrEnum):
    """Name the states of a letter; `gathered` ones stand in a digest, and `dropped` ones have nobody to go to."""

    PENDING = "pending"
    SENT = "sent"
    GATHERED = "gathered"
    DROPPED = "dropped"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """Hold a letter that is owed; the same thing that happens to the same source is told in one letter only.

    It holds nobody's address: to whom a receipt goes is looked up when it is sent.
    """

    kind: Kind
    topic: str
    source: UUID
    data: Mapping[str, Any]
    occasion: str = ""

    @property
    def id(self) -> UUID:
        """Tell the one id of this letter, from which its Message-ID follows."""
        return ids.derive(self.source, self.kind, self.topic, self.occasion)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leased:
    """Hold a letter that is to be sent now."""

    id: UUID
    kind: Kind
    topic: str
    data: Mapping[str, Any]
    failures: int
    token: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Hold how a letter goes on; `delay_ms` belongs to one that is tried again."""

    status: Status
    reason: str | None = None
    delay_ms: int = 0
