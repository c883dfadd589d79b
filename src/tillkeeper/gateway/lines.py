"""A gateway's own account of us: read line by line, and no line that does not add up."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypeAlias

import msgspec

from tillkeeper.facts import SettlementLine, UnreadLine
from tillkeeper.kernel import sheets
from tillkeeper.kernel.errors import TillError
from tillkeeper.kernel.money import amount_max, convert


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementPage:
    """Hold a part of a gateway's account of us; `after` is where the next part begins, None at the end.

    `traces` is by what the bank's lines of payouts are known, by the gateway's ids of the payouts. It may become known
    long after the payout without being told in another way, so it is told again in later windows.
    """

    lines: tuple[SettlementLine, ...] = ()
    unread: tuple[UnreadLine, ...] = ()
    traces: Mapping[str, str] = field(default_factory=dict)
    after: str | None = None


UNREADABLE = (
    *(LookupError, TypeError, ValueError, AttributeError, ArithmeticError, OSError, RecursionError),
    TillError,
)
"""What reading a line can end in when it is not what the gateway promised."""
ReadCells: TypeAlias = Callable[[dict[str, str], str], SettlementLine]
"""Read the named cells of a row; the second is what is kept of it as it was written."""


def read_line(
    gateway: str, raw: str, read: Callable[[], SettlementLine], *, line_id: object = None
) -> SettlementLine | UnreadLine:
    """Read a line, or say why it cannot be read; one without an id of its own is known by its content."""
    try:
        return _balanced(read())
    except UNREADABLE as error:
        return _unread(gateway, raw, error, line_id)


def read_row(
    gateway: str,
    columns: sheets.Columns,
    row: Sequence[str],
    read: ReadCells,
    *,
    name: str | None = None,
    private: AbstractSet[str] = frozenset(),
) -> SettlementLine | UnreadLine:
    """Read a row of a file; `name` is the column of its id, if it has one, and of `private` columns nothing is kept."""
    try:
        cells = columns.cells(row)
    except ValueError as error:
        return _unread(gateway, ",".join(row), error, None)
    raw = msgspec.json.encode({title: cell for title, cell in cells.items() if title not in private}).decode()
    return read_line(gateway, raw, lambda: read(cells, raw), line_id=cells[name] if name else None)


def settlement_page(found: Iterable[SettlementLine | UnreadLine], after: str | None = None) -> SettlementPage:
    """Put together what was read and what could not be."""
    lines, unread = list[SettlementLine](), list[UnreadLine]()
    for each in found:
        if isinstance(each, SettlementLine):
            lines.append(each)
        else:
            unread.append(each)
    return SettlementPage(lines=tuple(lines), unread=tuple(unread), after=after)


def _unread(gateway: str, raw: str, error: Exception, line_id: object) -> UnreadLine:
    reason = str(error) if isinstance(error, ValueError | TillError) else _missing(error)
    known = line_id if isinstance(line_id, str) and line_id else f"sha256:{sha256(raw.encode()).hexdigest()}"
    return UnreadLine(gateway=gateway, line_id=known, reason=reason, raw=raw)


def _balanced(line: SettlementLine) -> SettlementLine:
    """Check that a line adds up, as far as it says how; a conversion may be off by what was rounded."""
    if max(abs(line.gross), abs(line.net), abs(line.fee), abs(line.tax)) > amount_max:
        message = "An amount of the line is larger than any amount here can be."
        raise ValueError(message)
    told = line.net + line.fee + line.tax
    if line.currency == line.settle_currency:
        adds_up = told == line.gross
    elif line.rate is not None:
        became, off_max = convert(line.gross, line.currency, line.settle_currency, line.rate)
        adds_up = abs(became - told) <= off_max
    else:
        adds_up = True
    if not adds_up:
        message = f"The line does not add up: {line.gross} {line.currency} became {told} {line.settle_currency}."
        raise ValueError(message)
    return line


def _missing(error: Exception) -> str:
    named = f": {error.args[0]!r}" if isinstance(error, LookupError) and error.args else ""
    return f"A field is missing or is not what it should be ({type(error).__name__}{named})."
