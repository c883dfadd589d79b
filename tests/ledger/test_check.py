"""The proof of the books finds every kind of damage, and says where it is."""

from datetime import UTC, datetime

import asyncpg
import pytest

from tillkeeper import ledger
from tillkeeper.kernel import db as database
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Database
from tillkeeper.ledger import chart, recipes, seals, store

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
GUARDS_OFF = """
    ALTER TABLE journal DISABLE TRIGGER journal_append_only;
    ALTER TABLE posting DISABLE TRIGGER posting_append_only;
    ALTER TABLE account DISABLE TRIGGER account_append_only;
    ALTER TABLE posting DISABLE TRIGGER posting_references_insert, DISABLE TRIGGER posting_references_update;
    ALTER TABLE posting DROP CONSTRAINT posting_amount_check, DROP CONSTRAINT posting_sides_check;
    ALTER TABLE balance_delta DROP CONSTRAINT balance_delta_account_id_fkey;
    ALTER TABLE balance DROP CONSTRAINT balance_guarded_check;
    ALTER TABLE balance_daily DROP CONSTRAINT balance_daily_debits_check;
"""
EUR = "(SELECT id FROM account WHERE code = 'gateway:stripe:clearing:EUR')"
WALLET = "(SELECT id FROM account WHERE code LIKE 'wallet:%')"
COLUMNS = "journal_id, debit_id, credit_id, currency, amount, effective_at"
SIDES = "account_id, debits, credits"
A_CAPTURE = f"(SELECT min(id) FROM posting WHERE debit_id = {EUR})"


async def sound(db: Database) -> None:
    """Write sound books."""
    user, payment = ids.new(), ids.new()
    async with db.transaction() as tx:
        await ledger.post(
            tx,
            [
                recipes.capture(payment, gateway="stripe", currency="EUR", amount=900, credits_to="deferred", at=AT),
                recipes.capture(ids.new(), gateway="stripe", currency="EUR", amount=500, credits_to="other", at=AT),
                recipes.fee(payment, gateway="stripe", currency="EUR", amount=30, at=AT),
                recipes.grant(payment, user=user, units=100, at=AT),
            ],
        )
    async with db.transaction() as tx:
        await ledger.roll(tx, 2)
        await seals.seal(tx, 10)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("DELETE FROM posting WHERE id = " + A_CAPTURE, "has no postings"),
        ("DELETE FROM posting WHERE id = " + A_CAPTURE, "Account gateway:stripe:clearing:EUR shows 1400 debits"),
        ("UPDATE posting SET amount = amount + 1 WHERE id = " + A_CAPTURE, "no longer has the postings"),
        ("UPDATE posting SET amount = amount + 1 WHERE id = " + A_CAPTURE, "its postings make 1401"),
        ("UPDATE posting SET debit_id = credit_id, credit_id = debit_id", "no longer has the postings"),
        ("UPDATE journal SET payload_sha = sha256('x') WHERE kind = 'fee'", " fee) no longer has the postings"),
        (f"INSERT INTO posting ({COLUMNS}) SELECT {COLUMNS} FROM posting", "no longer has the postings"),
        ("DELETE FROM journal WHERE kind = 'grant'", "which does not exist"),
        ("UPDATE posting SET currency = 'USD' WHERE id = " + A_CAPTURE, "no such account in that currency"),
        ("UPDATE posting SET credit_id = 999 WHERE id = " + A_CAPTURE, "names account 999 in EUR"),
        ("UPDATE posting SET amount = -amount WHERE id = " + A_CAPTURE, "which moves nothing"),
        ("UPDATE posting SET credit_id = debit_id WHERE id = " + A_CAPTURE, "which moves nothing"),
        ("DELETE FROM balance WHERE account_id = " + EUR, "Account gateway:stripe:clearing:EUR has no balance row"),
        ("UPDATE balance SET credits = credits + 1 WHERE account_id = " + WALLET, "shows 0 debits, 101 credits"),
        ("UPDATE balance SET guarded = false", "is marked guarded=True and its balance guarded=False"),
        ("UPDATE balance SET debits = 101 WHERE account_id = " + WALLET, "is guarded and stands at -1"),
        ("UPDATE balance SET held = 101 WHERE account_id = " + WALLET, "is guarded and stands at -1"),
        ("DELETE FROM balance_delta", "its postings make"),
        (f"INSERT INTO balance_delta ({SIDES}) SELECT {SIDES} FROM balance_delta", "its postings make"),
        (f"INSERT INTO balance_delta ({SIDES}) VALUES ({WALLET}, 0, 0)", "has turnover waiting although"),
        (f"INSERT INTO balance_delta ({SIDES}) VALUES (999, 7, 0)", "Account number 999 shows"),
        ("UPDATE posting SET effective_at = effective_at + interval '1 day'", "is dated 2026-11-21"),
        ("UPDATE balance_daily SET debits = 1 WHERE heading = 'wallet:*'", "The day 2026-11-20 shows 1 debits, 100 cr"),
        ("DELETE FROM balance_daily WHERE heading = 'wallet:*'", "shows 0 debits, 0 credits of wallet:*"),
        ("UPDATE balance_daily SET day = '2026-11-01'", "`till ledger recount 2026-11-01`"),
    ],
)
async def test_planted_damage_is_found_and_named(
    db: Database, owner: asyncpg.Connection, damage: str, sentence: str
) -> None:
    await sound(db)
    async with db.transaction() as tx:
        assert await ledger.check(tx) == []
    await owner.execute(GUARDS_OFF)

    await owner.execute(damage)

    async with db.transaction() as tx:
        found = await ledger.check(tx)
    assert any(sentence in each for each in found), found


async def test_the_proof_names_the_first_faults_and_counts_the_rest(db: Database, owner: asyncpg.Connection) -> None:
    users = [ids.new() for _ in range(25)]
    async with db.transaction() as tx:
        await ledger.post(tx, [recipes.grant(ids.new(), user=user, units=1, at=AT) for user in users])
    await owner.execute("UPDATE balance SET credits = 2 WHERE guarded")

    async with db.transaction() as tx:
        found = await ledger.check(tx)

    assert len(found) == 21
    assert min(chart.wallet(user).code for user in users) in found[0]
    assert found[-1] == "… and 5 more of this kind."


async def test_a_proof_may_take_longer_than_any_other_statement(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "statement_timeout_seconds", 1)
    monkeypatch.setattr(database, "connect_timeout_seconds", 2)
    impatient = await Database.connect(database_url, connections=1)
    slow = f"SELECT slept FROM (SELECT pg_sleep({1 + 2 + 1})::text AS slept) AS long WHERE slept <> ''"
    monkeypatch.setattr(store, "PROOFS", (("Slept{slept}.", slow),))

    async with impatient.transaction() as tx:
        found = await ledger.check(tx)
    await impatient.close()

    assert found == []
