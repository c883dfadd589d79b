"""What is kept how long, as plain values."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID


class Kind(StrEnum):
    """Name what loses its words after its time."""

    UNPAID = "unpaid"
    PAID = "paid"
    AUDIT = "audit"
    LINES = "lines"


BEGINNING, NOBODY = datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Hold how far words are gone: when the last record was made, and its id or, of what is numbered, its number."""

    at: datetime = BEGINNING
    id: UUID = NOBODY
    number: int = 0
