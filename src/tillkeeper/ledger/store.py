"""All SQL of the books; writing goes through two database functions, because the application may not write itself."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import asyncpg

from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Record, Transaction
from tillkeeper.ledger.errors import BalanceShortError, JournalConflictError
from tillkeeper.ledger.values import Account, AccountClass, Balance, Journal, Key

journals_max = 10_000
deltas_max = 10_000
rows_max = 1_000
findings_max = 20
recent_max = 2_000
"""How many of the newest journals a recent proof looks at."""
check_timeout_seconds = 3_600

CONFLICT_SQLSTATE = "TL001"
GUARD = "balance_guarded_check"

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


async def check(tx: Transaction, *, recent: bool = False) -> list[str]:
    """Prove the books from the postings up; return one sentence per fault, none when they are sound.

    A recent proof looks at the newest journals alone, however many there are.
    """
    found = []
    for sentence, sql in JOURNAL_PROOFS if recent else PROOFS:
        rows = await tx.fetch_long(f"{RECENT if recent else ''}{counted(sql)}", seconds_max=check_timeout_seconds)
        found += [sentence.format(**row) for row in rows]
        if rows and rows[0]["faults"] > findings_max:
            found.append(f"… and {rows[0]['faults'] - findings_max} more of this kind.")
    return found


def counted(sql: str) -> str:
    """Write the statement that lists the first faults and counts them all."""
    return f"SELECT *, count(*) OVER () AS faults FROM ({sql}) AS fault LIMIT {findings_max}"


# Tables of these names that hold the newest rows alone; the proofs need not know.
RECENT = f"""
WITH journal AS (SELECT * FROM journal ORDER BY id DESC LIMIT {recent_max}),
     posting AS (SELECT posting.* FROM posting JOIN journal ON journal.id = posting.journal_id)
"""

JOURNAL_PROOFS = (
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
        "Posting {id} is dated {dated:%Y-%m-%d %H:%M:%S.%f}, and its journal {effective_at:%Y-%m-%d %H:%M:%S.%f}.",
        """
        SELECT posting.id, posting.effective_at AS dated, journal.effective_at
        FROM posting JOIN journal ON journal.id = journal_id
        WHERE posting.effective_at <> journal.effective_at ORDER BY posting.id
        """,
    ),
)

ACCOUNT_PROOFS = (
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
    (
        (
            "The day {day} shows {debits} debits, {credits} credits of {heading}; its postings make {posted_debits}, "
            "{posted_credits}. `till ledger recount {day}` adds them up again."
        ),
        """
        SELECT day, heading, coalesce(stored.debits, 0) AS debits, coalesce(stored.credits, 0) AS credits,
               coalesce(posted.debits, 0) AS posted_debits, coalesce(posted.credits, 0) AS posted_credits
        FROM balance_daily AS stored
        FULL JOIN (
            SELECT day, ledger_heading(class = 'unit', code) AS heading, currency,
                   sum(debits)::bigint AS debits, sum(credits)::bigint AS credits
            FROM (
                SELECT (effective_at AT TIME ZONE 'UTC')::date AS day, account_id,
                       sum(debits) AS debits, sum(credits) AS credits
                FROM posting CROSS JOIN LATERAL (VALUES (debit_id, amount, 0), (credit_id, 0, amount))
                    AS side (account_id, debits, credits)
                WHERE NOT EXISTS (SELECT FROM unsealed CROSS JOIN unnest(journals) AS waiting (id)
                                  WHERE waiting.id = journal_id)
                GROUP BY 1, 2
            ) AS turned JOIN account ON account.id = account_id GROUP BY 1, 2, 3
        ) AS posted USING (day, heading, currency)
        WHERE (coalesce(stored.debits, 0), coalesce(stored.credits, 0))
            <> (coalesce(posted.debits, 0), coalesce(posted.credits, 0))
        ORDER BY day, heading
        """,
    ),
)

PROOFS = JOURNAL_PROOFS + ACCOUNT_PROOFS


def _balance(row: Record) -> Balance:
    return Balance(
        code=row["code"],
        currency=row["currency"],
        kind=AccountClass(row["class"]),
        debits=row["debits"],
        credits=row["credits"],
        held=row["held"],
    )
