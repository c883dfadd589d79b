"""A stage for each crash test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.crash.stage import Stage, opened

from tillkeeper import gateways


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "crash: kills real processes; a minute or more")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with opened(tmp_path) as stage:
        yield stage


@pytest.fixture
async def street(tmp_path: Path) -> AsyncIterator[Stage]:
    """Lend a stage with every gateway, each behind a door."""
    async with opened(tmp_path, [connector.name for connector in gateways.connectors()]) as street:
        yield street
