"""Notes as plain values."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

text_length_max = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Hold what somebody wrote down about a payment, and when."""

    id: UUID
    payment: UUID
    text: str
    by_id: str
    by_name: str
    at: datetime
