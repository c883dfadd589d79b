"""Whoever watches hears everything once and in order, and is told when their session is over."""

from typing import Any

from tillkeeper.access import staff
from tillkeeper.access.staff import Role
from tillkeeper.flows.employ import disable, employ
from tillkeeper.flows.sequence import sequence
from tillkeeper.flows.sign_in import recognise
from tillkeeper.flows.watch import newest, watch


async def test_what_happened_after_a_place_is_heard_in_order(shop: Any) -> None:
    await shop.paid()
    await sequence(shop.till, limit=None)
    place = await newest(shop.till)
    await shop.paid()
    await sequence(shop.till, limit=None)
    news = await watch(shop.till, after=place, sessions=())
    assert [event.seq for event in news.events] == list(range(place + 1, await newest(shop.till) + 1))
    assert news.events[0].type == "payment.created"
    assert (await watch(shop.till, after=news.events[-1].seq, sessions=())).events == []


async def test_watching_keeps_no_session_alive_and_sees_which_are_over(shop: Any) -> None:
    digests = []
    for email in ("ana@example.com", "ben@example.com"):
        await employ(shop.till, email, role=Role.VIEWER)
        async with shop.till.db.transaction() as tx:
            token = await staff.begin(tx, await staff.find(tx, email), shop.till.now())
        digests.append((await recognise(shop.till, token)).digest)
    seen = "SELECT array_agg(seen_at ORDER BY seen_at) FROM staff_session"
    before = await shop.owner.fetchval(seen)
    news = await watch(shop.later(minutes=20), after=0, sessions=digests)
    assert news.sessions == frozenset(digests)
    assert await shop.owner.fetchval(seen) == before
    await disable(shop.till, "ben@example.com")
    assert (await watch(shop.till, after=0, sessions=digests)).sessions == {digests[0]}
    assert (await watch(shop.later(minutes=31), after=0, sessions=digests)).sessions == frozenset()
