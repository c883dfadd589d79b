"""Our own loop: woken by a notification or by the clock, it runs jobs until nothing is left to do."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from tillkeeper.kernel.db import Listener
from tillkeeper.kernel.errors import TillError
from tillkeeper.schedules import Kind
from tillkeeper.till import Till
from tillkeeper.worker import schedule
from tillkeeper.worker.pulse import Pulse
from tillkeeper.worker.schedule import Job

CHANNEL = "till_work"
poll_seconds = 1
failure_pause_seconds_max = 5
"""A job that failed is run again after its own time or this one, whichever is shorter."""


async def work(till: Till, stop: asyncio.Event, jobs: Sequence[Job] = (), *, kind: Kind = Kind.LOOP) -> None:
    """Run every job, all of them unless some are named, until `stop` is set; what is under way is finished first."""
    bell = Bell()
    pulse = Pulse(kind)
    wanted = [job for job in jobs or schedule.jobs_for(till.gateways) for _ in range(job.side_by_side)]
    running = [
        asyncio.create_task(_repeat(till, job, stop, bell, late_ms=late_ms))
        for job, late_ms in zip(wanted, spread_ms(wanted), strict=True)
    ]
    listening = asyncio.create_task(_listen(till, bell))
    try:
        async with pulse.felt(till):
            await stop.wait()
            bell.end()
            await asyncio.gather(*running)
        await pulse.end(till)
    finally:
        listening.cancel()
        for each in running:
            each.cancel()
        await asyncio.gather(listening, *running, return_exceptions=True)


def spread_ms(jobs: Sequence[Job]) -> list[int]:
    """Tell how much later each job is to begin its second run, so that those with the same pause do not meet again."""
    return [job.every_seconds * 1000 * place // len(jobs) for place, job in enumerate(jobs)]


class Bell:
    """Wake one of those who wait for it: all would look for what the first has taken. Nobody's ring wakes the next."""

    def __init__(self) -> None:
        self._rung = asyncio.Queue[None](maxsize=1)
        self._ended = False

    def ring(self) -> None:
        """Wake one."""
        with suppress(asyncio.QueueFull):
            self._rung.put_nowait(None)

    def hush(self) -> None:
        """Forget that it rang, because somebody is about to look."""
        with suppress(asyncio.QueueEmpty):
            self._rung.get_nowait()

    def end(self) -> None:
        """Wake everybody, from now on."""
        self._ended = True
        self.ring()

    async def wait(self) -> None:
        """Wait until it rings."""
        await self._rung.get()
        if self._ended:
            self.ring()


async def _repeat(till: Till, job: Job, stop: asyncio.Event, bell: Bell, *, late_ms: int) -> None:
    while not stop.is_set():
        if job.woken:
            bell.hush()
        found = await schedule.run(till, job)
        if found:
            continue
        pause = min(job.every_seconds, failure_pause_seconds_max) if found is None else job.every_seconds
        await _wait(bell if job.woken else stop, pause * 1000 + late_ms)
        late_ms = 0
    if job.finish:
        await job.finish()


async def _wait(event: asyncio.Event | Bell, pause_ms: int) -> None:
    try:
        await asyncio.wait_for(event.wait(), timeout=pause_ms / 1000)
    except TimeoutError:
        return


async def _listen(till: Till, bell: Bell) -> None:
    """Ring when webhooks come; the clock rings too, so a lost notification costs a second and no money."""
    listener: Listener | None = None
    try:
        while True:
            if listener is None or listener.lost:
                try:
                    listener = await till.db.listen(CHANNEL, bell.ring)
                except TillError:
                    listener = None
            await asyncio.sleep(poll_seconds)
    finally:
        if listener:
            await listener.close()
