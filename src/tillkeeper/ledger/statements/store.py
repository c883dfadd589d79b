"""All SQL that reads the books by the time of the facts.

A figure of a past moment is the sum of the days before its own (`balance_daily`), of what waits to be added to them
(`unsealed`), and of the postings of the day itself; less what was recorded only after the cut.
"""

from datetime import UTC, datetime

from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.ledger.values import (
    DEBIT_NORMAL,
    AccountClass,
    Balance,
    Entry,
    Place,
    Statement,
    Total,
    TrialBalance,
)

rows_max = 1_000

BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
END = datetime(9999, 12, 31, tzinfo=UTC)
"""Times before and after every fact; both fit into PostgreSQL and into Python."""
AFTER_THE_LAST = 2**63 - 1

NOW = """
SELECT ledger_heading(class = 'unit', code) AS code, currency, class,
       sum(debits)::bigint AS debits, sum(credits)::bigint AS credits, sum(held)::bigint AS held
FROM (
    SELECT account_id, debits, credits, held FROM balance
    UNION ALL
    SELECT account_id, debits, credits, 0 FROM balance_delta
) AS turnover JOIN account ON account.id = account_id
GROUP BY 1, currency, class ORDER BY 1, currency
"""

AS_OF = """
WITH moved AS (
    SELECT debit_id, credit_id, amount FROM posting WHERE effective_at >= $2 AND effective_at <= $1
    UNION ALL
    SELECT debit_id, credit_id, amount
    FROM unsealed CROSS JOIN unnest(journals) AS waiting (journal_id) JOIN posting USING (journal_id)
    WHERE posting.effective_at < $2
    UNION ALL
    SELECT debit_id, credit_id, -amount FROM journal JOIN posting ON posting.journal_id = journal.id
    WHERE journal.recorded_at >= $3 AND journal.effective_at <= $1
), turnover AS (
    SELECT account_id, sum(debits) AS debits, sum(credits) AS credits
    FROM moved CROSS JOIN LATERAL (VALUES (debit_id, amount, 0), (credit_id, 0, amount))
        AS side (account_id, debits, credits)
    GROUP BY account_id
)
SELECT code, currency, class, sum(debits)::bigint AS debits, sum(credits)::bigint AS credits, 0 AS held
FROM (
    SELECT heading AS code, currency, class, debits, credits FROM balance_daily
    WHERE day < ($2::timestamptz AT TIME ZONE 'UTC')::date
    UNION ALL
    SELECT ledger_heading(class = 'unit', code), currency, class, debits, credits
    FROM turnover JOIN account ON account.id = account_id
) AS figure
GROUP BY code, currency, class
HAVING sum(debits) <> 0 OR sum(credits) <> 0
ORDER BY code, currency
"""

# A user's account has few postings and no days of its own: its first day is the beginning, so all are added up.
STANDING = """
SELECT (
    (SELECT coalesce(sum(debits - credits), 0) FROM balance_daily
     WHERE heading = $2 AND day < ($3::timestamptz AT TIME ZONE 'UTC')::date)
    + (SELECT coalesce(sum(CASE debit_id WHEN $1 THEN amount ELSE -amount END), 0)
       FROM unsealed CROSS JOIN unnest(journals) AS waiting (journal_id) JOIN posting USING (journal_id)
       WHERE posting.effective_at < $3 AND $1 IN (debit_id, credit_id))
    + (SELECT coalesce(sum(amount), 0) FROM posting
       WHERE debit_id = $1 AND effective_at >= $3 AND effective_at <= $4)
    - (SELECT coalesce(sum(amount), 0) FROM posting
       WHERE credit_id = $1 AND effective_at >= $3 AND effective_at <= $4)
    - (SELECT coalesce(sum(CASE debit_id WHEN $1 THEN amount ELSE -amount END), 0)
       FROM journal JOIN posting ON posting.journal_id = journal.id
       WHERE journal.recorded_at >= $5 AND journal.effective_at <= $4 AND $1 IN (debit_id, credit_id))
)::bigint
"""


def _lines(mine: str, other: str, debit: str, credit: str) -> str:
    return f"""
    (SELECT posting.id, posting.effective_at, {other}_id AS other_id, {debit} AS debit, {credit} AS credit,
            journal.id AS journal_id, source, source_id, kind, recorded_at
     FROM posting JOIN journal ON journal.id = journal_id
     WHERE {mine}_id = $1 AND (posting.effective_at, posting.id) < ($2, $3)
       AND posting.effective_at >= $4 AND recorded_at < $5
     ORDER BY posting.effective_at DESC, posting.id DESC LIMIT $6)"""


