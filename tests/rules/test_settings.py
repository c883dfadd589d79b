"""Configuration that would be dangerous does not start."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from tillkeeper import settings
from tillkeeper.settings import Settings


def configured(**more: str) -> Settings:
    return Settings.model_validate({"DATABASE_URL": "postgresql://x", "TILL_SECRET_KEY": "a long enough key", **more})


def test_webhooks_to_private_addresses_are_refused_in_live_mode() -> None:
    with pytest.raises(ValidationError, match="TILL_WEBHOOKS_ALLOW_PRIVATE"):
        configured(TILL_MODE="live", TILL_WEBHOOKS_ALLOW_PRIVATE="1")


@pytest.mark.parametrize("mode", ["sandbox", "test"])
def test_webhooks_to_private_addresses_are_only_sent_when_somebody_wants_it(mode: str) -> None:
    assert not configured(TILL_MODE=mode).webhooks_allow_private
    assert configured(TILL_MODE=mode, TILL_WEBHOOKS_ALLOW_PRIVATE="1").webhooks_allow_private


@pytest.mark.parametrize(
    ("given", "broker"),
    [
        ({}, ""),
        ({"PAYMENT_REDIS_URL": "redis://one"}, "redis://one"),
        ({"REDIS_URL": "redis://one", "CELERY_BROKER_URL": "amqp://two"}, "amqp://two"),
    ],
)
def test_celery_is_woken_through_the_broker_that_is_named_or_else_through_redis(
    given: dict[str, str], broker: str
) -> None:
    assert configured(**given).broker_url == broker


def test_older_names_say_how_many_processes_and_connections_there_are() -> None:
    older = {"PAYMENT_WEBHOOK_WORKER_CONCURRENCY": "20", "PAYMENT_REDIS_MAX_CONNECTIONS": "50"}
    read = configured(**older, PAYMENT_REDIS_SOCKET_TIMEOUT="7")
    assert (read.celery_concurrency, read.redis_connections_max, read.redis_timeout_seconds) == (20, 50, 7)


def test_a_broker_of_a_kind_that_was_not_tried_is_refused_and_no_password_is_shown() -> None:
    with pytest.raises(ValidationError, match="CELERY_BROKER_URL"):
        configured(CELERY_BROKER_URL="sqs://key:secret@")
    assert "secret" not in repr(configured(CELERY_BROKER_URL="redis://key:secret@127.0.0.1"))


def test_migrations_go_past_a_pooler() -> None:
    pooled = {"DATABASE_URL": "postgresql://pooler", "DATABASE_DIRECT_URL": "postgresql://x"}
    assert configured().migrations_url == "postgresql://x"
    assert configured(**pooled).migrations_url == "postgresql://x"
    assert configured(**pooled, DATABASE_OWNER_URL="postgresql://owner").migrations_url == "postgresql://owner"


def test_the_key_and_the_addresses_of_the_database_and_of_the_broker_may_stand_in_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in settings.IN_FILES:
        file = tmp_path / name
        scheme = "redis://" if name in {"CELERY_BROKER_URL", "REDIS_URL"} else ""
        file.write_text(f"{scheme}what stands in the file of {name}\n")
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(f"{name}_FILE", str(file))
    found = settings.load()
    assert found.secret_key == "what stands in the file of TILL_SECRET_KEY"
    assert found.database_replica_url == "what stands in the file of DATABASE_REPLICA_URL"
    assert found.broker_url == "redis://what stands in the file of CELERY_BROKER_URL"
