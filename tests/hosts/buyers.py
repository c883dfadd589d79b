"""Customers at a host of their own: they buy, pay and wait until all is delivered, and say what they were told."""

import asyncio
import json
import random
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import httpx2
from tests.crash.crowd import Crowd
from tests.crash.oracle import check_api, converge

patience_seconds = 60
call_seconds_max = 20
UNFINISHED = ("created", "requires_action", "processing", "outcome_unknown")


@dataclass(frozen=True)
class Place:
    """Say where to buy and pay, and with which key."""

    api: str
    sandbox: str
    key: str

    async def waiting(self) -> int:
        """Count payments without an end, as far as customers are told of them: of each kind up to a page."""
        headers = {"Authorization": f"Bearer {self.key}"}
        async with httpx2.AsyncClient(trust_env=False, timeout=call_seconds_max, headers=headers) as client:
            pages = [await client.get(f"{self.api}/api/v1/payments", params={"status": each}) for each in UNFINISHED]
        return sum(len(page.json()["data"]) for page in pages)


async def awaken(place: Place) -> None:
    """Wait until both answer."""
    async with asyncio.timeout(patience_seconds), httpx2.AsyncClient(trust_env=False, timeout=5) as client:
        for url in (f"{place.sandbox}/health", f"{place.api}/ready"):
            while True:
                with suppress(httpx2.TransportError):
                    if (await client.get(url)).is_success:
                        break
                await asyncio.sleep(0.1)


async def trade(place: Place, purchases: int, pause_seconds: float) -> dict[str, Any]:
    """Buy everything, and wait for the end of it."""
    await awaken(place)
    crowd = Crowd(place, random.Random(7))
    await crowd.buy(purchases, pause_seconds=pause_seconds)
    bought_at = time.monotonic_ns()
    async with httpx2.AsyncClient(trust_env=False, timeout=call_seconds_max) as client:
        await converge(place, client)
        converged_at = time.monotonic_ns()
        await check_api(crowd, client)
        books = (await client.get(f"{place.sandbox}/_control/books/stripe")).json()
    return {
        "told": {str(journal.number): asdict(journal)["opened"] for journal in crowd.journals},
        "statuses": crowd.statuses,
        "bought_at": bought_at,
        "converged_at": converged_at,
        "books": books,
    }


if __name__ == "__main__":
    api, sandbox, key, purchases_, pause_ = sys.argv[1:]
    told = asyncio.run(trade(Place(api, sandbox, key), int(purchases_), float(pause_)))
    sys.stdout.write(json.dumps(told))
