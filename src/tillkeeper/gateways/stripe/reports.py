"""Stripe's itemised reports as files: the balance report and the payout reconciliation share their columns."""

from datetime import UTC, datetime

from tillkeeper.facts import LineKind, SettlementLine
from tillkeeper.gateway.lines import SettlementPage, read_row, settlement_page
from tillkeeper.gateways.stripe import settlement
from tillkeeper.gateways.stripe.settlement import GATEWAY, KINDS, TAX
from tillkeeper.kernel import sheets
from tillkeeper.kernel.money import currency as read_currency
from tillkeeper.kernel.money import minor

REPORT = "an itemised report of Stripe (balance, or payout reconciliation)"
ID, CATEGORY = "balance_transaction_id", "reporting_category"
NEEDED = (ID, CATEGORY, "created_utc", "currency", "gross", "fee", "net")
PAYMENT, REFUND = "payment_metadata[payment]", "refund_metadata[refund]"
ALSO = (
    "source_id",
    "available_on_utc",
    "automatic_payout_id",
    "customer_facing_amount",
    "customer_facing_currency",
    "charge_id",
    "payment_intent_id",
    PAYMENT,
    REFUND,
)
"""Stripe lets people choose columns; without these a line says less."""
PAYABLE = frozenset({LineKind.CAPTURE, LineKind.REFUND, LineKind.REFUND_FAILED})
"""Lines of which Stripe also says what the customer paid or got, in the customer's currency."""


def read(file: bytes) -> SettlementPage:
    """Read a report; raises FileUnreadableError."""
    rows = sheets.rows(file)
    columns = sheets.columns(next(rows, []), needed=NEEDED, also=ALSO, of=REPORT)
    return settlement_page(read_row(GATEWAY, columns, row, _of_cells, name=ID) for row in rows)


def _of_cells(cells: dict[str, str], raw: str) -> SettlementLine:
    settle = read_currency(cells["currency"])
    kind = KINDS.get(cells[CATEGORY], LineKind.ADJUSTMENT)
    amount, fee, net, tax = *(minor(cells[name], settle) for name in ("gross", "fee", "net")), 0
    if kind is LineKind.FEE:
        fee, tax, amount = (fee, -amount, 0) if cells[CATEGORY] == TAX else (fee - amount, 0, 0)
    gross, currency = amount, settle
    facing = cells.get("customer_facing_currency", "")
    if kind in PAYABLE and facing and facing.upper() != settle:
        currency = read_currency(facing)
        size = abs(minor(cells["customer_facing_amount"], currency))
        gross = -size if amount < 0 else size
    object_id, parent_id = _names(kind, cells)
    metadata = {"payment": cells.get(PAYMENT, "")} if kind is LineKind.CAPTURE else {"refund": cells.get(REFUND, "")}
    return SettlementLine(
        gateway=GATEWAY,
        line_id=sheets.name(cells[ID]),
        kind=kind,
        object_id=object_id,
        parent_id=parent_id,
        our_reference=settlement.ours(metadata),
        gross=gross,
        fee=fee,
        tax=tax,
        net=net,
        currency=currency,
        settle_currency=settle,
        occurred_at=_moment(cells["created_utc"]),
        available_at=_moment(cells["available_on_utc"]) if cells.get("available_on_utc") else None,
        payout_id=None if kind is LineKind.PAYOUT else sheets.optional_name(cells.get("automatic_payout_id")),
        raw=raw,
    )


def _names(kind: LineKind, cells: dict[str, str]) -> tuple[str | None, str | None]:
    source = sheets.optional_name(cells.get("source_id"))
    intent = sheets.optional_name(cells.get("payment_intent_id") or cells.get("charge_id"))
    return (intent or source, None) if kind is LineKind.CAPTURE else (source, intent)


def _moment(text: str) -> datetime:
    """Read a time, which these columns give in UTC without saying so."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
