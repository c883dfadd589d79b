"""Settlement lines as they are kept, and what became of a telling."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from tillkeeper.facts import LineKind


class Side(StrEnum):
    """Name what of ours a line can stand for; a surplus is a second capture, which is on its way back."""

    CAPTURE = "capture"
    SURPLUS = "surplus"
    REFUND = "refund"
    REFUND_FAILED = "refund_failed"
    DISPUTE = "dispute"
    PAYOUT = "payout"
    PAYOUT_FAILED = "payout_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Hold a line that was stored; `day` is that of the gateway's own zone, and `raw` is sealed.

    `our_payment` and `our_refund` are the ids that `our_reference` names, where it names one of ours.
    """

    gateway: str
    line_id: str
    kind: LineKind
    object_id: str | None
    parent_id: str | None
    our_reference: str | None
    our_payment: UUID | None
    our_refund: UUID | None
    gross: int
    fee: int
    tax: int
    net: int
    currency: str
    settle_currency: str
    rate: str | None
    occurred_at: datetime
    available_at: datetime | None
    payout_id: str | None
    raw: bytes
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """Hold a line that nobody could read; `day` is the one on which it was first seen, and `raw` is sealed."""

    gateway: str
    line_id: str
    reason: str
    raw: bytes
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Hold for what of ours a line stands; a thing of ours has one line, only a dispute may have several."""

    line: int
    side: Side
    object: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Count what became of lines that a gateway told: new, told anew with more, known, contradicting, unread."""

    new: int = 0
    changed: int = 0
    known: int = 0
    contradicting: int = 0
    unread: int = 0
    days: frozenset[date] = frozenset()
    """The days that have to be looked at again."""

    def __add__(self, other: "Taken") -> "Taken":
        """Count two tellings together."""
        return Taken(
            new=self.new + other.new,
            changed=self.changed + other.changed,
            known=self.known + other.known,
            contradicting=self.contradicting + other.contradicting,
            unread=self.unread + other.unread,
            days=self.days | other.days,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Hold how far a gateway's account was read: all before `seen_until`, and a part of what follows.

    While a window is open, `until` is its end and `after` the place in it from which to go on.
    """

    gateway: str
    seen_until: datetime
    until: datetime | None = None
    after: str | None = None
