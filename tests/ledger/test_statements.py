"""Statements and balances of the past: by the time of the facts, and the same again whatever is recorded later."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tillkeeper import ledger
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Database
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.ledger import Place, Statement, chart, recipes, seals

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
CLEARING = chart.clearing("stripe", "EUR").code


def captured(amount: int, *, at: datetime = AT) -> ledger.Journal:
    """Book a capture on Stripe."""
    return recipes.capture(ids.new(), gateway="stripe", currency="EUR", amount=amount, credits_to="deferred", at=at)


async def post(db: Database, *journals: ledger.Journal) -> None:
    """Post in a transaction of its own."""
    async with db.transaction() as tx:
        await ledger.post(tx, journals)


async def seal(db: Database) -> None:
    """Seal what waits."""
    async with db.transaction() as tx:
        await seals.seal(tx, 1_000)


async def clock(db: Database) -> datetime:
    """Read the database's clock."""
    async with db.transaction() as tx:
        return await ledger.latest_cut(tx)


async def read(db: Database, code: str, **asked: datetime | Place | int | None) -> Statement:
    """Read a statement."""
    async with db.transaction() as tx:
        return await ledger.statement(tx, code, **asked)  # type: ignore[arg-type]  # each test passes what fits


def told(statement: Statement) -> list[tuple[int, int, int]]:
    """Shorten lines to what moved and what was left."""
    return [(each.debit, each.credit, each.balance) for each in statement.entries]


async def test_a_statement_runs_from_the_latest_fact_down_to_zero_in_pages(db: Database) -> None:
    user, payment = ids.new(), ids.new()
    wallet = chart.wallet(user).code
    await post(db, recipes.grant(payment, user=user, units=100, at=AT))
    for units in (10, 20, 30):
        await post(db, recipes.spend(ids.new(), user=user, units=units, earned=[], at=AT))

    first = await read(db, wallet, limit=3)
    second = await read(db, wallet, after=first.below, limit=3)

    assert told(first) + told(second) == [(30, 0, 40), (20, 0, 70), (10, 0, 90), (0, 100, 100)]
    assert (first.code, first.currency, first.kind) == (wallet, "CRD", "unit")
    assert second.below.balance == 0
    oldest = second.entries[-1]
    assert (oldest.source, oldest.source_id, oldest.kind) == ("payment", str(payment), "grant")
    assert oldest.other == "credits:issuer"


@pytest.mark.parametrize("sealed", [True, False])
async def test_a_fact_that_is_recorded_late_stands_where_it_belongs(db: Database, *, sealed: bool) -> None:
    await post(db, captured(100, at=AT), captured(300, at=AT + 2 * DAY))
    if sealed:
        await seal(db)
    await post(db, captured(20, at=AT + DAY))

    assert told(await read(db, CLEARING)) == [(300, 0, 420), (20, 0, 120), (100, 0, 100)]


async def test_a_statement_counts_what_is_not_rolled_and_what_is_not_sealed(db: Database) -> None:
    await post(db, captured(100))
    await seal(db)
    async with db.transaction() as tx:
        await ledger.roll(tx)
    await post(db, captured(50))

    assert told(await read(db, CLEARING)) == [(50, 0, 150), (100, 0, 100)]


async def test_a_statement_of_a_period_begins_and_ends_with_the_balances_of_its_ends(db: Database) -> None:
    await post(db, *(captured(10**place, at=AT + place * HOUR) for place in range(5)))
    await seal(db)

    part = await read(db, CLEARING, since=AT + HOUR, as_of=AT + 3 * HOUR)

    assert told(part) == [(1_000, 0, 1_111), (100, 0, 111), (10, 0, 11)]
    assert part.below.balance == 1


@pytest.mark.parametrize("account", ["house", "user"])
async def test_with_a_cut_a_statement_is_the_same_again_after_late_facts(db: Database, account: str) -> None:
    user = ids.new()
    code = CLEARING if account == "house" else chart.wallet(user).code

    def fact(units: int, at: datetime) -> ledger.Journal:
        return captured(units, at=at) if account == "house" else recipes.grant(ids.new(), user=user, units=units, at=at)

    await post(db, fact(100, AT), fact(300, AT + 2 * DAY))
    cut = await clock(db)
    before = await read(db, code, recorded_before=cut)
    await post(db, fact(20, AT + DAY), fact(7, AT - DAY))
    await seal(db)

    assert await read(db, code, recorded_before=cut) == before
    assert [each.balance for each in before.entries] == [400, 100]
    assert [each.balance for each in (await read(db, code)).entries] == [427, 127, 107, 7]


