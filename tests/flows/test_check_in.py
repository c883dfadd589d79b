"""Who is at work is seen, and who has ended in good order is not missed."""

from typing import Any

from tillkeeper.flows.check_in import check_in, check_out
from tillkeeper.flows.read import read
from tillkeeper.kernel import ids
from tillkeeper.reports import jobs
from tillkeeper.schedules import Kind, Worker


def worker(kind: Kind = Kind.LOOP) -> Worker:
    return Worker(id=ids.new(), kind=kind, host="here", pid=7)


async def hosts(shop: Any) -> list[tuple[object, object]]:
    return [(each["kind"], each["pid"]) for each in await read(shop.till, jobs.workers)]


async def test_a_worker_is_seen_from_its_first_sign_on(shop: Any) -> None:
    ours = worker()
    for _ in range(3):
        await check_in(shop.till, ours)
    assert await hosts(shop) == [("loop", 7)]
    assert await read(shop.till, jobs.last_sign) is not None


async def test_a_worker_that_shows_no_sign_for_a_minute_is_not_at_work(shop: Any) -> None:
    await check_in(shop.till, worker())
    await shop.owner.execute("UPDATE worker SET beat_at = now() - interval '61 seconds'")
    assert await hosts(shop) == []


async def test_a_worker_that_has_ended_is_not_at_work_and_its_last_sign_stays(shop: Any) -> None:
    ours = worker()
    await check_in(shop.till, ours)
    await check_out(shop.till, ours)
    assert await hosts(shop) == []
    assert await read(shop.till, jobs.last_sign) is not None


async def test_what_only_wakes_workers_is_seen_and_is_no_sign_of_work(shop: Any) -> None:
    await check_in(shop.till, worker(Kind.BEAT))
    assert await hosts(shop) == [("beat", 7)]
    assert await read(shop.till, jobs.last_sign) is None
