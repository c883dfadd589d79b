"""The books laid open: what every order came to, what went to the bank, and sums that an oracle can compare.

All amounts are ISO 4217 minor units.
"""

from collections import defaultdict
from collections.abc import Iterable

from tillkeeper.gateways.paypal.sandbox.captures import TAKEN
from tillkeeper.sandbox_kit.books import Change, Json

SUMMED = ("captured", "refunded", "fee", "disputed", "dispute_fee")

ByOrder = dict[str, list[Json]]


def report(change: Change) -> Json:
    """Read each kind of object once, and tell what every order came to."""
    captures = change.select("capture")
    order_of = {capture["id"]: capture["order"] for capture in captures}
    parts: dict[str, ByOrder] = {
        "capture": defaultdict(list),
        "refund": defaultdict(list),
        "dispute": defaultdict(list),
    }
    for kind, found in (
        ("capture", captures),
        ("refund", change.select("refund")),
        ("dispute", change.select("dispute")),
    ):
        for thing in found:
            parts[kind][thing.get("order") or order_of[thing["capture"]]].append(thing)
    lines = [
        _line(order, {kind: found.get(order["id"], []) for kind, found in parts.items()})
        for order in reversed(change.select("order"))
    ]
    payouts = [
        {name: payout[name] for name in ("id", "amount", "currency", "created")} | {"failed": "failed" in payout}
        for payout in reversed(change.select("payout"))
    ]
    totals = _totals(lines)
    for payout in payouts:
        totals[payout["currency"]]["paid_out"] += 0 if payout["failed"] else payout["amount"]
    for movement in change.select("movement"):
        totals[movement["currency"]]["balance"] += movement["amount"] - movement["fee"]
    return {"orders": lines, "payouts": payouts, "totals": totals}


def _line(order: Json, parts: ByOrder) -> Json:
    captures = [capture for capture in parts["capture"] if capture["status"] in TAKEN]
    given_back = [refund for refund in parts["refund"] if refund["status"] == "COMPLETED"]
    moved = [movement for dispute in parts["dispute"] for movement in dispute["movements"]]
    return {
        "order": order["id"],
        "status": order["status"],
        "amount": order["unit"]["amount"],
        "currency": order["unit"]["currency"],
        "captured": sum(capture["amount"] for capture in captures),
        "refunded": sum(refund["amount"] for refund in given_back),
        "disputed": sum(_signed(movement) for movement in moved if movement["reason"] == "DISPUTE_SETTLEMENT"),
        "fee": sum(capture["fee"] for capture in captures),
        "dispute_fee": sum(_signed(movement) for movement in moved if movement["reason"] == "DISPUTE_FEE"),
        "captures": len(captures),
        "capture_ids": [capture["id"] for capture in captures],
        "refunds": len(given_back),
        "disputes": len(parts["dispute"]),
        "invoice_id": order["unit"]["invoice_id"],
        "custom_id": order["unit"]["custom_id"],
    }


def _signed(movement: Json) -> int:
    amount: int = movement["amount"]
    return amount if movement["type"] == "DEBIT" else -amount


def _totals(lines: Iterable[Json]) -> dict[str, Json]:
    """Sum up by currency: net is what the payments left the merchant, balance what is not paid out of it."""
    names = (*SUMMED, "net", "payments", "paid_out", "balance")
    totals: dict[str, Json] = defaultdict(lambda: dict.fromkeys(names, 0))
    for line in lines:
        total = totals[line["currency"]]
        for name in SUMMED:
            total[name] += line[name]
        total["payments"] += 1 if line["captured"] else 0
        total["net"] += line["captured"] - sum(line[name] for name in SUMMED if name != "captured")
    return totals
