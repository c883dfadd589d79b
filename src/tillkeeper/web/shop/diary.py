"""The timeline of one purchase in words, what it counts, and what it booked."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tillkeeper.facts import CREDITS
from tillkeeper.payments import CAPTURE_KNOWN
from tillkeeper.web.shop.paper import PACKS, written

second_ms = 1000
minute_ms = 60 * second_ms
hour_ms = 60 * minute_ms
day_ms = 24 * hour_ms
code_length_max = 28
code_head, code_tail = 14, 6

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Hold how often the payment was captured, its capturing webhook arrived, and goods were handed out."""

    captures: int
    arrivals: int
    deliveries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Hold one line of the timeline."""

    icon: str
    words: str
    after: str
    at: str
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """Hold one posting: from which account to which."""

    kind: str
    debit: str
    credit: str
    amount: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Hold both sides of the books for one currency."""

    currency: str
    debits: int
    credits: int

    @property
    def balanced(self) -> bool:
        """Tell whether the two sides agree."""
        return self.debits == self.credits

    @property
    def words(self) -> str:
        """Say so."""
        sign = "=" if self.balanced else "≠"
        return f"{written(self.debits, self.currency)} {sign} {written(self.credits, self.currency)}"


def count(events: Sequence[Json], *, cards_sold: int = 0) -> Counts:
    """Count what the headline speaks of, from what is written down and nothing else.

    Credits are counted by movements of the wallet, cards by the packs that those in the books fill.
    """
    captures = [each for each in events if each["kind"] == "payment" and _captures(each["title"])]
    return Counts(
        captures=len(captures),
        arrivals=sum(each["arrivals"] for each in telling(events)),
        deliveries=_cards_granted(events) // cards_sold if cards_sold else _wallet_grants(events),
    )


def telling(events: Sequence[Json]) -> list[Json]:
    """List the webhooks that captured; where our own call learned of it first, the one that told the same again."""
    webhooks = [each["data"] for each in events if each["kind"] == "webhook"]
    known = CAPTURE_KNOWN.lower().rstrip(".")
    again = [each for each in webhooks if known in (each["reason"] or "").lower()]
    return [each for each in webhooks if _captures(each["reason"])] or sorted(again, key=_arrived)[-1:]


def _arrived(webhook: Json) -> int:
    return int(webhook["arrivals"])


def entries(events: Sequence[Json], titles: Mapping[str, str]) -> list[Entry]:
    """Write the timeline, each line with the time since the first; `titles` are what people call the gateways."""
    if not events:
        return []
    first = datetime.fromisoformat(events[0]["at"])
    return [
        Entry(
            icon=ICONS.get(event["kind"], "dot"),
            words=_words(event, titles),
            after=_after(datetime.fromisoformat(event["at"]) - first),
            at=event["at"],
            raw=json.dumps(event["data"], indent=2, ensure_ascii=False),
        )
        for event in events
    ]


def bookings(events: Sequence[Json]) -> list[Booking]:
    """List what was posted."""
    return [
        Booking(
            kind=_journal(kind),
            debit=_short(posting["debit"]),
            credit=_short(posting["credit"]),
            amount=written(posting["amount"], posting["currency"]),
        )
        for kind, posting in _postings(events)
    ]


def proofs(events: Sequence[Json]) -> list[Proof]:
    """Add up both sides of the books in each currency."""
    currencies = dict.fromkeys(posting["currency"] for _, posting in _postings(events))
    return [
        Proof(currency=code, debits=_side(events, "debit", code), credits=_side(events, "credit", code))
        for code in currencies
    ]


def balance_after(events: Sequence[Json]) -> int | None:
    """Tell the wallet's balance after the last movement of this purchase."""
    balances = [event["data"]["balance_after"] for event in events if event["kind"] == "delivery"]
    return int(balances[-1]) if balances else None


