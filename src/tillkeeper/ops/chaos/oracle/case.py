"""What the oracle judges: the evidence sorted by payment, and what it finds wrong with it."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from tillkeeper.ops.chaos.oracle.evidence import Evidence, Json

LINES = {"stripe": "payment_intents", "razorpay": "orders", "paypal": "orders", "square": "payments"}
"""Where each gateway's books list what was paid, one line for each try that came so far."""
OURS = re.compile(r"\bpayment_[0-9a-z]{26}\b")
ID = re.compile(r"[a-z]+_([0-7][0-9a-hjkmnp-tv-z]{25})")
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
TITLES = {
    "I1": "debits equal credits in every journal and currency, and what happened to money is booked",
    "I2": "captured, refunded and disputed are what the gateways' books and banks say",
    "I3": "what was paid is delivered once, to whoever bought it; what was not is not; what went back is revoked",
    "I4": "never more goes back than was captured",
    "I5": "every balance is the sum of its entries and not below zero",
    "I6": "an order is captured once over all gateways, or the rest goes back",
    "I7": "every webhook that was taken is there and ends, with a reason where it did nothing",
    "I8": "whatever a client was told with 2xx is true",
    "I9": "the chains of seals and of the audit log hold",
    "I10": "each change is told once, and each event is delivered, signed and as it was written",
    "quiet": "everything comes to its end, and at no time does nothing move while something is unfinished",
    "client": "no client is refused what it may ask for, or told of something unforeseen",
    "people": "nothing is left to people that no person has caused",
    "itself": "the program's own proofs hold",
    "oracle": "the oracle can read what it was told",
}
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
    currency: str
    captured: int
    refunded: int
    disputed: int
    captures: int


class Case:
    """Hold the evidence by payment."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.rows = evidence.rows
        self.payments = {row["id"]: row for row in self.rows["payments"]}
        self.refunds = grouped(self.rows["refunds"], "payment")
        self.refund_of = {row["id"]: row for row in self.rows["refunds"]}
        self.disputes = grouped(self.rows["disputes"], "payment")
        self.entitlements = grouped(self.rows["entitlements"], "payment")
        self.entries = grouped(self.rows["entries"], "source")
        self.events = grouped(self.rows["outbox"], "payment")
        self.lines, self.stray = _lines(evidence.books)
        self.wishes = {line["key"]: line["body"] for line in evidence.journal if line.get("ask") == "create"}
        self._moves: Mapping[tuple[str, str], list[tuple[str, Row]]] | None = None

    def told(self, what: str) -> Iterator[Json]:
        """List what clients were told with 2xx about something."""
        for line in self.evidence.journal:
            if line.get("told") == what and 200 <= line.get("status", 0) < 300:  # noqa: PLR2004 (any 2xx)
                yield line

    def surplus(self, payment: str, *states: str) -> int:
        """Add up what was captured a second time, as far as its way back has come."""
        found = (row for row in self.refunds[payment] if row["surplus"])
        return sum(row["amount"] for row in found if not states or row["status"] in states)

    def took_back(self, payment: str) -> Iterator[tuple[str, str]]:
        """List what may take goods of a payment back, as journals and events name it."""
        yield from (("refund", row["id"]) for row in self.refunds.get(payment, []))
        yield from (("dispute", row["id"]) for row in self.disputes.get(payment, []))

    def moves(self, source: str, id_: str) -> Sequence[tuple[str, Row]]:
        """List what was booked about one thing: of which kind the journal is, and the posting."""
        if self._moves is None:
            journals = {row["id"]: row for row in self.rows["journals"]}
            found: dict[tuple[str, str], list[tuple[str, Row]]] = defaultdict(list)
            for posting in self.rows["postings"]:
                journal = journals[posting["journal"]]
                found[journal["source"], journal["source_id"]].append((journal["kind"], posting))
            self._moves = found
        return self._moves.get((source, id_), [])


def grouped(rows: Sequence[Row], name: str) -> Mapping[str, list[Row]]:
    """Sort rows by one of their columns."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[name]].append(row)
    return found


def plain(shown: object) -> str:
    """Read the uuid out of an id as the API shows it, such as `payment_01h…`; what is no id stays as it is."""
    found = ID.fullmatch(str(shown))
    if found is None:
        return str(shown)
    number = 0
    for letter in found[1]:
        number = number * 32 + ALPHABET.index(letter)
    return str(UUID(int=number))


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
            found[plain(named[0])].append(Line(gateway=gateway, currency=line["currency"].upper(), **sums))
    return found, stray
