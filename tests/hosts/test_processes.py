"""`till serve --processes`: several processes at one port, of which any may die, and all of which end together."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import httpx2
import pytest
from tests.crash.crowd import Crowd
from tests.crash.oracle import check_api, check_books, check_database, converge
from tests.crash.stage import Stage

processes = 3
patience_seconds = 30
purchases = 60
kills = 4


class Busy(Stage):
    """Serve by several processes, and work beside them."""

    def words(self, name: str) -> Sequence[str]:
        if name == "api":
            return ("serve", "--processes", str(processes), "--port", str(self.api_port))
        return super().words(name)

    def start(self, name: str) -> None:
        if name != "worker":  # which runs beside the others
            super().start(name)

    def crew(self) -> list[int]:
        """List the processes that the first one has made."""
        first = self.processes["api"].pid
        return [int(pid) for pid in Path(f"/proc/{first}/task/{first}/children").read_text().split()]

    async def has_crew(self, *, without: int = 0) -> list[int]:
        """Wait until everybody is there who should be, without somebody who died."""
        async with asyncio.timeout(patience_seconds):
            while len(crew := self.crew()) != processes + 1 or without in crew:  # noqa: ASYNC110 (other processes)
                await asyncio.sleep(0.05)
        return crew


@pytest.fixture
async def busy(tmp_path: Path) -> AsyncIterator[Busy]:
    stage = Busy(tmp_path)
    try:
        await stage.open()
        yield stage
    finally:
        await asyncio.to_thread(stage.close)


@pytest.mark.timeout(300)
async def test_whichever_process_is_killed_is_replaced_and_every_purchase_is_delivered_once(busy: Busy) -> None:
    crowd, dice = Crowd(busy, random.Random(1)), random.Random(2)

    async def kill() -> None:
        for number in range(kills):
            await crowd.has_acknowledged((number + 1) * purchases // (kills + 2))
            victim = dice.choice(await busy.has_crew())
            os.kill(victim, signal.SIGKILL)
            await busy.has_crew(without=victim)

    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(crowd.buy(purchases))
            tasks.create_task(kill())
        await converge(busy, client)
        told = {str(journal.number): journal.opened for journal in crowd.journals if journal.opened}
        assert len(told) == purchases
        await check_database(busy, told)
        check_books((await client.get(f"{busy.sandbox}/_control/books/stripe")).json(), told)
        await check_api(crowd, client)
    assert busy.run("ledger", "check").returncode == 0


@pytest.mark.timeout(120)
async def test_all_end_when_the_first_is_told_to_and_also_when_it_is_killed(busy: Busy) -> None:
    crew = await busy.has_crew()
    first = busy.processes["api"]
    first.terminate()
    assert await asyncio.to_thread(first.wait, patience_seconds) == 0
    assert not any(map(is_alive, crew))

    busy.start("api")
    crew = await busy.has_crew()
    await busy.await_up(f"{busy.api}/ready")
    busy.kill("api")
    async with asyncio.timeout(patience_seconds):
        while any(map(is_alive, crew)):  # noqa: ASYNC110 (other processes are looked at)
            await asyncio.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and was not yet taken note of does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.timeout(120)
async def test_requests_under_way_are_answered_when_all_are_told_to_stop(busy: Busy) -> None:
    held = {"latency_ms": 1_500, "only_paths": ["/v1/checkout/sessions"]}
    headers = {"Authorization": f"Bearer {busy.key}"}
    wish = {"package": "credits_120", "currency": "EUR", "user": "ana"}
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        assert (await client.put(f"{busy.sandbox}/_control/faults", json=held)).is_success
        calls = [
            asyncio.create_task(
                client.post(f"{busy.api}/api/v1/payments", json=wish, headers=headers | {"Idempotency-Key": f"key-{n}"})
            )
            for n in range(6)
        ]
        await asyncio.sleep(0.8)
        busy.processes["api"].terminate()
        assert [(await call).status_code for call in calls] == [201] * len(calls)


@pytest.mark.timeout(120)
async def test_an_address_that_somebody_has_is_said_once_with_what_to_do(stage: Stage) -> None:
    told = await asyncio.to_thread(stage.run, "serve", "--processes", "2", "--port", str(stage.api_port))

    assert told.returncode == 1
    assert "Nothing can listen" in told.stderr
    assert "--port" in told.stderr


@pytest.mark.timeout(120)
async def test_a_worker_in_the_process_that_serves_ends_its_work_when_that_is_told_to_stop(tmp_path: Path) -> None:
    class Both(Stage):
        def words(self, name: str) -> Sequence[str]:
            return ("serve", "--port", str(self.api_port)) if name == "api" else super().words(name)

        def start(self, name: str) -> None:
            if name != "worker":
                super().start(name)

    stage = Both(tmp_path)
    try:
        await stage.open()
        process = stage.processes["api"]
        process.terminate()
        assert await asyncio.to_thread(process.wait, patience_seconds) == 0, "the signal ended it where it stood"
    finally:
        await asyncio.to_thread(stage.close)