def _postings(events: Sequence[Json]) -> list[tuple[str, Json]]:
    return [
        (event["title"], posting)
        for event in events
        if event["kind"] == "ledger"
        for posting in event["data"]["postings"] or ()
    ]


def _side(events: Sequence[Json], side: str, currency: str) -> int:
    return sum(
        posting["amount"] for _, posting in _postings(events) if posting["currency"] == currency and posting.get(side)
    )


def _wallet_grants(events: Sequence[Json]) -> int:
    return sum(1 for event in events if event["kind"] == "delivery" and event["title"] == "grant")


def _cards_granted(events: Sequence[Json]) -> int:
    granted = [posting for kind, posting in _postings(events) if kind == "grant"]
    return sum(posting["amount"] for posting in granted if posting["currency"].startswith(PACKS))


def _captures(text: str | None) -> bool:
    """Tell whether one of the things that are said is that money was captured."""
    return any(part.startswith("captured") for part in (text or "").split("; "))


def _words(event: Json, titles: Mapping[str, str]) -> str:
    """Say what an event means to people."""
    title, data = event["title"], event["data"]
    match event["kind"]:
        case "attempt":
            gateway, _, outcome = title.partition(" ")
            return _attempt(titles.get(gateway, gateway), outcome, data)
        case "call":
            return _call(titles.get(data["gateway"], data["gateway"]), title, data)
        case kind:
            return WORDS[kind](title, data) if kind in WORDS else title


def _journal(kind: str) -> str:
    """Name a journal: those of refunds and disputes say only which step they are, the latter with a number."""
    step = kind.partition(":")[0]
    return JOURNALS.get(step, step.replace("_", " "))


def _short(code: str) -> str:
    """Shorten an account's code in the middle."""
    return code if len(code) <= code_length_max else f"{code[:code_head]}…{code[-code_tail:]}"


def _after(passed: timedelta) -> str:
    passed_ms = passed // timedelta(milliseconds=1)
    if passed_ms < second_ms:
        return f"+{passed_ms} ms"
    if passed_ms < minute_ms:
        return f"+{passed_ms // second_ms}.{passed_ms % second_ms // 100} s"
    if passed_ms < hour_ms:
        return f"+{passed_ms // minute_ms} min {passed_ms % minute_ms // second_ms} s"
    if passed_ms < day_ms:
        return f"+{passed_ms // hour_ms} h {passed_ms % hour_ms // minute_ms} min"
    return f"+{passed_ms // day_ms} d {passed_ms % day_ms // hour_ms} h"


def _payment(title: str, data: Json) -> str:
    del data
    return f"Payment: {title}"


def _attempt(gateway: str, outcome: str, data: Json) -> str:
    took = f" in {data['latency_ms']} ms" if data["latency_ms"] is not None else ""
    return f"Asked {gateway} to open a checkout: {outcome}{took}"


def _call(gateway: str, kind: str, data: Json) -> str:
    """Say what a gateway was told; a refusal says why."""
    error = f" ({data['error']})" if data["error"] and data["state"] != "done" else ""
    return f"Asked {gateway} to {CALLS[kind]}: {STATES[data['state']]}{error}"


def _webhook(title: str, data: Json) -> str:
    arrivals = data["arrivals"]
    times = "arrived" if arrivals == 1 else f"arrived {arrivals}×"
    reason = data["reason"] or data["status"]
    return f"Webhook {title} {times}: {reason[:1].lower()}{reason[1:].rstrip('.')}"


def _ledger(title: str, data: Json) -> str:
    totals = ", ".join(written(each["amount"], each["currency"]) for each in data["postings"] or ())
    return f"Booked {_journal(title)}: {totals}"


def _delivery(title: str, data: Json) -> str:
    moved, left = written(abs(data["amount"]), CREDITS), written(data["balance_after"], CREDITS)
    return f"{VERBS.get(title, title)} {moved}; the wallet holds {left}"


def _goods(title: str, data: Json) -> str:
    return f"Delivered {data['granted']} {title}" if "granted" in data else f"Goods that were owed: {title}"


