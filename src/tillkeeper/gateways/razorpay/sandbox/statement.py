"""The settlement report that Razorpay's dashboard offers: every settled entry, in whole rupees, in Indian time."""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from tillkeeper.gateways.razorpay.sandbox.currencies import exponent
from tillkeeper.gateways.razorpay.sandbox.settlements import HOME_TIME
from tillkeeper.sandbox_kit.books import Change, Json
from tillkeeper.sandbox_kit.statement import Row

COLUMNS = (
    "transaction_entity",
    "entity_id",
    "amount",
    "currency",
    "fee (exclusive tax)",
    "tax",
    "debit",
    "credit",
    "payment_method",
    "card_type",
    "issuer_name",
    "entity_created_at",
    "payment_captured_at",
    "payment_notes",
    "refund_notes",
    "arn",
    "entity_description",
    "order_id",
    "order_receipt",
    "order_notes",
    "dispute_id",
    "dispute_created_at",
    "dispute_reason",
    "settlement_id",
    "settled_at",
    "settlement_utr",
    "settled_by",
)


def rows(change: Change) -> Iterator[Row]:
    """Write the header and a row for each entry that is settled, oldest first."""
    yield COLUMNS
    for entry in reversed(change.select("entry")):
        if entry["shown"]["settled"]:
            cells = _cells(entry["shown"])
            yield [cells.get(name) or "" for name in COLUMNS]


def _cells(shown: Json) -> Json:
    written = {
        "amount": shown["amount"],
        "fee (exclusive tax)": shown["fee"] - shown["tax"],
        "tax": shown["tax"],
        "debit": shown["debit"],
        "credit": shown["credit"],
    }
    return {
        **{name: _written(amount, shown["currency"]) for name, amount in written.items()},
        "transaction_entity": shown["type"],
        "entity_id": shown["entity_id"],
        "currency": shown["currency"],
        "payment_method": shown["method"],
        "card_type": shown["card_type"],
        "issuer_name": shown["card_issuer"],
        "entity_created_at": _moment(shown["created_at"]),
        "refund_notes": msgspec.json.encode(shown["notes"]).decode() if shown["type"] == "refund" else "",
        "entity_description": shown["description"],
        "order_id": shown["order_id"],
        "order_receipt": shown["order_receipt"],
        "dispute_id": shown["dispute_id"],
        "settlement_id": shown["settlement_id"],
        "settled_at": _moment(shown["settled_at"]),
        "settlement_utr": shown["settlement_utr"],
        "settled_by": "Razorpay",
    }


def _written(amount: int, currency: str) -> str:
    places = exponent(currency)
    whole, rest = divmod(amount, 10**places)
    return f"{whole}" + (f".{rest:0{places}}" if places else "")


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, HOME_TIME).strftime("%d/%m/%Y %H:%M:%S")
