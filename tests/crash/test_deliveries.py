"""kill -9 of the worker while a merchant is being told: every event arrives, always under the id that it had."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from tests.crash.stage import Json, Stage
from tests.flows.receiver import Receiver, receiving

from tillkeeper.kernel import clock
from tillkeeper.kernel.egress import total_timeout_seconds
from tillkeeper.outbox.deliveries import lease_seconds

payments_in_all = 12
kills_in_all = 3
killed_every = 7
stalled_seconds_max = 60


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Stage]:
    """Open a stage whose webhooks may go to this machine."""
    stage = Stage(folder)
    stage.environment["TILL_WEBHOOKS_ALLOW_PRIVATE"] = "1"
    try:
        await stage.open()
        yield stage
    finally:
        await asyncio.to_thread(stage.close)


async def subscribe(stage: Stage, client: httpx2.AsyncClient, url: str) -> str:
    answer = await client.post(f"{stage.api}/api/v1/webhook_endpoints", json={"url": url})
    assert answer.status_code == 201, answer.text
    made: Json = answer.json()
    return str(made["secret"])


async def buy(stage: Stage, client: httpx2.AsyncClient, number: int) -> None:
    wish = {"package": "credits_120", "currency": "EUR", "user": f"user-{number}"}
    opened = (
        await client.post(f"{stage.api}/api/v1/payments", json=wish, headers={"Idempotency-Key": f"{number}"})
    ).json()
    paid = await client.post(f"{stage.sandbox}/_control/stripe/sessions/{opened['gateway_reference']}/pay", json={})
    assert paid.is_success, paid.text


async def kill_in_mid_delivery(stage: Stage, door: Receiver) -> None:
    """Kill the worker while the receiver has taken something and not answered yet, again and again."""
    for number in range(kills_in_all):
        while len(door.taken) < number * killed_every:
            await end_leases(stage)
            await asyncio.sleep(0.05)
        gate, waiting = asyncio.Event(), door.waiting
        door.gate = gate
        while door.waiting == waiting:
            await end_leases(stage)
            await asyncio.sleep(0.05)
        stage.kill("worker")
        door.gate = None
        gate.set()
        await stage.restart("worker")


async def end_leases(stage: Stage) -> None:
    """Let the leases of dead workers end earlier: once the longest try is over nobody alive holds them."""
    await stage.fetch(
        "UPDATE webhook_delivery SET lease_until = now() "
        f"WHERE lease_until < now() + interval '{lease_seconds - total_timeout_seconds} seconds' RETURNING id"
    )


async def converge(stage: Stage, door: Receiver) -> None:
    """Wait until everything that happened was taken; a busy machine may need its time, but nothing may stand still."""
    elapsed_ms, last = clock.timer_ms(), -1
    while elapsed_ms() < stalled_seconds_max * 1000:
        await end_leases(stage)
        left = await stage.count(
            "SELECT (SELECT count(*) FROM outbox_event) - (SELECT count(*) FROM webhook_delivery"
            " WHERE status = 'succeeded') + (SELECT count(*) FROM inbox_message WHERE status = 'received')"
        )
        paid = await stage.count("SELECT count(*) FROM payment WHERE status = 'succeeded'")
        if left == 0 and paid == payments_in_all:
            return
        if left + len(door.taken) != last:
            elapsed_ms, last = clock.timer_ms(), left + len(door.taken)
        await asyncio.sleep(0.2)
    pytest.fail(f"nothing moved for {stalled_seconds_max} s: {left} events are not taken")


@pytest.mark.crash
@pytest.mark.timeout(600)
async def test_a_worker_that_dies_while_it_delivers_loses_no_event_and_changes_no_id(tmp_path: Path) -> None:
    async with opened(tmp_path) as stage, receiving() as door:
        headers = {"Authorization": f"Bearer {stage.key}"}
        async with httpx2.AsyncClient(trust_env=False, timeout=30, headers=headers) as client:
            secret = await subscribe(stage, client, door.url)
            killing = asyncio.create_task(kill_in_mid_delivery(stage, door))
            for number in range(payments_in_all):
                await buy(stage, client, number)
            await killing
            await converge(stage, door)
        heard: dict[str, list[bytes]] = defaultdict(list)
        for taken in door.taken:
            taken.verify(secret)
            heard[taken.id].append(taken.body)
        told = await stage.fetch("SELECT type FROM outbox_event")
        assert len(heard) == len(told) >= payments_in_all * 4
        assert len(door.taken) > len(heard), "no kill hit a delivery, so this showed nothing"
        assert all(len(set(bodies)) == 1 for bodies in heard.values())
