"""No statement reads the whole of a table that grows: PostgreSQL tells of each how it would find its rows.

Tables are empty here, so sequential scans are made so dear that one is planned only where no index would do. A plan is
the general one, which knows no values. An index that is read from end to end counts as the table.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import asyncpg
import pytest
from tests.statements import Locals, Statement, UnreadableError, statements

from tillkeeper import credentials
from tillkeeper.kernel.db import metadata
from tillkeeper.ledger import store as books_kept
from tillkeeper.ops import migrations
from tillkeeper.reports import books, health, invariants, jobs, outgoing, payment, unmatched
from tillkeeper.risk import Trait

SETTINGS = "SET enable_seqscan = off; SET enable_indexonlyscan = off; SET plan_cache_mode = force_generic_plan"

SMALL = {
    **dict.fromkeys(
        ("alembic_version", "figure_mark", "isolation", "maintenance", "catch_up", "event_cursor", "invariant_run"),
        "one row, or one for each gateway or kind of look",
    ),
    "api_key": "people make them",
    "balance_daily": "a row for each day and heading: a thousand days of thirty headings are 30,000",
    "balance_delta": "folded into balances every second",
    "drill": "one a week, and what people ask for",
    "inbox_batch": "a row for each worker that is at work",
    "payout": "a gateway pays out once a day",
    "risk_list": "people write them",
    "risk_rule": "people write them",
    "settlement_cursor": "one for each gateway",
    "staff_session": "of people who are logged in; over after twelve hours, and dropped",
    "unsealed": "what was posted since the last seal, of which one is made every five seconds",
    "webhook_endpoint": "at most sixteen, and those that people deleted",
    "worker": "those of the last week",
}
"""What never holds so much that reading all of it takes long, and why; every other table is taken to grow."""

ALLOWED = {
    "flows/back_up.py:count": "a backup is proved by counting all that it holds, without a lock",
    "ledger/store.py:JOURNAL_PROOFS": "the nightly look reads all books, with an hour for it",
    "ledger/store.py:ACCOUNT_PROOFS": "the same",
    "ledger/seals/store.py:OUTSIDE": "the same",
    "ledger/seals/store.py:count": "for who proves or restores all books, which takes longer",
    "ledger/statements/store.py:NOW": "a trial balance is the sum of all accounts",
    "reports/books.py:PROMISES": "the nightly look goes over all that was ever promised",
    "reports/invariants.py:WEBHOOKS": "the same",
    "reports/outgoing.py:PROMISES": "the same",
}
"""Who reads whole tables on purpose, and why that is right."""

RECENT = {**books.PROMISES, **outgoing.PROMISES, invariants.UNFINISHED: invariants.WEBHOOKS}
FILLED: dict[str, Sequence[Locals]] = {
    "credentials/store.py:page": [{"place": place} for place in credentials.PLACES],
    "credentials/store.py:replace": [{"place": place} for place in credentials.PLACES],
    "credentials/store.py:sample": [{"place": place} for place in credentials.PLACES],
    "flows/back_up.py:count": [{"row": {"relname": "payment"}}],
    "ledger/statements/store.py:_lines": [dict.fromkeys(("mine", "other", "debit", "credit"), "debit")],
    "ledger/store.py:check": [{"recent": True, "sql": sql} for _, sql in books_kept.JOURNAL_PROOFS],
    "ledger/store.py:counted": [{"sql": "SELECT"}],
    "payments/store.py:lock_open": [{"waiting": False}, {"waiting": True}],
    "reports/books.py:breaches": [
        {"recent": True, "query": query} for what, query in RECENT.items() if what not in invariants.SUMS_UP_ALL
    ],
    "reports/books.py:counted": [{"query": "SELECT"}],
    "reports/dispute.py:find": [
        {"by": "opened_at", "beyond": "<", "order": "DESC", "only": ""},
        {"by": "due_at", "beyond": ">", "order": "ASC", "only": "AND status IN ('needs_response', 'warning')"},
    ],
    "reports/event.py:find": [{"direction": "DESC", "beyond": "<"}, {"direction": "ASC", "beyond": ">"}],
    "reports/event.py:told": [{"about": ""}, {"about": "AND payment_id = $2"}],
    "reports/health.py:_queue": [{"due": due} for due in health.DUE.values()],
    "reports/jobs.py:_queue": [
        {"work": work, "name": name if name in jobs.STUCK else "calls"} for name, work in jobs.WAITING.items()
    ],
    "reports/payment.py:find": [{"living": ""}, {"living": "payment.status = 'requires_capture' AND"}],
    "reports/unmatched.py:part": [{"at": at, "table": table} for at, table in unmatched.SOURCES.values()],
    "risk/store.py:of_buyers": [{"trait": trait} for trait in Trait],
}
"""What functions put into their statements, by where they stand."""


@pytest.fixture
async def planner(owner_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Connect to a database that is planned for as if whole tables could hardly be read."""
    connection = await asyncpg.connect(owner_url, statement_cache_size=0)
    await connection.execute(SETTINGS)
    yield connection
    await connection.close()


