"""The oracle: what must be true of everybody's books when all is quiet.

It imports nothing of the program, so that no bug of the program can hide itself here; a contract of the import linter
sees to that. Amounts are in minor units.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from tillkeeper.ops.chaos.announcements import announced, sent, taken_over
from tillkeeper.ops.chaos.case import Case, Finding, grouped, plain
from tillkeeper.ops.chaos.evidence import Evidence, Json

UNITS = {"credits_50": 50, "credits_120": 120, "credits_300": 300, "credits_600": 600}
FINISHED = {"processed", "ignored", "quarantined", "dead"}
UNFORESEEN = (500, 501)
"""What no client is ever told; 502, 503 and 504 speak of gateways and of outages."""


def judge(evidence: Evidence) -> list[Finding]:
    """Prove everything that can be seen from outside; the chains are proved by a command of their own."""
    case = Case(evidence)
    return [finding for check in CHECKS for finding in check(case)]


def _balanced(case: Case) -> Iterator[Finding]:
    for row in case.rows["postings"]:
        currencies = {row["currency"], row["debit_currency"], row["credit_currency"]}
        if len(currencies) > 1 or row["amount"] <= 0:
            yield Finding(
                invariant="I1", about=f"journal {row['journal']}", found=str(dict(row)), should_be="one currency"
            )
    totals: Counter[str] = Counter()
    for account in case.rows["accounts"]:
        totals[account["currency"]] += account["debits"] - account["credits"]
    for currency, excess in totals.items():
        if excess:
            yield Finding(invariant="I1", about=currency, found=f"debits exceed credits by {excess}", should_be="0")


def _booked(case: Case) -> Iterator[Finding]:
    captured: Counter[str] = Counter()
    sources = {row["id"]: row["source_id"] for row in case.rows["journals"] if row["kind"] == "capture"}
    for row in case.rows["postings"]:
        captured[sources.get(row["journal"], "")] += row["amount"]
    for id_, payment in case.payments.items():
        if captured[id_] != payment["amount_captured"]:
            found, should_be = f"{captured[id_]} booked as captured", str(payment["amount_captured"])
            yield Finding(invariant="I1", about="captured money", found=found, should_be=should_be, payment=id_)


def _as_gateways_say(case: Case) -> Iterator[Finding]:
    for stray in case.stray:
        yield Finding(invariant="I2", about="money for no payment of ours", found=stray, should_be="nothing")
    for id_ in case.lines.keys() - case.payments.keys():
        yield Finding(
            invariant="I2", about="money for no payment of ours", found=str(case.lines[id_]), should_be="nothing"
        )
    for id_, row in case.payments.items():
        lines = case.lines.get(id_, [])
        ours = {
            "captured": row["amount_captured"] + case.surplus(id_),
            "refunded": row["amount_refunded"] + case.surplus(id_, "succeeded"),
            "disputed": row["amount_disputed"],
        }
        for name, amount in ours.items():
            theirs = sum(getattr(line, name) for line in lines)
            if theirs != amount:
                found, should_be = f"{amount} here", f"{theirs}, as in the gateways' books: {lines}"
                yield Finding(invariant="I2", about=name, found=found, should_be=should_be, payment=id_)


def _delivered(case: Case) -> Iterator[Finding]:
    undelivered = {row["payment"] for row in case.rows["undelivered"]}
    for id_, row in case.payments.items():
        if not row["has_goods"] or id_ in undelivered:
            continue
        goods = case.entitlements.get(id_, [])
        grants = [entry for entry in case.entries.get(id_, []) if entry["kind"] == "grant"]
        owed = _units(case.wishes.get(row["purchase"])) if row["amount_captured"] else 0
        times = 1 if row["amount_captured"] else 0
        told = [
            (len(goods), len(grants)),
            (sum(each["granted"] for each in goods), sum(each["amount"] for each in grants)),
        ]
        if told != [(times, times), (owed, owed)]:
            found = f"{len(goods)} deliveries and {len(grants)} grants, of {told[1][0]} and {told[1][1]} units"
            should_be = f"{times} of {owed} units"
            yield Finding(
                invariant="I3", about=f"goods ({row['status']})", found=found, should_be=should_be, payment=id_
            )
            continue
        back = row["amount_refunded"] + row["amount_refunding"] + row["amount_lost"]
        revoked = sum(each["revoked"] for each in goods)
        due = owed * min(back, row["amount_captured"]) // max(row["amount_captured"], 1)
        if revoked != due:
            yield Finding(invariant="I3", about="revoked goods", found=str(revoked), should_be=str(due), payment=id_)


def _units(wish: Json | None) -> int:
    return UNITS[wish["package"]] * wish["quantity"] if wish else -1


def _refunded(case: Case) -> Iterator[Finding]:
    for id_, row in case.payments.items():
        captured = row["amount_captured"]
        back = [each for each in case.refunds.get(id_, []) if not each["surplus"] and each["status"] != "failed"]
        promised = sum(each["amount"] for each in back)
        at_gateways = sum(line.refunded - line.captured for line in case.lines.get(id_, []))
        if promised > captured or row["amount_refunded"] > captured or at_gateways > 0:
            found = f"{promised} promised, {row['amount_refunded']} given back, at the gateways {at_gateways} too much"
            yield Finding(invariant="I4", about="refunds", found=found, should_be=f"at most {captured}", payment=id_)
        done = sum(each["amount"] for each in back if each["status"] == "succeeded")
        if done != row["amount_refunded"]:
            found, should_be = f"{row['amount_refunded']} on the payment", f"{done}, the sum of its refunds"
            yield Finding(invariant="I4", about="refunds", found=found, should_be=should_be, payment=id_)


def _summed_up(case: Case) -> Iterator[Finding]:
    entries = grouped(case.rows["entries"], "user")
    for wallet in case.rows["wallets"]:
        at, sound = 0, True
        for entry in entries.get(wallet["user"], []):
            sound &= entry["balance_before"] == at and entry["balance_after"] == at + entry["amount"] >= 0
            at = entry["balance_after"]
        if not sound or at != wallet["balance"] or min(wallet["balance"], wallet["debt"], wallet["frozen"]) < 0:
            found = f"{dict(wallet)}, its entries lead to {at}{'' if sound else ' over a gap'}"
            yield Finding(invariant="I5", about=f"wallet {wallet['user']}", found=found, should_be=f"balance {at}")
    moved: Counter[tuple[str, str]] = Counter()
    for row in case.rows["postings"]:
        moved[row["debit"], "debits"] += row["amount"]
        moved[row["credit"], "credits"] += row["amount"]
    for account in case.rows["accounts"]:
        should = {side: moved[account["code"], side] for side in ("debits", "credits")}
        spendable = account["credits"] - account["debits"] - account["held"]
        if any(account[side] != should[side] for side in should) or (account["guarded"] and spendable < 0):
            found, should_be = f"{dict(account)}", f"{should}, and not below zero"
            yield Finding(invariant="I5", about=f"account {account['code']}", found=found, should_be=should_be)


def _captured_once(case: Case) -> Iterator[Finding]:
    orders = grouped(case.rows["payments"], "purchase")
    for order, rows in orders.items():
        kept = [row["id"] for row in rows if row["amount_captured"]]
        if len(kept) > 1:
            yield Finding(
                invariant="I6", about=f"order {order}", found=f"{kept}", should_be="one payment", payment=kept[0]
            )
    times = Counter(row["payment"] for row in case.rows["changes"] if row["step"] == "captured")
    for id_ in case.payments:
        captures = sum(line.captures for line in case.lines.get(id_, []))
        went_back = sum(row["surplus"] and row["status"] == "succeeded" for row in case.refunds.get(id_, []))
        if captures - went_back > 1 or times[id_] > 1:
            found = f"{captures} captures at the gateways, {went_back} given back, {times[id_]} recorded"
            yield Finding(invariant="I6", about="captures", found=found, should_be="1", payment=id_)


def _taken(case: Case) -> Iterator[Finding]:
    known = {(row["gateway"], row["event"]) for row in case.rows["inbox"]}
    for each in case.evidence.webhooks:
        if each["state"] == "delivered" and not each["spoil"] and (each["gateway"], each["event"]) not in known:
            about = f"{each['gateway']} {each['event']} ({each['type']} of {each['object']})"
            yield Finding(invariant="I7", about=about, found="we answered 2xx and do not have it", should_be="stored")
    for row in case.rows["inbox"]:
        if row["status"] not in FINISHED or (row["status"] != "processed" and not row["reason"]):
            should_be = "processed, or ignored, quarantined or dead with a reason"
            yield Finding(invariant="I7", about=f"message {row['id']}", found=str(dict(row)), should_be=should_be)


def _kept(case: Case) -> Iterator[Finding]:
    answers: dict[str, set[str]] = defaultdict(set)
    for line in case.told("create"):
        body, row = line["body"], case.payments.get(plain(line["body"]["id"]))
        answers[line["key"]].add(body["id"])
        ours = row and (row["amount"], row["currency"], row["purchase"])
        theirs = (body["amount"], body["currency"], body["metadata"]["purchase"])
        if ours != theirs:
            yield Finding(
                invariant="I8", about=line["key"], found=f"{ours}", should_be=f"{theirs}", payment=plain(body["id"])
            )
    refunds = {row["id"]: row for row in case.rows["refunds"]}
    for line in case.told("refund"):
        body, row = line["body"], refunds.get(plain(line["body"]["id"]))
        answers[line["key"]].add(body["id"])
        if row is None or (row["amount"], row["payment"]) != (body["amount"], plain(body["payment"])):
            found, should_be = f"{row and dict(row)}", f"the refund {body['id']} of {body['amount']}"
            yield Finding(
                invariant="I8", about=line["key"], found=found, should_be=should_be, payment=plain(body["payment"])
            )
    for key, told in answers.items():
        if len(told) > 1:
            yield Finding(invariant="I8", about=key, found=f"one key, several answers: {sorted(told)}", should_be="one")
    yield from _shown(case, answers)


def _shown(case: Case, answers: Mapping[str, set[str]]) -> Iterator[Finding]:
    for shown_id, shown in case.evidence.shown.items():
        row = case.payments.get(plain(shown_id))
        names = ("status", "amount", "currency", "amount_captured", "amount_refunded")
        seen, kept = [shown.get(name) for name in names], [row[name] for name in names] if row else None
        if seen != kept:
            yield Finding(
                invariant="I8",
                about="what the API shows",
                found=str(seen),
                should_be=str(kept),
                payment=plain(shown_id),
            )
    for key, again in case.evidence.replayed.items():
        if again.get("id") not in answers[key]:
            should_be = f"the answer it had: {sorted(answers[key])}"
            yield Finding(invariant="I8", about=f"{key} sent again", found=str(again)[:300], should_be=should_be)


def _answered(case: Case) -> Iterator[Finding]:
    for line in case.evidence.journal:
        if line.get("status", 0) in UNFORESEEN and "told" in line:
            about, found = f"{line['told']} with the key {line.get('key')}", f"{line['status']} {line['body']}"
            yield Finding(invariant="client", about=about, found=found[:300], should_be="an answer that is foreseen")


def _ended(case: Case) -> Iterator[Finding]:
    for what, number in case.evidence.left.items():
        if number:
            yield Finding(invariant="quiet", about=what, found=f"{number} unfinished", should_be="0")
    keys = {line["n"]: line["begin"]["key"] for line in case.evidence.journal if "begin" in line}
    ends = {line["n"]: line for line in case.evidence.journal if "end" in line}
    by_order = grouped(case.rows["payments"], "purchase")
    for number, key in keys.items():
        end = ends[number]["end"] if number in ends else "nothing more was heard of it"
        payment = by_order[key][-1]["id"] if by_order.get(key) else None
        if end.startswith("refused"):
            yield Finding(invariant="client", about=key, found=end, should_be="an answer", payment=payment)
        elif number not in ends or end.startswith("gave up"):
            yield Finding(invariant="quiet", about=key, found=end, should_be="an end", payment=payment)


CHECKS: Sequence[Callable[[Case], Iterator[Finding]]] = (
    *(_as_gateways_say, _captured_once, _refunded, _delivered, _kept, _balanced, _booked),
    *(_summed_up, _taken, announced, sent, taken_over, _answered, _ended),
)
