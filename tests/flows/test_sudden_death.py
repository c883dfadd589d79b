"""Whatever is done to money or goods may be killed at any place: done again, it has happened once, and wholly.

Each act runs in a process that is killed at the first place it comes to, then, on a new database, at the second, and so
on until it lives. After each death the leases end, whoever asked asks again, and the worker works. What stands in the
books, the wallets, the outbox and the gateway's own books must be what an act leaves that nobody killed. Each act has
its turn in time (tests/slices.py); all of them with TILL_TEST_FULL=1.
"""

import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Any

import pytest
from tests.flows.aftermath import end_leases, left_behind, lent, let_work, rounds
from tests.flows.conftest import Shop, lined, prove, shopped, tilled, uuid_of
from tests.flows.dying import Act, account_of, die_in, places_max
from tests.flows.effects import EFFECTS, Prepare, hear
from tests.flows.test_expire import OVER
from tests.flows.test_fulfil import mend
from tests.flows.test_let_go import age
from tests.flows.test_refulfil import given_up
from tests.flows.test_refund_many import bulk
from tests.flows.test_replay import dead_letter
from tests.flows.test_respond import answer, disputed
from tests.flows.test_review import held, ruled
from tests.laundry import Laundry

from tillkeeper import catalog
from tillkeeper.flows.cancel import cancel
from tillkeeper.flows.catch_up import catch_up
from tillkeeper.flows.confirm import confirm
from tillkeeper.flows.deliver import deliver
from tillkeeper.flows.expire import expire
from tillkeeper.flows.fan_out import fan_out
from tillkeeper.flows.let_go import let_go
from tillkeeper.flows.offer import offer
from tillkeeper.flows.redeliver import recover
from tillkeeper.flows.refulfil import refulfil
from tillkeeper.flows.refund_many import refund_many
from tillkeeper.flows.replay import replay
from tillkeeper.flows.sequence import sequence
from tillkeeper.flows.subscribe import subscribe
from tillkeeper.kernel import clock
from tillkeeper.kernel.errors import TillError
from tillkeeper.ops.embedded_postgres import Databases


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


async def to_be_confirmed(shop: Shop) -> Act:
    payment = await shop.opened(checkout="embedded")
    await shop.pay(payment)
    return lambda shop: confirm(shop.till, uuid_of(payment), {})


async def to_be_caught_up_with(shop: Shop) -> Act:
    await shop.pay(await shop.opened())
    shop.heard.update(event["id"] for event in await shop.events())  # it is lost, so it never comes

    async def fetch(shop: Shop) -> None:
        """Fetch what was lost, and settle it."""
        await catch_up(shop.later(minutes=5))
        await shop.settle()

    return fetch


async def to_be_replayed(shop: Shop) -> Act:
    _, message = await dead_letter(shop)
    return lambda shop: replay(shop.till, message)


async def to_be_told(shop: Shop) -> Act:
    await subscribe(shop.till, url=f"{shop.line.sandbox}/_merchant/takes", types=("*",), description=None)
    await shop.paid()
    return tell_the_merchant


async def to_be_told_again(shop: Shop) -> Act:
    act = await to_be_told(shop)
    await shop.turn(merchant_error_percent=100)
    await act(shop)
    await shop.owner.execute("UPDATE webhook_delivery SET status = 'dead', finished_at = now()")
    await shop.turn(merchant_error_percent=0)
    endpoint = await shop.owner.fetchval("SELECT id FROM webhook_endpoint")

    async def tell_again(shop: Shop) -> None:
        """Owe the merchant what it has missed, and tell."""
        await recover(shop.till, endpoint, since=clock.now() - timedelta(hours=1))
        await tell_the_merchant(shop)

    return tell_again


async def tell_the_merchant(shop: Shop) -> None:
    """Give events their numbers, and send them to whoever wants to hear."""
    while await sequence(shop.till) + await fan_out(shop.till):
        pass
    while await deliver(shop.till):
        pass


async def to_be_refunded_in_bulk(shop: Shop) -> Act:
    wanted = bulk(await shop.paid(), await shop.paid())
    return lambda shop: refund_many(shop.till, shop.wish("bulk", wanted), wanted)


async def to_be_handed_over_again(shop: Shop) -> Act:
    payment = await given_up(shop)
    await mend(shop)
    return lambda shop: refulfil(shop.till, uuid_of(payment))


MONEYLESS = (
    *(to_be_opened, to_be_authorized, to_be_captured_by_hand, to_be_canceled, to_be_over, to_be_numbered),
    *(to_be_ruled_on, to_be_let_go, to_be_defended, to_be_confirmed, to_be_caught_up_with, to_be_replayed),
    *(to_be_told, to_be_told_again, to_be_refunded_in_bulk, to_be_handed_over_again),
)
"""What writes nothing into the books, or leaves that to another, and may be killed as well."""
ACTS = (*MONEYLESS, *chain(*EFFECTS.values()))


@asynccontextmanager
async def reopened(shop: Shop, owner_url: str) -> AsyncIterator[Shop]:
    """Open the same shop with connections of its own."""
    database_url = shop.till.settings.database_url
    async with tilled(shop.line, database_url) as till, shopped(till, shop.line, owner_url) as own:
        yield replace(own, heard=shop.heard, numbers=shop.numbers)


async def finish(shop: Shop, act: Act) -> None:
    """Do what everybody does after a death: wait until it is taken for one, ask again, and let the worker work."""
    await end_leases(shop.owner)
    with suppress(TillError):
        await act(shop)
    for _ in range(rounds):
        await shop.hear_news()
        await let_work(shop.till, shop.owner)


async def shape(shop: Shop) -> dict[str, Counter[Any]]:
    """Write down what there is here, at the gateway and at the merchant."""
    found, books = await left_behind(shop.owner), await shop.books()
    lines = ((line["captured"], line["refunded"], line["captures"]) for line in books["payment_intents"])
    found["at the gateway"], found["sessions"] = Counter(lines), Counter([books["sessions"]])
    found["taken by the merchant"] = Counter(json.loads(each["body"])["type"] for each in await taken(shop))
    return found


async def taken(shop: Shop) -> list[Any]:
    """List what the merchant's program was told: each message once, however often it came."""
    data: list[Any] = (await shop.http.get(f"{shop.line.sandbox}/_control/taken")).json()["data"]
    return data


@pytest.fixture
def fresh(laundry: Laundry, databases: Databases, tmp_path: Path) -> Callable[[int], Any]:
    """Lend what opens a shop on a database and a gateway of its own."""

    @asynccontextmanager
    async def opened(number: int) -> AsyncIterator[tuple[Shop, str]]:
        folder = tmp_path / str(number)
        folder.mkdir()
        with lent(laundry, databases, f"death_{os.getpid()}_{number}") as (app_url, owner_url):
            async with lined(folder) as line, tilled(line, app_url) as till:
                await offer(till, catalog.DEMO)
                async with shopped(till, line, owner_url) as shop:
                    yield shop, owner_url
                await prove(till)

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
            at = await die_in(partial(reopened, shop, owner_url), act, place)
            if at is None:
                break
            died.append(at)
            await finish(shop, act)
            assert await shape(shop) == unharmed, f"killed at place {place}, which is “{at}”"
    tell(account_of(died))
