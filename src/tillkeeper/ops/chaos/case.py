"""What the oracle judges: the evidence sorted by payment, and what it finds wrong with it.

It imports nothing of the program, so that no bug of the program can hide itself here. Amounts are in minor units.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from tillkeeper.ops.chaos.evidence import Evidence, Json

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
