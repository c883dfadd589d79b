"""At every gateway: who dies while money moves has moved it once and wholly, when it is done again.

A payment lives three chapters: it is opened, its money is taken, and a part goes back. In each life one chapter is
told in a process that is killed at the first place it comes to, in the next life at the second, and so on until it
lives; then whoever asked asks again, the worker works, and the rest is told. At the end there must be what there is
after a life in which nobody died. Each chapter has its turn in time (tests/slices.py); all with TILL_TEST_FULL=1.
"""

import asyncio
import os
from collections import Counter as Sums
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from tests.flows.aftermath import end_leases, left_behind, lent, let_call, let_work, rounds
from tests.flows.dying import account_of, die_in, places_max
from tests.gateways import counter as counters
from tests.gateways.counter import Counter
from tests.gateways.trial import Trial, patience_seconds
from tests.laundry import Laundry

from tillkeeper.flows.capture import capture
from tillkeeper.flows.confirm import confirm
from tillkeeper.flows.receive import receive
from tillkeeper.flows.refund import RefundWish, refund
from tillkeeper.gateway import Accepted
from tillkeeper.idempotency import InProgressError, Wish
from tillkeeper.kernel.crypto import sha256
from tillkeeper.kernel.errors import TillError
from tillkeeper.ops.embedded_postgres import Databases

PAYMENT = "SELECT id, gateway_reference, amount FROM payment"


@dataclass(frozen=True)
class Bought:
    """Hold the one payment that there is, and what the customer's browser brought."""

    id: UUID
    reference: str | None
    price: int
    brought: Mapping[str, str]


Chapter = Callable[[Counter, Bought | None], Awaitable[object]]
Standing = AbstractAsyncContextManager[tuple[Counter, str]]


async def to_be_opened(counter: Counter, _: Bought | None) -> None:
    """Open a checkout whose money is taken at once."""
    await counter.open(1)


async def to_be_opened_by_hand(counter: Counter, _: Bought | None) -> None:
    """Open one whose money is set aside first."""
    await counter.open(1, by_hand=True)


async def to_be_taken(counter: Counter, bought: Bought | None) -> None:
    """Go on with what the customer approved, and take by hand what is only set aside."""
    assert bought
    await confirm(counter.till, bought.id, bought.brought)
    await hear(counter)
    with suppress(InProgressError):
        await capture(counter.till, wish("capture"), bought.id, amount=None)


async def to_be_heard_of(counter: Counter, bought: Bought | None) -> None:
    """Hear of it by webhooks alone, and let the worker take what is only approved."""
    assert bought
    await hear(counter)
    await let_call(counter.till, counter.owner)


async def to_be_refunded(counter: Counter, bought: Bought | None) -> None:
    assert bought
    wanted = RefundWish(payment=bought.id, amount=bought.price // 2)
    await refund(counter.till, wish("refund"), wanted)


BY_ITSELF = (to_be_opened, to_be_heard_of, to_be_refunded)
BY_HAND = (to_be_opened_by_hand, to_be_taken, to_be_refunded)
KILLED = [
    pytest.param(life, number, id=f"{chapter.__name__}{'_after_by_hand' * (number == 2 and life is BY_HAND)}")
    for life in (BY_ITSELF, BY_HAND)
    for number, chapter in enumerate(life)
]


def wish(key: str) -> Wish:
    """Name a request."""
    return Wish(scope="sandbox", key=key, request_sha=sha256(b"the same"))


async def hear(counter: Counter) -> None:
    """Take in every webhook that has come about this payment, and settle it."""
    for letter in counter.trial.letters():
        await receive(counter.intake, counter.trial.subject.name, letter.headers, letter.body)
    await counter.settle()


async def pay(counter: Counter) -> Bought:
    """Pay as the customer, once there is something to pay for."""
    [row] = await counter.owner.fetch(PAYMENT)
    opened = Accepted(references=(row["gateway_reference"],) if row["gateway_reference"] else ())
    brought = await counter.trial.subject.pay(counter.trial.act, opened)
    await counter.trial.post_is_empty()
    return Bought(row["id"], row["gateway_reference"], row["amount"], brought)


async def finish(counter: Counter, chapter: Chapter, bought: Bought | None) -> None:
    """Do what everybody does after a death: wait until it is taken for one, ask again, and let the worker work."""
    await end_leases(counter.owner)
    for _ in range(rounds):
        with suppress(TillError):
            await chapter(counter, bought)
        await counter.trial.post_is_empty()
        await hear(counter)
        await let_work(counter.till, counter.owner)


async def see_the_refund_arrive(counter: Counter) -> None:
    """Wait for what a gateway does a moment later, so that no other life hears of it."""
    async with asyncio.timeout(patience_seconds):
        while await counter.owner.fetchval("SELECT count(*) FROM refund WHERE status = 'pending'"):
            await asyncio.sleep(0.1)
            await hear(counter)
    await counter.trial.post_is_empty()
    await hear(counter)
    await let_work(counter.till, counter.owner)


async def live(
    counter: Counter, life: tuple[Chapter, ...], killed: int, die: Callable[[Chapter, Bought | None], Awaitable[bool]]
) -> dict[str, Sums[Any]] | None:
    """Tell a life and write down what there is in the end; nothing, when nobody died in the chapter to die in."""
    bought: Bought | None = None
    for number, chapter in enumerate(life):
        if number == killed and not await die(chapter, bought):
            return None
        await finish(counter, chapter, bought)
        bought = bought or await pay(counter)
    assert bought
    await see_the_refund_arrive(counter)
    found = await left_behind(counter.owner)
    del found["told"][("payment.attempt_failed",)]  # what a browser brought dies with us, and its try has failed
    found["at the gateway"] = Sums([await counter.trial.line(replace(counter.trial.order(), payment=bought.id))])
    return found


@pytest.fixture
def fresh(trial: Trial, laundry: Laundry, databases: Databases) -> Callable[[int], Standing]:
    """Lend what opens a counter on a database of its own, which hears of its own payment alone."""

    @asynccontextmanager
    async def opened(number: int) -> AsyncIterator[tuple[Counter, str]]:
        await trial.post_is_empty()
        deaf = replace(trial, heard_before=len(trial.house.receiver.letters))
        with lent(laundry, databases, f"gateway_death_{os.getpid()}_{number}") as (app_url, owner_url):
            async with counters.opened(deaf, app_url, owner_url) as counter:
                yield counter, owner_url
                await see_the_refund_arrive(counter)

    return opened


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("life", "killed"), KILLED)
async def test_what_is_killed_at_any_gateway_happens_once_and_wholly_when_it_is_done_again(
    fresh: Callable[[int], Standing], life: tuple[Chapter, ...], killed: int, tell: Callable[[str], None]
) -> None:
    died: list[str] = []
    unharmed: dict[str, Sums[Any]] | None = None
    for place in count():
        assert place <= places_max, f"it still dies: {died}"
        async with fresh(place) as (counter, owner_url):
            again = partial(counters.manned, counter.trial, counter.till.settings.database_url, owner_url)

            async def die(chapter: Chapter, bought: Bought | None, *, place: int = place, again: Any = again) -> bool:
                if not place:
                    return True
                at = await die_in(again, lambda own: chapter(own, bought), place)
                died.extend([at] if at else [])
                return at is not None

            found = await live(counter, life, killed, die)
        if found is None:
            break
        unharmed = unharmed or found
        assert found == unharmed, f"killed at place {place}, which is “{died[-1]}”"
    assert unharmed
    assert [line.charges for line in unharmed["at the gateway"]] == [1]
    tell(account_of(died))
