"""PostgreSQL's programs are found by the server's version, and no password stands where others can read it."""

from pathlib import Path

import pytest

from tillkeeper.kernel import postgres_programs
from tillkeeper.kernel.postgres_programs import Address, ProgramFailedError, ProgramMissingError

SECRET = "s3cr:et@/%"


def program(folder: Path, version: str, code: int = 0) -> Path:
    folder.mkdir()
    made = folder / "pg_dump"
    made.write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {version}'\nexit {code}\n")
    made.chmod(0o755)
    return folder


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://till:s3cr%3Aet%40%2F%25@db.example:5433/books?sslmode=require",
        "postgresql://till@db.example:5433/books?sslmode=require&password=s3cr%3Aet%40%2F%25",
    ],
)
def test_the_password_of_a_url_travels_in_the_environment(url: str) -> None:
    address = Address.of(url)

    assert address.secrets == {"PGPASSWORD": SECRET}
    assert address.url == "postgresql://till@db.example:5433/books?sslmode=require"
    assert "s3cr" not in repr(address)


def test_a_socket_without_a_password_stays_as_it_is() -> None:
    url = "postgresql://till@/books?host=/run/till&port=5432"
    assert Address.of(url) == Address(url, "books", {})


def test_another_database_of_the_same_server_is_named_with_all_else() -> None:
    url = "postgresql://till:pass@db.example/books?sslmode=require"
    assert postgres_programs.renamed(url, "scratch") == "postgresql://till:pass@db.example/scratch?sslmode=require"
    assert Address.of(url).named("postgres").url == "postgresql://till@db.example/postgres?sslmode=require"


async def test_the_program_of_the_servers_own_version_is_taken(tmp_path: Path) -> None:
    among = [program(tmp_path / "new", "18.1"), program(tmp_path / "old", "14.9"), program(tmp_path / "same", "15.4")]
    found = await postgres_programs.find("pg_dump", version=15, among=among)
    assert (found.path, found.major) == (tmp_path / "same" / "pg_dump", 15)


async def test_a_newer_program_does_where_there_is_none_of_the_same_version(tmp_path: Path) -> None:
    among = [program(tmp_path / "new", "18.1"), program(tmp_path / "old", "14.9"), program(tmp_path / "next", "16.2")]
    assert (await postgres_programs.find("pg_dump", version=15, among=among)).major == 16


async def test_an_older_program_is_refused_and_the_fix_is_named(tmp_path: Path) -> None:
    among = [program(tmp_path / "old", "14.9"), program(tmp_path / "broken", "18.0", code=1)]
    with pytest.raises(ProgramMissingError, match="14") as refused:
        await postgres_programs.find("pg_dump", version=15, among=among)
    assert "postgresql-client" in refused.value.next_step


async def test_what_a_program_complains_of_is_told_without_secrets(tmp_path: Path) -> None:
    folder = program(tmp_path / "new", "18.1")
    (folder / "pg_dump").write_text('#!/bin/sh\necho "cannot reach it as $PGPASSWORD" >&2\nexit 1\n')
    with pytest.raises(ProgramFailedError, match="cannot reach it") as failed:
        await postgres_programs.run(
            postgres_programs.Program(folder / "pg_dump", 18), [], {"PGPASSWORD": "sk_live_1234567890abcdef"}
        )
    assert "1234567890abcdef" not in failed.value.detail
