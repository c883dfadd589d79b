"""What is in the books from a line alone stays as it was told: the same line cannot be booked with another sum."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.flows.test_disputes_of_surplus import paid_twice
from tests.flows.test_reconcile import CLEARING, found, tell

from tillkeeper.facts import LineKind, SettlementLine
from tillkeeper.kernel import clock


async def captures(shop: Any) -> list[SettlementLine]:
    now = clock.now()
    page = await shop.till.gateways["stripe"].settlement(now - timedelta(hours=1), now + timedelta(hours=1), None)
    return [line for line in page.lines if line.kind is LineKind.CAPTURE]


async def failed(shop: Any) -> list[str]:
    rows = await shop.owner.fetch("SELECT error FROM reconciliation_run WHERE error IS NOT NULL")
    return [row["error"] for row in rows]


async def again(shop: Any, *lines: SettlementLine) -> None:
    """Tell lines once more, and compare their days once more."""
    await tell(shop, *lines, compared=False)
    await shop.owner.execute("UPDATE reconciliation_run SET status = 'due', asked = asked + 1, due_at = now()")
    await tell(shop)


def dearer(line: SettlementLine, by: int) -> SettlementLine:
    return replace(line, fee=line.fee + by, net=line.net - by)


async def test_the_fee_of_a_second_capture_that_was_booked_from_its_line_stays_and_stops_no_run(shop: Any) -> None:
    _, second = await paid_twice(shop)
    lines = {line.object_id: line for line in await captures(shop)}
    first, surplus = (lines[name] for name in sorted(lines, key=lambda name: name == second))
    await tell(shop, first, dearer(surplus, 5))
    booked = await shop.ledger(CLEARING)
    await again(shop, first, dearer(surplus, 7))
    assert await failed(shop) == []
    assert await found(shop) == [("unparsed_line", "open")]
    assert await shop.ledger(CLEARING) == booked == [first.net + surplus.net - 5]


async def test_a_line_of_an_imported_payment_that_was_booked_stays_and_stops_no_run(shop: Any) -> None:
    await shop.paid()
    await shop.owner.execute("UPDATE payment SET imported = true")
    [line] = await captures(shop)
    await tell(shop, line)
    await again(shop, dearer(line, 7))
    assert await failed(shop) == []
    assert await found(shop) == [("unparsed_line", "open")]


async def test_the_fee_of_a_capture_that_nothing_booked_from_its_line_may_still_change(shop: Any) -> None:
    await shop.paid()
    [line] = await captures(shop)
    await tell(shop, line)
    await again(shop, dearer(line, 7))
    assert await found(shop) == [("fee_mismatch", "open")]
    assert await shop.owner.fetchval("SELECT fee FROM settlement_line") == line.fee + 7
