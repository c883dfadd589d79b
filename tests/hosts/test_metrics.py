"""Several processes at one metrics port: they count together, and whoever is replaced goes on where they left off."""

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest
from tests.brokers import Redis, redis_program
from tests.crash.stage import Stage, free_ports
from tests.crash.workshop import Workshop
from tests.telemetry.conftest import Page

processes = 2
patience_seconds = 60
LABELS = {"part": "api", "code": "4xx"}


class Watched(Stage):
    """Serve by several processes, with the worker and the metrics beside them."""

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


async def ask(url: str, times: int) -> None:
    """Ask for what is not there, each time on a connection of its own, so that any process may answer."""
    for _ in range(times):
        async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
            assert (await client.get(f"{url}/api/v1/nothing")).status_code == 404


def folders(place: Path) -> list[Path]:
    """List where processes count together."""
    return list(place.glob("till-metrics-*"))


@pytest.mark.timeout(300)
async def test_processes_count_together_and_a_new_one_goes_on_where_a_dead_one_left_off(tmp_path: Path) -> None:
    stage = Watched(tmp_path)
    [port] = free_ports(1)
    stage.environment |= {"TILL_METRICS_PORT": str(port), "TMPDIR": str(tmp_path)}
    page = Page(port)
    try:
        await stage.open()
        await ask(stage.api, 20)
        assert await page.value("http_request_duration_seconds_count", **LABELS) == 20
        assert await page.value("db_up") == 1
        assert await page.value("worker_up") == 1

        crew = stage.crew()
        assert len(crew) == processes + 2
        for victim in crew[:processes]:
            os.kill(victim, signal.SIGKILL)
        async with asyncio.timeout(patience_seconds):
            while len(set(stage.crew()) - set(crew)) < processes:  # noqa: ASYNC110 (other processes)
                await asyncio.sleep(0.05)
        await stage.await_up(f"{stage.api}/ready")
        await ask(stage.api, 10)
        assert await page.value("http_request_duration_seconds_count", **LABELS) == 30

        assert len(folders(tmp_path)) == 1
        stage.processes["api"].terminate()
        assert await asyncio.to_thread(stage.processes["api"].wait, patience_seconds) == 0
        assert folders(tmp_path) == []
    finally:
        await asyncio.to_thread(stage.close)


class Counted(Workshop):
    """Let one Celery worker show what its processes count."""

    def __init__(self, folder: Path, broker: str) -> None:
        super().__init__(folder, broker)
        [self.port] = free_ports(1)

    def particulars(self, name: str) -> Mapping[str, str]:
        """Give that worker a port."""
        return {**super().particulars(name), **({"TILL_METRICS_PORT": str(self.port)} if name == "celery-1" else {})}


async def has_processed(page: Page) -> bool:
    """Tell whether a webhook was processed; before its port is there, none was."""
    with suppress(OSError):
        return bool(await page.value("webhooks_processed_total", gateway="stripe", status="processed"))
    return False


@pytest.mark.skipif(redis_program() is None, reason="no Redis is here: install redis-server")
@pytest.mark.timeout(300)
async def test_the_processes_of_a_celery_worker_count_together(tmp_path: Path) -> None:
    redis = Redis()
    redis.start()
    shop = Counted(tmp_path, redis.url)
    try:
        await Stage.open(shop)
        for part in ("celery-1", "beat"):
            shop.start(part)
        page = Page(shop.port)
        async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
            wish = {"package": "credits_120", "currency": "EUR", "user": "ana"}
            headers = {"Authorization": f"Bearer {shop.key}", "Idempotency-Key": "a key of this test"}
            opened = (await client.post(f"{shop.api}/api/v1/payments", json=wish, headers=headers)).json()
            paid = await client.post(f"{shop.sandbox}/_control/stripe/sessions/{opened['gateway_reference']}/pay")
            assert paid.is_success
        async with asyncio.timeout(patience_seconds):
            while not await has_processed(page):  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.2)
        assert (await page.value("settle_duration_seconds_count") or 0) >= 1
        assert await page.value("workers", kind="celery") == 1
        assert shop.end("celery-1") == 0
        with pytest.raises(OSError, match="refused"):
            await page.text()
    finally:
        await asyncio.to_thread(shop.close)
        redis.kill()
