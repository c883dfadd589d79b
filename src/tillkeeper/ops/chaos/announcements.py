"""What the oracle asks of announcements: each change is told once, and the merchant's own list has what was delivered.

It imports nothing of the program, as the oracle does not.
"""

from collections import Counter
from collections.abc import Iterator

from tillkeeper.ops.chaos.case import Case, Finding, grouped, plain

TOLD_ONCE = ("payment.created", "payment.succeeded", "fulfilment.delivered", "refund.created", "refund.succeeded")


def announced(case: Case) -> Iterator[Finding]:
    """Compare what was written down to be told with what happened."""
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
        if made not in ([("succeeded", True)], [("dead", False)]):
            about = f"{row['type']} {row['id']}"
            yield Finding(
                invariant="I10", about=about, found=f"{made}", should_be="one delivery", payment=row["payment"]
            )


def taken_over(case: Case) -> Iterator[Finding]:
    """Compare what the merchant's program says it took with what it was to be told."""
    taken = grouped(case.evidence.taken, "message")
    known = {row["id"] for row in case.rows["outbox"]}
    delivered = {row["event"] for row in case.rows["deliveries"] if row["status"] == "succeeded"}
    for message, copies in taken.items():
        if plain(message) not in known:
            found = f"the merchant was told {message}"
            yield Finding(invariant="I10", about="a message", found=found, should_be="an event that is there")
        if len(copies) > 1:
            found = f"{message} with {len(copies)} different bodies"
            yield Finding(invariant="I10", about="a message", found=found, should_be="one body under one id")
    missing = delivered - {plain(message) for message in taken}
    for row in case.rows["outbox"]:
        if row["id"] in missing:
            about, should_be = f"{row['type']} {row['id']}", "taken by the merchant, as its delivery says"
            yield Finding(
                invariant="I10", about=about, found="never taken", should_be=should_be, payment=row["payment"]
            )
