"""The whole of production on one machine, tried as an operator would: it works, and each alert comes for its reason."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.hosts import stack
from tests.hosts.stack import Stack


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[Stack]:
    async with stack.opened(tmp_path) as whole:
        yield whole


@pytest.mark.timeout(900)
async def test_a_smoke_test_passes_through_nginx_celery_sentinels_and_a_replicated_database(
    whole: Stack, tell: Callable[[str], None]
) -> None:
    command = [sys.executable, "-m", "tillkeeper", "smoke", "--url", whole.api, "--sandbox", whole.sandbox]
    known = {**whole.full_environment, "TILL_API_KEY": whole.key}
    done = await asyncio.to_thread(subprocess.run, command, env=known, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    tell(done.stdout.strip().splitlines()[-1])
