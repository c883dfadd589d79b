"""A copy in which nothing sealed can be opened is none that one can go on with."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.flows.vaults import backed_up

from tillkeeper import credentials
from tillkeeper.flows.back_up import back_up
from tillkeeper.flows.drill import drill
from tillkeeper.flows.reseal import reseal
from tillkeeper.flows.subscribe import subscribe
from tillkeeper.flows.watch_secrets import note
from tillkeeper.kernel.crypto import Box
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.till import Till

NEW = "the-new-secret-key-of-this-test-0123456789"
KEY = "TILL_SECRET_KEY"
SCRATCH = f"unseal_of_{os.getpid()}_"


@pytest.fixture(autouse=True)
def scratch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tillkeeper.flows.drill.SCRATCH", SCRATCH)


@pytest.fixture
async def saving(shop: Any, tmp_path: Path, owner_url: str) -> Till:
    """Lend a till with something sealed in it, which was backed up under the key of that time."""
    made = backed_up(shop.till, tmp_path / "backups", owner_url)
    await subscribe(made, url="https://shop.example/webhooks", types=("*",), description=None)
    await note(made, KEY, made.settings.secret_key)
    await back_up(made)
    return made


def rotated(till: Till, previous: str = "") -> Till:
    settings = till.settings.model_copy(update={"secret_key": NEW})
    held = Secrets({f"{KEY}_PREVIOUS": previous} if previous else {})
    return replace(till, settings=settings, box=Box(NEW, previous), secrets=held)


async def test_a_backup_that_the_present_key_does_not_open_fails_the_drill_which_names_the_key_that_does(
    saving: Till,
) -> None:
    await reseal(rotated(saving, saving.settings.secret_key))

    report = await drill(rotated(saving), snapshot=False)

    [wrong] = report.failures
    assert wrong.startswith("sealed: ")
    assert "webhook_endpoint.secret" in wrong
    assert f"{KEY}_PREVIOUS" in wrong
    assert credentials.fingerprint(KEY, saving.settings.secret_key) in wrong
    assert saving.settings.secret_key not in wrong


async def test_with_the_previous_key_the_drill_of_an_older_backup_passes(saving: Till) -> None:
    report = await drill(rotated(saving, saving.settings.secret_key), snapshot=False)
    assert report.passed, report.failures


async def test_one_secret_of_another_key_among_those_that_open_is_found(saving: Till) -> None:
    other = replace(saving, box=Box(NEW))
    await subscribe(other, url="https://shop.example/others", types=("*",), description=None)
    await subscribe(saving, url="https://shop.example/more", types=("*",), description=None)
    await back_up(saving)

    report = await drill(saving, snapshot=False)

    [wrong] = report.failures
    assert "webhook_endpoint.secret" in wrong


async def test_what_was_sealed_before_a_table_was_there_is_opened(saving: Till, shop: Any) -> None:
    """A backup of an older version lacks tables that this one knows."""
    await shop.owner.execute("DROP TABLE unread_line")
    await back_up(saving)
    report = await drill(saving, snapshot=False)
    assert "sealed" not in [check.name for check in report.checks if not check.ok]
