"""`till migrate`: code and database are compared, brought together, and compared again."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tillkeeper.ops.embedded_postgres import Databases


@pytest.fixture
def empty(databases: Databases) -> Iterator[str]:
    name = f"migrate_{os.getpid()}"
    databases.create(name)
    yield name
    databases.drop(name)


def migrate(owner_url: str, app_url: str, data_dir: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "DATABASE_OWNER_URL": owner_url,
        "DATABASE_URL": app_url,
        "TILL_SECRET_KEY": "only-for-this-test-0123456789",
    }
    command = [sys.executable, "-m", "tillkeeper", "migrate", "--data-dir", str(data_dir), *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_check_passes_on_a_migrated_database(owner_url: str, database_url: str, tmp_path: Path) -> None:
    answer = migrate(owner_url, database_url, tmp_path, "--check")
    assert answer.returncode == 0
    assert answer.stdout.endswith("Code and database agree.\n")


def test_the_check_ends_with_4_on_an_empty_database_and_names_what_is_missing(
    databases: Databases, empty: str, tmp_path: Path
) -> None:
    answer = migrate(databases.owner_url(empty), databases.app_url(empty), tmp_path, "--check")
    assert answer.returncode == 4
    assert "is missing" in answer.stdout


def test_migrating_makes_the_check_pass(databases: Databases, empty: str, tmp_path: Path) -> None:
    urls = (databases.owner_url(empty), databases.app_url(empty))
    assert migrate(*urls, tmp_path).returncode == 0
    assert migrate(*urls, tmp_path, "--check").returncode == 0


def test_a_database_that_a_newer_version_has_migrated_is_left_as_it_is(
    databases: Databases, database: str, owner_url: str, database_url: str, tmp_path: Path
) -> None:
    databases.run("UPDATE alembic_version SET version_num = '9999'", database=database)

    for words in ((), ("--check",)):
        answer = migrate(owner_url, database_url, tmp_path, *words)
        assert answer.returncode == 1
        assert "belongs to a newer version" in answer.stderr
        assert "9999" in answer.stderr
    assert databases.run("SELECT version_num FROM alembic_version", database=database) == "9999"
