"""Promises: what clients were told is true, what gateways sent is there, and all of it comes to an end."""

from collections import defaultdict
from collections.abc import Iterator

from tillkeeper.ops.chaos.oracle.case import Case, Finding, grouped, plain
from tillkeeper.ops.chaos.oracle.evidence import WITH_KEYS, Json

PRICES = {
    "credits_50": {"INR": 5_000, "USD": 100, "EUR": 100, "JPY": 120},
    "credits_120": {"INR": 10_000, "USD": 199, "EUR": 199, "JPY": 240},
    "credits_300": {"INR": 20_000, "USD": 399, "EUR": 399, "JPY": 480},
    "credits_600": {"INR": 35_000, "USD": 699, "EUR": 699, "JPY": 840},
}
FINISHED = {"processed", "ignored", "quarantined", "dead"}
FOR_PEOPLE = {"quarantined", "dead"}
UNFORESEEN = (500, 501)
"""What no client is ever told; 502, 503 and 504 speak of gateways and of outages."""
OK = 2


def sold(case: Case) -> Iterator[Finding]:
    """Compare every payment with what its client wished for: who buys, what, and for how much."""
    names = {row["id"]: row["name"] for row in case.rows["users"]}
    for id_, row in case.payments.items():
        wish = case.wishes.get(row["purchase"])
        if wish is None:
            yield Finding(
                invariant="I8", about=f"purchase {row['purchase']}", found="a payment", should_be="a wish", payment=id_
            )
            continue
        ours = (names.get(row["user"]), row["package"], row["currency"], row["amount"])
        price = PRICES[wish["package"]][wish["currency"]] * wish["quantity"]
        theirs = (wish["user"], wish["package"], wish["currency"], price)
        if ours != theirs:
            yield Finding(invariant="I8", about=row["purchase"], found=f"{ours}", should_be=f"{theirs}", payment=id_)


def kept(case: Case) -> Iterator[Finding]:
    """Compare what clients were told with 2xx with what is there, and look for keys with more than one answer."""
    answers: dict[str, set[str]] = defaultdict(set)
    for what, compare in (("create", _made), ("refund", _given_back), ("capture", _captured)):
        for line in case.told(what):
            if not isinstance(line["body"], dict) or "id" not in line["body"]:
                about, found = f"{what} with the key {line['key']}", f"{line['status']} {line['body']}"[:300]
                yield Finding(invariant="I8", about=about, found=found, should_be="what was made")
                continue
            if what != "capture":
                answers[line["key"]].add(line["body"]["id"])
            yield from compare(case, line)
    for key, told in answers.items():
        if len(told) > 1:
            yield Finding(invariant="I8", about=key, found=f"one key, several answers: {sorted(told)}", should_be="one")


def _made(case: Case, line: Json) -> Iterator[Finding]:
    body, row = line["body"], case.payments.get(plain(line["body"]["id"]))
    ours = row and (row["amount"], row["currency"], row["purchase"])
    theirs = (body["amount"], body["currency"], body["metadata"]["purchase"])
    if ours != theirs:
        yield Finding(
            invariant="I8", about=line["key"], found=f"{ours}", should_be=f"{theirs}", payment=plain(body["id"])
        )


def _given_back(case: Case, line: Json) -> Iterator[Finding]:
    body, row = line["body"], case.refund_of.get(plain(line["body"]["id"]))
    if row is None or (row["amount"], row["payment"]) != (body["amount"], plain(body["payment"])):
        found, should_be = f"{row and dict(row)}", f"the refund {body['id']} of {body['amount']}"
        yield Finding(
            invariant="I8", about=line["key"], found=found, should_be=should_be, payment=plain(body["payment"])
        )


def _captured(case: Case, line: Json) -> Iterator[Finding]:
    row = case.payments.get(plain(line["body"]["id"]))
    if line["body"].get("status") == "succeeded" and not (row and row["amount_captured"]):
        about, should_be = f"capture with the key {line['key']}", "captured, as was said"
        yield Finding(invariant="I8", about=about, found="nothing was captured", should_be=should_be)


