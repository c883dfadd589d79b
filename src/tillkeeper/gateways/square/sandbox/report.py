"""The books laid open: what every payment came to, the payouts, and sums that an oracle can compare."""

from collections import defaultdict
from collections.abc import Iterable

from tillkeeper.gateways.square.sandbox import disputes
from tillkeeper.sandbox_kit.books import Change, Json

SUMMED = ("captured", "refunded", "fee", "disputed")
GIVEN_BACK = ("PENDING", "COMPLETED")
SET_ASIDE = ("APPROVED", "PENDING", "COMPLETED", "CANCELED")

ByPayment = dict[str, list[Json]]


def report(change: Change) -> Json:
    """Read each kind of object once, and tell what every payment came to."""
    given_back, taken_back = _refunds(change), _disputes(change)
    links = {link["order"]: link["id"] for link in change.select("payment_link")}
    references = {order["id"]: order["shown"].get("reference_id") for order in change.select("order")}
    lines = [
        _line(payment, given_back.get(payment["id"], []), taken_back.get(payment["id"], []))
        | {"link": links.get(payment["shown"]["order_id"])}
        | {"order_reference": references.get(payment["shown"]["order_id"])}
        for payment in reversed(change.select("payment"))
    ]
    payouts = [_payout(payout) for payout in reversed(change.select("payout"))]
    return {"payments": lines, "payouts": payouts, "totals": _totals(change, lines, payouts), "links": len(links)}


def _line(payment: Json, refunds: Iterable[Json], disputed: Iterable[Json]) -> Json:
    shown = payment["shown"]
    captured = shown["status"] == "COMPLETED"
    given_back = [refund for refund in refunds if refund["shown"]["status"] in GIVEN_BACK]
    held = [disputes.held(dispute) for dispute in disputed]
    return {
        "payment": payment["id"],
        "order": shown["order_id"],
        "status": shown["status"],
        "amount": payment["authorised"],
        "currency": shown["total_money"]["currency"],
        "captured": shown["total_money"]["amount"] if captured else 0,
        "refunded": sum(refund["shown"]["amount_money"]["amount"] for refund in given_back),
        "disputed": sum(held),
        "fee": payment["fee"],
        "charges": 1 if shown["status"] in SET_ASIDE else 0,
        "captures": 1 if captured else 0,
        "refunds": len(given_back),
        "disputes": len(held),
        "reference_id": shown.get("reference_id"),
        "note": shown.get("note"),
    }


def _totals(change: Change, lines: Iterable[Json], payouts: Iterable[Json]) -> dict[str, Json]:
    """Sum up by currency: net is what the payments left the merchant, balance what is not paid out of it."""
    names = (*SUMMED, "net", "payments", "paid_out", "balance")
    totals: dict[str, Json] = defaultdict(lambda: dict.fromkeys(names, 0))
    for line in lines:
        total = totals[line["currency"]]
        for name in SUMMED:
            total[name] += line[name]
        total["payments"] += line["captures"]
        total["net"] += line["captured"] - sum(line[name] for name in SUMMED if name != "captured")
    for entry in change.select("entry"):
        net = entry["shown"]["net_amount_money"]
        totals[net["currency"]]["balance"] += net["amount"]
    for payout in payouts:
        # What the bank sent back was entered as a movement of its own; it had left before all the same.
        totals[payout["currency"]]["balance"] -= payout["amount"]
        totals[payout["currency"]]["paid_out"] += payout["amount"] if payout["status"] != "FAILED" else 0
    return totals


def _payout(payout: Json) -> Json:
    shown = payout["shown"]
    money: Json = shown["amount_money"]
    return {name: shown[name] for name in ("id", "status", "created_at", "arrival_date")} | money


def _refunds(change: Change) -> ByPayment:
    found: ByPayment = defaultdict(list)
    for refund in change.select("refund"):
        found[refund["shown"]["payment_id"]].append(refund)
    return found


def _disputes(change: Change) -> ByPayment:
    found: ByPayment = defaultdict(list)
    for dispute in change.select("dispute"):
        found[dispute["payment"]].append(dispute)
    return found
