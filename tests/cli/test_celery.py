"""`till celery` says what is missing, and opens no door to strangers."""

import pytest
from tests.cli.demo import till

BROKER = "redis://somebody:a-secret-of-redis@127.0.0.1:1/0"
SECRET = "a secret of the tests"


@pytest.mark.parametrize("part", ["worker", "beat", "flower"])
def test_without_a_broker_it_says_what_to_set(part: str, database_url: str) -> None:
    said = till("celery", part, DATABASE_URL=database_url, TILL_SECRET_KEY=SECRET)
    assert said.returncode == 1
    assert ("CELERY_BROKER_URL is not set" in said.stderr, "next" in said.stderr) == (True, True)


def test_a_broker_of_another_kind_is_refused_and_its_password_is_not_shown(database_url: str) -> None:
    broker = "sqs://key:a-secret-of-sqs@"
    said = till("celery", "beat", DATABASE_URL=database_url, TILL_SECRET_KEY=SECRET, CELERY_BROKER_URL=broker)
    assert said.returncode == 1
    assert ("redis://" in said.stderr, "a-secret-of-sqs" in said.stderr) == (True, False)


def test_flower_is_not_opened_to_strangers_without_a_password(database_url: str) -> None:
    said = till(
        "celery", "flower", "--address", "0.0.0.0",  # noqa: S104 (it is refused)
        DATABASE_URL=database_url, TILL_SECRET_KEY=SECRET, CELERY_BROKER_URL=BROKER,
    )  # fmt: skip
    assert said.returncode == 1
    assert "FLOWER_BASIC_AUTH" in said.stderr
