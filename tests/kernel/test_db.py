"""The database's pool: every wait has an end."""

import asyncio
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from tillkeeper.kernel import db as database
from tillkeeper.kernel.db import Database, DatabaseRefusedError
from tillkeeper.kernel.errors import DatabaseUnavailableError


async def test_a_request_that_gets_no_connection_is_told_to_come_back(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "acquire_timeout_seconds", 1)
    pool = await Database.connect(database_url, connections=1)
    held, let_go = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with pool.transaction():
            held.set()
            await let_go.wait()

    holding = asyncio.create_task(hold())
    await held.wait()
    with pytest.raises(DatabaseUnavailableError):
        async with pool.transaction():
            pytest.fail("there was no connection to be had")
    let_go.set()
    await holding
    await pool.close()


async def test_whoever_postgresql_does_not_let_in_hears_why_and_what_to_do(database_url: str) -> None:
    parts = urlsplit(database_url)
    stranger = parts._replace(netloc=f"a_stranger@{parts.netloc.rpartition('@')[2]}").geturl()
    with pytest.raises(DatabaseRefusedError, match='"a_stranger"') as refused:
        await Database.connect(stranger)
    assert "pg_hba.conf" in refused.value.next_step


async def test_half_of_the_connections_are_for_those_who_begin(database_url: str) -> None:
    pool = await Database.connect(database_url, connections=4)
    leave, inside = asyncio.Event(), 0

    async def begin() -> None:
        nonlocal inside
        async with pool.entrance():
            inside += 1
            await leave.wait()

    begun = [asyncio.create_task(begin()) for _ in range(3)]
    await asyncio.sleep(0)
    assert inside == 2
    leave.set()
    await asyncio.gather(*begun)
    assert inside == 3
    await pool.close()


async def test_who_waits_at_the_entrance_for_too_long_is_told_to_come_back(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "entrance_timeout_seconds", 0.05)
    pool = await Database.connect(database_url, connections=2)
    async with pool.entrance():
        with pytest.raises(DatabaseUnavailableError):
            async with pool.entrance():
                pytest.fail("there was no place")
    async with pool.entrance():
        pass  # whoever gave up has left nothing behind
    await pool.close()


async def test_a_statement_that_hangs_is_ended_and_called_unavailable(db: Database) -> None:
    with pytest.raises(DatabaseUnavailableError):
        await _sleep(db)


async def _sleep(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.execute("SET LOCAL statement_timeout = '200ms'")
        await tx.execute("SELECT pg_sleep(5)")


async def test_transactions_do_not_nest(db: Database) -> None:
    async with db.transaction():
        with pytest.raises(AssertionError, match="do not nest"):
            async with db.transaction():
                pytest.fail("it nested")


async def test_who_writes_where_only_reading_is_allowed_is_told_so(db: Database) -> None:
    with pytest.raises(DatabaseUnavailableError, match="takes no writes"):
        async with db.transaction(read_only=True) as tx:
            await tx.execute("DELETE FROM outbox_event")


async def test_a_connection_is_handed_on_without_what_the_last_transaction_set(database_url: str) -> None:
    pool = await Database.connect(database_url, connections=1)
    async with pool.transaction() as tx:
        await tx.execute("SET LOCAL lock_timeout = '1ms'")
        first = await tx.fetchval("SELECT pg_backend_pid()")
    async with pool.transaction() as tx:
        assert await tx.fetchval("SELECT pg_backend_pid()") == first
        assert await tx.fetchval("SHOW lock_timeout") == f"{database.lock_timeout_seconds}s"
    await pool.close()


async def test_arrays_of_every_container_that_is_sent_arrive_as_they_were(db: Database) -> None:
    async with db.transaction() as tx:
        for sent in (["a", "b"], ("a", "b"), {"a": 1, "b": 2}.keys() | set(), frozenset({"a", "b"})):
            assert sorted(await tx.fetchval("SELECT $1::text[]", sent)) == ["a", "b"]
        assert await tx.fetchval("SELECT $1::jsonb[]", [{"a": [1, 2]}, {}]) == [{"a": [1, 2]}, {}]


def test_asyncpg_still_keeps_its_test_for_containers_where_it_is_replaced() -> None:
    look = "from asyncpg.protocol import protocol; assert 'IterableABC' in vars(protocol)"
    subprocess.run([sys.executable, "-c", look], check=True)
