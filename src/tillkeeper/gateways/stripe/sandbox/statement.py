"""The itemised report that Stripe's dashboard offers: every balance transaction, and the payout that took it along."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from tillkeeper.gateways.stripe.sandbox.currencies import exponent
from tillkeeper.sandbox_kit.books import Change, Json
from tillkeeper.sandbox_kit.statement import Row

COLUMNS = (
    "automatic_payout_id",
    "automatic_payout_effective_at_utc",
    "balance_transaction_id",
    "created_utc",
    "available_on_utc",
    "currency",
    "gross",
    "fee",
    "net",
    "reporting_category",
    "source_id",
    "description",
    "customer_facing_amount",
    "customer_facing_currency",
    "customer_name",
    "charge_id",
    "payment_intent_id",
    "payment_metadata[payment]",
    "refund_metadata[refund]",
)
AMOUNTS = {"gross": "amount", "fee": "fee", "net": "net"}
PAYABLE = ("charge", "refund")


def rows(change: Change) -> Iterator[Row]:
    """Write the header and a row for each transaction, oldest first."""
    yield COLUMNS
    things = {thing["id"]: thing for kind in ("charge", "refund", "dispute") for thing in change.select(kind)}
    payouts = change.select("payout")
    members = {member: payout for payout in payouts if payout["automatic"] for member in change.tied(payout["id"])}
    for entry in reversed(change.select("balance_transaction")):
        cells = _cells(entry, things, members.get(entry["id"]))
        yield [cells.get(name, "") for name in COLUMNS]


def _cells(entry: Json, things: Mapping[str, Json], payout: Json | None) -> Json:
    currency, source = entry["currency"], things.get(entry["source"] or "", {})
    charge = source if source.get("object") == "charge" else things.get(source.get("charge", ""), {})
    cells = {
        "balance_transaction_id": entry["id"],
        "created_utc": _moment(entry["created"]),
        "available_on_utc": _moment(entry["available_on"]),
        "currency": currency,
        **{column: _written(entry[name], currency) for column, name in AMOUNTS.items()},
        "reporting_category": entry["reporting_category"],
        "source_id": entry["source"] or "",
        "description": entry["description"] or "",
        "customer_name": "Sandbox Customer" if charge else "",
        "charge_id": charge.get("id", ""),
        "payment_intent_id": charge.get("payment_intent", ""),
        "payment_metadata[payment]": charge.get("metadata", {}).get("payment", ""),
    }
    if payout:
        arrives = _moment(payout["arrival_date"])
        cells |= {"automatic_payout_id": payout["id"], "automatic_payout_effective_at_utc": arrives}
    if source.get("object") in PAYABLE:
        paid = source["amount_captured"] if source is charge else -source["amount"]
        facing = {"customer_facing_amount": _written(paid, source["currency"])}
        cells |= {**facing, "customer_facing_currency": source["currency"]}
    if source.get("object") == "refund":
        cells["refund_metadata[refund]"] = source["metadata"].get("refund", "")
    return cells


def _written(amount: int, currency: str) -> str:
    """Write an amount in whole units, with the currency's own decimals."""
    places = exponent(currency)
    whole, rest = divmod(abs(amount), 10**places)
    return f"{'-' * (amount < 0)}{whole}" + (f".{rest:0{places}}" if places else "")


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
