"""The webhook sender: takes due deliveries from the books, posts them, and records what came of it."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx2

from tillkeeper.sandbox_kit import clock, post
from tillkeeper.sandbox_kit.books import Books
from tillkeeper.sandbox_kit.faults import BAD_SIGNATURE, OLD_TIMESTAMP
from tillkeeper.sandbox_kit.post import Parcel, Receipt

concurrency_max = 16
delivery_timeout_seconds = 20
idle_poll_ms = 1000
error_pause_seconds = 1
old_timestamp_seconds = 3600

Sign = Callable[[str, bytes, int], dict[str, str]]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Say where one gateway's webhooks go and how they are signed; `sign` takes event, body and Unix seconds."""

    url: str
    sign: Sign


class Sender:
    """Deliver what the books say is owed, at least once, never more than a few at a time."""

    def __init__(self, books: Books, endpoints: Mapping[str, Endpoint]) -> None:
        """Attach to the books, so that a change that owes a webhook wakes the sender."""
        self.books = books
        self.endpoints = endpoints
        self.woken = asyncio.Event()
        self.flying: set[int] = set()
        self.receipts: list[Receipt] = []
        books.wake = self.woken.set

    async def run(self) -> None:
        """Send until cancelled; whatever was not recorded as delivered is sent again by the next run."""
        limits = httpx2.Limits(max_connections=concurrency_max, max_keepalive_connections=concurrency_max)
        async with (
            httpx2.AsyncClient(limits=limits, timeout=delivery_timeout_seconds, trust_env=False) as client,
            asyncio.TaskGroup() as tasks,
        ):
            while True:
                self.woken.clear()
                try:
                    self._record()
                    for parcel in self._claim():
                        self.flying.add(parcel.sequence)
                        tasks.create_task(self._deliver(client, parcel))
                except Exception:
                    logger.exception("The webhook sender could not use its books; it tries again.")
                    await asyncio.sleep(error_pause_seconds)
                await self._rest()

    def _record(self) -> None:
        if not self.receipts:
            return
        done, self.receipts = self.receipts, []
        post.record(self.books.connection, done, retry_ms_max=self.books.dial.webhook_retry_ms_max)
        self.flying.difference_update(receipt.parcel.sequence for receipt in done)

    def _claim(self) -> list[Parcel]:
        free = concurrency_max - len(self.flying)
        if free <= 0:
            return []
        ready = post.due(self.books.connection, gateways=list(self.endpoints), limit=concurrency_max + len(self.flying))
        return [parcel for parcel in ready if parcel.sequence not in self.flying][:free]

    async def _deliver(self, client: httpx2.AsyncClient, parcel: Parcel) -> None:
        endpoint = self.endpoints[parcel.gateway]
        at_ms, started = clock.now_ms(), clock.timer_ms()
        status, error = None, None
        try:
            headers = self._signed(endpoint, parcel)
            answer = await client.post(endpoint.url, content=parcel.body, headers=headers)
            status = answer.status_code
        except Exception as problem:  # noqa: BLE001 - whatever went wrong, the delivery is tried again
            error = f"{type(problem).__name__}: {problem}"
        self.receipts.append(Receipt(parcel, at_ms, clock.timer_ms() - started, status, error))
        self.woken.set()

    def _signed(self, endpoint: Endpoint, parcel: Parcel) -> dict[str, str]:
        """Sign a parcel, or sign it as wrongly as was asked for."""
        # Receivers compare the signature's time with their own clock, so it is wall time unless the dial says so.
        dial = self.books.dial
        at = clock.now() + (dial.clock_ahead_seconds if dial.signatures_follow_clock else 0)
        if parcel.spoil == OLD_TIMESTAMP:
            at -= old_timestamp_seconds
        signed = parcel.body + b" " if parcel.spoil == BAD_SIGNATURE else parcel.body
        return endpoint.sign(parcel.event, signed, at)

    async def _rest(self) -> None:
        upcoming = post.next_due_ms(self.books.connection)
        wait_ms = idle_poll_ms if upcoming is None else min(idle_poll_ms, max(upcoming - clock.now_ms(), 1))
        try:
            async with asyncio.timeout(wait_ms / 1000):
                await self.woken.wait()
        except TimeoutError:
            return
