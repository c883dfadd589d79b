"""PayPal's settlement report (STL) as a file: sections of rows whose first cell says what they are.

Amounts have no sign and no decimal point; a column beside each says `CR` or `DR`.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from tillkeeper.facts import SettlementLine, UnreadLine
from tillkeeper.gateway.lines import SettlementPage, read_row, settlement_page
from tillkeeper.gateways.paypal import settlement
from tillkeeper.gateways.paypal.amounts import from_units
from tillkeeper.gateways.paypal.settlement import GATEWAY, Entry
from tillkeeper.kernel import sheets
from tillkeeper.kernel.sheets import FileUnreadableError

REPORT = "a settlement report of PayPal (STL)"
BEGIN, HEADER, BODY, COUNT, END = "RH", "CH", "SB", "SC", "FF"
ID, CODE, AT = "transaction id", "transaction event code", "transaction initiation date"
SIDE, AMOUNT, CURRENCY = "transaction debit or credit", "gross transaction amount", "gross transaction currency"
"""PayPal writes two spaces before "Debit" in the first of these; however many there are, it is the same column."""
FEE_SIDE, FEE, FEE_CURRENCY = "fee debit or credit", "fee amount", "fee currency"
REFERENCE, INVOICE, CUSTOM = "paypal reference id", "invoice id", "custom field"
NEEDED = (ID, CODE, AT, SIDE, AMOUNT, CURRENCY, FEE_SIDE, FEE, FEE_CURRENCY)
SIGNS = {"CR": 1, "DR": -1}
WRITTEN = "%Y/%m/%d %H:%M:%S %z"


def read(file: bytes) -> SettlementPage:
    """Read a report; raises FileUnreadableError, also for one that ends too early."""
    return settlement_page(_lines(sheets.rows(file)))


def _lines(rows: Iterator[list[str]]) -> Iterator[SettlementLine | UnreadLine]:
    columns: sheets.Columns | None = None
    seen, counted, kind = Counter[str](), 0, ""
    for row in rows:
        before, kind = kind, row[0].strip()
        if not before and kind != BEGIN:
            message = f"This is not {REPORT}: its first row does not begin with {BEGIN}."
            raise FileUnreadableError(message)
        if kind == HEADER:
            columns, counted = sheets.columns(row, needed=NEEDED, also=(REFERENCE, INVOICE, CUSTOM), of=REPORT), 0
        elif kind == BODY:
            counted += 1
            yield _line(columns, row, seen)
        elif kind == COUNT:
            _check_count(row, counted)
    if kind != END:
        message = f"The report ends before its last row, which would begin with {END}: it was cut off on the way."
        raise FileUnreadableError(message)


def _line(columns: sheets.Columns | None, row: list[str], seen: Counter[str]) -> SettlementLine | UnreadLine:
    if columns is None:
        message = f"This is not {REPORT}: rows come before the names of their columns."
        raise FileUnreadableError(message)

    def line(cells: dict[str, str], raw: str) -> SettlementLine:
        entry = _entry(cells, raw)
        return settlement.of_entry(entry, settlement.numbered(entry.name, seen))

    return read_row(GATEWAY, columns, row, line)


def _entry(cells: dict[str, str], raw: str) -> Entry:
    currency = cells[CURRENCY]
    if cells[FEE] and cells[FEE_CURRENCY] not in {currency, ""}:
        message = "The fee is in another currency than the transaction."
        raise ValueError(message)
    return Entry(
        id=sheets.name(cells[ID]),
        code=cells[CODE],
        at=datetime.strptime(cells[AT], WRITTEN).astimezone(UTC),
        amount=SIGNS[cells[SIDE]] * from_units(cells[AMOUNT], currency),
        fee=SIGNS[cells[FEE_SIDE]] * from_units(cells[FEE], currency) if cells[FEE].strip("0") else 0,
        currency=currency,
        reference=sheets.optional_name(cells.get(REFERENCE)),
        custom=cells.get(CUSTOM, ""),
        invoice=cells.get(INVOICE, ""),
        raw=raw,
    )


def _check_count(row: list[str], counted: int) -> None:
    """Compare with how many rows the section says it has."""
    said = row[1].strip() if len(row) > 1 else ""
    if said != str(counted):
        message = f"A section of the report says that it has {said[:20]!r} rows, and {counted} are there."
        raise FileUnreadableError(message)
