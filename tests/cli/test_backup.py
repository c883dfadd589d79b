"""`till backup`, `till restore-drill` and `till isolation`, as people and scripts call them."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from tests.cli.demo import Said, till
from tests.flows.vaults import beside, drop

from tillkeeper.kernel import postgres_programs
from tillkeeper.kernel.crypto import Box

KEY = "the key of backups alone"
PASSWORD = "swordfish-and-chips"


@pytest.fixture
def environment(database_url: str, owner_url: str, tmp_path: Path) -> dict[str, str]:
    """Set backups up; the server takes any password, so that it can be looked for everywhere."""
    owner = urlsplit(owner_url)
    with_password = urlunsplit(owner._replace(netloc=f"{owner.username}:{PASSWORD}@"))
    return {
        "DATABASE_URL": database_url,
        "DATABASE_OWNER_URL": with_password,
        "TILL_SECRET_KEY": "a secret of the tests",
        "BACKUP_PATH": str(tmp_path),
        "TILL_BACKUP_KEY": KEY,
    }


def command_lines() -> set[str]:
    """Read what everybody can read of every process."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found.add((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found


def test_a_backup_is_made_tried_and_told_of_without_a_secret_anywhere(
    environment: dict[str, str], tmp_path: Path
) -> None:
    seen: set[str] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.01):
            seen.update(command_lines())

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        made = till("backup", "--json", **environment)
        tried = till("restore-drill", "--no-snapshot", "--json", **environment)
    finally:
        over.set()
        watching.join()

    assert (made.returncode, tried.returncode) == (0, 0), made.stderr + tried.stderr + tried.stdout
    told = json.loads(made.stdout)
    assert (Path(told["path"]).stat().st_size, told["removed"]) == (told["bytes"], [])
    assert json.loads(tried.stdout)["passed"] is True
    assert any("pg_dump" in line for line in seen)
    files = " ".join(f"{path.name} {path.read_text(errors='replace')}" for path in tmp_path.iterdir())
    everywhere = " ".join([*seen, made.stdout, made.stderr, tried.stdout, tried.stderr, files])
    assert [secret for secret in (PASSWORD, KEY) if secret in everywhere] == []


def test_a_drill_that_fails_ends_with_4_and_says_what_is_wrong(environment: dict[str, str], tmp_path: Path) -> None:
    damaged = tmp_path / "tillkeeper-20260101T000000Z.tillbackup"
    damaged.write_bytes(b"this is none")

    said = till("restore-drill", "--no-snapshot", **environment)

    assert said.returncode == 4
    assert "WRONG  backup: It does not begin as a backup of Tillkeeper does." in said.stdout
    assert "FAILED" in said.stdout


def test_without_a_folder_or_a_key_it_is_said_what_to_set(environment: dict[str, str]) -> None:
    for missing in ("BACKUP_PATH", "TILL_BACKUP_KEY"):
        said = till("backup", **{name: value for name, value in environment.items() if name != missing})
        assert said.returncode == 1
        assert missing in said.stderr
        assert "openssl rand" in said.stderr


def test_programs_that_are_too_old_are_named_with_the_fix(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "old"
    old.mkdir()
    (old / "pg_dump").write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6'\n")
    (old / "pg_dump").chmod(0o755)
    monkeypatch.setattr(postgres_programs, "folders", lambda: iter([old]))

    said = till("backup", **environment)

    assert said.returncode == 1
    assert "of version 9" in said.stderr
    assert "apt-get install postgresql-client" in said.stderr


def test_a_restore_that_postgresql_does_not_let_in_says_why_and_what_to_do(
    environment: dict[str, str], tmp_path: Path
) -> None:
    assert till("backup", **environment).returncode == 0
    [file] = tmp_path.glob("*.tillbackup")
    owner = urlsplit(environment["DATABASE_OWNER_URL"])
    elsewhere = urlunsplit(owner._replace(netloc="a_stranger@", path="/nowhere"))

    said = till("restore", file.name, "--yes", "--into", elsewhere, **environment)

    assert said.returncode == 3
    assert 'role "a_stranger" does not exist' in said.stderr
    assert "let pg_hba.conf admit the role to this database" in said.stderr


@pytest.fixture
def elsewhere(owner_url: str) -> Iterator[str]:
    """Name a database that does not exist; whatever becomes of it goes with the test."""
    url = beside(owner_url, "by_command")
    yield url
    asyncio.run(drop(url))


async def seal_something(owner_url: str, key: str) -> None:
    connection = await asyncpg.connect(owner_url)
    await connection.execute(
        "INSERT INTO unread_line (gateway, line_id, reason, raw, day) VALUES ('stripe', 'txn_1', 'odd', $1, now())",
        Box(key).seal(b"words"),
    )
    await connection.close()


def test_a_restored_database_whose_secrets_cannot_be_opened_here_is_said_to_be_one(
    environment: dict[str, str], tmp_path: Path, owner_url: str, elsewhere: str
) -> None:
    asyncio.run(seal_something(owner_url, environment["TILL_SECRET_KEY"]))
    assert till("backup", **environment).returncode == 0
    [file] = tmp_path.glob("*.tillbackup")

    other = {**environment, "TILL_SECRET_KEY": "another secret of the tests"}
    said = till("restore", file.name, "--yes", "--into", elsewhere, **other)

    assert said.returncode == 4, said.stderr
    assert "Restored" in said.stdout
    assert "WRONG  sealed: 1 of 1 of unread_line.raw cannot be opened." in said.stdout
    assert "TILL_SECRET_KEY_PREVIOUS" in said.stdout


def test_a_restored_database_whose_secrets_open_here_is_well(
    environment: dict[str, str], tmp_path: Path, owner_url: str, elsewhere: str
) -> None:
    asyncio.run(seal_something(owner_url, environment["TILL_SECRET_KEY"]))
    assert till("backup", **environment).returncode == 0
    [file] = tmp_path.glob("*.tillbackup")

    said = till("restore", file.name, "--yes", "--json", "--into", elsewhere, **environment)

    assert (said.returncode, json.loads(said.stdout)["sealed"]) == (
        0,
        "the oldest and the newest were opened, 1 in all",
    )


def isolation(environment: dict[str, str], *words: str) -> Said:
    return till("isolation", *words, **environment)


def test_a_copy_is_kept_apart_shown_and_released(environment: dict[str, str]) -> None:
    assert "not kept apart" in isolation(environment, "status").stdout
    assert isolation(environment, "keep", "--reason", "pitr").returncode == 0
    assert json.loads(isolation(environment, "status", "--json").stdout)["source"] == "pitr"
    assert "restored copy" in till("maintenance", "status", **environment).stdout
    assert isolation(environment, "release", "--yes").returncode == 0
    assert "not kept apart" in isolation(environment, "status").stdout
