"""Open pages hear what happens, go on where they were broken off, and end when their session does."""

import asyncio
import json
from typing import Any

import pytest
from tests.dashboard.conftest import Seat

from tillkeeper.flows import watch
from tillkeeper.flows.employ import disable
from tillkeeper.flows.sequence import sequence
from tillkeeper.flows.sign_in import recognise
from tillkeeper.flows.watch import newest
from tillkeeper.web import cookie
from tillkeeper.web.dashboard import live
from tillkeeper.web.dashboard.live import Live, Watcher

patience_seconds = 10


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "look_seconds", 0.02)


async def seated(shop: Any, desk: Seat, place: int) -> Watcher:
    """Open a page of somebody who is signed in."""
    session = await recognise(shop.till, desk.http.cookies[cookie.NAME])
    return Watcher(session=session.digest, place=place)


async def heard(stream: Any) -> str:
    """Wait for the next thing that is said."""
    said: bytes = await asyncio.wait_for(anext(stream), patience_seconds)
    return said.decode()


async def test_a_page_hears_of_a_payment_and_of_which(shop: Any, desk_of: Any) -> None:
    hub = Live(shop.till)
    stream = hub.stream(await seated(shop, await desk_of("viewer"), await newest(shop.till)))
    assert (await heard(stream)).startswith("retry:")
    payment = await shop.paid()
    await sequence(shop.till, limit=None)
    said = await heard(stream)
    number, data = said.strip().split("\n")
    told = json.loads(data.removeprefix("data: "))
    assert number == f"id: {await newest(shop.till)}"
    assert told["payments"] == [payment["id"]]
    assert "payment.succeeded" in told["types"]
    await stream.aclose()


async def test_a_page_that_was_broken_off_hears_what_it_missed(shop: Any, desk_of: Any) -> None:
    await sequence(shop.till, limit=None)
    place = await newest(shop.till)
    await shop.paid()
    await sequence(shop.till, limit=None)
    hub = Live(shop.till)
    stream = hub.stream(await seated(shop, await desk_of("viewer"), place))
    await heard(stream)
    assert "payment.created" in await heard(stream)
    await stream.aclose()


async def test_a_page_that_is_far_behind_is_told_so_and_keeps_no_other_waiting(
    shop: Any, desk_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "watch_batch_max", 2)
    await shop.paid()
    await sequence(shop.till, limit=None)
    head = await newest(shop.till)
    session = (await seated(shop, await desk_of("viewer"), 0)).session
    stream = Live(shop.till).stream(live.begin(session, asked=0, head=head))
    await heard(stream)
    number, data = (await heard(stream)).strip().split("\n")
    assert head > 2
    assert number == f"id: {head - 2}"
    assert json.loads(data.removeprefix("data: ")) == {"types": [], "payments": [], "much": True}
    await stream.aclose()


async def test_news_that_does_not_fit_into_one_look_is_told_without_waiting(
    shop: Any, desk_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "watch_batch_max", 1)
    monkeypatch.setattr(watch, "watch_batch_max", 1)
    monkeypatch.setattr(live, "look_seconds", 3600)
    place = await newest(shop.till)
    await shop.paid()
    await sequence(shop.till, limit=None)
    stream = Live(shop.till).stream(await seated(shop, await desk_of("viewer"), place))
    await heard(stream)
    told = [await heard(stream) for _ in range(3)]
    assert [said.count('"payment.') for said in told[:2]] == [1, 1]
    await stream.aclose()


async def test_a_session_that_is_ended_ends_its_stream_and_no_other(shop: Any, desk_of: Any) -> None:
    hub = Live(shop.till)
    gone, stays = await desk_of("viewer"), await desk_of("support")
    streams = [hub.stream(await seated(shop, desk, await newest(shop.till))) for desk in (gone, stays)]
    for stream in streams:
        await heard(stream)
    await disable(shop.till, gone.email)
    assert "event: over" in await heard(streams[0])
    with pytest.raises(StopAsyncIteration):
        await anext(streams[0])
    await shop.paid()
    await sequence(shop.till, limit=None)
    assert "payment.created" in await heard(streams[1])
    await streams[1].aclose()


async def test_closing_ends_every_stream_at_once(shop: Any, desk_of: Any) -> None:
    hub = Live(shop.till)
    stream = hub.stream(await seated(shop, await desk_of("viewer"), 0))
    await heard(stream)
    hub.close()
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(stream), patience_seconds)


async def test_a_stream_is_refused_to_strangers_and_too_many(desk_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "streams_max", 0)
    desk: Seat = await desk_of("viewer")
    assert (await desk.get("/live")).status_code == 204
    desk.http.cookies.clear()
    assert (await desk.get("/live")).status_code == 303
