"""A till with one gateway, where webhooks are handed in by hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg
from tests.gateways.subject import Json
from tests.gateways.trial import Trial

from tillkeeper import catalog
from tillkeeper.flows.checkout import Purchase, checkout
from tillkeeper.flows.offer import offer
from tillkeeper.flows.read import read
from tillkeeper.flows.receive import Intake, receive
from tillkeeper.flows.settle import settle
from tillkeeper.gateway import Feature
from tillkeeper.idempotency import Wish
from tillkeeper.kernel import clock
from tillkeeper.kernel.crypto import sha256
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.reports import books
from tillkeeper.settings import Settings
from tillkeeper.till import Till

PACKAGE, CREDITS = "credits_120", 120
guests_at_once = 8


@dataclass
class Counter:
    """A till on a fresh database, where webhooks are handed in by hand."""

    trial: Trial
    till: Till
    owner: asyncpg.Connection
    intake: Intake
    door: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(guests_at_once))

    async def open(self, number: int, *, by_hand: bool = False) -> Json:
        """Open a checkout; money that is captured by hand is set aside first."""
        hosted = not by_hand or Feature.HOSTED_MANUAL_CAPTURE in self.trial.gateway.features
        purchase = Purchase(
            package=PACKAGE,
            currency=self.trial.subject.currency,
            user=f"user {number}",
            capture_method="manual" if by_hand else "automatic",
            checkout="hosted" if hosted else "embedded",
        )
        wish = Wish(scope="sandbox", key=f"key-{number}", request_sha=sha256(b"the same"))
        async with self.door:
            replay = await checkout(self.till, wish, purchase)
        assert replay.status == 201, replay.body
        return replay.body

    async def hear(self, event: str, body: str) -> bool:
        """Take in one webhook, signed now; true when it is new."""
        name, content = self.trial.subject.name, body.encode()
        headers = self.trial.house.sign(name, content, clock.now(), event=event)
        return await receive(self.intake, name, headers, content)

    async def settle(self) -> None:
        """Settle what is due, and then what waited for it."""
        while await settle(self.till):
            pass
        await self.owner.execute("UPDATE inbox_message SET due_at = now() WHERE status = 'parked'")
        while await settle(self.till):
            pass


@asynccontextmanager
async def manned(trial: Trial, database_url: str, owner_url: str) -> AsyncIterator[Counter]:
    """Open a counter that may stand already, with connections of its own."""
    settings = Settings(mode="sandbox", database_url=database_url, secret_key="counter " * 4)
    secrets = Secrets(trial.house.environment(trial.subject.name, trial.house.url))
    till, owner = await Till.open(settings, secrets=secrets), await asyncpg.connect(owner_url)
    yield Counter(trial, till, owner, Intake(till))
    await owner.close()
    await till.close()


@asynccontextmanager
async def opened(trial: Trial, database_url: str, owner_url: str) -> AsyncIterator[Counter]:
    """Open a new counter; whatever a test did there, the books are sound afterwards."""
    async with manned(trial, database_url, owner_url) as counter:
        await offer(counter.till, catalog.DEMO)
        yield counter
        assert await read(counter.till, books.check) == []
