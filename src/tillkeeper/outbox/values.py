"""Events as plain values."""

from dataclasses import dataclass, field
from uuid import UUID

from tillkeeper.kernel import ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Hold something that the merchant is told; `subject` is the thing that it is about."""

    type: str
    subject: UUID
    payment: UUID | None
    data: dict[str, object]
    id: UUID = field(default_factory=ids.new)
