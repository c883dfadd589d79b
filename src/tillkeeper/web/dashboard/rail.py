"""The places of the dashboard, in the order of its rail."""

from dataclasses import dataclass
from enum import StrEnum

from tillkeeper.access import Right

HOME = "/admin"


class Group(StrEnum):
    """Name what places are about."""

    MONEY = "Money"
    BOOKS = "Books"
    PLUMBING = "Plumbing"
    SAFETY = "Safety"
    SYSTEM = "System"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Hold one entry of the rail: `path` comes after /admin, `key` is what goes there after `g`."""

    group: Group
    title: str
    icon: str
    path: str
    key: str
    right: Right = Right.SEE

    @property
    def url(self) -> str:
        """Name the address."""
        return f"{HOME}{self.path}"
