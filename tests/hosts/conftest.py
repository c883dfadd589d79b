"""Installations of several processes and machines, each with a PostgreSQL of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.crash.stage import Stage, opened


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with opened(tmp_path) as stage:
        yield stage
