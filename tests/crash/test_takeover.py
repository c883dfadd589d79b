"""kill -9 of the API in the middle of one purchase, and a new key for the retry: one payment, one charge."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest
from tests.crash.stage import Json, Stage, opened

WISH = {"package": "credits_120", "currency": "EUR", "user": "ana"}
IN_PROGRESS = 409
patience_seconds = 60
poll_seconds = 0.1


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Lend a stage whose gateway stands behind a door."""
    async with opened(tmp_path, ["stripe"]) as stage:
        yield stage


async def buy(stage: Stage, client: httpx2.AsyncClient) -> httpx2.Response:
    """Ask for the purchase, always under the same Idempotency-Key, with whatever key is good now."""
    headers = {"Authorization": f"Bearer {stage.key}", "Idempotency-Key": "the one purchase"}
    return await client.post(f"{stage.api}/api/v1/payments", json=WISH, headers=headers)


async def books(stage: Stage, client: httpx2.AsyncClient) -> Json:
    """Read the gateway's own books."""
    found: Json = (await client.get(f"{stage.sandbox}/_control/books/stripe")).json()
    return found


async def rotate_key(stage: Stage, client: httpx2.AsyncClient) -> None:
    """Make a new key, and end the old one."""
    made = (
        await client.post(
            f"{stage.api}/api/v1/admin/keys",
            json={"name": "the next", "scopes": ["admin"]},
            headers={"Authorization": f"Bearer {stage.key}"},
        )
    ).json()
    old = (await stage.fetch("SELECT id FROM api_key WHERE name = 'crash tests'"))[0]["id"]
    await stage.fetch(f"UPDATE api_key SET revoked_at = now() WHERE id = '{old}'")
    assert (await buy(stage, client)).status_code == 401, "the old key is over"
    stage.key = made["key"]


async def finish(stage: Stage, client: httpx2.AsyncClient) -> httpx2.Response:
    """Repeat the purchase until somebody has finished it."""
    async with asyncio.timeout(patience_seconds):
        while True:
            answer = await buy(stage, client)
            if answer.status_code != IN_PROGRESS:
                return answer
            await asyncio.sleep(poll_seconds)


@pytest.mark.crash
@pytest.mark.timeout(300)
async def test_a_purchase_whose_process_was_killed_is_finished_by_its_retry_with_another_key(stage: Stage) -> None:
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        stage.doors["stripe"].hang()
        lost = asyncio.create_task(buy(stage, client))
        async with asyncio.timeout(patience_seconds):
            while not (await books(stage, client))["sessions"]:  # noqa: ASYNC110 (another process is looked at)
                await asyncio.sleep(poll_seconds)
        stage.kill("api")
        with suppress(httpx2.HTTPError):
            pytest.fail(f"the purchase was answered: {(await lost).text}")
        [begun] = await stage.fetch("SELECT id, status FROM payment")
        assert begun["status"] == "created"
        await stage.doors["stripe"].open()
        await stage.restart("api")
        await stage.await_up(f"{stage.api}/ready")
        assert (await buy(stage, client)).status_code == IN_PROGRESS, "the dead may still be alive, for all we know"

        await rotate_key(stage, client)
        # Nobody waits here for the 45 seconds after which whoever holds a claim is taken for dead.
        await stage.fetch("UPDATE idempotency_key SET lease_until = now()")
        await stage.fetch("UPDATE operation SET lease_until = now() WHERE state = 'asked'")
        answer = await finish(stage, client)
        assert answer.status_code == 201, answer.text
        payment = answer.json()
        assert (await buy(stage, client)).json() == payment

        path = f"{stage.sandbox}/_control/stripe/sessions/{payment['gateway_reference']}/pay"
        assert (await client.post(path, json={})).is_success
        async with asyncio.timeout(patience_seconds):
            paid = "SELECT count(*) FROM payment WHERE status = 'succeeded'"
            while await stage.count(paid) == 0:  # noqa: ASYNC110 (another process is looked at)
                await asyncio.sleep(poll_seconds)
        seen = await books(stage, client)
        assert seen["sessions"] == 1
        assert [line["captures"] for line in seen["payment_intents"]] == [1]
        assert await stage.count("SELECT count(*) FROM payment") == 1
        assert await stage.count("SELECT sum(amount) FROM wallet_entry") == 120
