"""A streaming replica answers lists and reports while it has all that happened, and the database does whenever not."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx2
import pytest
from tests.crash.stage import DATABASE, Stage
from tests.hosts.standby import Standby

from tillkeeper.flows.maintain import maintain
from tillkeeper.flows.read import read, survey
from tillkeeper.kernel import clock
from tillkeeper.kernel import replica as replicas
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.ops import migrations
from tillkeeper.ops.embedded_postgres import APP_ROLE
from tillkeeper.settings import Settings
from tillkeeper.till import Till

at_once_ms_max = 1_500
back_seconds_max = replicas.rest_seconds + 5


@pytest.fixture(scope="module")
async def standby(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Stage, Standby]]:
    """Lend a server with its replica, and nothing else that runs."""
    stage = Stage(tmp_path_factory.mktemp("replicated"))
    standby = Standby(stage.postgres, DATABASE)
    try:
        await asyncio.to_thread(stage.postgres.start)
        stage.postgres.databases.create(DATABASE)
        await asyncio.to_thread(migrations.upgrade, stage.owner_url, app_role=APP_ROLE)
        await asyncio.to_thread(standby.copy)
        await standby.start()
        stage.environment["DATABASE_REPLICA_URL"] = standby.url
        yield stage, standby
    finally:
        standby.kill()
        await asyncio.to_thread(stage.close)


@pytest.fixture
async def till(standby: tuple[Stage, Standby]) -> AsyncIterator[Till]:
    environment = standby[0].environment
    opened = await Till.open(Settings.model_validate(environment), secrets=Secrets(environment))
    yield opened
    await opened.close()


@pytest.fixture
def copy(standby: tuple[Stage, Standby]) -> Standby:
    return standby[1]


async def follows(tx: Transaction) -> bool:
    """Tell whether it is a replica that is asked."""
    answer: bool = await tx.fetchval("SELECT pg_is_in_recovery()")
    return answer


async def comes_back(till: Till) -> int:
    """Wait until the replica is used again; return after how many milliseconds."""
    waited_ms = clock.timer_ms()
    while not await survey(till, follows):
        assert waited_ms() < back_seconds_max * 1000, till.replica and till.replica.trouble
        await asyncio.sleep(0.1)
    return waited_ms()


async def test_what_asks_about_much_is_read_from_the_replica_and_what_decides_is_not(till: Till) -> None:
    assert await survey(till, follows)
    assert not await read(till, follows)
    assert till.replica
    assert till.replica.trouble == ""


async def test_whoever_has_just_done_something_sees_it_there(till: Till) -> None:
    async def reason(tx: Transaction) -> tuple[bool, str]:
        return await follows(tx), await tx.fetchval("SELECT reason FROM maintenance")

    for number in range(30):
        await maintain(till, active=False, reason=f"change {number}")
        assert await survey(till, reason) == (True, f"change {number}")


async def test_a_replica_that_falls_behind_is_left_and_taken_up_again(till: Till, copy: Standby) -> None:
    async def reason(tx: Transaction) -> tuple[bool, str]:
        return await follows(tx), await tx.fetchval("SELECT reason FROM maintenance")

    await survey(till, follows)
    await copy.ask("SELECT pg_wal_replay_pause()")
    try:
        await maintain(till, active=False, reason="while it was paused")
        assert await survey(till, reason) == (False, "while it was paused")
        assert till.replica
        assert "behind" in till.replica.trouble
        read_ms = clock.timer_ms()
        assert not await survey(till, follows)
        assert read_ms() < replicas.catch_up_seconds * 1000, "it was asked again at once"
    finally:
        await copy.ask("SELECT pg_wal_replay_resume()")
    await comes_back(till)
    assert (await survey(till, reason), till.replica.trouble) == ((True, "while it was paused"), "")


async def test_a_dead_replica_costs_no_answer_and_comes_back(till: Till, copy: Standby) -> None:
    assert await survey(till, follows)
    copy.kill()
    try:
        read_ms = clock.timer_ms()
        assert not await survey(till, follows)
        assert read_ms() < at_once_ms_max
        assert till.replica
        assert "does not answer" in till.replica.trouble
    finally:
        await copy.start()
    await comes_back(till)


async def test_a_replica_that_dies_in_the_middle_of_an_answer_is_replaced_by_the_database(
    till: Till, copy: Standby
) -> None:
    asked = []

    async def ask(tx: Transaction) -> bool:
        asked.append(await follows(tx))
        if asked == [True]:
            copy.kill()
        return bool(await tx.fetchval("SELECT pg_is_in_recovery()"))

    try:
        assert await survey(till, ask) is False
    finally:
        await copy.start()
    assert asked == [True, False]
    await comes_back(till)


async def test_what_is_not_there_is_said_by_the_replica_and_not_asked_twice(till: Till) -> None:
    asked = []

    async def ask(tx: Transaction) -> None:
        asked.append(await follows(tx))
        raise NotFoundError

    with pytest.raises(NotFoundError):
        await survey(till, ask)
    assert asked == [True]


async def test_an_address_that_is_no_replica_is_never_used(standby: tuple[Stage, Standby]) -> None:
    environment = standby[0].environment | {"DATABASE_REPLICA_URL": standby[0].environment["DATABASE_URL"]}
    till = await Till.open(Settings.model_validate(environment), secrets=Secrets(environment))
    try:
        assert not await survey(till, follows)
        assert till.replica
        assert "follows nobody" in till.replica.trouble
    finally:
        await till.close()


@pytest.mark.timeout(120)
async def test_lists_of_the_api_are_read_from_the_replica_and_the_health_page_says_so(
    standby: tuple[Stage, Standby],
) -> None:
    stage, copy = standby
    stage.key = json.loads(stage.run("keys", "create", "replica", "--scopes", "admin", "--json").stdout)["key"]
    member = json.loads(stage.run("users", "create", "ada@example.com", "--role", "admin", "--json").stdout)
    stage.start("api")
    await stage.await_up(f"{stage.api}/ready")
    async with httpx2.AsyncClient(trust_env=False, timeout=30, base_url=stage.api) as http:
        bearer = {"Authorization": f"Bearer {stage.key}"}
        assert (await http.get("/api/v1/payments", headers=bearer)).json()["data"] == []
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tillkeeper' AND query <> ''"
        assert await copy.ask(sessions), "somebody of ours has asked there"
        begun = await http.post("/api/v1/session", json={"email": "ada@example.com", "password": member["password"]})
        assert begun.status_code == 201, begun.text
        assert "Lists and reports are read from it" in (await http.get("/admin/health")).text
        copy.kill()
        try:
            page = (await http.get("/admin/health")).text
        finally:
            await copy.start()
        assert "It is not used: it does not answer" in page
        assert (await http.get("/api/v1/payments", headers=bearer)).status_code == 200
