"""The history of a demo: written by the flows, the same each time, whole or not at all."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import asyncpg
import httpx2
import pytest
from tests.cli.demo import await_true, environment
from tests.conftest import numbers
from tests.crash.stage import free_ports
from tests.laundry import Laundry

from tillkeeper import catalog, gateways, routing
from tillkeeper.flows.offer import stock
from tillkeeper.flows.read import read
from tillkeeper.fulfilment import packs
from tillkeeper.kernel import clock, logs
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.ops.embedded_postgres import Databases
from tillkeeper.ops.seed import Ground, plan, sow
from tillkeeper.reports import books, invariants
from tillkeeper.routing import Breaker
from tillkeeper.settings import Settings
from tillkeeper.till import Till

FULL = bool(os.environ.get("TILL_TEST_FULL"))
PAYMENTS = plan.PAYMENTS if FULL else 32
WATCHED = (
    "SELECT gateway, currency, status, count(*), sum(amount) FROM payment GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    "SELECT currency, sum(amount_captured), sum(amount_refunded), sum(fee) FROM payment GROUP BY 1 ORDER BY 1",
    "SELECT status, count(*), sum(amount) FROM refund GROUP BY 1 ORDER BY 1",
    "SELECT status, count(*), sum(amount) FROM dispute GROUP BY 1 ORDER BY 1",
    "SELECT kind, count(*) FROM journal GROUP BY 1 ORDER BY 1",
    "SELECT status, count(*) FROM inbox_message GROUP BY 1 ORDER BY 1",
    "SELECT action, count(*) FROM audit_entry GROUP BY 1 ORDER BY 1",
    "SELECT sum(balance) FROM wallet",
)
seed_seconds_max = 1_200 if FULL else 300
sandbox_seconds_max = 240

pytestmark = pytest.mark.timeout(2 * seed_seconds_max)


@dataclass(frozen=True)
class Seeded:
    """A database with a history, and what it was asked to have."""

    till: Till
    owner_url: str
    counted: int

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask as the owner."""
        owner = await asyncpg.connect(self.owner_url)
        try:
            return [tuple(row) for row in await owner.fetch(sql)]
        finally:
            await owner.close()

    async def counts(self, sql: str) -> dict[str, Any]:
        """Ask for pairs."""
        return {row[0]: row[1] for row in await self.rows(sql)}


@contextmanager
def sandbox_running(variables: dict[str, str], url: str, books: Path) -> Iterator[None]:
    """Serve the imitated gateways in a process of their own, as the demo does."""
    port = url.rpartition(":")[2]
    words = [sys.executable, "-m", "tillkeeper", "sandbox", "--port", port, "--books", str(books), "--leash"]
    with subprocess.Popen(words, env=environment() | variables, stdin=subprocess.PIPE) as process:
        try:
            await_true(lambda: _answers(f"{url}/health"), sandbox_seconds_max, "the start of the sandbox")
            yield
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url, trust_env=False).is_success
    except httpx2.HTTPError:
        return False