def shown(case: Case) -> Iterator[Finding]:
    """Compare what the API shows of payments, and what it answers to used keys, with what is there."""
    for shown_id, told in case.evidence.shown.items():
        row = case.payments.get(plain(shown_id))
        names = ("status", "amount", "currency", "amount_captured", "amount_refunded")
        seen, there = [told.get(name) for name in names], [row[name] for name in names] if row else None
        if seen != there:
            yield Finding(
                invariant="I8",
                about="what the API shows",
                found=str(seen),
                should_be=str(there),
                payment=plain(shown_id),
            )
    answers = defaultdict(set)
    for line in (line for what in WITH_KEYS for line in case.told(what)):
        if isinstance(line["body"], dict):
            answers[line["key"]].add(line["body"].get("id"))
    for key, again in case.evidence.replayed.items():
        if again.get("id") not in answers[key] or again.get("http_status", 0) // 100 != OK:
            should_be = f"the answer it had: {answers[key]}"
            yield Finding(invariant="I8", about=f"{key} sent again", found=str(again)[:300], should_be=should_be)


def taken(case: Case) -> Iterator[Finding]:
    """Look for webhooks that were answered with 2xx and are gone, and for those that have no end."""
    known = {(row["gateway"], row["event"]) for row in case.rows["inbox"]}
    for each in case.evidence.webhooks:
        if each["state"] == "delivered" and not each["spoil"] and (each["gateway"], each["event"]) not in known:
            about = f"{each['gateway']} {each['event']} ({each['type']} of {each['object']})"
            yield Finding(invariant="I7", about=about, found="we answered 2xx and do not have it", should_be="stored")
    for row in case.rows["inbox"]:
        if row["status"] not in FINISHED or (row["status"] != "processed" and not row["reason"]):
            should_be = "processed, or ignored, quarantined or dead with a reason"
            yield Finding(invariant="I7", about=f"message {row['id']}", found=str(dict(row)), should_be=should_be)


def answered(case: Case) -> Iterator[Finding]:
    """Look for answers that nobody has foreseen."""
    for line in case.evidence.journal:
        if line.get("status", 0) in UNFORESEEN and "told" in line:
            about, found = f"{line['told']} with the key {line.get('key')}", f"{line['status']} {line['body']}"
            yield Finding(invariant="client", about=about, found=found[:300], should_be="an answer that is foreseen")


def ended(case: Case) -> Iterator[Finding]:
    """Look for work and for clients that have come to no end, or to another than what they came for."""
    for what, number in case.evidence.left.items():
        if number:
            yield Finding(invariant="quiet", about=what, found=f"{number} unfinished", should_be="0")
    keys = {line["n"]: line["begin"]["key"] for line in case.evidence.journal if "begin" in line}
    ends = {line["n"]: line for line in case.evidence.journal if "end" in line}
    by_order = grouped(case.rows["payments"], "purchase")
    for number, key in keys.items():
        end = ends[number]["end"] if number in ends else "nothing more was heard of it"
        payment = by_order[key][-1]["id"] if by_order.get(key) else None
        if number not in ends or end.startswith("gave up"):
            yield Finding(invariant="quiet", about=key, found=end, should_be="an end", payment=payment)
        elif end != "succeeded":
            yield Finding(invariant="client", about=key, found=end, should_be="paid and delivered", payment=payment)


def left_to_people(case: Case) -> Iterator[Finding]:
    """Look for what the program has given up: nothing that is done to it here is a reason for that."""
    for row in case.rows["operations"]:
        if row["state"] == "given_up":
            about, found = f"{row['kind']} at {row['gateway']}", f"given up: {row['error']}"
            yield Finding(invariant="people", about=about, found=found, should_be="done", payment=row["payment"])
    for row in case.rows["inbox"]:
        if row["status"] in FOR_PEOPLE:
            about, found = f"{row['type']} of {row['gateway']}", f"{row['status']}: {row['reason']}"
            yield Finding(invariant="people", about=about, found=found, should_be="processed")
    for row in case.rows["refunds"]:
        if row["status"] == "failed":
            yield Finding(
                invariant="people",
                about=f"refund {row['id']}",
                found="failed",
                should_be="done",
                payment=row["payment"],
            )
