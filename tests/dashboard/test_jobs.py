"""The page about work behind the scenes: what waits, what is late, and what ran last."""

import re
from datetime import timedelta
from typing import Any

from tests.dashboard.conftest import words

from tillkeeper.flows.catch_up import catch_up
from tillkeeper.flows.examine import examine
from tillkeeper.flows.read import read
from tillkeeper.reports import jobs


async def queue(shop: Any, name: str) -> Any:
    found: Any = await read(shop.till, jobs.queues)
    [queue] = [each for each in found if each["queue"] == name]
    return queue


async def test_without_a_worker_the_page_says_so_and_what_to_do(desk_of: Any) -> None:
    shown = await (await desk_of("viewer")).read("/jobs")
    assert "No worker is at work" in shown
    assert "There was never a sign of one" in shown
    assert "No worker has run yet" in shown


async def test_the_last_runs_are_listed_and_a_worker_that_went_silent_is_noticed(shop: Any, desk_of: Any) -> None:
    await examine(shop.till)
    await catch_up(shop.till)
    desk = await desk_of("viewer")
    shown = await desk.read("/jobs")
    assert "At work" in shown
    for did in ("Proved the newest of the books", "Proved all of the books", "Asked for missed webhooks of Stripe"):
        assert did in shown, did
    await shop.owner.execute("UPDATE invariant_run SET taken_at = now() - interval '4 minutes'")
    assert "No worker is at work" in await desk.read("/jobs")


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
    await examine(shop.till)
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