@pytest.fixture(scope="module")
async def seeded(
    databases: Databases, laundry: Laundry, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[list[Seeded]]:
    """Write the same history into two databases at the same time."""
    logs.configure("CRITICAL")  # a history has errors on purpose
    async with Fields(databases, laundry, tmp_path_factory.mktemp("seed")) as stack:
        yield list(await asyncio.gather(stack.sown(), stack.sown()))


class Fields:
    """Hold what two histories need, and give it back at the end."""

    def __init__(self, databases: Databases, laundry: Laundry, folder: Path) -> None:
        self.databases, self.laundry, self.folder = databases, laundry, folder
        self.stack, self.tills = ExitStack(), list[Till]()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for till in self.tills:
            await till.close()
        self.stack.close()

    async def sown(self) -> Seeded:
        """Take a database and a sandbox, put the demo's goods up for sale, and write the history."""
        name, uses = self.laundry.take(f"test_{os.getpid()}_{next(numbers)}")
        self.stack.callback(self.laundry.give_back, name, uses)
        api_port, sandbox_port = free_ports(2)
        url, where = f"http://127.0.0.1:{sandbox_port}", self.folder / name
        variables = {
            "TILL_MODE": "sandbox",
            "TILL_SECRET_KEY": "the secret of a seed",
            "TILL_WEBHOOKS_ALLOW_PRIVATE": "1",
            "TILL_PUBLIC_URL": f"http://127.0.0.1:{api_port}",
            "DATABASE_URL": self.databases.app_url(name),
            "DATABASE_OWNER_URL": self.databases.owner_url(name),
        } | {key: value for stand in gateways.stands() for key, value in stand.invent(url).items()}
        running = sandbox_running(variables, url, where)
        await asyncio.to_thread(self.stack.enter_context, running)
        till = await Till.open(Settings.model_validate(variables), secrets=Secrets(variables))
        self.tills.append(till)
        await stock(till, (*catalog.DEMO, *catalog.DEMO_PACKS), packs=packs.DEMO)
        ground = Ground(environment=variables, sandbox=url, books=where / "books.sqlite", port=api_port)
        counted = await sow(ground, payments=PAYMENTS, tell=lambda _day, _days: None)
        return Seeded(till, variables["DATABASE_OWNER_URL"], counted)


async def test_the_books_of_a_history_balance_and_nothing_that_must_hold_is_broken(seeded: list[Seeded]) -> None:
    for each in seeded:
        found = await read(each.till, lambda tx: invariants.examine(tx, recent=False))
        assert [item for item in found if item.violations] == []
        assert await read(each.till, books.check) == []


async def test_two_seeds_agree_in_amounts_states_and_counts(seeded: list[Seeded]) -> None:
    first, second = seeded
    for sql in WATCHED:
        assert await first.rows(sql) == await second.rows(sql), sql


async def test_what_is_counted_is_what_is_there_and_spread_over_ninety_days(seeded: list[Seeded]) -> None:
    one = seeded[0]
    [(count, first, days)] = await one.rows(
        "SELECT count(*), min(created_at), count(DISTINCT created_at::date) FROM payment"
    )
    assert (one.counted, count >= PAYMENTS) == (count, True)
    assert clock.now() - first > timedelta(days=plan.DAYS - 10)
    assert days > 20
    [(effective,)] = await one.rows("SELECT count(DISTINCT effective_at::date) FROM journal")
    assert effective > 20, "the books are dated by the history too"


async def test_every_page_has_something_that_a_person_would_look_at(seeded: list[Seeded]) -> None:
    one = seeded[0]
    payments = await one.counts("SELECT status, count(*) FROM payment GROUP BY 1")
    wanted = {"succeeded", "canceled", "expired", "failed", "in_review", "requires_action", "processing"}
    assert wanted | {"requires_capture", "outcome_unknown"} <= payments.keys()
    assert await one.counts("SELECT gateway, 1 FROM payment GROUP BY 1") == dict.fromkeys(
        ("stripe", "razorpay", "paypal", "square"), 1
    )
    inbox = await one.counts("SELECT status, count(*) FROM inbox_message GROUP BY 1")
    assert (inbox["dead"], inbox["quarantined"], inbox["parked"]) == (3, 1, 2)
    disputes = await one.counts("SELECT status, count(*) FROM dispute WHERE status = 'needs_response' GROUP BY 1")
    assert disputes == {"needs_response": 2}
    requests = await one.counts("SELECT state, count(*) FROM refund_request GROUP BY 1")
    assert requests["open"] == 2
    deliveries = await one.counts("SELECT status, count(*) FROM webhook_delivery GROUP BY 1")
    assert {"succeeded", "pending"} <= deliveries.keys()


async def test_one_gateway_is_degraded_and_takes_payments_all_the_same(seeded: list[Seeded]) -> None:
    states = await read(seeded[0].till, lambda tx: routing.states(tx, list(seeded[0].till.gateways)))
    assert [name for name, state in states.items() if state.degraded] == ["square"]
    assert {state.breaker for state in states.values()} == {Breaker.CLOSED}


async def test_exactly_one_discrepancy_is_open(seeded: list[Seeded]) -> None:
    for each in seeded:
        open_ones = "SELECT kind, count(*) FROM discrepancy WHERE status = 'open' GROUP BY 1"
        assert await each.counts(open_ones) == {"orphan_adjustment": 1}


def test_the_plan_has_exactly_as_many_sales_as_it_is_asked_for_in_the_order_of_time() -> None:
    for payments in (1, 40, plan.PAYMENTS):
        slots = list(plan.slots(payments))
        assert [sale.number for slot in slots for sale in slot.sales] == list(range(payments))
        assert [slot.at for slot in slots] == sorted(slot.at for slot in slots)
