"""What our books say came back, or went, and the gateway's account never shows: whatever day it is, it is missed."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.flows.test_claim import a_stage, disputed, ended
from tests.flows.test_disputes_of_surplus import paid_twice
from tests.flows.test_import_settlement import Interrupted
from tests.flows.test_money_afterwards import second_capture
from tests.flows.test_reconcile import Told, found, told

from tillkeeper.facts import DisputeStatus, LineKind, SettlementLine
from tillkeeper.flows.import_settlement import import_account, import_settlement
from tillkeeper.flows.reconcile import plan, reconcile
from tillkeeper.gateway import GatewayUnavailableError
from tillkeeper.kernel import clock

FIVE_DAYS_ON = {"refund": "settled_at", "payout": "changed_at", "dispute": "closed_at"}
"""By what something of ours is dated that happens after its first day was compared."""
LATE = range(6, 13, 2)
"""After how many days workers look again: a day that is over is planned within a week."""


async def account(shop: Any) -> list[SettlementLine]:
    """Read what the sandbox accounts for."""
    now = clock.now()
    lines: dict[str, SettlementLine] = {}
    after = None
    while True:
        page = await shop.till.gateways["stripe"].settlement(now - timedelta(hours=1), now + timedelta(hours=1), after)
        lines |= {line.line_id: line for line in page.lines}
        after = page.after
        if after is None:
            return list(lines.values())


async def live(shop: Any, lines: Sequence[SettlementLine], days: Iterable[int]) -> None:
    """Let workers do on some days what they do each hour, while the gateway accounts for these lines alone."""
    for ago in days:
        later = shop.later(days=ago, hours=3)
        till = replace(later, gateways={"stripe": Told(shop.till.gateways["stripe"], tuple(lines))})
        await import_settlement(till)
        await plan(till)
        while await reconcile(till):
            pass


async def compared_while_it_lasts(shop: Any, lines: Sequence[SettlementLine]) -> None:
    """Compare the days of these lines because they came, as happens every hour."""
    till = replace(shop.till, gateways={"stripe": Told(shop.till.gateways["stripe"], tuple(lines))})
    await import_settlement(till)
    while await reconcile(till):
        pass


async def compared_before(shop: Any) -> list[SettlementLine]:
    """Compare all that there is so far, which agrees, and return the lines."""
    lines = await account(shop)
    await live(shop, lines, range(3))
    assert await found(shop) == []
    return lines


async def days_later(shop: Any, what: str) -> None:
    """Date what has just happened five days after the rest."""
    at = FIVE_DAYS_ON[what]
    await shop.owner.execute(f"UPDATE {what} SET {at} = {at} + interval '5 days'")


async def a_refund_came_back_unseen(shop: Any) -> None:
    """Let a refund that was compared come back, and the account that shows it be read no more."""
    payment = await shop.paid()
    await shop.refund(payment, 99)
    await shop.operate()
    await shop.catch_up()
    lines = await compared_before(shop)
    await shop.act(f"refunds/{await shop.owner.fetchval('SELECT gateway_reference FROM refund')}/fail")
    await shop.catch_up()
    await days_later(shop, "refund")
    await live(shop, lines, LATE)


async def test_a_day_that_was_compared_while_it_lasted_is_compared_once_it_is_over(shop: Any) -> None:
    await shop.paid()
    lines = await account(shop)
    await compared_while_it_lasts(shop, lines)
    await shop.paid(user="bob")
    await live(shop, lines, LATE)
    assert ("missing_at_gateway", "open") in await found(shop)


async def test_a_day_is_planned_once_it_is_over_and_not_again(shop: Any) -> None:
    await shop.paid()
    lines = await account(shop)
    await compared_while_it_lasts(shop, lines)
    await live(shop, lines, [2])
    turns = await shop.owner.fetch("SELECT day, turn FROM reconciliation_run")
    await live(shop, lines, [2, 2])
    assert await shop.owner.fetch("SELECT day, turn FROM reconciliation_run") == turns


async def test_a_refund_that_came_back_in_our_books_alone_is_missed(shop: Any) -> None:
    await a_refund_came_back_unseen(shop)
    assert ("missing_at_gateway", "open") in await found(shop)


async def test_a_refund_that_came_back_is_missed_until_its_line_comes(shop: Any) -> None:
    await a_refund_came_back_unseen(shop)
    await shop.owner.execute("UPDATE settlement_cursor SET seen_until = now() - interval '2 days'")
    await live(shop, await account(shop), [12])
    assert ("missing_at_gateway", "explained") in await found(shop)
    assert all(state == "explained" for _, state in await found(shop))


async def test_a_payout_that_came_back_in_our_books_alone_is_missed(shop: Any) -> None:
    await shop.paid()
    await shop.act("payouts", {"currency": "eur", "early": True, "outcome": "paid"})
    await shop.catch_up()
    lines = await compared_before(shop)
    await shop.act(f"payouts/{await shop.owner.fetchval('SELECT gateway_reference FROM payout')}/fail")
    await shop.catch_up()
    await days_later(shop, "payout")
    await live(shop, lines, LATE)
    assert ("missing_at_gateway", "open") in await found(shop)


async def test_a_dispute_that_was_won_in_our_books_alone_is_missed(shop: Any) -> None:
    payment = await shop.paid()
    dispute = await disputed(shop, payment)
    lines = await compared_before(shop)
    await ended(shop, dispute, "win")
    await days_later(shop, "dispute")
    await live(shop, lines, LATE)
    assert ("amount_over", "open") in await found(shop)


async def test_a_dispute_that_was_just_won_has_time_to_come_back(shop: Any) -> None:
    payment = await shop.paid()
    dispute = await disputed(shop, payment)
    lines = await account(shop)
    await ended(shop, dispute, "win")
    await shop.owner.execute("UPDATE dispute SET closed_at = now() + interval '150 minutes'")
    await live(shop, lines, [0])
    assert await found(shop) == [("in_transit", "open")]
    assert await told(shop) == 0


async def test_money_that_a_bank_took_after_its_inquiry_was_compared_is_missed(shop: Any) -> None:
    payment = await shop.paid()
    lines = await account(shop)
    await shop.apply(a_stage(payment, DisputeStatus.WARNING, 0, withdrawn=0))
    await live(shop, lines, range(3))
    assert await found(shop) == []
    await shop.apply(a_stage(payment, DisputeStatus.NEEDS_RESPONSE, 5 * 1440, withdrawn=199))
    await live(shop, lines, LATE)
    assert ("missing_at_gateway", "open") in await found(shop)


async def test_a_second_capture_that_the_account_never_shows_is_missed(shop: Any) -> None:
    _, second = await paid_twice(shop)
    await shop.operate()
    await shop.catch_up()
    lines = [line for line in await account(shop) if second not in {line.object_id, line.parent_id}]
    refunds = [line for line in await account(shop) if line.kind is LineKind.REFUND]
    await live(shop, [line for line in lines if line.kind is not LineKind.REFUND] + refunds, [0, *LATE])
    assert ("missing_at_gateway", "open") in await found(shop)


async def test_what_stands_on_an_older_page_of_the_account_is_not_missing(shop: Any) -> None:
    await shop.paid()
    [mine] = await account(shop)
    moment = mine.occurred_at + timedelta(minutes=75)
    newer = replace(mine, line_id="txn_newest", object_id="pi_other", our_reference=None, occurred_at=moment)
    await shop.owner.execute(
        "INSERT INTO settlement_cursor (gateway, seen_until) VALUES ('stripe', now() - interval '1 hour')"
    )
    till = shop.later(hours=3)
    with pytest.raises(GatewayUnavailableError):
        await import_account(till, Interrupted(shop.till.gateways["stripe"], (newer, mine), breaks_at=1))
    while await reconcile(till):
        pass
    assert ("missing_at_gateway", "open") not in await found(shop)


async def test_the_next_payout_pays_what_the_one_before_brought_back(shop: Any) -> None:
    await shop.paid()
    await shop.act("payouts", {"currency": "eur", "early": True, "outcome": "failed"})
    await shop.catch_up()
    await shop.paid(user="bob")
    await shop.act("payouts", {"currency": "eur", "early": True, "outcome": "paid"})
    await shop.catch_up()
    await live(shop, await account(shop), range(3))
    assert await found(shop) == []


async def test_a_second_capture_whose_line_came_before_anybody_heard_of_either_is_told_apart_later(shop: Any) -> None:
    payment = await shop.opened()
    await shop.pay(payment)
    second = await second_capture(shop, payment)
    lines = sorted(await account(shop), key=lambda line: second not in {line.object_id, line.parent_id})
    await live(shop, lines, [0])
    await shop.catch_up()
    await shop.operate()
    await shop.catch_up()
    await live(shop, await account(shop), [1, 2])
    assert {state for _, state in await found(shop)} == {"explained"}
    sides = await shop.owner.fetch("SELECT side FROM settlement_link ORDER BY side")
    assert [row["side"] for row in sides] == ["capture", "refund", "surplus"]
