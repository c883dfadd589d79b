"""Orders to hand over or take back, and what a payment has had, as plain values."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tillkeeper.facts import Change

Gross = Callable[[int], int]
"""Tells how much can go back so that it is at most so much without its tax."""


class Action(StrEnum):
    """Name what can be done with goods."""

    GRANT = "grant"
    REVOKE = "revoke"
    RESTORE = "restore"
    CLAIM = "claim"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Hold one thing to do for one user because of one change; `kept` is what the payment then has.

    Of that, `frozen` may not be used as long as a bank claims its money. A claim takes `units`, or gives them back when
    that is below zero.
    """

    action: Action
    change: Change
    user: UUID
    units: int
    kept: int
    frozen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlement:
    """Hold what one line of a payment was given, how much was taken back, and how much may not be used just now."""

    id: UUID
    payment: UUID
    kind: str
    user: UUID
    granted: int
    revoked: int
    created_at: datetime
    frozen: int = 0
