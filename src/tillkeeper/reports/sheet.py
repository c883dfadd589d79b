"""Tables as CSV that a spreadsheet reads and never runs."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def lines(columns: Sequence[str], rows: Iterable[Mapping[str, object]], *, head: bool = True) -> str:
    """Write rows as CSV (RFC 4180); text that a spreadsheet would take for a formula gets an apostrophe before it."""
    out = io.StringIO()
    writer = csv.writer(out)
    if head:
        writer.writerow(columns)
    writer.writerows([_cell(row[column]) for column in columns] for row in rows)
    return out.getvalue()


def _cell(value: object) -> object:
    """Leave numbers as they are: a minus before digits is no formula."""
    if value is None:
        return ""
    if isinstance(value, int):
        return value
    text = str(value)
    return f"'{text}" if text.startswith(STARTS_A_FORMULA) else text
