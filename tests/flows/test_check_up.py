"""Whether what runs does its work is told in one list, what is broken first."""

from typing import Any

from tillkeeper.flows.check_in import check_in
from tillkeeper.flows.check_up import check_up
from tillkeeper.flows.examine import examine
from tillkeeper.kernel import ids
from tillkeeper.reports.findings import State
from tillkeeper.schedules import Kind, Worker


async def test_where_no_worker_was_ever_seen_that_stands_first_with_what_to_do(shop: Any) -> None:
    found, _ = await check_up(shop.till)
    assert (found[0].what, found[0].state) == ("Worker", State.BROKEN)
    assert "till worker" in found[0].fix


async def test_where_all_is_well_nothing_is_broken_and_the_promises_were_proved(shop: Any) -> None:
    await check_in(shop.till, Worker(id=ids.new(), kind=Kind.LOOP, host="shop-1", pid=4711))
    await examine(shop.till)
    found, proved = await check_up(shop.till)
    assert [each for each in found if each.state is State.BROKEN] == []
    assert {each["name"] for each in proved["data"]} >= {"I1", "I3", "I5"}
    assert sum(each["violations"] for each in proved["data"]) == 0
