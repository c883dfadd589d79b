"""What each gateway, currency and package brought by day or by month, from the books and so in agreement with them.

A movement that belongs to no payment (credits spent, a payout) stands in a row without a package; so the sums over all
rows of a currency are what its accounts moved in the period.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.errors import InvalidFieldError

days_max = 366
year_min = 1970
year_max = 9998
DAY = re.compile(r"\d{4}-\d{2}(-\d{2})?")
DAY_WRONG = "A day is written 2026-11-21, a month 2026-11."
report_timeout_seconds = 120

MONEY = ("captured", "refunded", "disputed", "fees", "other", "net", "deferred", "earned", "lost")
UNITS = ("units_sold", "units_spent", "units_expired")
COUNTS = ("payments", "refunds", "disputes")
COLUMNS = ("period", "gateway", "currency", "package", *COUNTS, *MONEY, *UNITS)


class Step(StrEnum):
    """Name the lengths of a period."""

    DAILY = "daily"
    MONTHLY = "monthly"


# Each posting once, with its two accounts, its journal and the payment behind it. What moves at a gateway is read from
# the account that moves; the kind of journal only tells a capture from a refund that came back.
SQL = """
WITH moved AS (
    SELECT to_char(posting.effective_at AT TIME ZONE 'UTC', $4) AS period, journal.id, journal.source_id, journal.kind,
           posting.currency, posting.amount, debit.code AS debit, credit.code AS credit,
           debit.class AS debit_class, credit.class AS credit_class,
           debit.code LIKE 'gateway:%:clearing:%' AS comes, credit.code LIKE 'gateway:%:clearing:%' AS goes,
           coalesce(CASE journal.source WHEN 'payment' THEN journal.source_id::uuid END,
                    refund.payment_id, dispute.payment_id) AS payment_id,
           substring(CASE WHEN debit.code LIKE 'fees:%' OR debit.code LIKE 'gateway:%' THEN debit.code
                          ELSE credit.code END FROM '^(?:gateway|fees|suspense):([^:]+):') AS gateway,
           refund.gateway AS refund_gateway
    FROM posting
    JOIN journal ON journal.id = journal_id
    JOIN account AS debit ON debit.id = debit_id
    JOIN account AS credit ON credit.id = credit_id
    LEFT JOIN refund ON refund.id = CASE journal.source WHEN 'refund' THEN journal.source_id::uuid END
    LEFT JOIN dispute ON dispute.id = CASE journal.source WHEN 'dispute' THEN journal.source_id::uuid END
    WHERE posting.effective_at >= $1 AND posting.effective_at < $2 AND journal.recorded_at < $3
), told AS (
    SELECT moved.*, coalesce(moved.gateway, refund_gateway, payment.gateway) AS at_gateway,
           payment.sale ->> 'package' AS package,
           CASE WHEN comes THEN moved.amount WHEN goes THEN -moved.amount ELSE 0 END AS clearing,
           CASE WHEN comes AND credit LIKE 'refund_payable:%' OR goes AND debit LIKE 'refund_payable:%' THEN 'refund'
                WHEN debit LIKE '%:dispute_receivable:%' OR credit LIKE '%:dispute_receivable:%' THEN 'dispute'
                WHEN debit LIKE 'fees:%' OR credit LIKE 'fees:%' THEN 'fee'
                WHEN debit LIKE '%:payout_in_transit:%' OR credit LIKE '%:payout_in_transit:%' THEN 'payout'
           END AS what
    FROM moved LEFT JOIN payment ON payment.id = moved.payment_id
), summed AS (
    SELECT period, at_gateway AS gateway, currency, package,
           count(DISTINCT id) FILTER (WHERE kind = 'capture') AS payments,
           count(DISTINCT id) FILTER (WHERE what = 'refund' AND kind = 'succeeded') AS refunds,
           count(DISTINCT source_id) FILTER (WHERE what = 'dispute' AND goes) AS disputes,
           sum(clearing) FILTER (WHERE comes AND (what IS NULL OR what = 'refund')
                                 AND kind IN ('capture', 'surplus')) AS captured,
           -sum(clearing) FILTER (WHERE what = 'refund' AND kind <> 'surplus') AS refunded,
           -sum(clearing) FILTER (WHERE what = 'dispute') AS disputed,
           sum(CASE WHEN debit LIKE 'fees:%' THEN amount ELSE -amount END) FILTER (WHERE what = 'fee') AS fees,
           sum(clearing) FILTER (WHERE what IS DISTINCT FROM 'payout') AS net,
           sum(CASE WHEN credit LIKE 'deferred:%' THEN amount ELSE 0 END
               - CASE WHEN debit LIKE 'deferred:%' THEN amount ELSE 0 END) AS deferred,
           sum(CASE credit_class WHEN 'income' THEN amount ELSE 0 END
               - CASE debit_class WHEN 'income' THEN amount ELSE 0 END) AS earned,
           sum(CASE WHEN debit LIKE 'chargeback_loss:%' THEN amount ELSE 0 END
               - CASE WHEN credit LIKE 'chargeback_loss:%' THEN amount ELSE 0 END) AS lost,
           sum(amount) FILTER (WHERE credit_class = 'unit' AND kind = 'grant') AS units_sold,
           sum(amount) FILTER (WHERE debit LIKE 'wallet:%' AND kind = 'spend') AS units_spent,
           sum(amount) FILTER (WHERE debit LIKE 'wallet:%' AND kind LIKE 'expir%') AS units_expired
    FROM told GROUP BY 1, 2, 3, 4
)
SELECT *, net - coalesce(captured, 0) + coalesce(refunded, 0) + coalesce(disputed, 0) + coalesce(fees, 0) AS other
FROM summed ORDER BY period, gateway NULLS LAST, currency, package NULLS LAST
"""
FORMATS = {Step.DAILY: "YYYY-MM-DD", Step.MONTHLY: "YYYY-MM"}


def bounds(step: Step, first: str | None, last: str | None, now: datetime) -> tuple[datetime, datetime]:
    """Read a period from its first and last day or month, both inclusive; raises InvalidFieldError.

    Without them it is the day or the month of `now`. Days are counted in UTC.
    """
    today = now.astimezone(UTC).date()
    start = today if first is None else _day(first, "from")
    end = max(today, start) if last is None else _day(last, "to", ends=True)
    if step is Step.MONTHLY:
        start, end = start.replace(day=1), _month_end(end)
    if not start <= end:
        message = f"From {start} to {end} is no period."
        raise InvalidFieldError(message, param="to")
    if step is Step.DAILY and (end - start).days >= days_max:
        message = f"A daily report is of at most {days_max} days; ask for a monthly one, or for a part."
        raise InvalidFieldError(message, param="from")
    return _midnight(start), _midnight(end + timedelta(days=1))


async def show(
    tx: Transaction, step: Step, since: datetime, until: datetime, recorded_before: datetime
) -> dict[str, object]:
    """Show a report; the same question with the same `recorded_before` has the same answer for ever."""
    rows = await tx.fetch_long(SQL, since, until, recorded_before, FORMATS[step], seconds_max=report_timeout_seconds)
    return {
        "object": "report",
        "step": step,
        "from": since.date().isoformat(),
        "to": (until - timedelta(days=1)).date().isoformat(),
        "recorded_before": recorded_before.isoformat().replace("+00:00", "Z"),
        "data": [_show(row) for row in rows],
        "has_more": False,
        "next_cursor": None,
    }


def _show(row: Record) -> dict[str, object]:
    named = {name: row[name] for name in ("period", "gateway", "currency", "package")}
    return named | {name: int(row[name] or 0) for name in (*COUNTS, *MONEY, *UNITS)}


def _day(text: str, param: str, *, ends: bool = False) -> date:
    """Read 2026-11-21, or 2026-11 for the first or the last day of a month."""
    written = DAY.fullmatch(text)
    try:
        day = date.fromisoformat(text if written and written[1] else f"{text}-01")
    except ValueError as error:
        raise InvalidFieldError(DAY_WRONG, param=param) from error
    if not written or not year_min <= day.year <= year_max:
        raise InvalidFieldError(DAY_WRONG, param=param)
    return _month_end(day) if ends and not written[1] else day


def _month_end(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
