"""Credits are taken away by hand once per key, those that cost nothing first, and never more than there are."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from tillkeeper.flows.grant import Gift, grant
from tillkeeper.flows.take import Taking, take
from tillkeeper.fulfilment.wallet import InsufficientCreditsError
from tillkeeper.idempotency import Replay
from tillkeeper.kernel.errors import InvalidFieldError


async def take_away(shop: Any, amount: int, key: str | None = None, *, user: str = "ana") -> Replay:
    wanted = Taking(user=user, amount=amount, reason="a mistake", made_by="key_1")
    return await take(shop.till, shop.wish(key, wanted), wanted)


async def give(shop: Any, amount: int) -> None:
    gift = Gift(user="ana", amount=amount, reason="sorry", made_by="key_1")
    await grant(shop.till, shop.wish(), gift)


async def test_credits_that_cost_nothing_are_taken_first_and_move_no_money(shop: Any) -> None:
    await shop.paid()
    await give(shop, 50)
    body = (await take_away(shop, 50)).body
    assert (body["balance"], body["amount"], body["kind"]) == (120, -50, "adjustment")
    assert await shop.ledger("deferred:EUR", "breakage:EUR") == [199, 0]
    [entry] = await shop.owner.fetch("SELECT * FROM wallet_entry WHERE kind = 'adjustment'")
    assert (entry["amount"], entry["balance_before"], entry["balance_after"]) == (-50, 170, 120)


async def test_money_behind_credits_that_were_taken_is_nobodys_any_more(shop: Any) -> None:
    await shop.paid()
    await take_away(shop, 60)
    assert await shop.ledger("deferred:EUR", "breakage:EUR", "revenue:credits:EUR") == [100, 99, 0]
    await shop.spend(60)
    assert await shop.ledger("deferred:EUR", "breakage:EUR", "revenue:credits:EUR") == [0, 99, 100]


async def test_more_than_there_is_is_refused_and_nothing_is_taken(shop: Any) -> None:
    await give(shop, 50)
    with pytest.raises(InsufficientCreditsError):
        await take_away(shop, 51)
    assert await shop.wallet() == (50, 0)
    with pytest.raises(InsufficientCreditsError):
        await take_away(shop, 1, user="nobody")
    assert await shop.count("wallet_adjustment", "amount < 0") == 0


async def test_of_ten_at_once_only_as_many_succeed_as_there_are_credits(shop: Any) -> None:
    await give(shop, 30)
    answers = await asyncio.gather(*(take_away(shop, 10) for _ in range(10)), return_exceptions=True)
    assert Counter(type(answer) for answer in answers) == {Replay: 3, InsufficientCreditsError: 7}
    assert await shop.wallet() == (0, 0)


async def test_the_same_key_takes_once(shop: Any) -> None:
    await give(shop, 30)
    first, again = await take_away(shop, 10, key="same"), await take_away(shop, 10, key="same")
    assert (again.body, again.repeated) == (first.body, True)
    assert await shop.wallet() == (20, 0)


async def test_taking_nothing_is_refused(shop: Any) -> None:
    with pytest.raises(InvalidFieldError):
        await take_away(shop, 0)
