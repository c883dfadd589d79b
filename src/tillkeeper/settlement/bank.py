"""The bank's account as a simple file: day, amount, currency and what the bank wrote beside it."""

from collections import Counter
from collections.abc import Sequence
from datetime import date

from tillkeeper.kernel import cards, logs, money, sheets
from tillkeeper.settlement.values import BankLine

NEEDED = ("date", "amount", "currency", "reference")
reference_length_max = 500


def read(file: bytes) -> list[BankLine]:
    """Read the bank's account; raises FileUnreadableError, and takes nothing of a file with one bad line."""
    rows = sheets.rows(file)
    columns = sheets.columns(next(rows, []), needed=NEEDED, of="a bank account (date, amount, currency, reference)")
    seen: Counter[tuple[date, int, str, str]] = Counter()
    found = []
    for number, row in enumerate(rows, 2):
        said = _said(columns, row, number)
        found.append(BankLine(day=said[0], amount=said[1], currency=said[2], reference=said[3], ordinal=seen[said]))
        seen[said] += 1
    return found


def _said(columns: sheets.Columns, row: Sequence[str], number: int) -> tuple[date, int, str, str]:
    try:
        cells = columns.cells(row)
        currency = money.currency(cells["currency"])
        day = date.fromisoformat(cells["date"])
        # Banks do write card numbers there, and one such line is no reason to take nothing of the file.
        reference = cards.mask(cells["reference"], logs.MASK)[:reference_length_max]
        return day, money.minor(cells["amount"], currency), currency, reference
    except (ValueError, money.CurrencyNotSupportedError) as error:
        message = f"Row {number} cannot be read: {error}"
        raise sheets.FileUnreadableError(message) from error
