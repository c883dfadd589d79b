"""What preflight looks at is really asked: a PostgreSQL, a Redis, this machine; and the command tells it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from tests.brokers import Redis, redis_program
from tests.crash.stage import free_ports
from tests.ops.preflight.ground import ready

from tillkeeper.cli.preflight import FileNotWrittenError, show, verdict, write_junit
from tillkeeper.ops.embedded_postgres import APP_ROLE, OWNER_ROLE, Databases
from tillkeeper.ops.preflight import Looked, State, gather, judge
from tillkeeper.ops.preflight.broker import BrokerSilentError, ask
from tillkeeper.reports.readiness import REVISION

CHECKOUT = Path(__file__).parents[3]
KEY = "Qm3vZ8rT1yLk5WpXc9HnB2dFs7GjUaEo4iRt"


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, database_url: str) -> pytest.MonkeyPatch:
    """Be in a shell that has what every installation needs, and no gateway."""
    for name in ("CELERY_BROKER_URL", "REDIS_URL", "BACKUP_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("TILL_SECRET_KEY", KEY)
    monkeypatch.setenv("TILL_MODE", "sandbox")
    return monkeypatch


async def findings() -> dict[str, Looked]:
    return {each.finding.what: each for each in judge(await gather(CHECKOUT, production=True))}


async def test_the_database_of_the_demo_is_told_by_what_it_says_and_refused(shell: pytest.MonkeyPatch) -> None:
    del shell
    found = await findings()
    assert found["kind"].finding.state is State.PROBLEM
    assert {found[name].finding.state for name in ("fsync", "full_page_writes", "isolation", "role", "migrations")} == {
        State.OK
    }
    assert APP_ROLE in found["role"].finding.found


async def test_what_a_killed_drill_left_is_seen(
    shell: pytest.MonkeyPatch, owner_url: str, databases: Databases
) -> None:
    prefix = f"gathered_{os.getpid()}_"
    shell.setattr("tillkeeper.backups.SCRATCH", prefix)
    shell.setenv("DATABASE_OWNER_URL", owner_url)
    databases.create(f"{prefix}left")
    try:
        finding = (await findings())["left by drills"].finding
    finally:
        databases.drop(f"{prefix}left")
    assert (finding.state, f"{prefix}left" in finding.found) == (State.NOTE, True)


async def test_the_owner_of_the_tables_is_seen_as_such(shell: pytest.MonkeyPatch, owner_url: str) -> None:
    shell.setenv("DATABASE_URL", owner_url)
    finding = (await findings())["role"].finding
    assert (finding.state, OWNER_ROLE in finding.found) == (State.PROBLEM, True)


async def test_a_database_without_tables_lacks_its_migrations(shell: pytest.MonkeyPatch, databases: Databases) -> None:
    databases.create("empty_for_preflight")
    try:
        shell.setenv("DATABASE_URL", databases.app_url("empty_for_preflight"))
        assert (await findings())["migrations"].finding.state is State.PROBLEM
    finally:
        databases.drop("empty_for_preflight")


async def test_a_database_that_is_one_migration_behind_names_it(
    shell: pytest.MonkeyPatch, databases: Databases, database: str
) -> None:
    del shell
    databases.run("UPDATE alembic_version SET version_num = '0035'", database=database)
    try:
        assert REVISION in (await findings())["migrations"].finding.found
    finally:
        databases.run(f"UPDATE alembic_version SET version_num = '{REVISION}'", database=database)


async def test_a_setting_of_the_role_counts(shell: pytest.MonkeyPatch, databases: Databases, database: str) -> None:
    del shell
    databases.run(f"ALTER DATABASE {database} SET synchronous_commit = off", database=database)
    try:
        assert (await findings())["synchronous_commit"].finding.state is State.PROBLEM
    finally:
        databases.run(f"ALTER DATABASE {database} RESET synchronous_commit", database=database)


async def test_a_database_that_does_not_answer_is_one_problem_and_shows_no_password(shell: pytest.MonkeyPatch) -> None:
    shell.setenv("DATABASE_URL", "postgresql://till:hunter2hunter2@127.0.0.1:1/till")
    found = await findings()
    assert found["PostgreSQL"].finding.state is State.PROBLEM
    assert "fsync" not in found
    assert "hunter2" not in repr(found)


async def test_a_gateway_that_is_configured_in_part_is_named(shell: pytest.MonkeyPatch) -> None:
    shell.setenv("STRIPE_SECRET_KEY", "sk_test_" + "51HqLyjWDarjtT1zdp7dc")
    assert "STRIPE_WEBHOOK_SECRET" in (await findings())["gateways"].finding.found


async def test_a_redis_says_what_is_judged(shell: pytest.MonkeyPatch) -> None:
    if redis_program() is None:
        pytest.skip("no Redis is here")
    server = Redis()
    server.start()
    try:
        shell.setenv("REDIS_URL", server.url)
        found = await findings()
    finally:
        server.kill()
    told = {what: each.finding.state for what, each in found.items() if what == "broker" or what.startswith("Redis")}
    assert told == {
        "broker": State.OK,
        "Redis memory policy": State.OK,
        "Redis memory": State.NOTE,
        "Redis persistence": State.OK,
        "Redis replication": State.OK,
    }


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_is_away_says_so_within_seconds_and_without_its_password(scheme: str) -> None:
    [port] = free_ports(1)
    with pytest.raises(BrokerSilentError) as caught:
        ask(f"{scheme}://user:hunter2hunter2@127.0.0.1:{port}//", seconds=2)
    assert "hunter2" not in caught.value.detail


def preflight(database_url: str, *words: str) -> subprocess.CompletedProcess[str]:
    ours = {"DATABASE_URL": database_url, "TILL_SECRET_KEY": KEY, "TILL_MODE": "sandbox"}
    command = [sys.executable, "-m", "tillkeeper", "preflight", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | ours)


def test_no_go_ends_with_4_and_tells_programs_and_continuous_integration_the_same(
    database_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "preflight.xml"
    answer = preflight(database_url, "--json", "--junit", str(file))
    said = json.loads(answer.stdout)
    suite = ET.parse(file).getroot()  # noqa: S314 (written just above)
    failed = {case.get("name") for case in suite if case.find("failure") is not None}
    assert (answer.returncode, said["verdict"]) == (4, "no_go")
    assert failed == {each["what"] for each in said["findings"] if each["state"] == "problem"}
    assert int(suite.get("tests", "0")) == len(said["findings"])


def test_a_report_that_cannot_be_written_is_said() -> None:
    with pytest.raises(FileNotWrittenError, match="/nowhere"):
        write_junit(Path("/nowhere/preflight.xml"), judge(ready()))


def test_people_read_go_or_no_go_at_the_end_and_each_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    found = judge(ready(uid=0))
    show(found)
    assert "fix:" in capsys.readouterr().out
    assert verdict(found).startswith("NO-GO: 1 to mend")
    assert verdict([each for each in found if each.finding.state is State.OK]).startswith("GO: ")
