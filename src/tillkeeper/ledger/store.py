"""All SQL of the books; writing goes through two database functions, because the application may not write itself."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.ledger.errors import BalanceShortError, JournalConflictError
from tillkeeper.ledger.values import (
    DEBIT_NORMAL,
    Account,
    AccountClass,
    Balance,
    Entry,
    Journal,
    Key,
    Total,
    TrialBalance,
)

journals_max = 10_000
deltas_max = 10_000
rows_max = 1_000
findings_max = 20
check_timeout_seconds = 3_600

CONFLICT_SQLSTATE = "TL001"
GUARD = "balance_guarded_check"
AFTER_THE_LAST = 2**63 - 1

POST = """
SELECT ledger_post($1::text[], $2::text[], $3::text[], $4::boolean[], $5::text[],
                   $6::uuid[], $7::text[], $8::text[], $9::text[], $10::bytea[], $11::timestamptz[], $12::text[],
                   $13::integer[], $14::integer[], $15::integer[], $16::text[], $17::bigint[])
"""

# An account's turnover is its row and whatever the roller has not added to it yet.
TURNOVER = """
    SELECT account_id, debits, credits, held FROM balance
    UNION ALL
    SELECT account_id, debits, credits, 0 FROM balance_delta
"""

POSTED = """
    SELECT debit_id AS account_id, amount AS debits, 0 AS credits, 0 AS held, journal_id FROM posting
    UNION ALL
    SELECT credit_id, 0, amount, 0, journal_id FROM posting
"""

POSTED_AS_OF = f"""
    SELECT account_id, debits, credits, held
    FROM ({POSTED}) AS posted JOIN journal ON journal.id = journal_id WHERE effective_at <= $1
