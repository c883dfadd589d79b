"""A question is answered from one moment, and changes nothing."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tillkeeper import ledger
from tillkeeper.flows import read as reading
from tillkeeper.flows.read import read, read_settled
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import DatabaseUnavailableError, InvalidFieldError
from tillkeeper.ledger import BooksBusyError, recipes

pause_seconds = 0.3


async def test_a_question_sees_one_moment_although_others_write_meanwhile(shop: Any) -> None:
    async def count_twice(tx: Transaction) -> list[int]:
        first = await tx.fetchval("SELECT count(*) FROM end_user")
        await shop.owner.execute("INSERT INTO end_user (id, name) VALUES (gen_random_uuid(), 'new')")
        return [first, await tx.fetchval("SELECT count(*) FROM end_user")]

    assert await read(shop.till, count_twice) == [0, 0]
    assert await shop.count("end_user") == 1


async def test_a_question_cannot_write(shop: Any) -> None:
    async def write(tx: Transaction) -> int:
        return await tx.execute("INSERT INTO end_user (id, name) VALUES (gen_random_uuid(), 'new')")

    with pytest.raises(DatabaseUnavailableError, match="takes no writes"):
        await read(shop.till, write)


async def journals_before(shop: Any, moment: datetime | None = None) -> list[datetime]:
    """List when journals were recorded, as of a moment that is settled."""

    async def ask(tx: Transaction, cut: datetime) -> list[datetime]:
        rows = await tx.fetch("SELECT recorded_at FROM journal WHERE recorded_at < $1 ORDER BY id", cut)
        return [row["recorded_at"] for row in rows]

    return await read_settled(shop.till, ask, recorded_before=moment)


async def test_who_asks_about_a_moment_waits_for_journals_that_are_under_way(shop: Any) -> None:
    await shop.paid()
    writer = await asyncpg.connect(shop.till.settings.database_url)
    posting = writer.transaction()
    await posting.start()
    async with shop.till.db.transaction(read_only=True) as tx:
        before = await tx.fetchval("SELECT count(*) FROM journal")
    await ledger.post(Transaction(writer), [recipes.grant(ids.new(), user=ids.new(), units=1, at=shop.till.now())])

    asked = asyncio.create_task(journals_before(shop))
    await asyncio.sleep(pause_seconds)
    assert not asked.done()
    await posting.commit()
    await writer.close()

    assert len(await asked) == before + 1


async def test_what_is_asked_twice_of_one_moment_is_the_same_while_others_post(shop: Any) -> None:
    await shop.paid()
    now = await shop.owner.fetchval("SELECT clock_timestamp()")
    first = await journals_before(shop, now)
    await shop.paid(user="eve")

    assert await journals_before(shop, now) == first
    assert len(await journals_before(shop)) > len(first) > 0


async def test_a_moment_that_is_still_to_come_is_refused(shop: Any) -> None:
    with pytest.raises(InvalidFieldError, match="still to come"):
        await journals_before(shop, shop.till.now() + timedelta(hours=1))


async def test_who_waits_too_long_for_a_writer_is_told_to_ask_again(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "writers_looks_max", 2)
    async with shop.owner.transaction():
        await shop.owner.execute("LOCK TABLE journal IN ROW EXCLUSIVE MODE")
        with pytest.raises(BooksBusyError):
            await journals_before(shop)
