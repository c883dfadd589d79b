"""The clock of the worker's machine jumps an hour and a day, ahead and back: nothing expires, all is delivered once."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest
from tests.crash.crowd import Crowd
from tests.crash.oracle import check_books, check_database, converge
from tests.crash.stage import Stage

JUMPS = ("+1h", "-1h", "+1d", "-1d")
LIBRARY = "faketime/libfaketime.so.1"
purchases = 48
jump_seconds = 3


class Shifted(Stage):
    """Run the worker by a clock that a file sets; all others keep the right time.

    An API whose clock is wrong by an hour is told so by the gateways, which take no checkout that ends in their past.
    """

    def __init__(self, folder: Path, library: Path) -> None:
        super().__init__(folder)
        self.library = library
        self.clock = folder / "clock"
        self.set("+0")

    def particulars(self, name: str) -> Mapping[str, str]:
        """Give the worker the clock that jumps."""
        if name != "worker":
            return {}
        return {
            "LD_PRELOAD": str(self.library),
            "FAKETIME_TIMESTAMP_FILE": str(self.clock),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, offset: str) -> None:
        """Let the clock jump."""
        fresh = self.clock.with_suffix(".new")
        fresh.write_text(offset)
        fresh.replace(self.clock)


@pytest.fixture
def library() -> Path:
    found = next(Path("/usr/lib").glob(f"*/{LIBRARY}"), None)
    if found is None:
        pytest.skip("libfaketime is absent: `apt-get install faketime` brings it")
    return found


@pytest.fixture
async def stage(tmp_path: Path, library: Path) -> AsyncIterator[Shifted]:
    stage = Shifted(tmp_path, library)
    try:
        await stage.open()
        yield stage
    finally:
        for door in stage.doors.values():
            with suppress(OSError):
                await door.shut()
        await asyncio.to_thread(stage.close)


@pytest.mark.timeout(400)
async def test_a_clock_that_jumps_expires_nothing_and_delivers_each_payment_once(
    stage: Shifted, tell: Callable[[str], None]
) -> None:
    crowd = Crowd(stage, random.Random(13))
    expired: dict[str, int] = {}

    async def jump() -> None:
        for number, offset in enumerate(JUMPS, start=1):
            await crowd.has_acknowledged(number * purchases // (len(JUMPS) + 2))
            stage.set(offset)
            await asyncio.sleep(jump_seconds)
            expired[offset] = await stage.count("SELECT count(*) FROM payment WHERE status IN ('expired', 'canceled')")
            stage.set("+0")

    async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(crowd.buy(purchases, pause_seconds=0.3))
            tasks.create_task(jump())
        converged_ms = await converge(stage, client)
        told = {str(journal.number): journal.opened for journal in crowd.journals if journal.opened}
        assert len(told) == purchases
        await check_database(stage, told)
        check_books((await client.get(f"{stage.sandbox}/_control/books/stripe")).json(), told)
    assert expired == dict.fromkeys(JUMPS, 0)
    assert stage.run("ledger", "check").returncode == 0
    jumps = ", ".join(JUMPS)
    tell(f"jumped {jumps}; all {purchases} delivered once, {converged_ms / 1000:.1f} s after the last webhook")
