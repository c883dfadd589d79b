"""The page about work behind the scenes: what waits, what is late, and what ran last."""

import re
from datetime import timedelta
from typing import Any

from tests.dashboard.conftest import words

from tillkeeper.flows.catch_up import catch_up
from tillkeeper.flows.check_in import check_in
from tillkeeper.flows.examine import examine
from tillkeeper.flows.keep_appointment import keep_appointment
from tillkeeper.flows.read import read
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import NotFoundError
from tillkeeper.reports import jobs
from tillkeeper.schedules import HOURLY, Kind, Worker
from tillkeeper.till import Till

MOVED = "the gateway has moved"


def worker(kind: Kind) -> Worker:
    return Worker(id=ids.new(), kind=kind, host="shop-1", pid=4711)


async def queue(shop: Any, name: str) -> Any:
    found: Any = await read(shop.till, jobs.queues)
    [queue] = [each for each in found if each["queue"] == name]
    return queue


async def test_without_a_worker_the_page_says_so_and_what_to_do(desk_of: Any) -> None:
    shown = await (await desk_of("viewer")).read("/jobs")
    assert "No worker is at work" in shown
    assert "There was never a sign of one" in shown
    assert "No worker has run yet" in shown
    assert "Nothing was due yet" in shown


async def test_workers_are_listed_and_one_that_went_silent_is_noticed(shop: Any, desk_of: Any) -> None:
    await check_in(shop.till, worker(Kind.LOOP))
    await check_in(shop.till, worker(Kind.BEAT))
    desk = await desk_of("viewer")
    shown = await desk.read("/jobs")
    assert ("No worker is at work" in shown, "Worker shop-1 4711" in shown, "Celery beat shop-1" in shown) == (
        False,
        True,
        True,
    )
    await shop.owner.execute("UPDATE worker SET beat_at = now() - interval '4 minutes' WHERE kind = 'loop'")
    shown = await desk.read("/jobs")
    assert ("No worker is at work" in shown, "Worker shop-1 4711" in shown) == (True, False)


async def test_what_is_due_at_certain_moments_is_listed_with_how_it_went(shop: Any, desk_of: Any) -> None:
    async def well(_: Till) -> int:
        return 0

    async def badly(_: Till) -> int:
        raise NotFoundError(MOVED)

    await keep_appointment(shop.till, name="purge", calendar=HOURLY, run=well)
    await keep_appointment(shop.till, name="import_settlement", calendar=HOURLY, run=badly)
    desk = await desk_of("viewer")
    rows = [words(row) for row in re.findall(r"<tr>.*?</tr>", (await desk.get("/jobs")).text, re.DOTALL)]
    [kept] = [row for row in rows if "Forget answers to requests" in row]
    [missed] = [row for row in rows if "Read the gateways’ accounts" in row or "Read the gateways' accounts" in row]
    assert "Done just now" in kept
    assert "Failed, is tried again the gateway has moved" in missed


async def test_the_last_runs_are_listed(shop: Any, desk_of: Any) -> None:
    await examine(shop.till)
    await catch_up(shop.till)
    shown = await (await desk_of("viewer")).read("/jobs")
    for did in ("Proved the newest of the books", "Proved all of the books", "Asked for missed webhooks of Stripe"):
        assert did in shown, did


async def test_what_waits_is_counted_with_what_is_late_and_what_needs_somebody(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    await shop.owner.execute(
        "UPDATE inbox_message SET status = 'received', due_at = now() - interval '20 minutes', finished_at = NULL"
    )
    many = await shop.count("inbox_message")
    assert await queue(shop, "webhooks") | {"oldest_due_at": None} == {
        "queue": "webhooks",
        "waiting": many,
        "overdue": many,
        "stuck": 0,
        "oldest_due_at": None,
    }
    await check_in(shop.till, worker(Kind.LOOP))
    desk = await desk_of("viewer")
    assert "Some work is late" in await desk.read("/jobs")
    await shop.owner.execute("UPDATE inbox_message SET status = 'dead', reason = 'tried enough', finished_at = now()")
    assert (await queue(shop, "webhooks"))["stuck"] == many
    rows = re.findall(r"<tr>.*?</tr>", (await desk.get("/jobs")).text, re.DOTALL)
    [shown] = [words(row) for row in rows if "Webhooks to apply" in row]
    assert shown == f"Webhooks to apply 0 0 {many} –"


async def test_what_is_due_soon_is_waiting_and_not_late(shop: Any) -> None:
    await shop.paid()
    soon = shop.till.now() + timedelta(hours=1)
    await shop.owner.execute("UPDATE inbox_message SET status = 'parked', due_at = $1, finished_at = NULL", soon)
    found = await queue(shop, "webhooks")
    assert (found["waiting"] > 0, found["overdue"]) == (True, 0)


async def test_a_long_queue_is_counted_up_to_a_limit(shop: Any, desk_of: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(jobs, "counted_max", 1)
    await shop.paid()
    await shop.owner.execute("UPDATE inbox_message SET status = 'received', due_at = now(), finished_at = NULL")
    assert (await queue(shop, "webhooks"))["waiting"] == 1
    assert "1+" in await (await desk_of("viewer")).read("/jobs")
