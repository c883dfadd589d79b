"""Square's account and ours where Square tells less than others: a payout that came back it does not name."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.gateways.square.shop import SquareShop
from tests.gateways.square.test_flows import shop

from tillkeeper.flows.import_settlement import import_settlement
from tillkeeper.flows.reconcile import ask, reconcile
from tillkeeper.gateway import PlaceGoneError
from tillkeeper.kernel import clock

__all__ = ["shop"]
ACCOUNTS = ("gateway:square:clearing:USD", "suspense:square:USD", "gateway:square:payout_in_transit:USD")


async def compare(shop: SquareShop, **later: int) -> list[tuple[str, str]]:
    """Read Square's account, compare the days around, and list what was found so far."""
    till = replace(shop.till, now=lambda: clock.now() + timedelta(**later))
    await import_settlement(till)
    for ago in (-1, 0, 1):
        await ask(till, "square", (clock.now() - timedelta(days=ago)).date())
    while await reconcile(till):
        pass
    rows = await shop.owner.fetch("SELECT kind, status FROM discrepancy ORDER BY first_seen_at, kind")
    return [(row["kind"], row["status"]) for row in rows]


async def sent_back(shop: SquareShop) -> None:
    """Let Square pay out what was bought, and the bank send it back; the next payout takes it along again."""
    await shop.paid()
    [payout] = shop.house.act("payouts", {})["data"]
    await shop.paid(user="bob")
    shop.house.act(f"payouts/{payout['id']}/fail")
    shop.house.act("payouts", {})


async def test_a_payout_that_the_bank_sent_back_agrees_by_the_line_of_its_return(shop: SquareShop) -> None:
    await sent_back(shop)
    await shop.catch_up()
    assert await compare(shop, hours=8) == []
    assert await shop.count("settlement_link", "side = 'payout_failed'") == 1
    assert await shop.ledger(*ACCOUNTS) == [0, 0, 0]


async def test_payouts_of_one_amount_of_which_we_hear_later_have_a_return_each(shop: SquareShop) -> None:
    await shop.paid()
    for _ in range(2):  # the second pays the same money once more
        [payout] = shop.house.act("payouts", {})["data"]
        shop.house.act(f"payouts/{payout['id']}/fail")
    shop.house.act("payouts", {})
    await shop.hear_news("payout.sent", "payout.paid")
    await shop.settle()
    assert await compare(shop, hours=8) == [("missing_internal", "open")] * 2
    shop.read_letters = 0
    await shop.catch_up()
    assert await compare(shop, hours=10) == [("missing_internal", "explained")] * 2
    assert await shop.count("settlement_link", "side = 'payout_failed'") == 2
    assert await shop.ledger(*ACCOUNTS) == [0, 0, 0]


async def test_a_return_of_which_we_hear_later_is_put_aside_until_then(shop: SquareShop) -> None:
    await sent_back(shop)
    await shop.hear_news("payout.sent", "payout.paid")
    await shop.settle()
    assert await compare(shop, hours=8) == [("missing_internal", "open")]
    shop.read_letters = 0
    await shop.catch_up()
    assert await compare(shop, hours=10) == [("missing_internal", "explained")]
    assert await shop.ledger(*ACCOUNTS) == [0, 0, 0]


async def test_an_account_is_read_anew_once_the_place_where_it_broke_off_has_expired(shop: SquareShop) -> None:
    await shop.paid()
    shop.house.act("payouts", {})
    await shop.catch_up()
    await shop.owner.execute(
        """
        INSERT INTO settlement_cursor (gateway, seen_until, until, after)
        VALUES ('square', now() - interval '3 hours', now() - interval '1 hour', '["an-hour-ago","",""]')
        """
    )
    [found] = await asyncio.gather(compare(shop, hours=8), return_exceptions=True)
    assert found == []
    assert await shop.count("settlement_line") == 2


async def test_entries_of_a_payout_whose_place_has_expired_are_read_anew_too(shop: SquareShop) -> None:
    await shop.paid()
    [payout] = shop.house.act("payouts", {})["data"]
    until = clock.now()
    place = json.dumps(["", payout["id"], "an-hour-ago"])
    with pytest.raises(PlaceGoneError):
        await shop.till.gateways["square"].settlement(until - timedelta(hours=1), until, place)
