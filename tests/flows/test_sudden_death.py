"""Whatever is done to money or goods may be killed at any place: done again, it has happened once, and wholly.

Each act runs in a process that is killed at the first place it comes to, then, on a new database, at the second, and so
on until it lives. After each death the leases end, whoever asked asks again, and the worker works. What stands in the
books, the wallets, the outbox and the gateway's own books must be what an act leaves that nobody killed. Each act has
its turn in time (tests/slices.py); all of them with TILL_TEST_FULL=1.
"""

import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import chain, count
from pathlib import Path
from typing import Any

import pytest
from tests.flows.conftest import Shop, lined, prove, shopped, tilled, uuid_of
from tests.flows.dying import Act, die_in
from tests.flows.effects import EFFECTS, Prepare, hear
from tests.flows.test_expire import OVER
from tests.flows.test_let_go import age
from tests.flows.test_respond import answer, disputed
from tests.flows.test_review import held, ruled
from tests.laundry import Laundry

from tillkeeper import catalog
from tillkeeper.flows.cancel import cancel
from tillkeeper.flows.expire import expire
from tillkeeper.flows.let_go import let_go
from tillkeeper.flows.offer import offer
from tillkeeper.flows.sequence import sequence
from tillkeeper.kernel.errors import TillError
from tillkeeper.ops.embedded_postgres import Databases
from tillkeeper.worker import schedule


async def to_be_opened(_: Shop) -> Act:
    return lambda shop: shop.create("opened")


async def to_be_authorized(shop: Shop) -> Act:
    await shop.pay(await shop.opened(capture_method="manual"))
    return hear


async def to_be_captured_by_hand(shop: Shop) -> Act:
    payment = await shop.opened(capture_method="manual")
    await shop.pay(payment)
    await shop.catch_up()
    return lambda shop: shop.capture(payment, key="captured")


async def to_be_canceled(shop: Shop) -> Act:
    payment = await shop.opened()
    return lambda shop: cancel(shop.till, shop.wish("canceled"), uuid_of(payment))


async def to_be_over(shop: Shop) -> Act:
    await shop.opened()
    await shop.owner.execute(OVER)

    async def end(shop: Shop) -> None:
        """Ask the gateway to end what is over, and hear what it says."""
        await expire(shop.till)
        await shop.operate()
        await hear(shop)

    return end


async def to_be_numbered(shop: Shop) -> Act:
    await shop.paid()
    return lambda shop: sequence(shop.till)


async def to_be_ruled_on(shop: Shop) -> Act:
    payment = await held(shop)
    return lambda shop: ruled(shop, payment, "ruled")


async def to_be_let_go(shop: Shop) -> Act:
    await held(shop)
    await age(shop, shop.till.settings.review_hours_max + 1)

    async def void(shop: Shop) -> None:
        """Let go of what waited for too long, and hear what the gateway says."""
        await let_go(shop.till)
        await shop.operate()
        await hear(shop)

    return void


async def to_be_defended(shop: Shop) -> Act:
    dispute = await disputed(shop)
    return lambda shop: answer(shop, dispute, key="defended")


