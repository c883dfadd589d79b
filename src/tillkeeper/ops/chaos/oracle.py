"""The oracle: what must be true of everybody's books when all is quiet.

It imports nothing of the program, so that no bug of the program can hide itself here; a contract of the import linter
sees to that. Amounts are in minor units.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from tillkeeper.ops.chaos.evidence import Evidence, Json

UNITS = {"credits_50": 50, "credits_120": 120, "credits_300": 300, "credits_600": 600}
LINES = {"stripe": "payment_intents", "razorpay": "orders", "paypal": "orders", "square": "payments"}
"""Where each gateway's books list what was paid, one line for each try that came so far."""
OURS = re.compile(r"\bpayment_[0-9a-z]{26}\b")
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
TITLES = {
    "I1": "debits equal credits in every journal and currency",
    "I2": "captured, refunded and disputed are what the gateways' books say",
    "I3": "what was paid is delivered once, what was not is not, what went back is revoked",
    "I4": "never more goes back than was captured",
    "I5": "every balance is the sum of its entries and not below zero",
    "I6": "an order is captured once over all gateways, or the rest goes back",
    "I7": "every webhook that was taken is there and ends, with a reason where it did nothing",
    "I8": "whatever a client was told with 2xx is true",
    "I9": "the chains of seals and of the audit log hold",
    "I10": "each change is told once, and each event is delivered or given up",
    "quiet": "everything comes to its end, and at no time does nothing move while something is unfinished",
    "client": "no client is refused what it may ask for, or told of something unforeseen",
}
FINISHED = {"processed", "ignored", "quarantined", "dead"}
UNFORESEEN = (500, 501)
"""What no client is ever told; 502, 503 and 504 speak of gateways and of outages."""
TOLD_ONCE = ("payment.created", "payment.succeeded", "fulfilment.delivered", "refund.created", "refund.succeeded")
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Hold one violation: which invariant, of what, what was found, and what should be."""

    invariant: str
    about: str
    found: str
    should_be: str
    payment: str | None = None

    def as_json(self) -> Json:
        """Shape it for programs."""
        return {**asdict(self), "title": TITLES[self.invariant]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Hold what one line of a gateway's books says of one of our payments."""

    gateway: str
    captured: int
    refunded: int
    disputed: int
    captures: int


def judge(evidence: Evidence) -> list[Finding]:
    """Prove everything that can be seen from outside; the chains are proved by a command of their own."""
    case = Case(evidence)
    return [finding for check in CHECKS for finding in check(case)]


class Case:
    """Hold the evidence by payment."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.rows = evidence.rows
        self.payments = {row["id"]: row for row in self.rows["payments"]}
        self.refunds = grouped(self.rows["refunds"], "payment")
        self.entitlements = grouped(self.rows["entitlements"], "payment")
        self.entries = grouped(self.rows["entries"], "source")
        self.lines, self.stray = _lines(evidence.books)
        self.wishes = {line["key"]: line["body"] for line in evidence.journal if line.get("ask") == "create"}

    def told(self, what: str) -> Iterator[Json]:
        """List what clients were told with 2xx about something."""
        for line in self.evidence.journal:
            if line.get("told") == what and 200 <= line.get("status", 0) < 300:  # noqa: PLR2004 (any 2xx)
                yield line

    def surplus(self, payment: str, *states: str) -> int:
        """Add up what was captured a second time, as far as its way back has come."""
        found = (row for row in self.refunds[payment] if row["surplus"])
        return sum(row["amount"] for row in found if not states or row["status"] in states)


def grouped(rows: Sequence[Row], name: str) -> Mapping[str, list[Row]]:
    """Sort rows by one of their columns."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[name]].append(row)
    return found


def plain(shown: str) -> str:
    """Read the uuid out of an id as the API shows it, such as `payment_01h…`."""
    number = 0
    for letter in shown.rpartition("_")[2]:
        number = number * 32 + ALPHABET.index(letter)
    return str(UUID(int=number % 2**128))


def _lines(books: Mapping[str, Json]) -> tuple[Mapping[str, list[Line]], list[str]]:
    found: dict[str, list[Line]] = defaultdict(list)
    stray = []
    for gateway, book in books.items():
        for line in book[LINES[gateway]]:
            if not (line["captured"] or line["refunded"] or line["disputed"]):
                continue
            named = OURS.search(json.dumps(line))
            if named is None:
                stray.append(f"{gateway}: {line}")
                continue
            sums = {name: line[name] for name in ("captured", "refunded", "disputed", "captures")}
            found[plain(named[0])].append(Line(gateway=gateway, **sums))
    return found, stray


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


def _announced(case: Case) -> Iterator[Finding]:
    outbox = case.rows["outbox"]
    times = Counter((row["type"], row["subject"]) for row in outbox)
    payments = {row["subject"]: row["payment"] for row in outbox}
    for (kind, subject), number in times.items():
        most = 1 + (_restored(case, subject) if kind == "fulfilment.delivered" else 0)
        if kind in TOLD_ONCE and number > most:
            about, found = f"{kind} of {subject}", f"{number} events"
            yield Finding(invariant="I10", about=about, found=found, should_be=f"{most}", payment=payments[subject])
    for id_, row in case.payments.items():
        if times["payment.succeeded", id_] != (1 if row["amount_captured"] else 0):
            found = f"{times['payment.succeeded', id_]} events payment.succeeded, captured {row['amount_captured']}"
            yield Finding(invariant="I10", about="events", found=found, should_be="one if captured", payment=id_)
    for row in case.rows["refunds"]:
        told = times["refund.succeeded", row["id"]]
        if told != (row["status"] == "succeeded"):
            found = f"{told} events refund.succeeded of {row['id']}, which is {row['status']}"
            yield Finding(invariant="I10", about="events", found=found, should_be="one", payment=row["payment"])


def _restored(case: Case, payment: str) -> int:
    """Count the refunds that failed: each gives the goods back that had been taken for it, and tells so."""
    return sum(row["status"] == "failed" for row in case.refunds.get(payment, []))


def _sent(case: Case) -> Iterator[Finding]:
    outbox = case.rows["outbox"]
    numbers = sorted(row["seq"] or 0 for row in outbox)
    if numbers != list(range(1, len(outbox) + 1)):
        found = f"{len(outbox)} events with numbers up to {max(numbers)}, {numbers.count(0)} without"
        yield Finding(invariant="I10", about="the order of events", found=found, should_be="no gap, no double")
    delivered = grouped(case.rows["deliveries"], "event")
    for row in outbox:
        made = [(each["status"], each["taken"] > 0) for each in delivered.get(row["id"], [])]
        if made not in ([("succeeded", True)], [("dead", False)]):
            about = f"{row['type']} {row['id']}"
            yield Finding(
                invariant="I10", about=about, found=f"{made}", should_be="one delivery", payment=row["payment"]
            )


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
    *(_summed_up, _taken, _announced, _sent, _answered, _ended),
)
