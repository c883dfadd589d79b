"""`till users`: people are taken in, changed and let go, and their passwords are shown once."""

from pathlib import Path

import pytest
from tests.cli.demo import till


def said(database_url: str, folder: Path, *words: str) -> tuple[int, str]:
    """Run a command on a database of its own."""
    variables = {"DATABASE_URL": database_url, "TILL_SECRET_KEY": "a secret of the tests"}
    answer = till("users", *words, "--data-dir", str(folder), **variables)
    return answer.returncode, answer.stdout + answer.stderr


def test_people_are_taken_in_changed_and_let_go(database_url: str, tmp_path: Path) -> None:
    code, password = said(database_url, tmp_path, "create", "finn@example.com", "--role", "finance")
    assert code == 0
    assert len(password.strip()) >= 20
    assert said(database_url, tmp_path, "set-role", "finn@example.com", "admin")[0] == 0
    code, listed = said(database_url, tmp_path, "ls", "--json")
    assert ('"role": "admin"' in listed, password.strip() in listed) == (True, False)
    assert said(database_url, tmp_path, "reset-password", "finn@example.com")[1] != password
    assert said(database_url, tmp_path, "disable", "finn@example.com")[0] == 0


@pytest.mark.parametrize(
    "words", [("create", "nobody"), ("disable", "x@example.com"), ("reset-password", "x@example.com")]
)
def test_what_cannot_be_done_says_why(database_url: str, tmp_path: Path, words: tuple[str, ...]) -> None:
    code, told = said(database_url, tmp_path, *words)
    assert code == 1
    assert "next" in told