async def test_pages_of_one_cut_fit_together_while_facts_come_in_between(db: Database) -> None:
    await post(db, *(captured(1, at=AT + number * HOUR) for number in range(6)))
    cut = await clock(db)
    first = await read(db, CLEARING, recorded_before=cut, limit=2)
    await post(db, captured(1_000, at=AT + HOUR))
    second = await read(db, CLEARING, recorded_before=cut, after=first.below, limit=10)

    assert [each.balance for each in first.entries + second.entries] == [6, 5, 4, 3, 2, 1]


async def test_a_statement_of_an_unknown_account_is_not_found(db: Database) -> None:
    with pytest.raises(NotFoundError, match="No account has the code nothing:here"):
        await read(db, "nothing:here")


moments = st.integers(-5, 5).map(lambda half_days: AT + half_days * 12 * HOUR)
facts = st.lists(st.tuples(moments, st.integers(1, 10**9)), min_size=1, max_size=4)
parts = st.lists(st.tuples(facts, st.booleans()), min_size=1, max_size=5)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=parts, as_of=moments, cut_after=st.integers(0, 5))
async def test_a_balance_of_any_moment_at_any_cut_is_the_sum_of_its_facts(
    db: Database, batches: list[tuple[list[tuple[datetime, int]], bool]], as_of: datetime, cut_after: int
) -> None:
    run = ids.new()
    left, right = (
        ledger.Account(f"{side}:{run}", "TRY", ledger.AccountClass.ASSET, deferred=True) for side in ("left", "right")
    )
    cut = await clock(db)
    expected = 0
    for number, (batch, sealed) in enumerate(batches):
        moves = [
            ledger.Journal("try", str(UUID(int=ids.new().int)), "move", (ledger.Posting(left, right, amount),), at)
            for at, amount in batch
        ]
        await post(db, *moves)
        if sealed:
            await seal(db)
        if number < cut_after:
            cut = await clock(db)
            expected += sum(amount for at, amount in batch if at <= as_of)

    async with db.transaction() as tx:
        found = await ledger.trial_balance(tx, as_of=as_of, recorded_before=cut)
        assert await ledger.check(tx) == []
    part = await read(db, left.code, as_of=as_of, recorded_before=cut)
    turned = {each.code: each.amount for each in found.accounts if each.code in {left.code, right.code}}
    assert turned == ({left.code: expected, right.code: -expected} if expected else {})
    assert found.balanced
    assert [each.balance for each in part.entries][:1] == ([expected] if expected else [])
    assert part.below.balance == 0
    assert all(each.effective_at <= as_of and each.recorded_at < cut for each in part.entries)


async def test_a_balance_of_a_past_moment_reads_its_day_and_not_all_that_came_since(
    db: Database, owner: asyncpg.Connection
) -> None:
    days, journals_a_day = 40, 500
    for number in range(days):
        await post(db, *(captured(1, at=AT + number * DAY) for _ in range(journals_a_day)))
        await seal(db)
    await owner.execute("VACUUM ANALYZE posting, journal, balance_daily")
    read_so_far = (
        "SELECT sum(seq_tup_read + idx_tup_fetch)::int FROM pg_stat_xact_user_tables "
        "WHERE relname IN ('posting', 'journal')"
    )

    async with db.transaction() as tx:
        before = await tx.fetchval(read_so_far) or 0
        found = await ledger.trial_balance(tx, as_of=AT + 20 * DAY)
        rows = await tx.fetchval(read_so_far) - before

    assert found.totals["EUR"].debits == 21 * journals_a_day
    assert rows < days * journals_a_day // 2


async def test_a_day_that_was_spoilt_is_added_up_again_from_its_postings(
    db: Database, owner: asyncpg.Connection
) -> None:
    await post(db, captured(100), captured(7, at=AT + DAY))
    await seal(db)
    await post(db, captured(50))
    right = await owner.fetch("SELECT * FROM balance_daily ORDER BY day, heading")
    await owner.execute("UPDATE balance_daily SET debits = debits + 1 WHERE day = '2026-11-20'")
    await owner.execute("INSERT INTO balance_daily VALUES ('2026-11-20', 'stranger', 'EUR', 'asset', 5, 0)")

    async with db.transaction() as tx:
        assert await seals.recount(tx, AT.date()) == 2
    async with db.transaction() as tx:
        await seals.recount(tx, AT.date())

    assert await owner.fetch("SELECT * FROM balance_daily ORDER BY day, heading") == right
