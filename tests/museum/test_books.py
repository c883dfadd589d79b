"""Public incidents with bookkeeping, re-enacted; `patches/` holds for each test the edit that brings its bug back."""

import asyncio
from uuid import UUID

import asyncpg
from tests.flows.locks import held_up
from tests.ledger.test_posting import captured, count, faults, post

from tillkeeper import ledger
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Database


async def test_a_fact_that_two_book_at_the_same_moment_is_in_the_books_once(db: Database, owner_url: str) -> None:
    """Re-enact OwnPay#180: both looked for the entry, neither found it, and no unique key kept the second one out."""
    fact, owner = captured(ids.new()), await asyncpg.connect(owner_url)
    await post(db, captured(ids.new()))  # so that there is no account to be opened, which only one of them can do
    is_posted, is_seen = asyncio.Event(), asyncio.Event()

    async def post_slowly() -> dict[ledger.Key, UUID]:
        async with db.transaction() as tx:
            made = await ledger.post(tx, [fact])
            is_posted.set()
            await is_seen.wait()
        return made

    first = asyncio.create_task(post_slowly())
    await is_posted.wait()
    second = asyncio.create_task(post(db, fact))
    await held_up(owner, second)
    is_seen.set()

    assert [len(await task) for task in (first, second)] == [1, 0]
    assert await count(db, "journal") == await count(db, "posting") == 2
    assert await faults(db) == []
    await owner.close()
