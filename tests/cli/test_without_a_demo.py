"""The commands where nothing runs: each says what is missing and what to do, and ends with the right code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.demo import environment, till, till_alone

from tillkeeper.ops.embedded_postgres import Databases
from tillkeeper.settings import Settings

COMMANDS = (
    "demo",
    "serve",
    "worker",
    "sandbox",
    "migrate",
    "doctor",
    "chaos",
    "trigger",
    "events",
    "payments",
    "ledger",
    "report",
    "credits",
    "import",
    "keys",
    "test",
)
NOWHERE = "postgresql://till:hunter2@127.0.0.1:9/till"
SECRET = "a secret of the tests"


def test_help_lists_every_command_with_what_it_does() -> None:
    answer = till_alone("--help")
    assert answer.returncode == 0
    assert [command for command in COMMANDS if f" {command} " not in answer.stdout] == []


@pytest.mark.parametrize("words", [(), ("events",), ("ledger",), ("keys",)])
def test_a_command_without_words_shows_its_help_and_is_wrong_usage(words: tuple[str, ...]) -> None:
    answer = till(*words)
    assert answer.returncode == 2
    assert "Usage" in answer.stdout + answer.stderr


@pytest.mark.parametrize("command", COMMANDS[:-1])
def test_every_command_explains_itself(command: str) -> None:
    answer = till(command, "--help")
    assert answer.returncode == 0
    assert "Usage" in answer.stdout


@pytest.mark.parametrize(
    "words", [("nothing",), ("ledger", "nothing"), ("doctor", "--nothing"), ("demo", "--port", "x")]
)
def test_wrong_usage_ends_with_2(words: tuple[str, ...]) -> None:
    assert till(*words).returncode == 2


@pytest.mark.parametrize(
    "words", [("trigger", "pay.success"), ("events", "ls"), ("ledger", "check"), ("ledger", "balances"), ("keys", "ls"),
              ("keys", "create", "x"), ("migrate",), ("migrate", "--check")],
)  # fmt: skip
def test_without_a_demo_a_command_says_how_to_start_one(tmp_path: Path, words: tuple[str, ...]) -> None:
    answer = till(*words, "--data-dir", str(tmp_path))
    assert answer.returncode == 1
    assert "./till demo" in answer.stderr
    assert str(tmp_path) in answer.stderr
    assert answer.stdout == ""


def test_a_demo_that_has_ended_is_unreachable(tmp_path: Path) -> None:
    told = {"api": "http://127.0.0.1:9", "sandbox": "http://127.0.0.1:9", "key": "till_sk_sandbox_x"}
    (tmp_path / "demo.json").write_text(json.dumps(told))
    answer = till("trigger", "pay.success", "--data-dir", str(tmp_path))
    assert answer.returncode == 3
    assert "./till demo" in answer.stderr


@pytest.mark.parametrize(
    "words", [("ledger", "check"), ("events", "ls"), ("keys", "ls"), ("migrate",), ("migrate", "--check")]
)
def test_a_database_that_does_not_answer_is_unreachable_and_its_password_is_not_shown(words: tuple[str, ...]) -> None:
    answer = till(*words, DATABASE_URL=NOWHERE, TILL_SECRET_KEY=SECRET)
    assert answer.returncode == 3
    assert "does not answer" in answer.stderr
    assert ("Start PostgreSQL" in answer.stderr, "Idempotency-Key" in answer.stderr) == (True, False)
    assert "hunter2" not in answer.stdout + answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"TILL_SECRET_KEY": ""}, "TILL_SECRET_KEY"),
        ({"TILL_SECRET_KEY": "short"}, "TILL_SECRET_KEY"),
        ({"TILL_MODE": "mock"}, "TILL_MODE"),
        ({"TILL_MODE": "live"}, "gateway"),
        ({"STRIPE_SECRET_KEY": "sk_test_x"}, "STRIPE_WEBHOOK_SECRET"),
        ({"PAYMENTS_MOCK_MODE": "1"}, "PAYMENTS_MOCK_MODE"),
        ({"REQUIRE_WEBHOOK_SIGNATURE": "false"}, "SIGNATURE"),
        ({"PAYMENTS_ENABLED": "perhaps"}, "PAYMENTS_ENABLED"),
        ({"PAYMENT_MIN_PAYMENT_AMOUNT": "0.50"}, "whole units"),
        ({"TILL_AMOUNT_LIMITS": "JPY=0.5..100"}, "exact amount of JPY"),
        ({"TILL_AMOUNT_LIMITS": "EUR=5..1"}, "leaves nothing"),
        ({"TILL_AMOUNT_LIMITS": "EUR 5-10"}, "JPY=100..5000000"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_right_stops_the_program_and_is_named(variables: dict[str, str], named: str) -> None:
    answer = till("keys", "ls", **{"DATABASE_URL": NOWHERE, "TILL_SECRET_KEY": SECRET} | variables)
    assert answer.returncode == 1
    assert named in answer.stderr
    assert "next" in answer.stderr
    assert "short" not in answer.stderr


def test_amounts_under_their_older_names_are_read_exactly() -> None:
    older = {"PAYMENT_MIN_PAYMENT_AMOUNT": "2.00", "PAYMENT_MAX_PAYMENT_AMOUNT": "1000"}
    found = Settings.model_validate({"DATABASE_URL": NOWHERE, "TILL_SECRET_KEY": SECRET} | older)
    assert (found.amount_units_min, found.amount_units_max) == (2, 1000)


@pytest.mark.parametrize("command", [("serve", "--port", "1"), ("worker",)], ids=" ".join)
def test_what_serves_does_not_start_with_half_a_gateway(command: tuple[str, ...]) -> None:
    half = {"DATABASE_URL": NOWHERE, "TILL_SECRET_KEY": SECRET, "STRIPE_SECRET_KEY": "sk_test_half"}
    answer = till_alone(*command, **half)
    assert answer.returncode == 1
    assert "STRIPE_WEBHOOK_SECRET" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert "sk_test_half" not in answer.stderr


def test_a_sandbox_without_secrets_does_not_start(tmp_path: Path) -> None:
    answer = till_alone("sandbox", "--books", str(tmp_path))
    assert answer.returncode == 1
    assert "STRIPE_SECRET_KEY" in answer.stderr


def test_a_database_without_migrations_is_a_problem_and_migrating_solves_it(databases: Databases) -> None:
    name = f"cli_{os.getpid()}"
    databases.create(name)
    variables = {"DATABASE_URL": databases.owner_url(name), "TILL_SECRET_KEY": SECRET}
    before = till("migrate", "--check", **variables)
    assert before.returncode == 4
    assert "0001" in before.stdout
    done = till("migrate", **variables)
    assert done.returncode == 0
    assert "Ran" in done.stdout
    after = till("migrate", "--check", **variables)
    assert (after.returncode, after.stdout.strip()) == (0, "Code and database agree.")
    assert till("ledger", "check", **variables).returncode == 0
    databases.drop(name)


def test_a_command_dies_quietly_when_its_reader_goes_away() -> None:
    command = f"{sys.executable} -m tillkeeper trigger --list | true"
    answer = subprocess.run(["sh", "-c", command], env=environment(), capture_output=True, text=True, check=False)  # noqa: S607
    assert "Traceback" not in answer.stderr


def test_the_description_of_the_api_is_printed_without_an_installation() -> None:
    answer = till("openapi")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == (Path(__file__).parents[2] / "docs" / "openapi.json").read_text()
