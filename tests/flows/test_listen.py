"""A named listener hears every event in its order, from where it was, whatever is switched off in between."""

from datetime import timedelta
from typing import Any

import pytest
from tests.flows.merchant import Merchant, merchant_of
from tests.flows.receiver import Receiver, receiving

from tillkeeper.flows.listen import listen, listen_batch_max, secret_of, tune_in
from tillkeeper.flows.notify import PLACE
from tillkeeper.kernel import clock
from tillkeeper.kernel.errors import InvalidFieldError


@pytest.fixture
def merchant(shop: Any) -> Merchant:
    return merchant_of(shop.till, shop.owner)


async def hear(merchant: Merchant, door: Receiver, name: str = "me") -> tuple[bool, list[tuple[int, int | None]]]:
    lines: list[tuple[int, int | None]] = []
    done = await listen(
        merchant.till, name, url=door.url, heard=lambda event, reply: lines.append((event.seq, reply.status))
    )
    return done, lines


async def test_a_new_listener_starts_from_now_and_hears_everything_once_in_order(merchant: Merchant) -> None:
    await merchant.announce("payment.created")
    await merchant.plan()
    assert await tune_in(merchant.till, "me") == (1, 0)
    events = await merchant.announce("payment.succeeded", "refund.created")
    await merchant.plan()
    async with receiving() as door:
        assert await hear(merchant, door) == (True, [(2, 200), (3, 200)])
        assert await hear(merchant, door) == (True, [])
    assert door.ids == events
    assert [each.verify(secret_of(merchant.till, "me"))["type"] for each in door.taken] == [
        "payment.succeeded",
        "refund.created",
    ]


async def test_an_event_that_is_not_taken_stays_next_and_keeps_later_ones_back(merchant: Merchant) -> None:
    await tune_in(merchant.till, "me")
    events = await merchant.announce("payment.created", "payment.succeeded")
    await merchant.plan()
    async with receiving(statuses=[500]) as door:
        assert await hear(merchant, door) == (False, [(1, 500)])
        assert await tune_in(merchant.till, "me") == (0, 2)
        assert await hear(merchant, door) == (True, [(1, 200), (2, 200)])
    assert door.ids == [events[0], *events]


async def test_listeners_of_different_names_have_places_and_secrets_of_their_own(merchant: Merchant) -> None:
    for name in ("me", "you"):
        await tune_in(merchant.till, name)
    await merchant.announce("payment.created")
    await merchant.plan()
    async with receiving() as door:
        assert await hear(merchant, door, "me") == (True, [(1, 200)])
        assert await tune_in(merchant.till, "you") == (0, 1)
    assert secret_of(merchant.till, "me") == secret_of(merchant.till, "me") != secret_of(merchant.till, "you")


async def test_a_moment_takes_a_listener_back_and_never_beyond_the_newest_event(merchant: Merchant) -> None:
    moment = clock.now()
    await merchant.announce("payment.created", "payment.succeeded")
    await merchant.plan()
    assert await tune_in(merchant.till, "me") == (2, 0)
    assert await tune_in(merchant.till, "me", since=moment) == (0, 2)
    assert await tune_in(merchant.till, "me", since=moment + timedelta(days=1)) == (2, 0)


async def test_what_happened_before_a_listener_came_is_not_news_however_late_the_worker_is(merchant: Merchant) -> None:
    await merchant.announce("payment.created")
    assert await tune_in(merchant.till, "me") == (1, 0)


async def test_a_listener_waits_for_no_worker_and_stops_at_no_batch(merchant: Merchant) -> None:
    await tune_in(merchant.till, "me")
    events = await merchant.announce(*["payment.created"] * (listen_batch_max + 1))
    async with receiving() as door:
        done, lines = await hear(merchant, door)
    assert (done, len(lines)) == (True, len(events))


async def test_no_listener_moves_the_place_of_our_own_letters(merchant: Merchant) -> None:
    for since in (None, clock.now()):
        with pytest.raises(InvalidFieldError, match="choose another name"):
            await tune_in(merchant.till, PLACE, since=since)
    assert await merchant.owner.fetchval("SELECT count(*) FROM event_cursor") == 0
