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


def test_migrations_go_past_a_pooler() -> None:
    pooled = {"DATABASE_URL": "postgresql://pooler", "DATABASE_DIRECT_URL": "postgresql://x"}
    assert configured().migrations_url == "postgresql://x"
    assert configured(**pooled).migrations_url == "postgresql://x"
    assert configured(**pooled, DATABASE_OWNER_URL="postgresql://owner").migrations_url == "postgresql://owner"


def test_the_key_and_the_addresses_of_the_database_may_stand_in_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in settings.IN_FILES:
        file = tmp_path / name
        file.write_text(f"what stands in the file of {name}\n")
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(f"{name}_FILE", str(file))
    found = settings.load()
    assert found.secret_key == "what stands in the file of TILL_SECRET_KEY"
    assert found.database_replica_url == "what stands in the file of DATABASE_REPLICA_URL"
