"""A shop that is looked at through its metrics port."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.web.conftest import environment
from tests.web.running import Shop, opened

from tillkeeper import telemetry
from tillkeeper.settings import Settings
from tillkeeper.telemetry import facts


def free_port() -> int:
    """Find a port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


@dataclass(frozen=True)
class Page:
    """Read what stands at a metrics port."""

    port: int

    async def text(self) -> str:
        """Read all of it, in another thread: the one that answers may need ours."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> str:
        with urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=20) as answer:
            text: str = answer.read().decode()
        return text

    async def value(self, name: str, /, **labels: str) -> int | None:
        """Read one value; None where there is none."""
        found = [
            sample.value
            for family in text_string_to_metric_families(await self.text())
            for sample in family.samples
            if sample.name == f"till_{name}" and sample.labels == labels
        ]
        return int(found[0]) if found else None

    async def until(self, name: str, wanted: int, /, **labels: str) -> None:
        """Wait until a value is what is wanted."""
        async with asyncio.timeout(30):
            while await self.value(name, **labels) != wanted:  # noqa: ASYNC110 (another thread)
                await asyncio.sleep(0.1)


@dataclass(frozen=True)
class Watched:
    """Hold a shop and its page."""

    shop: Shop
    page: Page


@pytest.fixture
def configured(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Configure this process as a till that shows its metrics at a free port."""
    monkeypatch.setattr(facts, "kept_seconds", 0)
    told = environment(database_url, TILL_METRICS_PORT=str(free_port()))
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    return Settings.model_validate(told)


@pytest.fixture
async def watched(configured: Settings, database_url: str, tmp_path: Path) -> AsyncIterator[Watched]:
    with telemetry.exposed(configured):
        async with opened(database_url, tmp_path) as shop:
            yield Watched(shop, Page(configured.metrics_port))
