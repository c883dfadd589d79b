"""The settlement report (STL) that PayPal's pages offer: unsigned amounts in PayPal's smallest units, Pacific time."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from tillkeeper.gateways.paypal.sandbox import money
from tillkeeper.gateways.paypal.sandbox.shapes import MERCHANT_ID
from tillkeeper.sandbox_kit.books import Change, Json
from tillkeeper.sandbox_kit.statement import Row

COLUMNS = (
    "CH",
    "Transaction ID",
    "Invoice ID",
    "PayPal Reference ID",
    "PayPal Reference ID Type",
    "Transaction Event Code",
    "Transaction Initiation Date",
    "Transaction Completion Date",
    "Transaction  Debit or Credit",
    "Gross Transaction Amount",
    "Gross Transaction Currency",
    "Fee Debit or Credit",
    "Fee Amount",
    "Fee Currency",
    "Custom Field",
    "Consumer ID",
    "Payment Tracking ID",
    "Store ID",
    "Bank Reference ID",
    "Credit Transactional Fee",
    "Credit Promotional Fee",
    "Credit Term",
)
PACIFIC = timezone(timedelta(hours=-8))
VERSION = "009"


def rows(change: Change) -> Iterator[Row]:
    """Write a report with one section over all movements, oldest first."""
    movements = change.select("movement")[::-1]
    written = _moment(movements[-1]["created"] if movements else 0)
    yield "RH", written, "A", MERCHANT_ID, VERSION
    yield "FH", "01"
    yield "SH", _moment(movements[0]["created"] if movements else 0), written, MERCHANT_ID, ""
    yield COLUMNS
    for movement in movements:
        yield _row(movement)
    totals = list(_totals(movements))
    yield from (("SF", *total) for total in totals)
    yield "SC", len(movements)
    yield from (("RF", *total) for total in totals)
    yield "RC", len(movements)
    yield "FF", len(movements)


def _row(movement: Json) -> Row:
    currency, at, fee = movement["currency"], _moment(movement["created"]), -movement["fee"]
    return (
        "SB",
        movement["transaction"],
        movement["invoice_id"] or "",
        movement["reference"] or "",
        "TXN" if movement["reference"] else "",
        movement["code"],
        at,
        at,
        *_sided(movement["amount"], currency),
        *(_sided(fee, currency) if fee else ("", "", "")),
        movement["custom_id"] or "",
        *[""] * 7,
    )


def _sided(amount: int, currency: str) -> tuple[str, int, str]:
    """Write an amount without its sign, beside the side of the account that it is on."""
    return "DR" if amount < 0 else "CR", abs(amount) // money.smallest_step(currency), currency


def _totals(movements: list[Json]) -> Iterator[Row]:
    """Sum up by currency: gross credits and debits, fee credits and debits."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for movement in movements:
        for place, amount in ((0, movement["amount"]), (2, -movement["fee"])):
            sums[movement["currency"]][place + (amount < 0)] += abs(amount) // money.smallest_step(movement["currency"])
    for currency, each in sorted(sums.items()):
        yield currency, *each


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, PACIFIC).strftime("%Y/%m/%d %H:%M:%S %z")