"""

USER_ID = "[0-9a-f]{8}(-[0-9a-f]{4,12}){4}"

SUMS = "sum(debits)::bigint AS debits, sum(credits)::bigint AS credits, sum(held)::bigint AS held"


async def post(tx: Transaction, journals: Sequence[Journal]) -> dict[Key, UUID]:
    """Write facts into the books in one round trip, at most once per transaction; return the ids of the new ones.

    A fact that is there already is left alone. Raises JournalConflictError when it is there with other accounts or
    amounts, and BalanceShortError when a guarded account would go below zero; both end the transaction.
    """
    if not journals:
        return {}
    assert len(journals) <= journals_max, len(journals)
    keys = {ids.new(): journal.key for journal in journals}
    try:
        claimed = await tx.fetchval(POST, *_columns(list(keys), journals))
    except asyncpg.CheckViolationError as error:
        if error.constraint_name == GUARD:
            raise BalanceShortError from error
        raise
    except asyncpg.PostgresError as error:
        if error.sqlstate == CONFLICT_SQLSTATE:
            raise JournalConflictError(str(error)) from error
        raise
    return {keys[each]: each for each in claimed}


def _columns(journal_ids: list[UUID], journals: Sequence[Journal]) -> tuple[list[object], ...]:
    """Lay a batch out as columns; accounts and journals are numbered from 1, and postings name the numbers."""
    postings = [(number, each) for number, journal in enumerate(journals, 1) for each in journal.postings]
    numbers: dict[str, int] = {}
    accounts: list[Account] = []
    for _, posting in postings:
        for account in (posting.debit, posting.credit):
            if account.code not in numbers:
                accounts.append(account)
                numbers[account.code] = len(accounts)
    return (
        [each.code for each in accounts],
        [each.currency for each in accounts],
        [each.kind for each in accounts],
        [each.guarded for each in accounts],
        ["deferred" if each.deferred else "sync" for each in accounts],
        [*journal_ids],
        [each.source for each in journals],
        [each.source_id for each in journals],
        [each.kind for each in journals],
        [each.payload_sha for each in journals],
        [each.effective_at for each in journals],
        [each.correlation_id for each in journals],
        [number for number, _ in postings],
        [numbers[each.debit.code] for _, each in postings],
        [numbers[each.credit.code] for _, each in postings],
        [each.debit.currency for _, each in postings],
        [each.amount for _, each in postings],
    )


async def roll(tx: Transaction, limit: int = deltas_max) -> int:
    """Add waiting turnover to the balances of deferred accounts; return how many rows that took."""
    rolled: int = await tx.fetchval("SELECT ledger_roll($1)", limit)
    return rolled


async def balances(tx: Transaction, codes: Iterable[str]) -> dict[str, Balance]:
    """Read the balances of these accounts; one that was never used is absent."""
    rows = await tx.fetch(
        f"""
        SELECT code, currency, class, {SUMS}
        FROM account, LATERAL (
            SELECT debits, credits, held FROM balance WHERE account_id = account.id
            UNION ALL
            SELECT debits, credits, 0 FROM balance_delta WHERE account_id = account.id
        ) AS turnover
        WHERE code = ANY($1::text[]) GROUP BY account.id
        """,
        list(codes),
    )
    return {row["code"]: _balance(row) for row in rows}


async def accounts(tx: Transaction, *, prefix: str = "", after: str = "", limit: int = rows_max) -> list[Balance]:
    """List accounts and their balances by code, from the one that follows `after`."""
    rows = await tx.fetch(
        """
        SELECT code FROM account
        WHERE starts_with(code, $1) AND code > $2 COLLATE "C" ORDER BY code LIMIT $3
        """,
        prefix,
        after,
        limit,
    )
    found = await balances(tx, [row["code"] for row in rows])
    return [found[row["code"]] for row in rows]


async def trial_balance(tx: Transaction, *, as_of: datetime | None = None) -> TrialBalance:
    """Add up all accounts, now or as far as facts had happened by `as_of` (inclusive)."""
    source, bound = (TURNOVER, ()) if as_of is None else (POSTED_AS_OF, (as_of,))
    rows = await tx.fetch(
        f"""
        WITH summed AS (SELECT account_id, {SUMS} FROM ({source}) AS turnover GROUP BY account_id)
        SELECT CASE class WHEN 'unit' THEN regexp_replace(code, '{USER_ID}', '*') ELSE code END COLLATE "C" AS code,
               currency, class, {SUMS}
        FROM summed JOIN account ON account.id = account_id
        GROUP BY 1, currency, class ORDER BY 1, currency
        """,
        *bound,
    )
    found = tuple(_balance(row) for row in rows)
    totals = {}
    for currency in sorted({each.currency for each in found}):
        mine = [each for each in found if each.currency == currency]
        totals[currency] = Total(currency, sum(each.debits for each in mine), sum(each.credits for each in mine))
    return TrialBalance(as_of=as_of, accounts=found, totals=totals)


async def statement(tx: Transaction, code: str, *, after: int | None = None, limit: int = rows_max) -> list[Entry]:
    """Read an account's lines, newest first, from the one that follows `after`; raises NotFoundError."""
    account = await tx.fetchrow("SELECT id, class FROM account WHERE code = $1", code)
    if account is None:
        message = f"No account has the code {code}."
        raise NotFoundError(message)
    rows = await tx.fetch(STATEMENT, account["id"], AFTER_THE_LAST if after is None else after, limit)
    sign = 1 if account["class"] in DEBIT_NORMAL else -1
    entries = []
    newer = 0
    for row in rows:
        entries.append(
            Entry(
                id=row["id"],
                source=row["source"],
                source_id=row["source_id"],
                kind=row["kind"],
                effective_at=row["effective_at"],
                other=row["other"],
                debit=row["debit"],
                credit=row["credit"],
                balance=sign * (row["net"] - newer),
            )
        )
        newer += row["debit"] - row["credit"]
    return entries


# `net` is the balance just before `after`: what the account stands at now without the lines shown on earlier pages.
STATEMENT = f"""
WITH standing AS (
    SELECT (
        (SELECT sum(debits - credits) FROM ({TURNOVER}) AS turnover WHERE account_id = $1)
        - (SELECT coalesce(sum(amount), 0) FROM posting WHERE debit_id = $1 AND id >= $2)
        + (SELECT coalesce(sum(amount), 0) FROM posting WHERE credit_id = $1 AND id >= $2)
    )::bigint AS net
), line AS (
    (SELECT id, journal_id, credit_id AS other_id, amount AS debit, 0::bigint AS credit
     FROM posting WHERE debit_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3)
    UNION ALL
    (SELECT id, journal_id, debit_id, 0, amount
     FROM posting WHERE credit_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3)
)
SELECT line.id, line.debit, line.credit, other.code AS other, standing.net,
       journal.source, journal.source_id, journal.kind, journal.effective_at
FROM standing, line
JOIN journal ON journal.id = line.journal_id
JOIN account AS other ON other.id = line.other_id
ORDER BY line.id DESC LIMIT $3
"""


