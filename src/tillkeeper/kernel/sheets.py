"""Tables in files that others wrote: comma-separated text, read strictly, and believed only cell by cell."""

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tillkeeper.kernel.errors import TillError

file_bytes_max = 50 * 1024 * 1024
shown_characters_max = 40
SPACES = re.compile(r"\s+")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,254}")
"""An id as gateways write them; it cannot be a formula for whoever opens a file of ours with a spreadsheet."""


class FileUnreadableError(TillError):
    """Report a file that is not what it was sent in as; nothing of it was taken."""

    code = "file_unreadable"
    status = 422
    title = "This file cannot be read"
    category = "invalid_request"
    next_step = "Download the report again, as comma-separated text, and send it as it came, without opening it first."


@dataclass(frozen=True, slots=True)
class Columns:
    """Say where the columns stand that somebody wants to read, and how wide a row is."""

    places: Mapping[str, int]
    width: int

    def cells(self, row: Sequence[str]) -> dict[str, str]:
        """Name the wanted cells of a row, without spaces around them; raises ValueError for a row of another width."""
        if len(row) != self.width:
            message = f"The row has {len(row)} cells, and the header has {self.width}."
            raise ValueError(message)
        return {name: row[place].strip() for name, place in self.places.items()}


def rows(file: bytes) -> Iterator[list[str]]:
    """Read the rows of a file that are not empty; raises FileUnreadableError."""
    if len(file) > file_bytes_max:
        message = f"The file has {len(file)} bytes; at most {file_bytes_max} are read. Split it by days."
        raise FileUnreadableError(message)
    try:
        text = file.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"The file is not text in UTF-8: byte {error.start} is none."
        raise FileUnreadableError(message) from error
    if "\0" in text:
        message = "The file holds zero bytes, so it is not text."
        raise FileUnreadableError(message)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield row
    except csv.Error as error:
        message = f"Line {reader.line_num} of the file is not comma-separated text: {error}."
        raise FileUnreadableError(message) from error


def columns(header: Sequence[str], *, needed: Collection[str], also: Collection[str] = (), of: str) -> Columns:
    """Find columns by their names, whatever their order, case and inner spaces; raises FileUnreadableError.

    `of` is what the file should be. Columns that nobody asked for may be there, even twice.
    """
    wanted = {*needed, *also}
    places: dict[str, int] = {}
    for place, title in enumerate(header):
        name = SPACES.sub(" ", title).strip().casefold()
        if name in places:
            message = f"The column {name!r} is there twice, so nobody can tell which one counts."
            raise FileUnreadableError(message)
        if name in wanted:
            places[name] = place
    missing = sorted({*needed} - places.keys())
    if missing:
        message = f"This is not {of}: the column {missing[0]!r} is missing."
        raise FileUnreadableError(message)
    return Columns(places, len(header))


def name(cell: str) -> str:
    """Read an id that must be there; raises ValueError."""
    if not NAME.fullmatch(cell):
        message = f"{cell[:shown_characters_max]!r} is no id."
        raise ValueError(message)
    return cell


def optional_name(cell: str | None) -> str | None:
    """Read an id that may be left out; raises ValueError for what is none."""
    return name(cell) if cell else None