MONEYLESS = (
    *(to_be_opened, to_be_authorized, to_be_captured_by_hand, to_be_canceled, to_be_over, to_be_numbered),
    *(to_be_ruled_on, to_be_let_go, to_be_defended),
)
"""What writes nothing into the books, or leaves that to another, and may be killed as well."""
ACTS = (*MONEYLESS, *chain(*EFFECTS.values()))
LEASED = ("idempotency_key", "operation", "inbox_batch", "mail_letter", "webhook_delivery", "schedule_run")
WORK = [job for job in schedule.DRAINS if job.name not in {"catch_up", "examine", "reconcile", "seal", "expire"}]
"""What a worker does about what was left lying; the rest comes at its own time and asks others."""
rounds = 3
places_max = 60
WALLET = "regexp_replace({}, ':[0-9a-f]{{8}}-[0-9a-f-]+', '')"
MOMENT = "regexp_replace({}, ':[0-9]{{4}}-.*', '')"
SHAPE = {
    "books": f"""
        SELECT journal.source, {MOMENT.format("kind")}, posting.currency, amount, {WALLET.format("debit.code")},
               {WALLET.format("credit.code")}
        FROM journal JOIN posting ON journal_id = journal.id
        JOIN account AS debit ON debit.id = debit_id JOIN account AS credit ON credit.id = credit_id""",
    "payments": """
        SELECT status, amount, currency, amount_captured, amount_refunded, amount_refunding, amount_disputed
        FROM payment""",
    "refunds": "SELECT status, amount FROM refund",
    "disputes": "SELECT status, amount FROM dispute",
    "answers": "SELECT kind FROM dispute_response",
    "goods": "SELECT granted, revoked FROM entitlement",
    "wallets": "SELECT kind, amount FROM wallet_entry",
    "cards": "SELECT ordinal, status FROM card",
    "told": "SELECT type FROM outbox_event",
    "untold": "SELECT 1 FROM outbox_event WHERE seq IS NULL",
    "waiting": "SELECT status FROM inbox_message WHERE status NOT IN ('processed', 'ignored')",
    "owed": "SELECT kind, state FROM operation WHERE state = 'asked'",
}


async def finish(shop: Shop, act: Act) -> None:
    """Do what everybody does after a death: wait until it is taken for one, ask again, and let the worker work."""
    for table in LEASED:
        await shop.owner.execute(f"UPDATE {table} SET lease_until = now() WHERE lease_until IS NOT NULL")
    with suppress(TillError):
        await act(shop)
    for _ in range(rounds):
        await shop.hear_news()
        await shop.owner.execute("UPDATE inbox_message SET due_at = now() WHERE status IN ('received', 'parked')")
        for job in WORK:
            while await job.run(shop.till):
                pass
        await shop.operate()


async def shape(shop: Shop) -> dict[str, Counter[Any]]:
    """Write down what there is, without the ids and moments that differ from one time to the next."""
    found = {name: Counter(tuple(row) for row in await shop.owner.fetch(sql)) for name, sql in SHAPE.items()}
    books = await shop.books()
    lines = ((line["captured"], line["refunded"], line["captures"]) for line in books["payment_intents"])
    found["at the gateway"], found["sessions"] = Counter(lines), Counter([books["sessions"]])
    return found


@pytest.fixture
def fresh(laundry: Laundry, databases: Databases, tmp_path: Path) -> Callable[[int], Any]:
    """Lend what opens a shop on a database and a gateway of its own."""

    @asynccontextmanager
    async def opened(number: int) -> AsyncIterator[tuple[Shop, str]]:
        folder = tmp_path / str(number)
        folder.mkdir()
        name, uses = laundry.take(f"death_{os.getpid()}_{number}")
        try:
            owner_url = databases.owner_url(name)
            async with lined(folder) as line, tilled(line, databases.app_url(name)) as till:
                await offer(till, catalog.DEMO)
                async with shopped(till, line, owner_url) as shop:
                    yield shop, owner_url
                await prove(till)
        finally:
            laundry.give_back(name, uses)

    return opened


@pytest.mark.timeout(600)
@pytest.mark.parametrize("prepare", ACTS, ids=lambda prepare: prepare.__name__)
async def test_what_is_killed_at_any_place_happens_once_and_wholly_when_it_is_done_again(
    fresh: Callable[[int], Any], prepare: Prepare, tell: Callable[[str], None]
) -> None:
    async with fresh(0) as (shop, _):
        act = await prepare(shop)
        await act(shop)
        await finish(shop, act)
        unharmed = await shape(shop)
    died: list[str] = []
    for place in count(1):
        assert place <= places_max, f"it still dies: {died}"
        async with fresh(place) as (shop, owner_url):
            act = await prepare(shop)
            at = await die_in(shop, act, place, owner_url)
            if at is None:
                break
            died.append(at)
            await finish(shop, act)
            assert await shape(shop) == unharmed, f"killed at place {place}, which is “{at}”"
    assert died, "an act that comes to no place cannot be killed"
    tell(f"died {len(died)} times: " + ", ".join(f"{name} {times}" for name, times in sorted(Counter(died).items())))
