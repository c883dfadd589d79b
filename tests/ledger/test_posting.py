"""Facts enter the books once, whole, and only through the posting function."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest
import sqlalchemy

from tillkeeper import ledger
from tillkeeper.facts import Earned
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Database, Transaction
from tillkeeper.ledger import chart, recipes, seals, tables
from tillkeeper.ops.migrations import LEDGER_FUNCTIONS, LEDGER_TABLES

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
COLUMNS = "journal_id, debit_id, credit_id, currency, amount, effective_at"
rounds_of_opposition = 100


def captured(payment: UUID, amount: int = 10_000, currency: str = "EUR") -> ledger.Journal:
    """Book a capture on Stripe."""
    return recipes.capture(payment, gateway="stripe", currency=currency, amount=amount, credits_to="deferred", at=AT)


def granted(user: UUID, units: int) -> ledger.Journal:
    """Book a grant of a new payment."""
    return recipes.grant(ids.new(), user=user, units=units, at=AT)


async def post(db: Database, *journals: ledger.Journal) -> dict[ledger.Key, UUID]:
    """Post in a transaction of its own."""
    async with db.transaction() as tx:
        return await ledger.post(tx, journals)


async def stand(db: Database, *accounts: ledger.Account) -> list[int]:
    """Read what the accounts stand at."""
    async with db.transaction() as tx:
        found = await ledger.balances(tx, [each.code for each in accounts])
    return [found[each.code].amount if each.code in found else 0 for each in accounts]


async def faults(db: Database) -> list[str]:
    """Prove the books."""
    async with db.transaction() as tx:
        return await ledger.check(tx)


async def count(db: Database, table: str) -> int:
    """Count the rows of a table."""
    async with db.transaction() as tx:
        rows: int = await tx.fetchval(f"SELECT count(*) FROM {table}")
    return rows


async def test_a_capture_a_fee_and_a_grant_move_exactly_their_accounts(db: Database) -> None:
    payment, user = ids.new(), ids.new()
    fee = recipes.fee(payment, gateway="stripe", currency="EUR", amount=320, at=AT)
    grant = recipes.grant(payment, user=user, units=120, at=AT)

    posted = await post(db, captured(payment), fee, grant)

    assert set(posted) == {captured(payment).key, fee.key, grant.key}
    accounts = (
        chart.clearing("stripe", "EUR"),
        chart.deferred_revenue("EUR"),
        chart.fees_processing("stripe", "EUR"),
        chart.wallet(user),
        chart.credits_issuer(),
    )
    assert await stand(db, *accounts) == [9_680, 10_000, 320, 120, -120]
    assert await faults(db) == []


async def test_the_same_fact_twice_inside_one_batch_posts_once(db: Database) -> None:
    user = ids.new()
    grant = granted(user, 120)

    posted = await post(db, grant, captured(ids.new()), grant, replace(grant, correlation_id="again"))

    assert len(posted) == 2
    assert await count(db, "posting") == 2
    assert await stand(db, chart.wallet(user), chart.credits_issuer()) == [120, -120]
    assert await faults(db) == []


async def test_a_replayed_fact_changes_nothing_and_its_new_neighbour_is_posted(db: Database) -> None:
    first, user = granted(ids.new(), 5), ids.new()
    await post(db, first)
    second = granted(user, 7)

    assert set(await post(db, first, second, replace(first, effective_at=AT.replace(year=2027)))) == {second.key}
    assert await post(db, first, second) == {}
    assert await stand(db, chart.credits_issuer(), chart.wallet(user)) == [-12, 7]
    assert await faults(db) == []


@pytest.mark.parametrize("in_one_batch", [True, False])
async def test_a_fact_that_comes_again_with_another_amount_is_refused(db: Database, *, in_one_batch: bool) -> None:
    payment = ids.new()
    told, changed = captured(payment, 10_000), captured(payment, 9_999)
    if not in_one_batch:
        await post(db, told)

    with pytest.raises(ledger.JournalConflictError, match=f"payment {payment} capture"):
        await post(db, *([told, changed] if in_one_batch else [granted(ids.new(), 1), changed]))

    assert await count(db, "journal") == (0 if in_one_batch else 1)
    assert await faults(db) == []


async def test_the_same_batch_from_twenty_callers_at_once_posts_once(wide: Database) -> None:
    user = ids.new()
    batch = [granted(user, 10) for _ in range(20)]

    results = await asyncio.gather(*(post(wide, *batch[turn:], *batch[:turn]) for turn in range(20)))

    assert sorted(len(posted) for posted in results) == [0] * 19 + [20]
    assert await stand(wide, chart.wallet(user)) == [200]
    assert await faults(wide) == []


async def test_an_empty_batch_runs_no_statement() -> None:
    nothing_to_ask = object()

    assert await ledger.post(nothing_to_ask, []) == {}  # type: ignore[arg-type]


async def test_of_fifty_spends_of_one_balance_at_once_one_succeeds(wide: Database) -> None:
    user = ids.new()
    await post(wide, captured(ids.new()), granted(user, 120))
    earned = [Earned(currency="EUR", amount=1)]
    spends = [recipes.spend(ids.new(), user=user, units=100, earned=earned, at=AT) for _ in range(50)]

    results = await asyncio.gather(*(post(wide, each) for each in spends), return_exceptions=True)

    assert sum(isinstance(each, dict) for each in results) == 1
    assert sum(isinstance(each, ledger.BalanceShortError) for each in results) == 49
    assert await stand(wide, chart.wallet(user), chart.revenue_credits("EUR")) == [20, 1]
    assert await faults(wide) == []


async def test_twenty_first_uses_of_a_currency_at_once_open_each_account_once(wide: Database) -> None:
    results = await asyncio.gather(*(post(wide, captured(ids.new(), 100, "JPY")) for _ in range(20)))

    assert [len(posted) for posted in results] == [1] * 20
    assert await count(wide, "account") == 2
    assert await stand(wide, chart.clearing("stripe", "JPY"), chart.deferred_revenue("JPY")) == [2_000, 2_000]
    assert await faults(wide) == []


async def test_batches_that_touch_the_same_accounts_in_opposite_order_do_not_deadlock(wide: Database) -> None:
    users = [ids.new() for _ in range(8)]
    await post(wide, *(granted(user, 1_000) for user in users))
    everything: list[ledger.Journal] = []

    async def run(order: Sequence[UUID]) -> None:
        for turn in range(rounds_of_opposition):
            payments = [UUID(int=turn << 64 | user.int % 2**64) for user in order]
            shared = [
                recipes.grant(each, user=user, units=1, at=AT) for each, user in zip(payments, order, strict=True)
            ]
            own = [recipes.spend(ids.new(), user=user, units=1, earned=[], at=AT) for user in order]
            await post(wide, *shared, *own)
            everything.extend(own)

    await asyncio.gather(run(users), run(users[::-1]), run(users[::2] + users[1::2]))

    assert len(everything) == 3 * 8 * rounds_of_opposition
    left = 1_000 + rounds_of_opposition - 3 * rounds_of_opposition
    assert await stand(wide, *(chart.wallet(user) for user in users)) == [left] * 8
    assert await faults(wide) == []


async def test_one_short_wallet_rolls_the_whole_transaction_back(db: Database) -> None:
    user = ids.new()

    with pytest.raises(ledger.BalanceShortError):
        await post(db, captured(ids.new()), recipes.spend(ids.new(), user=user, units=1, earned=[], at=AT))

    for table in ("account", "journal", "posting", "balance", "balance_delta"):
        assert await count(db, table) == 0


async def test_a_failure_after_the_posting_leaves_no_trace_of_it(db: Database) -> None:
    with pytest.raises(RuntimeError):  # noqa: PT012 (the failure must come inside the transaction)
        async with db.transaction() as tx:
            assert await ledger.post(tx, [captured(ids.new())])
            raise RuntimeError

    assert await count(db, "journal") == 0
    assert await count(db, "balance_delta") == 0


@pytest.mark.parametrize("table", ["account", "journal", "posting"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
async def test_rows_of_the_books_cannot_be_changed_or_removed(
    db: Database, owner: asyncpg.Connection, table: str, statement: str
) -> None:
    await post(db, captured(ids.new()))
    statement = statement.replace("id = id", "currency = currency" if table != "journal" else "kind = kind")

    with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
        await owner.execute(statement.format(table))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.transaction() as tx:
            await tx.execute(statement.format(table))


@pytest.mark.parametrize("table", LEDGER_TABLES.split(", "))
@pytest.mark.parametrize("right", ["INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"])
async def test_the_application_may_do_nothing_to_a_table_of_the_books_but_read_it(
    db: Database, table: str, right: str
) -> None:
    async with db.transaction() as tx:
        asked = "has_table_privilege(current_user, $1, $2)"
        assert await tx.fetchval(f"SELECT {asked}", table, "SELECT")
        assert not await tx.fetchval(f"SELECT {asked}", table, right)


@pytest.mark.parametrize("table", LEDGER_TABLES.split(", "))
@pytest.mark.parametrize("statement", ["UPDATE {0} SET {1} = DEFAULT", "DELETE FROM {0}", "TRUNCATE {0} CASCADE"])
async def test_no_table_of_the_books_is_changed_or_emptied_by_the_application(
    db: Database, owner: asyncpg.Connection, table: str, statement: str
) -> None:
    await post(db, captured(ids.new()))
    async with db.transaction() as tx:
        await seals.seal(tx, 10)
    await post(db, captured(ids.new()))
    rows = await owner.fetch(f"SELECT * FROM {table}")
    assert rows

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.transaction() as tx:
            await tx.execute(statement.format(table, next(iter(rows[0].keys()))))

    assert await owner.fetch(f"SELECT * FROM {table}") == rows


async def test_every_table_that_the_ledger_describes_is_guarded_or_holds_only_findings() -> None:
    described = {table.name for table in vars(tables).values() if isinstance(table, sqlalchemy.Table)}

    assert described - set(LEDGER_TABLES.split(", ")) == {"invariant_check", "invariant_run"}


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO journal SELECT gen_random_uuid(), source, source_id, 'other', payload_sha, now() FROM journal",
        f"INSERT INTO posting ({COLUMNS}) SELECT {COLUMNS} FROM posting",
        "INSERT INTO account (code, currency, class, guarded, mode) VALUES ('mine', 'EUR', 'asset', false, 'sync')",
        "INSERT INTO balance (account_id, guarded) SELECT id, false FROM account",
        "INSERT INTO balance_delta (account_id, debits, credits) SELECT id, 1, 0 FROM account",
        "UPDATE balance SET credits = credits + 1000",
        "DELETE FROM balance_delta",
        "INSERT INTO unsealed (journals) VALUES ('{}')",
        "INSERT INTO seal SELECT number + 1, hash, journals, digests, sealed_at, hash FROM seal",
        "INSERT INTO balance_daily VALUES ('2026-11-20', 'mine', 'EUR', 'asset', 1, 0)",
    ],
)
async def test_the_application_cannot_write_the_books_directly(db: Database, statement: str) -> None:
    await post(db, captured(ids.new()))

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.transaction() as tx:
            await tx.execute(statement)


@pytest.mark.parametrize("function", LEDGER_FUNCTIONS)
async def test_only_named_roles_may_call_the_writing_functions(owner: asyncpg.Connection, function: str) -> None:
    granted_to_all = await owner.fetchval(
        "SELECT bool_or(each.grantee = 0) FROM pg_proc, aclexplode(proacl) AS each WHERE proname = $1", function
    )

    assert granted_to_all is False


async def test_a_posting_across_currencies_cannot_be_made() -> None:
    with pytest.raises(AssertionError):
        ledger.Posting(chart.clearing("stripe", "EUR"), chart.deferred_revenue("USD"), 1)


@pytest.mark.parametrize("amount", [0, -1, True, 1.5])
def test_a_posting_of_nothing_less_or_no_integer_cannot_be_made(amount: int) -> None:
    with pytest.raises(AssertionError):
        ledger.Posting(chart.clearing("stripe", "EUR"), chart.deferred_revenue("EUR"), amount)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ("amount = 0", asyncpg.CheckViolationError),
        ("credit_id = debit_id", asyncpg.CheckViolationError),
        ("currency = 'USD'", asyncpg.ForeignKeyViolationError),
        ("credit_id = 999999", asyncpg.ForeignKeyViolationError),
        ("journal_id = gen_random_uuid()", asyncpg.ForeignKeyViolationError),
        ("effective_at = now()", asyncpg.ForeignKeyViolationError),
    ],
)
async def test_even_the_owner_cannot_write_an_imbalance(
    db: Database, owner: asyncpg.Connection, change: str, refusal: type[Exception]
) -> None:
    await post(db, captured(ids.new()))
    await owner.execute("ALTER TABLE posting DISABLE TRIGGER posting_append_only")

    with pytest.raises(refusal):
        await owner.execute(f"UPDATE posting SET {change}")


@pytest.mark.parametrize(
    "row",
    [
        "gen_random_uuid(), debit_id, credit_id, currency, amount, effective_at",
        "journal_id, 999999, credit_id, currency, amount, effective_at",
        "journal_id, debit_id, 999999, currency, amount, effective_at",
        "journal_id, debit_id, credit_id, 'USD', amount, effective_at",
        "journal_id, debit_id, credit_id, currency, amount, now()",
    ],
)
async def test_one_wrong_reference_among_good_ones_is_refused_with_all_of_them(
    db: Database, owner: asyncpg.Connection, row: str
) -> None:
    await post(db, captured(ids.new()), captured(ids.new()))
    one_of_two = "(SELECT * FROM posting ORDER BY id LIMIT 1)"

    with pytest.raises(asyncpg.ForeignKeyViolationError, match="one of these does not exist"):
        await owner.execute(
            f"INSERT INTO posting ({COLUMNS}) "
            f"SELECT {COLUMNS} FROM posting UNION ALL SELECT {row} FROM {one_of_two} AS one"
        )

    assert await count(db, "posting") == 2


async def rows_read(tx: Transaction) -> dict[str, int]:
    """Count the rows that this session has read, by table."""
    rows = await tx.fetch(
        "SELECT relname, seq_tup_read + coalesce(idx_tup_fetch, 0) AS read FROM pg_stat_xact_user_tables"
    )
    return {row["relname"]: row["read"] for row in rows}


async def test_posting_reads_only_the_rows_it_names_even_with_plans_made_while_the_books_were_empty(
    database_url: str,
) -> None:
    one_session = await Database.connect(database_url, connections=1)
    for _ in range(20):
        await post(one_session, *(captured(ids.new()) for _ in range(20)))

    async with one_session.transaction() as tx:
        before = await rows_read(tx)
        await ledger.post(tx, [captured(ids.new())])
        after = await rows_read(tx)
    await one_session.close()

    for table in ("account", "journal", "posting", "balance"):
        assert after[table] - before[table] <= 6, table


async def test_an_account_keeps_its_first_currency(db: Database) -> None:
    await post(db, captured(ids.new()))
    disguised = replace(chart.clearing("stripe", "EUR"), currency="USD")
    posting = ledger.Posting(disguised, chart.deferred_revenue("USD"), 1)
    journal = replace(captured(ids.new(), currency="USD"), postings=(posting,))

    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await post(db, journal)

    assert await faults(db) == []


async def test_an_amount_beyond_the_column_is_refused_whole(db: Database) -> None:
    await post(db, captured(ids.new(), 2**63 - 1))

    with pytest.raises(asyncpg.NumericValueOutOfRangeError):
        await post(db, captured(ids.new(), 2**63 - 1), captured(ids.new(), 1))

    assert await count(db, "journal") == 1
