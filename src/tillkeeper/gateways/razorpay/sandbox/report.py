"""The books laid open: what every order came to, the settlements, and sums that an oracle can compare."""

from collections import defaultdict
from collections.abc import Iterable

from tillkeeper.sandbox_kit.books import Change, Json

SUMMED = ("captured", "refunded", "disputed", "fee")
UNPAID = {"created", "failed"}
BALANCED = {"processed", "created"}

Grouped = dict[str, list[Json]]


def report(change: Change) -> Json:
    """Read each kind of thing once, and tell what every order came to."""
    payments = _by(change.select("payment"), "order_id")
    parts = {kind: _by(change.select(kind), "payment_id") for kind in ("refund", "dispute")}
    links = {link["id"]: link["shown"] for link in change.select("payment_link")}
    orders = change.select("order")
    lines = [_line(order, links, payments.get(order["id"], []), parts) for order in reversed(orders)]
    settlements = [each["shown"] for each in reversed(change.select("settlement"))]
    totals = _totals(lines)
    for settlement in settlements:
        if settlement["status"] in BALANCED:
            totals["INR"]["settled"] += settlement["amount"]
    for entry in change.select("entry"):
        if not entry["shown"]["settled"]:
            totals[entry["shown"]["currency"]]["balance"] += entry["shown"]["credit"] - entry["shown"]["debit"]
    return {"orders": lines, "settlements": settlements, "totals": totals, "links": len(links)}


def _line(order: Json, links: dict[str, Json], payments: list[Json], parts: dict[str, Grouped]) -> Json:
    shown, link = order["shown"], links.get(order["link"] or "")
    captured = [payment for payment in payments if payment["captured"]]
    refunds = [refund for payment in captured for refund in parts["refund"].get(payment["id"], [])]
    given_back = [refund for refund in refunds if refund["status"] != "failed"]
    disputes = [dispute for payment in captured for dispute in parts["dispute"].get(payment["id"], [])]
    return {
        "order": order["id"],
        "link": order["link"],
        "link_status": link["status"] if link else None,
        "payments": [payment["id"] for payment in captured],
        "status": shown["status"],
        "amount": shown["amount"],
        "currency": shown["currency"],
        "captured": sum(payment["amount"] for payment in captured),
        "refunded": sum(refund["amount"] for refund in given_back),
        "disputed": sum(dispute["amount_deducted"] for dispute in disputes),
        "fee": sum(payment["fee"] for payment in captured),
        "tax": sum(payment["tax"] for payment in captured),
        "attempts": shown["attempts"],
        "authorised": sum(payment["status"] not in UNPAID for payment in payments),
        "captures": len(captured),
        "refunds": len(given_back),
        "disputes": len(disputes),
        "reference": shown["receipt"],
        "notes": shown["notes"] or {},
    }


def _totals(lines: Iterable[Json]) -> dict[str, Json]:
    """Sum up by currency: net is what the payments left the merchant, balance what is not settled of it."""
    names = (*SUMMED, "net", "payments", "settled", "balance")
    totals: dict[str, Json] = defaultdict(lambda: dict.fromkeys(names, 0))
    for line in lines:
        total = totals[line["currency"]]
        for name in SUMMED:
            total[name] += line[name]
        total["payments"] += 1 if line["captured"] else 0
        total["net"] += line["captured"] - sum(line[name] for name in SUMMED if name != "captured")
    return totals


def _by(things: Iterable[Json], name: str) -> Grouped:
    found: Grouped = defaultdict(list)
    for thing in things:
        found[thing["shown"][name]].append(thing["shown"])
    return found
