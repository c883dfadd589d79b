"""The merchant, the customer and Square around one till, on the sandbox that sends webhooks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import asyncpg
import httpx2
from tests.flows.conftest import Line, Shop, uuid_of
from tests.gateways.square.conftest import House

from tillkeeper import catalog
from tillkeeper.flows.confirm import confirm
from tillkeeper.flows.offer import offer
from tillkeeper.flows.receive import Intake, receive
from tillkeeper.flows.sweep import sweep
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.settings import Settings
from tillkeeper.till import Till

patience_seconds = 15
OK, DECLINED = {"source_id": "cnon:card-nonce-ok"}, {"source_id": "cnon:card-nonce-declined"}


@dataclass
class SquareShop(Shop):
    """Play the merchant, the customer and Square around one till."""

    house: House = field(kw_only=True)
    read_letters: int = 0

    async def create(self, key: str | None = None, *, till: Till | None = None, **wanted: Any) -> Any:
        return await super().create(key, till=till, **{"currency": "USD"} | wanted)

    async def pay(self, payment: Any) -> None:
        self.house.act(f"links/{link_of(payment)}/pay")

    async def confirm(self, payment: Any, data: dict[str, str]) -> Any:
        """Bring what Square's form made of a card."""
        return await confirm(self.till, uuid_of(payment), data)

    async def hear_news(self, *types: str) -> None:
        """Hand over what Square's webhooks brought since the last time."""
        await self.post_is_empty()
        letters = self.house.receiver.letters[self.read_letters :]
        self.read_letters = len(self.house.receiver.letters)
        for letter in letters:
            if not types or letter.event["type"] in types:
                await receive(self.intake, "square", letter.headers, letter.body)

    async def post_is_empty(self) -> None:
        """Wait until no refund is pending and no webhook is owed any more."""
        async with asyncio.timeout(patience_seconds):
            while self.owes():  # noqa: ASYNC110 (another process is looked at)
                await asyncio.sleep(0.05)

    def owes(self) -> bool:
        """Tell whether something is still to come."""
        refunds, deliveries = self.house.client.refunds.list(), self.house.control("GET", "webhooks")["data"]
        return any(refund.status == "PENDING" for refund in refunds) or any(
            delivery["state"] == "due" for delivery in deliveries
        )

    def lines(self) -> list[Any]:
        """Read the gateway's own books."""
        lines: list[Any] = self.house.control("GET", "books/square")["payments"]
        return lines

    def executed(self, route: str) -> int:
        """Count how often the gateway really carried out a call, leaving out replays and refusals."""
        counts = self.house.control("GET", "books/square")["calls"].get(route)
        return int(counts["calls"] - counts["replayed"] - counts["refused"]) if counts else 0

    def lose_replies(self, *methods: str) -> None:
        """Let Square act and its answers get lost."""
        self.house.control("PUT", "faults", {"lost_reply_percent": 100, "only_methods": list(methods)})

    def answer_again(self) -> None:
        """Put the fault dial back."""
        self.house.control("DELETE", "faults")


def link_of(payment: Any) -> str:
    return str(payment["gateway_reference"]).partition(":")[2]


@asynccontextmanager
async def opened(house: House, database_url: str, owner_url: str) -> AsyncIterator[SquareShop]:
    """Open a till that has Square only."""
    settings = Settings(mode="sandbox", database_url=database_url, secret_key="square " * 4)
    till = await Till.open(settings, secrets=Secrets(house.secrets))
    assert list(till.gateways) == ["square"]
    await offer(till, catalog.DEMO)
    owner = await asyncpg.connect(owner_url)
    async with httpx2.AsyncClient(trust_env=False) as http:
        yield SquareShop(till, Line(house.url), http, owner, Intake(till), numbers=count(1), house=house)
    await owner.close()
    await sweep(till)
    await till.close()
