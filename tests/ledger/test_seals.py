"""Seals show every kind of rewriting, and name the first entry that is not what it was."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tillkeeper import ledger
from tillkeeper.facts import Earned
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Database
from tillkeeper.ledger import recipes, seals
from tillkeeper.ledger.seals import store
from tillkeeper.ops.embedded_postgres import SUPERUSER, Databases

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
GUARDS_OFF = "SET session_replication_role = replica"
"""What a superuser does to work without triggers and without foreign keys."""


@pytest.fixture
async def superuser(databases: Databases, database: str) -> AsyncIterator[asyncpg.Connection]:
    """Connect as somebody who may do anything, with every guard off."""
    connection = await asyncpg.connect(databases._url(SUPERUSER, database))
    await connection.execute(GUARDS_OFF)
    yield connection
    await connection.close()


def captured(amount: int = 900) -> ledger.Journal:
    """Book a capture on Stripe."""
    return recipes.capture(ids.new(), gateway="stripe", currency="EUR", amount=amount, credits_to="deferred", at=AT)


async def post(db: Database, *journals: ledger.Journal) -> list[UUID]:
    """Post in a transaction of its own; return the ids in the order in which they are sealed."""
    async with db.transaction() as tx:
        return sorted((await ledger.post(tx, journals)).values())


async def seal(db: Database, limit: int = 1_000) -> ledger.Seal | None:
    """Seal one block."""
    async with db.transaction() as tx:
        return await seals.seal(tx, limit)


async def verify(db: Database, *, recent: bool = False) -> list[str]:
    """Prove the chain."""
    async with db.transaction() as tx:
        return await seals.verify(tx, recent=recent)


async def three_blocks(db: Database) -> list[list[UUID]]:
    """Seal three blocks of three journals each."""
    blocks = []
    for _ in range(3):
        user = ids.new()
        earned = [Earned(currency="EUR", amount=7)]
        grant = recipes.grant(ids.new(), user=user, units=100, at=AT)
        spend = recipes.spend(ids.new(), user=user, units=10, earned=earned, at=AT)
        blocks.append(await post(db, captured(), grant, spend))
        await seal(db)
    return blocks


def microseconds(moment: datetime) -> int:
    """Count microseconds since 1970."""
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def sha256(*values: Any) -> bytes:
    """Digest values as docs/ledger.md says."""
    return hashlib.sha256(json.dumps(values, ensure_ascii=False).encode()).digest()


async def test_anybody_can_prove_the_chain_without_this_program(db: Database, owner: asyncpg.Connection) -> None:
    await three_blocks(db)
    previous = b""

    for block in await owner.fetch("SELECT * FROM seal ORDER BY number"):
        assert block["previous"] == previous
        for id_, digest in zip(block["journals"], block["digests"], strict=True):
            journal = await owner.fetchrow("SELECT * FROM journal WHERE id = $1", id_)
            assert journal
            moves = await owner.fetch(
                "SELECT posting.id, debit.code, credit.code, posting.currency, amount FROM posting "
                "JOIN account AS debit ON debit.id = debit_id JOIN account AS credit ON credit.id = credit_id "
                "WHERE journal_id = $1 ORDER BY posting.id",
                id_,
            )
            assert digest == sha256(
                *(str(id_), journal["source"], journal["source_id"], journal["kind"], journal["payload_sha"].hex()),
                *(microseconds(journal["effective_at"]), microseconds(journal["recorded_at"])),
                *(journal["correlation_id"], [list(move.values()) for move in moves]),
            )
        entries = [[str(id_), digest.hex()] for id_, digest in zip(block["journals"], block["digests"], strict=True)]
        assert block["hash"] == sha256(
            block["number"], block["previous"].hex(), microseconds(block["sealed_at"]), entries
        )
        previous = block["hash"]
    assert block["number"] == 3


async def test_each_journal_is_sealed_once_and_then_nothing_waits(db: Database, owner: asyncpg.Connection) -> None:
    blocks = await three_blocks(db)

    assert await seal(db) is None
    assert await owner.fetchval("SELECT count(*) FROM unsealed") == 0
    sealed = await owner.fetch("SELECT unnest(journals) AS id FROM seal")
    assert sorted(row["id"] for row in sealed) == sorted(id_ for block in blocks for id_ in block)
    assert await verify(db) == []


async def test_a_block_takes_whole_batches_up_to_its_size(db: Database) -> None:
    for size in (3, 3, 3, 1):
        await post(db, *(captured() for _ in range(size)))

    made = [await seal(db, 4) for _ in range(3)]

    assert [each and each.journals for each in made] == [6, 4, None]
    assert await verify(db) == []


async def test_a_batch_larger_than_a_block_is_sealed_all_the_same(db: Database) -> None:
    await post(db, *(captured() for _ in range(10)))

    made = await seal(db, 4)

    assert made
    assert made.journals == 10


async def test_a_replayed_fact_is_not_sealed_again(db: Database) -> None:
    fact = captured()
    await post(db, fact)
    await seal(db)
    await post(db, fact)
    await post(db, fact, captured())

    made = await seal(db)

    assert made
    assert made.journals == 1
    assert await verify(db) == []


async def test_sealers_at_once_make_one_chain_while_others_post(wide: Database) -> None:
    async def write() -> None:
        for _ in range(15):
            await post(wide, captured(), captured())

    async def seal_often() -> int:
        return sum([made.journals for _ in range(15) if (made := await seal(wide, 7))])

    sealed = await asyncio.gather(*(seal_often() for _ in range(4)), *(write() for _ in range(4)))
    total = sum(each or 0 for each in sealed)
    while made := await seal(wide, 7):
        total += made.journals

    assert total == 4 * 15 * 2
    assert await verify(wide) == []
    async with wide.transaction() as tx:
        assert await ledger.check(tx) == []


async def test_who_posts_does_not_wait_for_the_sealer(db: Database, wide: Database, owner: asyncpg.Connection) -> None:
    await post(db, captured())
    async with owner.transaction():
        assert await owner.fetchval("SELECT sealed_number FROM ledger_seal(10)") == 1
        assert await asyncio.wait_for(post(wide, captured()), timeout=5)
    assert await verify(db) == []


MOVE = "journal_id, debit_id, credit_id, currency, effective_at"
SAME = "source, source_id, payload_sha, effective_at"
FACT = f"id, kind, {SAME}"
SECOND = "(SELECT journals[1] FROM seal WHERE number = 2)"
REHASH = "hash = ledger_seal_hash(number, previous, sealed_at, journals, digests)"


@pytest.mark.parametrize(
    ("tampering", "first"),
    [
        (f"UPDATE posting SET amount = amount + 1 WHERE journal_id = {SECOND}", "Seal 2, entry 1: "),
        (
            f"UPDATE posting SET debit_id = credit_id, credit_id = debit_id WHERE journal_id = {SECOND}",
            "Seal 2, entry 1: ",
        ),
        (f"DELETE FROM posting WHERE journal_id = {SECOND}", "Seal 2, entry 1: "),
        (f"INSERT INTO posting ({MOVE}, amount) SELECT {MOVE}, 1 FROM posting WHERE journal_id = {SECOND}",
         "Seal 2, entry 1: "),
        (f"UPDATE journal SET effective_at = now() WHERE id = {SECOND}", "Seal 2, entry 1: "),
        (f"UPDATE journal SET recorded_at = now() WHERE id = {SECOND}", "Seal 2, entry 1: "),
        (f"UPDATE journal SET source_id = 'mine' WHERE id = {SECOND}", "Seal 2, entry 1: "),
        (f"UPDATE journal SET payload_sha = 'x' WHERE id = {SECOND}", "Seal 2, entry 1: "),
        (f"DELETE FROM journal WHERE id = {SECOND}", "Seal 2, entry 1: "),
        ("UPDATE account SET code = 'gateway:mine:clearing:EUR' WHERE code LIKE 'gateway:%'", "Seal 1, entry "),
        (f"INSERT INTO journal ({FACT}) SELECT gen_random_uuid(), 'mine', {SAME} FROM journal WHERE id = {SECOND}",
         "stands in no seal and does not wait for one"),
        ("UPDATE seal SET journals = journals[2:] || journals[1], digests = digests[2:] || digests[1] WHERE number = 2",
         "Seal 2 was changed"),
        ("UPDATE seal SET digests[1] = 'x' WHERE number = 2", "Seal 2 was changed"),
        ("UPDATE seal SET sealed_at = now() WHERE number = 2", "Seal 2 was changed"),
        ("UPDATE seal SET hash = 'x' WHERE number = 2", "Seal 2 was changed"),
        ("UPDATE seal SET previous = 'x' WHERE number = 2", "Seal 2 does not follow seal 1"),
        (f"UPDATE seal SET sealed_at = now() WHERE number = 2; UPDATE seal SET {REHASH} WHERE number = 2",
         "Seal 3 does not follow seal 2"),
        ("UPDATE seal SET number = 5 - number WHERE number IN (2, 3)", "Seal 2 does not follow seal 1"),
        ("DELETE FROM seal WHERE number = 2", "Seal 2 is gone"),
        ("DELETE FROM seal WHERE number = 3", "stands in no seal and does not wait for one"),
    ],
)  # fmt: skip
async def test_tampering_is_found_and_its_first_entry_named_also_with_the_triggers_off(
    db: Database, superuser: asyncpg.Connection, tampering: str, first: str
) -> None:
    await three_blocks(db)
    assert await verify(db) == []
    await superuser.execute("ALTER TABLE seal DROP CONSTRAINT seal_pkey")  # two numbers change places in one statement
    await superuser.execute(f"BEGIN; {tampering}; COMMIT")

    found = await verify(db)

    assert found
    assert first in found[0], found
    assert "/" not in found[0]


async def test_a_journal_that_was_changed_is_named_by_its_fact(db: Database, superuser: asyncpg.Connection) -> None:
    fact = captured()
    [id_] = await post(db, fact)
    await seal(db)
    await superuser.execute("UPDATE posting SET amount = amount + 1")

    assert await verify(db) == [
        f"Seal 1, entry 1: journal {id_} (payment {fact.source_id} capture) is not what was sealed."
    ]
    assert await verify(db, recent=True) == await verify(db)


async def test_a_journal_that_goes_before_it_is_sealed_is_missed(db: Database, superuser: asyncpg.Connection) -> None:
    [id_] = await post(db, captured())
    await superuser.execute("DELETE FROM journal; DELETE FROM posting")

    assert await verify(db) == [f"Journal {id_} waits to be sealed and is gone."]
    await seal(db)
    assert await verify(db) == [f"Seal 1, entry 1: journal {id_} is gone."]


async def test_of_very_many_bad_entries_the_first_are_named(db: Database, superuser: asyncpg.Connection) -> None:
    await post(db, *(captured() for _ in range(50)))
    await seal(db)
    await superuser.execute("UPDATE posting SET amount = amount + 1")

    found = await verify(db)

    assert len(found) == 21
    assert found[0].startswith("Seal 1, entry 1: ")
    assert "stopped here" in found[-1]


async def test_a_seal_cannot_be_rewritten_by_the_owner_while_triggers_are_on(owner: asyncpg.Connection) -> None:
    for statement in ("UPDATE seal SET hash = 'x'", "DELETE FROM seal", "TRUNCATE seal"):
        with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
            await owner.execute(statement)


async def test_a_chain_that_was_written_anew_from_the_start_differs_from_a_seal_that_was_kept(
    db: Database, superuser: asyncpg.Connection
) -> None:
    await three_blocks(db)
    async with db.transaction() as tx:
        kept = await seals.last(tx)
    await superuser.execute("UPDATE posting SET amount = amount + 1")
    await superuser.execute(
        "INSERT INTO unsealed (journals) SELECT journals FROM seal WHERE number > 0 ORDER BY number"
    )
    await superuser.execute("DELETE FROM seal WHERE number > 0")
    while await seal(db):
        pass

    assert await verify(db) == []  # whoever may do anything can write everything anew
    async with db.transaction() as tx:
        assert (await seals.newest(tx, before=kept.number + 1, limit=1))[0] != kept


MANY = """
INSERT INTO journal (id, source, source_id, kind, payload_sha, effective_at)
SELECT gen_random_uuid(), 'payment', n::text, 'capture', sha256('x'), now() FROM generate_series(1, 20000) AS n;
INSERT INTO unsealed (journals) SELECT array_agg(id) FROM journal GROUP BY source_id::int % 200;
"""


async def test_many_journals_are_not_each_compared_with_each_that_is_known(superuser: asyncpg.Connection) -> None:
    await superuser.execute(MANY)
    await superuser.execute("ANALYZE journal, unsealed, seal")
    # As PostgreSQL plans for very many: several look at once, and their number is then taken for that of the rows.
    for setting in ("min_parallel_table_scan_size", "parallel_setup_cost", "parallel_tuple_cost"):
        await superuser.execute(f"SET {setting} = 0")
    plan = "\n".join(row[0] for row in await superuser.fetch(f"EXPLAIN {store.OUTSIDE}"))
    assert "Anti Join" in plan
    assert "Nested Loop" not in plan
