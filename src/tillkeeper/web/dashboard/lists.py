"""Lists over many pages: where the next one begins, with the filters kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

rows_per_page = 50
CURSOR = "cursor"


@dataclass(frozen=True, slots=True)
class Address:
    """Hold the path of a list and what it is narrowed down to."""

    path: str
    fields: Mapping[str, str]

    @property
    def has_cursor(self) -> bool:
        """Tell whether this is not the first page."""
        return bool(self.fields.get(CURSOR))

    @property
    def first(self) -> str:
        """Name the first page."""
        return self._with({})

    @property
    def query(self) -> str:
        """Write the filters alone."""
        return urlencode({name: value for name, value in self.fields.items() if value and name != CURSOR})

    def after(self, cursor: str) -> str:
        """Name the page that begins after a place."""
        return self._with({CURSOR: cursor})

    def where(self, **fields: str) -> str:
        """Name the first page with other filters."""
        return self._with(fields)

    def _with(self, fields: dict[str, str]) -> str:
        kept = {name: value for name, value in self.fields.items() if name != CURSOR}
        query = urlencode({name: value for name, value in (kept | fields).items() if value})
        return f"{self.path}?{query}" if query else self.path
