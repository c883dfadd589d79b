"""What is read back from the books is what was posted."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tillkeeper import ledger
from tillkeeper.facts import Earned
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Database
from tillkeeper.ledger import chart, recipes

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CLEARING = chart.clearing("stripe", "EUR")


def captured(amount: int = 10_000, *, at: datetime = AT) -> ledger.Journal:
    """Book a capture on Stripe."""
    return recipes.capture(ids.new(), gateway="stripe", currency="EUR", amount=amount, credits_to="deferred", at=at)


async def post(db: Database, *journals: ledger.Journal) -> None:
    """Post in a transaction of its own."""
    async with db.transaction() as tx:
        await ledger.post(tx, journals)


async def test_a_deferred_balance_is_its_row_plus_what_waits_for_the_roller(db: Database) -> None:
    await post(db, captured(100))
    await post(db, captured(200), captured(300))

    async with db.transaction() as tx:
        before = await ledger.balances(tx, [CLEARING.code])
        waiting = await tx.fetchval("SELECT count(*) FROM balance_delta")
        rolled = [await ledger.roll(tx, 3), await ledger.roll(tx), await ledger.roll(tx)]
        after = await ledger.balances(tx, [CLEARING.code])
        row = await tx.fetchrow("SELECT * FROM balance JOIN account ON id = account_id WHERE code = $1", CLEARING.code)

    assert (waiting, rolled) == (4, [3, 1, 0])
    assert before == after
    assert before[CLEARING.code].amount == 600
    assert row is not None
    assert (row["debits"], row["credits"]) == (600, 0)


async def test_balances_stay_true_while_many_post_and_several_roll(wide: Database) -> None:
    posting = True

    async def write() -> None:
        for _ in range(20):
            await post(wide, captured(3), captured(4))

    async def roll() -> int:
        rolled = 0
        while posting:
            async with wide.transaction() as tx:
                rolled += await ledger.roll(tx, 7)
        return rolled

    async def prove() -> list[str]:
        found: list[str] = []
        while posting:
            async with wide.transaction() as tx:
                found += await ledger.check(tx)
        return found

    background = [asyncio.create_task(roll()) for _ in range(3)]
    proof = asyncio.create_task(prove())
    await asyncio.gather(*(write() for _ in range(6)))
    posting = False
    assert await proof == []
    assert sum(await asyncio.gather(*background)) > 0

    async with wide.transaction() as tx:
        while await ledger.roll(tx):
            pass
        assert (await ledger.balances(tx, [CLEARING.code]))[CLEARING.code].amount == 6 * 20 * 7
        assert await ledger.check(tx) == []


async def test_the_trial_balance_is_zero_in_every_currency(db: Database) -> None:
    users = [ids.new(), ids.new()]
    await post(
        db,
        captured(10_000),
        *(recipes.grant(ids.new(), user=user, units=120, at=AT) for user in users),
        recipes.spend(ids.new(), user=users[0], units=20, earned=[Earned(currency="EUR", amount=1_666)], at=AT),
    )

    async with db.transaction() as tx:
        now = await ledger.trial_balance(tx)
        later = await ledger.trial_balance(tx, as_of=AT)

    assert now.balanced
    assert {code: total.difference for code, total in now.totals.items()} == {"CRD": 0, "EUR": 0}
    assert [(each.code, each.amount) for each in now.accounts] == [
        ("credits:issuer", -220),
        ("deferred:EUR", 8_334),
        ("gateway:stripe:clearing:EUR", 10_000),
        ("revenue:credits:EUR", 1_666),
        ("wallet:*", 220),
    ]
    assert now.accounts == later.accounts


async def test_the_trial_balance_of_a_moment_holds_what_had_happened_by_then(db: Database) -> None:
    await post(db, captured(1, at=AT), captured(20, at=AT + DAY))
    await post(db, captured(300, at=AT - DAY))

    async with db.transaction() as tx:
        seen = [
            (await ledger.trial_balance(tx, as_of=moment)).totals
            for moment in (AT - 2 * DAY, AT - DAY, AT - timedelta(microseconds=1), AT, AT + DAY)
        ]

    assert [totals["EUR"].debits if totals else 0 for totals in seen] == [0, 300, 300, 301, 321]


async def test_a_trial_balance_shows_books_that_do_not_balance(db: Database, owner_url: str) -> None:
    await post(db, captured(100))
    owner = await Database.connect(owner_url)
    async with owner.transaction() as tx:
        await tx.execute("UPDATE balance SET debits = debits + 1 WHERE account_id = 1")
    await owner.close()

    async with db.transaction() as tx:
        found = await ledger.trial_balance(tx)

    assert not found.balanced
    assert found.totals["EUR"].difference == 1


async def test_accounts_are_listed_by_code_in_pages(db: Database) -> None:
    await post(db, captured(5), recipes.grant(ids.new(), user=ids.new(), units=1, at=AT))

    async with db.transaction() as tx:
        first = await ledger.accounts(tx, limit=2)
        rest = await ledger.accounts(tx, after=first[-1].code)
        own = await ledger.accounts(tx, prefix="gateway:")

    assert [each.code.split(":")[0] for each in first + rest] == ["credits", "deferred", "gateway", "wallet"]
    assert [(each.code, each.amount) for each in own] == [(CLEARING.code, 5)]


steps = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 10**12), st.booleans()), min_size=1, max_size=12
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(steps, min_size=1, max_size=4), replay=st.booleans())
async def test_random_journals_keep_every_sum_zero_and_every_balance_true(
    db: Database, batches: list[list[tuple[int, int, int, bool]]], *, replay: bool
) -> None:
    run = ids.new()
    accounts = [
        ledger.Account(f"try:{run}:{number}", "TRY", ledger.AccountClass.UNIT, deferred=number % 2 == 0)
        for number in range(6)
    ]
    expected: Counter[str] = Counter()
    for batch in batches:
        journals = [_journal(accounts, *step) for step in batch if step[0] != step[1]]
        await post(db, *journals, *journals[: len(journals) // 2])
        if replay:
            await post(db, *reversed(journals))
        for posting in (posting for journal in journals for posting in journal.postings):
            expected[posting.debit.code] -= posting.amount
            expected[posting.credit.code] += posting.amount
        async with db.transaction() as tx:
            await ledger.roll(tx, 3)

    async with db.transaction() as tx:
        found = await ledger.balances(tx, [each.code for each in accounts])
        assert {code: each.amount for code, each in found.items()} == dict(expected)
        assert sum(each.amount for each in found.values()) == 0
        assert await ledger.check(tx) == []


def _journal(accounts: list[ledger.Account], debit: int, credit: int, amount: int, doubled: bool) -> ledger.Journal:  # noqa: FBT001 (Hypothesis passes a tuple)
    posting = ledger.Posting(accounts[debit], accounts[credit], amount)
    return ledger.Journal("try", str(UUID(int=ids.new().int)), "move", (posting,) * (1 + doubled), AT)