def _event(title: str, data: Json) -> str:
    del data
    return f"Event {title} is kept for the merchant"


def _sent(title: str, data: Json) -> str:
    return f"Event {title} sent to the merchant: {data['status']}"


def _risk(title: str, data: Json) -> str:
    return f"Judged before any gateway heard of it: {title}, score {data['score']}"


def _letter(title: str, data: Json) -> str:
    reader = "the buyer" if data["kind"] == "receipt" else "operators"
    return f"Letter to {reader} about {title}: {data['status']}"


def _discrepancy(title: str, data: Json) -> str:
    return f"Compared with the gateway: {title.replace('_', ' ')}, {data['status']}"


def _api(title: str, data: Json) -> str:
    """Say what a program asked for: the thing that it got, and whether it asked again for the same."""
    by = "An end user" if data["by"] == "user" else "A secret key"
    again = f", and asked {data['replays']}× again for the same" if data["replays"] else ""
    answer = f"answered {data['status']}" if data["status"] else "under way"
    return f"{by} asked over the API for a {title.replace('_', ' ')}: {answer}{again}"


def _action(title: str, data: Json) -> str:
    """Say what one of the merchant's people did, and why."""
    why = f": {data['reason']}" if data["reason"] else ""
    return f"{data['by']} {DEEDS.get(title, title.replace('_', ' ').replace('.', ' '))}{why}"


VERBS = {
    "grant": "Delivered",
    "revoke": "Took back",
    "restore": "Gave back",
    "debt_repaid": "Kept against debt",
    "expire": "Ended unspent:",
}
WORDS: dict[str, Callable[[str, Json], str]] = {
    "payment": _payment,
    "webhook": _webhook,
    "ledger": _ledger,
    "delivery": _delivery,
    "goods": _goods,
    "event": _event,
    "sent": _sent,
    "risk": _risk,
    "request": lambda title, _: f"Refund asked for: {title}",
    "dispute": lambda title, _: f"Answered the bank: {title}",
    "discrepancy": _discrepancy,
    "letter": _letter,
    "api": _api,
    "action": _action,
    "note": lambda title, data: f"{title} noted: {data['text']}",
}
DEEDS = {
    "payment.created": "opened a checkout",
    "payment.capture_requested": "asked to take the money",
    "payment.cancel_requested": "let the payment go",
    "payment.fulfilment_retried": "had the goods tried again",
    "review.approved": "approved the payment",
    "review.rejected": "rejected the payment",
    "refund.created": "gave money back",
    "refund.abandoned": "ended a refund of unknown end",
    "discrepancy.closed": "closed a difference with the gateway",
    "webhook.replayed": "replayed a webhook",
    "webhooks.replayed": "let a webhook come many times more",
    "webhook.ignored": "set a webhook aside",
    "delivery.resent": "sent an event again",
}
"""What people do, as the audit log names it, in words."""
CALLS = {
    "confirm": "take what the customer approved",
    "capture": "take the authorised money",
    "cancel": "let the payment go",
    "expire": "close the checkout",
    "refund": "send money back",
    "evidence": "hand our evidence to the bank",
    "accept": "give the dispute up",
}
STATES = {
    "asked": "under way",
    "done": "done",
    "declined": "declined",
    "refused": "refused",
    "given_up": "no answer, given up",
}
JOURNALS = {
    "requested": "refund promised",
    "succeeded": "refund sent",
    "returned": "refund came back",
    "reversed": "refund undone",
    "withdrawn": "dispute: money held",
    "goods": "dispute: goods",
    "lost": "dispute lost",
    "reinstated": "dispute: money back",
}
ICONS = {
    "payment": "dot",
    "attempt": "out",
    "call": "out",
    "webhook": "in",
    "ledger": "book",
    "delivery": "box",
    "goods": "box",
    "event": "bell",
    "sent": "out",
    "letter": "out",
}
