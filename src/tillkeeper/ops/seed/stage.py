"""All that writing a history needs: a till whose clock moves, the imitated gateways, and a way to wait for both."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import httpx2

from tillkeeper import gateways
from tillkeeper.audit import Actor
from tillkeeper.flows.operate import operate
from tillkeeper.flows.settle import settle, settle_batch_max
from tillkeeper.idempotency import Wish
from tillkeeper.kernel import clock
from tillkeeper.kernel.crypto import sha256
from tillkeeper.kernel.errors import TillError
from tillkeeper.ops.seed.letterbox import Letterbox
from tillkeeper.ops.seed.moving_clock import Clock
from tillkeeper.sandbox_kit import post
from tillkeeper.till import Till

poll_ms = 4
quiet_timeout_seconds = 120
STANDS = {stand.name: stand for stand in gateways.stands()}

Json = dict[str, Any]


class SeedError(TillError):
    """Report a history that could not be written."""

    code = "seed_failed"
    title = "The history of the demo could not be written"
    next_step = "`./till demo --reset` starts over, and `./till demo --reset --no-seed` does without a history."


class RefusedError(SeedError):
    """Report a gateway that did not do what was asked of it by hand."""


@dataclass(slots=True)
class Stage:
    """Play the merchant, the customers and the gateways around one till."""

    till: Till
    clock: Clock
    box: Letterbox
    http: httpx2.AsyncClient
    sandbox: str
    key: str
    books: sqlite3.Connection
    people: dict[str, Actor] = field(default_factory=dict)
    wishes: int = 0

    def by(self, name: str) -> Till:
        """Lend the till to one of the merchant's people."""
        return replace(self.till, by=self.people[name])

    def at(self, moment: datetime) -> Till:
        """Lend the till as it is at a moment."""
        return replace(self.till, now=lambda: moment)

    def wish(self, what: str) -> Wish:
        """Name a request with a key of its own."""
        self.wishes += 1
        return Wish(scope="seed", key=f"seed-{self.wishes}", request_sha=sha256(what.encode()))

    async def move_to(self, moment: datetime) -> None:
        """Let it be a moment, here and at the gateways."""
        self.clock.set(moment)
        await self.turn(clock_ahead_seconds=self.clock.ahead_seconds, signatures_follow_clock=True)

    async def turn(self, **dial: object) -> None:
        """Turn the dial of the sandbox."""
        await self._send("PUT", "/_control/faults", dial)

    async def act(self, gateway: str, path: str, **wish: object) -> Json:
        """Act as the customer, or in the gateway's own dashboard."""
        return await self._send("POST", f"/_control/{gateway}/{path}", wish)

    async def visit(self, payment: Json, deed: str, **wish: object) -> Json:
        """Do something as the customer on the hosted checkout of a payment."""
        stand = STANDS[payment["gateway"]]
        return await self.act(stand.name, f"{stand.checkout}/{payment['gateway_reference']}/{deed}", **wish)

    async def call(self, gateway: str, path: str, form: Json) -> Json:
        """Call a gateway's own API with the merchant's key, as another program of theirs would."""
        headers = {"Authorization": f"Bearer {self.key}"}
        answer = await self.http.post(f"{self.sandbox}/{gateway}{path}", data=form, headers=headers)
        return _read(path, answer)

    async def rest(self) -> None:
        """Take in, settle and answer whatever is under way, until nothing is."""
        while True:
            await self._hear()
            settled = await settle(self.till)
            called = sum(await asyncio.gather(*(operate(self.till, name) for name in self.till.gateways)))
            if not called and settled < settle_batch_max and not post.waiting(self.books):
                return

    async def _hear(self) -> None:
        """Wait until the gateways have brought every webhook that they owe."""
        read_ms = clock.timer_ms()
        while waiting := post.waiting(self.books):
            if read_ms() > quiet_timeout_seconds * 1000:
                message = f"The gateways still have {waiting} webhooks to bring, and {self.box.refused} were refused."
                raise SeedError(message)
            await asyncio.sleep(poll_ms / 1000)

    async def _send(self, method: str, path: str, body: object) -> Json:
        return _read(path, await self.http.request(method, f"{self.sandbox}{path}", json=body))


def _read(path: str, answer: httpx2.Response) -> Json:
    if not answer.is_success:
        message = f"{path} answered {answer.status_code}: {answer.text[:300]}"
        raise RefusedError(message)
    found: Json = answer.json()
    return found


async def drained(flow: Callable[[Till], Awaitable[int]], till: Till) -> int:
    """Run a flow until it finds nothing more to do; return how much it did."""
    total = 0
    while done := await flow(till):
        total += done
    return total
