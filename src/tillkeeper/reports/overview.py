"""What a period brought beside the one before it: sums made before, and what came since they were made."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from tillkeeper.figures import Figure, Mark, Span
from tillkeeper.kernel.db import Transaction
from tillkeeper.reports import turnover
from tillkeeper.reports.turnover import DELIVERED, DELIVERY_MS, FAILED

blocks_fresh_max = 3
changes_fresh_max = 5_000
"""More than the worker leaves for later while it keeps up; when it does not, nothing is counted on the page."""
BEFORE = -1
"""The place of what belongs to the period before."""


class Period(StrEnum):
    """Name the periods that can be looked at."""

    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"
    QUARTER = "90d"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Hold a period: when it begins, of which rows it is added up, and into how many bars it is cut."""

    since: datetime
    span: Span
    bars: int
    bar_seconds: int

    @property
    def before(self) -> datetime:
        """Tell when the period before it begins."""
        return self.since - timedelta(seconds=self.bars * self.bar_seconds)

    def place(self, at: datetime) -> int:
        """Tell in which bar a moment lies."""
        return min((at - self.since) // timedelta(seconds=self.bar_seconds), self.bars - 1)

    def begins(self, place: int) -> datetime:
        """Tell when a bar begins."""
        return self.since + timedelta(seconds=place * self.bar_seconds)


LENGTHS = {
    Period.DAY: (Span.HOUR, 24, 3_600),
    Period.WEEK: (Span.HOUR, 28, 21_600),
    Period.MONTH: (Span.DAY, 30, 86_400),
    Period.QUARTER: (Span.DAY, 90, 86_400),
}


def window(period: Period, now: datetime) -> Window:
    """Cut a period that ends with the running hour, or with today in UTC."""
    span, bars, bar_seconds = LENGTHS[period]
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    ends = hour + timedelta(hours=1) if span is Span.HOUR else hour.replace(hour=0) + timedelta(days=1)
    return Window(since=ends - timedelta(seconds=bars * bar_seconds), span=span, bars=bars, bar_seconds=bar_seconds)


@dataclass(slots=True)
class Totals:
    """Hold the sums of one period; `counts` by name, `money` by currency and name."""

    counts: Counter[str] = field(default_factory=Counter)
    money: Counter[tuple[str, str]] = field(default_factory=Counter)
    payments: Counter[str] = field(default_factory=Counter)
    """How many payments were captured in each currency."""

    def add(self, currency: str, name: str, count: int, amount: int) -> None:
        """Add one row."""
        self.counts[name] += count
        self.money[currency, name] += amount
        if name == "captured":
            self.payments[currency] += count

    @property
    def captured(self) -> int:
        """Count payments."""
        return self.counts["captured"]

    @property
    def failures(self) -> Counter[str]:
        """Count failed tries by their reasons, which gateways write each in its own case."""
        found = Counter[str]()
        for name, count in self.counts.items():
            if name.startswith(FAILED):
                found[name.removeprefix(FAILED).lower()] += count
        return found

    @property
    def failed(self) -> int:
        """Count failed tries."""
        return self.failures.total()

    @property
    def success_permille(self) -> int | None:
        """Tell how many of a thousand tries that ended were paid."""
        tries = self.captured + self.failed
        return self.captured * 1000 // tries if tries else None

    def net(self, currency: str) -> int:
        """Tell what gateways hold for us of what came in: less refunds, disputes and fees, and whatever else moved."""
        gone = sum(self.money[currency, name] for name in ("refunded", "disputed", "fees"))
        return self.money[currency, "captured"] - gone + self.money[currency, "other"]

    @property
    def delivered_within_ms(self) -> int | None:
        """Tell within which of the measured bounds 95 of 100 deliveries came; 0 for none of them, None without any."""
        total = sum(count for name, count in self.counts.items() if name.startswith(DELIVERED))
        reached = 0
        for bound in DELIVERY_MS:
            reached += self.counts[f"{DELIVERED}{bound}"]
            if total and reached * 100 >= total * 95:
                return bound
        return 0 if total else None


@dataclass(slots=True)
class Overview:
    """Hold what a period brought."""

    window: Window
    behind: bool
    """Whether older payments are still being added up."""
    now: Totals = field(default_factory=Totals)
    before: Totals = field(default_factory=Totals)
    gateways: dict[str, Totals] = field(default_factory=dict)
    bars: dict[str, list[int]] = field(default_factory=dict)
    """Payments captured in each part of the period, by gateway."""
    currencies: list[str] = field(default_factory=list)
    """Every currency in which something moved, also those that are not looked at."""


@dataclass(frozen=True, slots=True)
class Row:
    """Hold sums of one bar."""

    place: int
    gateway: str
    currency: str
    name: str
    count: int
    amount: int


SUMS = f"""
SELECT CASE WHEN at < $3 THEN {BEFORE} WHEN name <> 'captured' THEN 0
            ELSE floor(extract(epoch FROM at - $3) / $4)::integer END AS place,
       gateway, currency, name, sum(count)::bigint AS count, sum(amount)::bigint AS amount
FROM figure WHERE span = $1 AND at >= $2 GROUP BY 1, 2, 3, 4
"""


async def show(tx: Transaction, over: Window, *, currency: str | None, gateway: str | None) -> Overview:
    """Add up a period and the one before it, as they are at this moment."""
    known = await tx.fetchrow("SELECT seal, change FROM figure_mark")
    assert known, "the migration writes it"
    mark, newest = Mark(**known), await turnover.newest(tx)
    behind = newest.seal > mark.seal + blocks_fresh_max or newest.change > mark.change + changes_fresh_max
    rows = [Row(**row) for row in await tx.fetch(SUMS, over.span, over.before, over.since, over.bar_seconds)]
    if not behind:
        rows += _placed(await turnover.count_fresh(tx, mark, newest), over)
    found = Overview(over, behind=behind)
    _add(found, rows, currency, gateway)
    return found


def _placed(fresh: Sequence[Figure], over: Window) -> Iterable[Row]:
    for each in fresh:
        if each.at >= over.before:
            place = BEFORE if each.at < over.since else over.place(each.at)
            yield Row(place, each.gateway, each.currency, each.name, each.count, each.amount)


def _add(found: Overview, rows: Iterable[Row], currency: str | None, gateway: str | None) -> None:
    used: Counter[str] = Counter()
    for row in rows:
        used[row.currency] += row.count
        if currency not in (None, row.currency) or gateway not in (None, row.gateway):
            continue
        totals = found.before if row.place == BEFORE else found.now
        totals.add(row.currency, row.name, row.count, row.amount)
        if row.place != BEFORE:
            found.gateways.setdefault(row.gateway, Totals()).add(row.currency, row.name, row.count, row.amount)
        if row.place != BEFORE and row.name == "captured":
            bars = found.bars.setdefault(row.gateway, [0] * found.window.bars)
            bars[min(row.place, found.window.bars - 1)] += row.count
    found.currencies = [code for code, _ in sorted(used.items(), key=lambda item: (-item[1], item[0]))]
