"""A question is answered from one moment, and changes nothing."""

from typing import Any

import asyncpg
import pytest

from tillkeeper.flows.read import read
from tillkeeper.kernel.db import Transaction


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

    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await read(shop.till, write)
