"""Large books are proved from end to end, and the first bad entry in them is named.

20,000 journals in every run; a million with TILL_TEST_FULL=1.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from tillkeeper import ledger
from tillkeeper.facts import Earned
from tillkeeper.kernel import clock, ids
from tillkeeper.kernel.db import Database
from tillkeeper.ledger import recipes, seals
from tillkeeper.ops.embedded_postgres import SUPERUSER, Databases

journals = 1_000_000 if os.environ.get("TILL_TEST_FULL") else 20_000
journals_a_payment = 4
users = 5_000
payments_a_batch = 500
block = 1_000
minutes_max = 60
AT = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 90


def life(payment: UUID, user: UUID, at: datetime) -> list[ledger.Journal]:
    """Book a purchase of 100 credits for 10.00 and a spend of 40 of them."""
    return [
        recipes.capture(payment, gateway="stripe", currency="EUR", amount=1_000, credits_to="deferred", at=at),
        recipes.fee(payment, gateway="stripe", currency="EUR", amount=59, at=at),
        recipes.grant(payment, user=user, units=100, at=at),
        recipes.spend(ids.new(), user=user, units=40, earned=[Earned(currency="EUR", amount=400)], at=at),
    ]


async def fill(db: Database) -> None:
    """Write the books over as many days, oldest facts first."""
    people = [ids.new() for _ in range(users)]
    payments = journals // journals_a_payment
    for start in range(0, payments, payments_a_batch):
        at = AT + timedelta(days=DAYS) * start / payments
        batch = [
            journal
            for number in range(start, min(start + payments_a_batch, payments))
            for journal in life(ids.new(), people[number % users], at)
        ]
        async with db.transaction() as tx:
            await ledger.post(tx, batch)
            await ledger.roll(tx)


class Laps:
    """Note how long each part took."""

    def __init__(self) -> None:
        self.took: dict[str, int] = {}
        self.start()

    def start(self) -> None:
        """Start anew, leaving out what came since."""
        self.read_ms = clock.timer_ms()

    def __call__(self, what: str) -> None:
        """Note a part and start the next."""
        self.took[what] = self.read_ms()
        self.start()

    def __str__(self) -> str:
        return ", ".join(f"{what} in {ms / 1000:,.1f} s" for what, ms in self.took.items())


@pytest.mark.timeout(minutes_max * 60)
async def test_large_books_add_up_and_every_seal_of_them_holds_until_one_amount_is_changed(
    db: Database, databases: Databases, database: str, tell: Callable[[str], None]
) -> None:
    lap = Laps()
    await fill(db)
    lap("posted")
    while True:
        async with db.transaction() as tx:
            if await seals.seal(tx, block) is None:
                break
    lap("sealed")
    superuser = await asyncpg.connect(databases._url(SUPERUSER, database))
    await superuser.execute("VACUUM ANALYZE")
    lap.start()

    async with db.transaction(read_only=True) as tx:
        assert await ledger.check(tx) == []
    lap("sums proved")
    async with db.transaction(read_only=True) as tx:
        assert await seals.verify(tx) == []
        assert await seals.count(tx) == (journals, 0)
        head = await seals.last(tx)
    lap("seals proved")
    payments = journals // journals_a_payment
    async with db.transaction(read_only=True) as tx:
        balance = await ledger.trial_balance(tx, as_of=AT + timedelta(days=DAYS))
    lap("balance of a past moment")
    async with db.transaction(read_only=True) as tx:
        page = await ledger.statement(
            tx, "gateway:stripe:clearing:EUR", as_of=AT + timedelta(days=DAYS // 2), limit=100
        )
    lap("page of a statement")
    stands = {each.code: each.amount for each in balance.accounts}
    assert stands == {
        "gateway:stripe:clearing:EUR": payments * 941,
        "fees:stripe:processing:EUR": payments * 59,
        "deferred:EUR": payments * 600,
        "revenue:credits:EUR": payments * 400,
        "wallet:*": payments * 60,
        "credits:issuer": -payments * 60,
    }
    assert page.entries[0].balance == page.below.balance + sum(each.debit - each.credit for each in page.entries)

    await superuser.execute("SET session_replication_role = replica")
    middle = head.number // 2
    changed = await superuser.fetchval("SELECT journals[7] FROM seal WHERE number = $1", middle)
    await superuser.execute("UPDATE posting SET amount = amount + 1 WHERE journal_id = $1", changed)
    lap.start()
    async with db.transaction(read_only=True) as tx:
        found = await seals.verify(tx)
    lap("changed amount found")
    await superuser.close()

    assert [sentence.split("(")[0] for sentence in found] == [f"Seal {middle}, entry 7: journal {changed} "]
    tell(f"{journals:,} journals, {head.number:,} seals: {lap}")
