"""What an endpoint answers, before the wire writes it down."""

from dataclasses import dataclass, field
from typing import Self

from tillkeeper.sandbox_kit.books import Json


@dataclass(frozen=True, slots=True)
class Answered:
    """Hold a status and one object of the books, or a list of them, or a body that is no object.

    `again` is the status of a replay, where it differs; `silent` answers nothing unless the caller prefers the object.
    """

    status: int
    thing: Json | None = None
    body: Json = field(default_factory=dict)
    things: tuple[str, list[Json]] | None = None
    again: int | None = None
    silent: bool = False

    @classmethod
    def listing(cls, name: str, things: list[Json], around: Json) -> Self:
        """Answer a list under a name, with what stands around it."""
        return cls(200, body=around, things=(name, things))
