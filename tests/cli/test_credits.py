"""`till credits`: credits are shown, given, taken and forgiven, after a question unless told not to ask."""

import asyncio
import io
import json
import os
import pwd
from typing import Any

import asyncpg
import pytest
from tests.cli.demo import Said, till

from tillkeeper.cli import context

SECRET = "a secret of the tests"


def credits_of(database_url: str, *words: str) -> Said:
    return till("credits", *words, DATABASE_URL=database_url, TILL_SECRET_KEY=SECRET)


def said(database_url: str, *words: str) -> Any:
    answer = credits_of(database_url, *words, "--json")
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_credits_are_given_taken_and_shown_with_their_reasons(database_url: str) -> None:
    given = said(database_url, "grant", "ana", "50", "--reason", "the outage", "--expires", "2099-01-31", "--yes")
    assert (given["balance"], given["kind"], given["expires_at"]) == (50, "bonus", "2099-01-31T00:00:00.000Z")
    said(database_url, "grant", "ana", "5", "--reason", "miscounted", "--adjustment", "--yes")
    taken = credits_of(database_url, "take", "ana", "15", "--reason", "too many", "--yes")
    assert "ana has 40 credits." in taken.stdout
    shown = said(database_url, "show", "ana")
    assert (shown["balance"], [each["kind"] for each in shown["entries"]]) == (
        40,
        ["adjustment", "adjustment", "bonus"],
    )
    for word in ("the outage", "miscounted", "too many", "-15"):
        assert word in credits_of(database_url, "show", "ana").stdout


def test_a_dry_run_says_what_would_be_and_changes_nothing(database_url: str) -> None:
    said(database_url, "grant", "ana", "50", "--reason", "x", "--yes")
    for words, then in (
        (("grant", "ana", "7"), "ana has 57 credits."),
        (("take", "ana", "7"), "ana has 43 credits."),
    ):
        answer = credits_of(database_url, *words, "--reason", "x", "--dry-run")
        assert answer.returncode == 0
        assert "Now: ana has 50 credits." in answer.stdout
        assert f"Then: {then}" in answer.stdout
    refused = credits_of(database_url, "take", "ana", "51", "--reason", "x", "--dry-run")
    assert (refused.returncode, "it would be refused" in refused.stdout) == (4, True)
    assert said(database_url, "show", "ana")["balance"] == 50


def test_nothing_is_changed_without_a_yes(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())  # nobody answers
    answer = credits_of(database_url, "grant", "ana", "50", "--reason", "x")
    assert (answer.returncode, answer.stdout.strip()) == (1, "")
    assert "Give ana 50 credits?" in answer.stderr
    assert said(database_url, "show", "ana")["balance"] == 0


def test_who_changes_credits_is_the_user_of_the_operating_system_and_not_of_the_environment(
    database_url: str, owner_url: str
) -> None:
    words = ("credits", "grant", "ana", "5", "--reason", "x", "--yes")
    for name in ("ana", "bob"):
        told = {"LOGNAME": name, "USER": name, "USERNAME": name, "LNAME": name}
        assert till(*words, DATABASE_URL=database_url, TILL_SECRET_KEY=SECRET, **told).returncode == 0

    async def makers() -> set[str]:
        connection = await asyncpg.connect(owner_url)
        rows = await connection.fetch("SELECT made_by FROM wallet_adjustment")
        await connection.close()
        return {row["made_by"] for row in rows}

    assert asyncio.run(makers()) == {f"{pwd.getpwuid(os.getuid()).pw_name} (command line)"}


def test_debt_is_forgiven_as_far_as_there_is_some(database_url: str, owner_url: str) -> None:
    said(database_url, "grant", "ana", "5", "--reason", "x", "--yes")
    none = credits_of(database_url, "write-off", "ana", "--reason", "x", "--yes")
    assert (none.returncode, "owes no credits" in none.stderr) == (1, True)

    async def owe() -> None:
        connection = await asyncpg.connect(owner_url)
        await connection.execute("UPDATE wallet SET debt = 30")
        await connection.close()

    asyncio.run(owe())
    assert "owes 30" in credits_of(database_url, "show", "ana").stdout
    foreseen = said(database_url, "write-off", "ana", "--amount", "10", "--reason", "x", "--dry-run")
    assert foreseen["after"]["debt"] == 20
    assert said(database_url, "write-off", "ana", "--amount", "10", "--reason", "x", "--yes")["debt"] == 20
    assert said(database_url, "write-off", "ana", "--reason", "they left", "--yes")["debt"] == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("take", "ana", "5", "--reason", "x", "--yes"), 1),
        (("grant", "ana", "5", "--reason", "x", "--expires", "2020-01-31", "--yes"), 1),
        (("grant", "ana", "5", "--reason", "x", "--expires", "soon", "--yes"), 1),
        (("grant", "ana", "0", "--reason", "x", "--yes"), 2),
        (("grant", "ana", "5", "--yes"), 2),
        ((), 2),
    ],
    ids=str,
)
def test_what_cannot_be_done_says_why_and_how_it_ended(database_url: str, words: tuple[str, ...], code: int) -> None:
    answer = credits_of(database_url, *words)
    assert answer.returncode == code
    assert answer.stdout + answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_user_without_a_name_is_known_by_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_000)
    assert context.somebody() == ("cli:uid 4000000000", "uid 4000000000 (command line)")
