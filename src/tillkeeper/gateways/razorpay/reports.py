"""Razorpay's settlement report as a file: amounts in whole rupees with decimals, times in India, fees without tax."""

import re
from datetime import datetime

import msgspec

from tillkeeper.facts import LineKind, SettlementLine
from tillkeeper.gateway.lines import SettlementPage, read_row, settlement_page
from tillkeeper.gateways.razorpay import settlement
from tillkeeper.gateways.razorpay.currencies import from_razorpay
from tillkeeper.gateways.razorpay.entities import GATEWAY
from tillkeeper.gateways.razorpay.settlement import HOME_TIME
from tillkeeper.kernel import sheets
from tillkeeper.kernel.money import minor

REPORT = "a settlement report of Razorpay (its columns begin with transaction_entity)"
TYPE, ID, FEE = "transaction_entity", "entity_id", "fee (exclusive tax)"
NEEDED = (
    TYPE,
    ID,
    "amount",
    "currency",
    FEE,
    "tax",
    "debit",
    "credit",
    "entity_created_at",
    "settlement_id",
    "settled_at",
)
ALSO = ("payment_id", "entity_description", "order_id", "order_receipt", "refund_notes", "dispute_id", "settlement_utr")
PRIVATE = frozenset({"refund_notes"})
INDIAN = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4})([ T].*)?")
"""The dashboard writes days before months; the same report by mail writes ISO 8601."""


def read(file: bytes) -> SettlementPage:
    """Read a report; raises FileUnreadableError."""
    rows = sheets.rows(file)
    columns = sheets.columns(next(rows, []), needed=NEEDED, also=ALSO, of=REPORT)
    return settlement_page(read_row(GATEWAY, columns, row, _of_cells, name=ID, private=PRIVATE) for row in rows)


def _of_cells(cells: dict[str, str], raw: str) -> SettlementLine:
    currency = cells["currency"]
    amount, fee, tax, debit, credit = (
        _minor(cells[name], currency) for name in ("amount", FEE, "tax", "debit", "credit")
    )
    told = {
        "entity_id": cells[ID],
        "dispute_id": cells.get("dispute_id"),
        "description": cells.get("entity_description"),
    }
    kind = settlement.kind_of(cells[TYPE].casefold(), told, in_our_favour=credit > debit)
    gross, net = -amount if debit else amount, credit - debit
    fee, tax = settlement.kept(gross, net, fee, tax)
    captured = kind is LineKind.CAPTURE
    settled_at = _moment(cells["settled_at"])
    return SettlementLine(
        gateway=GATEWAY,
        line_id=sheets.name(cells[ID]),
        kind=kind,
        object_id=sheets.optional_name(settlement.named(kind, told)),
        parent_id=sheets.optional_name(cells.get("payment_id") or (cells.get("order_id") if captured else None)),
        our_reference=settlement.reference(kind, cells.get("order_receipt"), _notes(cells.get("refund_notes"))),
        gross=gross,
        fee=fee,
        tax=tax,
        net=net,
        currency=currency,
        settle_currency=currency,
        occurred_at=_moment(cells["entity_created_at"]),
        available_at=settled_at,
        payout_id=sheets.name(cells["settlement_id"]),
        raw=raw,
    )


def _minor(cell: str, currency: str) -> int:
    """Read an amount, which is empty where it is zero."""
    return from_razorpay(minor(cell or "0", currency), currency)


def _notes(cell: str | None) -> object:
    try:
        return msgspec.json.decode(cell or "null")
    except msgspec.DecodeError:
        return None  # notes are whatever somebody wrote


def _moment(text: str) -> datetime:
    found = INDIAN.fullmatch(text)
    moment = datetime.fromisoformat(f"{found[3]}-{found[2]}-{found[1]}{found[4] or ''}" if found else text)
    return moment if moment.tzinfo else moment.replace(tzinfo=HOME_TIME)
