"""The ground that the tests stand on: databases of their own, no strangers, async without ceremony."""

import asyncio
import socket

import asyncpg
import pytest

from tillkeeper.kernel.db import Database
from tillkeeper.ops import migrations
from tillkeeper.ops.embedded_postgres import APP_ROLE


@pytest.mark.parametrize("turn", [1, 2])
async def test_each_test_has_a_database_of_its_own(owner_url: str, turn: int) -> None:
    connection = await asyncpg.connect(owner_url)
    await connection.execute("CREATE TABLE only_mine (turn int)")  # fails in turn 2 if it were the same database
    await connection.execute("INSERT INTO only_mine VALUES ($1)", turn)
    await connection.close()


async def test_the_application_is_connected_under_its_own_role(db: Database) -> None:
    async with db.transaction() as tx:
        assert await tx.fetchval("SELECT current_user") == APP_ROLE


async def test_an_async_test_runs_in_a_loop_without_any_mark() -> None:
    assert asyncio.get_running_loop().is_running()


def test_the_templates_migrations_are_complete(owner_url: str) -> None:
    assert migrations.pending(owner_url) == []


def test_the_tables_in_code_are_the_tables_in_the_database(owner_url: str) -> None:
    assert migrations.differences(owner_url) == []


def test_a_test_cannot_reach_another_machine() -> None:
    with socket.socket() as stranger, pytest.raises(AssertionError, match="this machine only"):
        stranger.connect(("192.0.2.1", 80))


def test_a_test_cannot_look_up_a_name() -> None:
    with pytest.raises(AssertionError, match="this machine only"):
        socket.getaddrinfo("stranger.example", 80)


async def test_the_loop_cannot_reach_another_machine_either() -> None:
    with pytest.raises(AssertionError, match="this machine only"):
        await asyncio.open_connection("192.0.2.1", 80)


def test_a_test_may_talk_to_this_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
