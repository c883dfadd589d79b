"""Messages: each change is told once, and the merchant has what was delivered, signed and as it was written."""

import base64
import hmac
import json
from collections import Counter
from collections.abc import Iterator

from tillkeeper.ops.chaos.oracle.case import Case, Finding, grouped, plain
from tillkeeper.ops.chaos.oracle.evidence import Json

ROUND_TRIPS_AT_ONCE = 64
"""How many messages a worker has on their way at most: so many may come once more when it dies or is cut off."""
HELD = ("wallet:", "wallet_frozen:", "wallet_debt:")
SECRET = "whsec_"  # noqa: S105 (how every secret of the standard begins)


def announced(case: Case) -> Iterator[Finding]:
    """Count the events of each kind about each thing, and compare that with what happened to it."""
    times = Counter((row["type"], row["subject"]) for row in case.rows["outbox"])
    for id_, row in case.payments.items():
        captured = 1 if row["amount_captured"] else 0
        refunds = [each for each in case.refunds.get(id_, []) if not each["surplus"]]
        failed = sum(each["status"] == "failed" for each in refunds)
        should = {
            "payment.created": 1,
            "payment.succeeded": captured,
            # Each refund that fails gives the goods back that had been taken for it, and tells so.
            "fulfilment.delivered": captured + failed,
            "fulfilment.revoked": sum(_takes_goods(case, *each) for each in case.took_back(id_)),
        }
        yield from _differences({kind: times[kind, id_] for kind in should}, should, id_, id_)
    for row in case.rows["refunds"]:
        should = {
            "refund.succeeded": int(row["status"] == "succeeded"),
            "refund.failed": int(row["status"] == "failed"),
        }
        if not row["surplus"]:
            should["refund.created"] = 1
        yield from _differences({kind: times[kind, row["id"]] for kind in should}, should, row["id"], row["payment"])
    for row in case.rows["disputes"]:
        should = {"dispute.opened": 1, "dispute.won": int(row["status"] == "won")}
        should["dispute.lost"] = int(row["status"] == "lost")
        yield from _differences({kind: times[kind, row["id"]] for kind in should}, should, row["id"], row["payment"])


def _takes_goods(case: Case, source: str, id_: str) -> bool:
    """Tell whether a refund or a dispute took goods for good: then, or when they came."""
    moved = (posting for _, posting in case.moves(source, id_))
    return any(posting["debit"].startswith(HELD) and not posting["credit"].startswith(HELD) for posting in moved)


def _differences(told: Json, should: Json, subject: str, payment: str) -> Iterator[Finding]:
    for kind, number in should.items():
        if told[kind] != number:
            about, found = f"{kind} of {subject}", f"{told[kind]} events"
            yield Finding(invariant="I10", about=about, found=found, should_be=f"{number}", payment=payment)


def said(case: Case) -> Iterator[Finding]:
    """Compare the amounts that events tell with what happened."""
    for row in case.rows["outbox"]:
        data, payment = json.loads(row["data"]), case.payments.get(row["payment"] or "")
        should: Json = {}
        match row["type"]:
            case "payment.created" if payment:
                should = {"amount": payment["amount"], "currency": payment["currency"]}
            case "payment.succeeded" if payment:
                should = {"amount": payment["amount_captured"], "currency": payment["currency"]}
            case "refund.created" | "refund.succeeded" if row["subject"] in case.refund_of:
                refund = case.refund_of[row["subject"]]
                should = {"amount": refund["amount"], "currency": refund["currency"]}
        told = {name: data.get(name) for name in should}
        if told != should:
            about = f"{row['type']} {row['id']}"
            yield Finding(invariant="I10", about=about, found=f"{told}", should_be=f"{should}", payment=row["payment"])


def sent(case: Case) -> Iterator[Finding]:
    """Look for one delivery of each event, in an order without a gap."""
    outbox = case.rows["outbox"]
    numbers = sorted(row["seq"] or 0 for row in outbox)
    if numbers != list(range(1, len(outbox) + 1)):
        found = f"{len(outbox)} events with numbers up to {max(numbers)}, {numbers.count(0)} without"
        yield Finding(invariant="I10", about="the order of events", found=found, should_be="no gap, no double")
    delivered = grouped(case.rows["deliveries"], "event")
    for row in outbox:
        made = [(each["status"], each["taken"] > 0) for each in delivered.get(row["id"], [])]
        if made != [("succeeded", True)]:
            about = f"{row['type']} {row['id']}"
            yield Finding(
                invariant="I10", about=about, found=f"{made}", should_be="one delivery", payment=row["payment"]
            )


def heard(case: Case) -> Iterator[Finding]:
    """Compare what the merchant's program says it took with what it was to be told, and how often."""
    taken = grouped(case.evidence.taken, "message")
    known = {row["id"] for row in case.rows["outbox"]}
    delivered = {row["event"]: row for row in case.rows["deliveries"]}
    more = 0
    for message, copies in taken.items():
        if plain(message) not in known:
            found = f"the merchant was told {message}"
            yield Finding(invariant="I10", about="a message", found=found, should_be="an event that is there")
        if len(copies) > 1:
            found = f"{message} with {len(copies)} different bodies"
            yield Finding(invariant="I10", about="a message", found=found, should_be="one body under one id")
        tries = delivered[plain(message)]["tries"] if plain(message) in delivered else 0
        more += max(0, sum(each["times"] for each in copies) - tries)
    if more > case.evidence.interruptions * ROUND_TRIPS_AT_ONCE:
        found, should_be = (
            f"{more} more than were written down",
            f"what {case.evidence.interruptions} interruptions explain",
        )
        yield Finding(invariant="I10", about="messages that came again", found=found, should_be=should_be)
    missing = {id_ for id_, row in delivered.items() if row["status"] == "succeeded"}
    missing -= {plain(message) for message in taken}
    for row in case.rows["outbox"]:
        if row["id"] in missing:
            about, should_be = f"{row['type']} {row['id']}", "taken by the merchant, as its delivery says"
            yield Finding(
                invariant="I10", about=about, found="never taken", should_be=should_be, payment=row["payment"]
            )


def believed(case: Case) -> Iterator[Finding]:
    """Verify every message as a merchant does, by its secret alone, and compare it with the event of its id."""
    key = base64.b64decode(case.evidence.secret.removeprefix(SECRET))
    events = {row["id"]: row for row in case.rows["outbox"]}
    for each in case.evidence.taken:
        signed = f"{each['message']}.{each['timestamp']}.{each['body']}".encode()
        right = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
        if right not in each["signature"].split():
            about, should_be = f"the signature of {each['message']}", right
            yield Finding(invariant="I10", about=about, found=each["signature"], should_be=should_be)
        event = events.get(plain(each["message"]))
        if event is None:
            continue
        told, written = json.loads(each["body"]), {"type": event["type"], "data": json.loads(event["data"])}
        if {name: told.get(name) for name in written} != written:
            found, should_be = each["body"][:300], json.dumps(written)[:300]
            yield Finding(
                invariant="I10",
                about=f"the body of {each['message']}",
                found=found,
                should_be=should_be,
                payment=event["payment"],
            )