async def check(tx: Transaction) -> list[str]:
    """Prove the books from the postings up; return one sentence per fault, none when they are sound."""
    found = []
    for sentence, sql in PROOFS:
        counted = f"SELECT *, count(*) OVER () AS faults FROM ({sql}) AS fault LIMIT {findings_max}"
        rows = await tx.fetch_long(counted, seconds_max=check_timeout_seconds)
        found += [sentence.format(**row) for row in rows]
        if rows and rows[0]["faults"] > findings_max:
            found.append(f"… and {rows[0]['faults'] - findings_max} more of this kind.")
    return found


PROOFS = (
    (
        "Journal {id} ({source} {source_id} {kind}) has no postings.",
        "SELECT * FROM journal WHERE NOT EXISTS (SELECT FROM posting WHERE journal_id = journal.id) ORDER BY id",
    ),
    (
        "Journal {id} ({source} {source_id} {kind}) no longer has the postings that it was written with.",
        """
        SELECT journal.id, source, source_id, kind
        FROM journal JOIN (
            SELECT journal_id, string_agg(line, chr(10) ORDER BY line) AS payload
            FROM (
                SELECT journal_id,
                       concat_ws(' ', debit.code, credit.code, posting.currency, amount) COLLATE "C" AS line
                FROM posting
                LEFT JOIN account AS debit ON debit.id = debit_id
                LEFT JOIN account AS credit ON credit.id = credit_id
            ) AS lines GROUP BY journal_id
        ) AS written ON journal_id = journal.id
        WHERE sha256(convert_to(payload, 'UTF8')) <> payload_sha ORDER BY journal.id
        """,
    ),
    (
        "Posting {id} belongs to journal {journal_id}, which does not exist.",
        """
        SELECT id, journal_id FROM posting
        WHERE NOT EXISTS (SELECT FROM journal WHERE journal.id = journal_id) ORDER BY id
        """,
    ),
    (
        "Posting {id} names account {account_id} in {currency}, and there is no such account in that currency.",
        """
        SELECT posting.id, posting.currency, side.account_id
        FROM posting CROSS JOIN LATERAL (VALUES (debit_id), (credit_id)) AS side (account_id)
        WHERE NOT EXISTS (SELECT FROM account
                          WHERE account.id = side.account_id AND account.currency = posting.currency)
        ORDER BY posting.id
        """,
    ),
    (
        "Posting {id} moves {amount} from account {credit_id} to account {debit_id}, which moves nothing.",
        "SELECT * FROM posting WHERE amount <= 0 OR debit_id = credit_id ORDER BY id",
    ),
    (
        "Account {code} has no balance row.",
        "SELECT code FROM account WHERE NOT EXISTS (SELECT FROM balance WHERE account_id = account.id) ORDER BY id",
    ),
    (
        "Account {code} is marked guarded={guarded} and its balance guarded={balance_guarded}.",
        """
        SELECT code, account.guarded, balance.guarded AS balance_guarded
        FROM account JOIN balance ON account_id = account.id
        WHERE account.guarded <> balance.guarded ORDER BY account.id
        """,
    ),
    (
        "Account {code} has turnover waiting although it is kept up to date.",
        """
        SELECT code FROM account
        WHERE mode <> 'deferred' AND EXISTS (SELECT FROM balance_delta WHERE account_id = account.id) ORDER BY id
        """,
    ),
    (
        "Account {code} shows {debits} debits, {credits} credits; its postings make {posted_debits}, {posted_credits}.",
        f"""
        SELECT coalesce(code, 'number ' || account_id) AS code,
               coalesce(stored.debits, 0) AS debits, coalesce(stored.credits, 0) AS credits,
               coalesce(posted.debits, 0) AS posted_debits, coalesce(posted.credits, 0) AS posted_credits
        FROM (SELECT account_id, {SUMS} FROM ({TURNOVER}) AS turnover GROUP BY account_id) AS stored
        FULL JOIN (SELECT account_id, {SUMS} FROM ({POSTED}) AS turnover GROUP BY account_id) AS posted
            USING (account_id)
        LEFT JOIN account ON account.id = account_id
        WHERE (coalesce(stored.debits, 0), coalesce(stored.credits, 0))
            <> (coalesce(posted.debits, 0), coalesce(posted.credits, 0))
        ORDER BY account_id
        """,
    ),
    (
        "Account {code} is guarded and stands at {available}, below zero.",
        """
        SELECT code, credits - debits - held AS available
        FROM balance JOIN account ON account.id = account_id
        WHERE account.guarded AND credits - debits - held < 0 ORDER BY account_id
        """,
    ),
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