async def planned(planner: asyncpg.Connection, sql: str) -> str:
    """Ask how a statement would be run, as JSON."""
    values = max([0, *map(int, re.findall(r"\$(\d+)", sql))])
    given = f"({', '.join(['NULL'] * values)})" if values else ""
    await planner.execute(f"PREPARE asked AS {sql}")
    plan: str = await planner.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE asked{given}")
    await planner.execute("DEALLOCATE asked")
    return plan


async def scanned(planner: asyncpg.Connection, sql: str) -> set[str]:
    """Name the tables that a statement would read as a whole."""
    return {*_scans(json.loads(await planned(planner, sql))[0]["Plan"])}


def _scans(plan: Mapping[str, Any]) -> Iterator[str]:
    if plan["Node Type"] == "Seq Scan":
        yield plan["Relation Name"]
    for each in plan.get("Plans", ()):
        yield from _scans(each)


def every_statement() -> list[Statement]:
    """List each statement once, by the first place at which it stands."""
    first: dict[str, Statement] = {}
    for each in statements(FILLED):
        first.setdefault(each.sql, each)
    return [*first.values()]


async def found(planner: asyncpg.Connection) -> dict[str, set[str]]:
    """Tell which places read which tables as a whole."""
    places: dict[str, set[str]] = {}
    for each in every_statement():
        for table in await scanned(planner, each.sql):
            places.setdefault(each.place, set()).add(table)
    return places


async def test_no_statement_reads_the_whole_of_a_table_that_grows(planner: asyncpg.Connection) -> None:
    migrations.load_tables()
    growing = {*metadata.tables} - {*SMALL}
    places = await found(planner)
    wrong = {place: tables & growing for place, tables in places.items() if place not in ALLOWED}
    assert {place: tables for place, tables in wrong.items() if tables} == {}
    assert {*ALLOWED} <= {*places}, "what is allowed and not done is to be taken off the list"
    assert {*SMALL} <= set().union(*places.values()), "what is called small and never read whole, too"


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("SELECT FROM operation WHERE state IN ('asked', 'given_up')", {"operation"}),
        ("SELECT FROM operation WHERE state = 'asked' OR state = 'given_up'", set()),
        ("SELECT count(*) FROM payment", {"payment"}),
        ("SELECT * FROM payment WHERE id = $1", set()),
        ("UPDATE payment SET fee = 0 WHERE gateway_reference = $1", {"payment"}),
        (
            "SELECT FROM wallet_spend WHERE id = $1 OR user_id IN (SELECT id FROM end_user)",
            {"wallet_spend", "end_user"},
        ),
    ],
)
async def test_a_statement_that_no_index_serves_is_known(
    planner: asyncpg.Connection, sql: str, tables: set[str]
) -> None:
    assert await scanned(planner, sql) == tables


def test_nearly_all_statements_are_found_and_put_together_as_they_run() -> None:
    known = every_statement()
    assert len(known) > 500
    assert {"idempotency/store.py:purge", "reports/timeline.py:show", "reports/metrics.py:DEAD"} <= {
        each.place for each in known
    }


def test_a_statement_that_is_put_together_in_a_new_way_is_not_passed_over() -> None:
    with pytest.raises(UnreadableError, match="fill it in"):
        list(statements({}))


@pytest.mark.parametrize(
    ("status", "index"),
    [
        *dict.fromkeys(("created", "requires_action", "processing", "outcome_unknown"), "payment_unpaid_index").items(),
        ("in_review", "payment_review_index"),
        ("requires_capture", "payment_uncaptured_index"),
    ],
)
async def test_payments_in_a_state_that_passes_are_listed_from_an_index_of_few(
    planner: asyncpg.Connection, status: str, index: str
) -> None:
    assert status in payment.LIVING
    await planner.execute("BEGIN; DROP INDEX payment_created_index")  # which of the two is quicker, only rows tell
    listed = f"{payment.SELECT} WHERE payment.status = '{status}' ORDER BY payment.created_at DESC, payment.id LIMIT 20"
    assert index in await planned(planner, listed)