LINES = f"""
SELECT line.*, other.code AS other
FROM ({_lines("debit", "credit", "amount", "0::bigint")} UNION ALL {_lines("credit", "debit", "0", "amount")}) AS line
JOIN account AS other ON other.id = other_id
ORDER BY line.effective_at DESC, line.id DESC LIMIT $6
"""


async def trial_balance(
    tx: Transaction, *, as_of: datetime | None = None, recorded_before: datetime | None = None
) -> TrialBalance:
    """Add up all accounts, now or as far as facts had happened by `as_of` (inclusive) and were recorded by then."""
    if as_of is None and recorded_before is None:
        rows = await tx.fetch(NOW)
    else:
        upper = as_of or END
        rows = await tx.fetch(AS_OF, upper, _day(upper), recorded_before or END)
    found = tuple(_balance(row) for row in rows)
    totals = {}
    for currency in sorted({each.currency for each in found}):
        mine = [each for each in found if each.currency == currency]
        totals[currency] = Total(currency, sum(each.debits for each in mine), sum(each.credits for each in mine))
    return TrialBalance(as_of=as_of, recorded_before=recorded_before, accounts=found, totals=totals)


async def statement(
    tx: Transaction,
    code: str,
    *,
    since: datetime | None = None,
    as_of: datetime | None = None,
    recorded_before: datetime | None = None,
    after: Place | None = None,
    limit: int = rows_max,
) -> Statement:
    """Read an account's lines, the latest fact first, from the place that is named; raises NotFoundError.

    A line that was recorded late stands where its fact belongs. `since` and `as_of` (both inclusive) bound the facts;
    what was not in the books before `recorded_before` counts nowhere, so that the same question has the same answer.
    """
    account = await tx.fetchrow(
        "SELECT id, currency, class, ledger_heading(class = 'unit', code) = code AS house FROM account WHERE code = $1",
        code,
    )
    if account is None:
        message = f"No account has the code {code}."
        raise NotFoundError(message)
    kind, upper, cut = AccountClass(account["class"]), as_of or END, recorded_before or END
    sign = 1 if kind in DEBIT_NORMAL else -1
    if after is None:
        first_day = _day(upper) if account["house"] else BEGINNING
        net = await tx.fetchval(STANDING, account["id"], code, first_day, upper, cut)
        after = Place(upper, AFTER_THE_LAST, sign * net)
    rows = await tx.fetch(LINES, account["id"], after.effective_at, after.id, since or BEGINNING, cut, limit)
    entries: list[Entry] = []
    below = after
    for row in rows:
        entries.append(_entry(row, below.balance))
        below = Place(row["effective_at"], row["id"], below.balance - sign * (row["debit"] - row["credit"]))
    return Statement(code, account["currency"], kind, tuple(entries), below)


async def latest_cut(tx: Transaction) -> datetime:
    """Read the database's clock: nothing recorded from now on is before this moment."""
    moment: datetime = await tx.fetchval("SELECT clock_timestamp()")
    return moment


async def writers(tx: Transaction) -> set[str]:
    """Name the transactions that have written journals, or are about to, and have not ended."""
    rows = await tx.fetch(
        """
        SELECT pid || ' ' || virtualtransaction AS name FROM pg_locks
        WHERE locktype = 'relation' AND relation = 'journal'::regclass AND mode = 'RowExclusiveLock' AND granted
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        """
    )
    return {row["name"] for row in rows}


def _day(moment: datetime) -> datetime:
    """Find where a moment's day begins, in UTC, by which days are counted."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _entry(row: Record, balance: int) -> Entry:
    return Entry(
        id=row["id"],
        journal=row["journal_id"],
        source=row["source"],
        source_id=row["source_id"],
        kind=row["kind"],
        effective_at=row["effective_at"],
        recorded_at=row["recorded_at"],
        other=row["other"],
        debit=row["debit"],
        credit=row["credit"],
        balance=balance,
    )


def _balance(row: Record) -> Balance:
    return Balance(
        code=row["code"],
        currency=row["currency"],
        kind=AccountClass(row["class"]),
        debits=row["debits"],
        credits=row["credits"],
        held=row["held"],
    )
