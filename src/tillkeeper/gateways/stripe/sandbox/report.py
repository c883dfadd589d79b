"""The books laid open: what every payment came to, the payouts, and sums that an oracle can compare."""

from collections import defaultdict
from collections.abc import Iterable

from tillkeeper.sandbox_kit.books import Change, Json

SUMMED = ("captured", "refunded", "fee", "disputed", "dispute_fee")

ByIntent = dict[str, list[Json]]


def report(change: Change) -> Json:
    """Read each kind of object once, and tell what every payment intent came to."""
    transactions = change.select("balance_transaction")
    fees = _fees(transactions)
    sessions = change.select("checkout.session")
    parts = {kind: _by_intent(change.select(kind)) for kind in ("charge", "refund", "dispute")}
    places = {session["payment_intent"]: session["id"] for session in sessions if session["payment_intent"]}
    lines = [
        _line(intent, {kind: found.get(intent["id"], []) for kind, found in parts.items()}, fees)
        | {"session": places.get(intent["id"])}
        for intent in reversed(change.select("payment_intent"))
    ]
    payouts = [_payout(payout) for payout in reversed(change.select("payout"))]
    totals = _totals(lines)
    for payout in payouts:
        if payout["status"] != "failed":
            totals[payout["currency"]]["paid_out"] += payout["amount"]
    for transaction in transactions:
        totals[transaction["currency"]]["balance"] += transaction["net"]
    return {"payment_intents": lines, "payouts": payouts, "totals": totals, "sessions": len(sessions)}


def _line(intent: Json, parts: ByIntent, fees: dict[str, int]) -> Json:
    charges, disputes = parts["charge"], parts["dispute"]
    captured = [charge for charge in charges if charge["captured"] and charge["status"] == "succeeded"]
    given_back = [refund for refund in parts["refund"] if refund["status"] == "succeeded"]
    taken_back = [dispute for dispute in disputes if dispute["status"] != "won"]
    return {
        "payment_intent": intent["id"],
        "session": None,
        "status": intent["status"],
        "amount": intent["amount"],
        "currency": intent["currency"],
        "captured": sum(charge["amount_captured"] for charge in captured),
        "refunded": sum(refund["amount"] for refund in given_back),
        "disputed": sum(dispute["amount"] for dispute in taken_back),
        "fee": sum(fees.get(charge["id"], 0) for charge in captured),
        "dispute_fee": sum(fees.get(dispute["id"], 0) for dispute in disputes),
        "charges": len(charges),
        "captures": len(captured),
        "refunds": len(given_back),
        "disputes": len(disputes),
        "metadata": intent["metadata"],
    }


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


def _payout(payout: Json) -> Json:
    return {name: payout[name] for name in ("id", "status", "amount", "currency", "created", "arrival_date")}


def _fees(transactions: Iterable[Json]) -> dict[str, int]:
    fees: dict[str, int] = defaultdict(int)
    for transaction in transactions:
        fees[transaction["source"]] += transaction["fee"]
    return fees


def _by_intent(things: Iterable[Json]) -> ByIntent:
    found: ByIntent = defaultdict(list)
    for thing in things:
        found[thing["payment_intent"]].append(thing)
    return found
