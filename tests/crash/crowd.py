"""Customers who never give up: each keeps one key for one purchase and notes what it was told."""

import asyncio
import random
from collections import Counter
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Protocol

import httpx2
from tests.crash.stage import Json

calls_at_once = 20
customers_at_once = 40
"""So the first have paid, and their goods are under way, while others still choose: whoever dies then is at work."""
call_timeout_seconds = 30
pay_timeout_seconds = 120
"""Nobody kills the sandbox, so however busy the machine is, it answers."""
pause_seconds = 0.3
PACKAGES = ("credits_50", "credits_120", "credits_300", "credits_600")
OK, CREATED, ACCEPTED = 200, 201, 202
CURRENCIES = ("INR", "USD", "EUR", "JPY")


class Place(Protocol):
    """Say where to buy and pay, and with which key, and how much is still to be done there."""

    @property
    def api(self) -> str: ...
    @property
    def sandbox(self) -> str: ...
    @property
    def key(self) -> str: ...
    async def waiting(self) -> int: ...


@dataclass(slots=True)
class Journal:
    """What one customer was told, written down when it was told."""

    number: int
    request: Json
    acknowledged: Json | None = None
    status: int = 0
    opened: Json | None = None
    tries: int = 0

    @property
    def key(self) -> str:
        return f"purchase-{self.number}"


@dataclass(slots=True)
class Crowd:
    """Buy and pay, through every failure, with at most twenty calls at once."""

    stage: Place
    dice: random.Random
    journals: list[Journal] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    heard: asyncio.Condition = field(default_factory=asyncio.Condition)
    door: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(calls_at_once))
    shop: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(customers_at_once))
    gone: AbstractSet[int] = frozenset()
    """What somebody between us says when whoever was asked has gone."""

    async def buy(self, purchases: int, *, pause_seconds: float = 0) -> None:
        """Let everybody buy and pay, one after a pause after the other; return when the last one has paid."""
        self.journals = [Journal(number, self._wish(number)) for number in range(purchases)]
        limits = httpx2.Limits(max_connections=calls_at_once * 2)
        async with (
            httpx2.AsyncClient(trust_env=False, timeout=call_timeout_seconds, limits=limits) as client,
            asyncio.TaskGroup() as tasks,
        ):
            for journal in self.journals:
                tasks.create_task(self._purchase(client, journal))
                await asyncio.sleep(pause_seconds)

    async def has_acknowledged(self, wanted: int) -> None:
        """Wait until so many purchases have been acknowledged."""
        async with self.heard:
            await self.heard.wait_for(lambda: self.acknowledged >= wanted)

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.stage.key}"}

    async def ask_again(self, client: httpx2.AsyncClient, journal: Journal) -> httpx2.Response:
        """Send a purchase once more, with its own key."""
        headers = self.bearer | {"Idempotency-Key": journal.key}
        return await client.post(f"{self.stage.api}/api/v1/payments", json=journal.request, headers=headers)

    def _wish(self, number: int) -> Json:
        return {
            "package": self.dice.choice(PACKAGES),
            "currency": self.dice.choice(CURRENCIES),
            "quantity": self.dice.randint(2, 4),
            "user": f"user-{number % 37}",
            "metadata": {"purchase": str(number)},
        }

    async def _purchase(self, client: httpx2.AsyncClient, journal: Journal) -> None:
        async with self.shop:
            await self._buy_and_pay(client, journal)

    async def _buy_and_pay(self, client: httpx2.AsyncClient, journal: Journal) -> None:
        while journal.acknowledged is None:
            journal.tries += 1
            async with self.door:
                await self._try(client, journal)
            if journal.acknowledged is None:
                await asyncio.sleep(pause_seconds)
        session = await self._session(client, journal, journal.acknowledged)
        async with self.door:
            paid = await client.post(
                f"{self.stage.sandbox}/_control/stripe/sessions/{session}/pay", json={}, timeout=pay_timeout_seconds
            )
        assert paid.status_code == 200, paid.text

    async def _session(self, client: httpx2.AsyncClient, journal: Journal, opened: Json) -> str:
        """Wait for the checkout of a payment about which the gateway had not answered yet."""
        while opened["gateway_reference"] is None:
            await asyncio.sleep(pause_seconds)
            try:
                answer = await client.get(f"{self.stage.api}/api/v1/payments/{opened['id']}", headers=self.bearer)
            except httpx2.TransportError as error:
                self.statuses[type(error).__name__] += 1
                continue
            opened = answer.json() if answer.status_code == OK else opened
        journal.opened = opened
        return str(opened["gateway_reference"])

    async def _try(self, client: httpx2.AsyncClient, journal: Journal) -> None:
        try:
            answer = await self.ask_again(client, journal)
        except httpx2.TransportError as error:
            self.statuses[type(error).__name__] += 1
            return
        self.statuses[str(answer.status_code)] += 1
        if answer.status_code in {CREATED, ACCEPTED}:
            journal.acknowledged, journal.status = answer.json(), answer.status_code
            async with self.heard:
                self.acknowledged += 1
                self.heard.notify_all()
            return
        if answer.status_code in self.gone:
            return
        assert answer.status_code in {409, 503}, answer.text
        assert answer.headers["retry-after"], "an answer that asks for patience says for how long"
