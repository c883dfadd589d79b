"""Configuration that would be dangerous does not start."""

import pytest
from pydantic import ValidationError

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
