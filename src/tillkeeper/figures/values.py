"""Figures as plain values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Span(StrEnum):
    """Name how long a time one row stands for."""

    HOUR = "hour"
    DAY = "day"


SPANS = tuple(Span)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Hold how often something happened within an hour, and the money of it in minor units of `currency`.

    `name` says what happened: `captured`, `refunded`, `failed:insufficient_funds`, `delivered:1000`.
    """

    at: datetime
    gateway: str
    currency: str
    name: str
    count: int
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Hold up to where things are added up: every journal to this seal, every change of a payment to this id."""

    seal: int
    change: int
