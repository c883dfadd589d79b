"""The sign of life of a worker: whoever looks sees which of them are at work."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tillkeeper.flows.check_in import check_in, check_out
from tillkeeper.kernel import clock, ids, logs
from tillkeeper.kernel.errors import TillError
from tillkeeper.schedules import Kind, Worker
from tillkeeper.till import Till

beat_seconds = 10
host_length_max = 100


class Pulse:
    """Beat every few seconds for as long as work goes on; processes that share one are one worker."""

    def __init__(self, kind: Kind) -> None:
        host = socket.gethostname()[:host_length_max]
        self.worker = Worker(id=ids.new(), kind=kind, host=host, pid=os.getpid())
        self._since_ms = clock.timer_ms()
        self._seen = False

    @asynccontextmanager
    async def felt(self, till: Till) -> AsyncIterator[None]:
        """Beat while the block runs; a database that is away hears of the next one."""
        await self._beat_if_due(till)
        beating = asyncio.create_task(self._go_on(till))
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    async def end(self, till: Till) -> None:
        """Say that the worker ends; when the database does not hear it, its silence says so soon."""
        try:
            await check_out(till, self.worker)
        except TillError as error:
            logs.worker.warning("end_unsaid", detail=error.detail)

    async def _go_on(self, till: Till) -> None:
        while True:
            await asyncio.sleep(max(1, beat_seconds - self._since_ms() // 1000))
            await self._beat_if_due(till)

    async def _beat_if_due(self, till: Till) -> None:
        if self._seen and self._since_ms() < beat_seconds * 1000:
            return
        self._since_ms, self._seen = clock.timer_ms(), True
        try:
            await check_in(till, self.worker)
        except TillError as error:
            logs.worker.warning("beat_unheard", detail=error.detail)
        except Exception:  # noqa: BLE001 (that nobody sees it is no reason to stop working)
            logs.worker.exception("beat_unheard")
