"""Events as plain values."""

from dataclasses import dataclass
from uuid import UUID

from tillkeeper.kernel import ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Hold something that the merchant is told; `subject` is the thing that it is about.

    `occasion` tells apart events of one type about one subject. The id follows from these three, so that whoever finds
    the same fact again, after a restore perhaps, tells it under the same id.
    """

    type: str
    subject: UUID
    payment: UUID | None
    data: dict[str, object]
    occasion: str = ""

    @property
    def id(self) -> UUID:
        """Tell the one id of this event."""
        return ids.derive(self.subject, self.type, self.occasion)
