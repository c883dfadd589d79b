"""Credits are spent once per key, never below zero, and their money is earned to the last minor unit."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from tillkeeper.fulfilment.wallet import InsufficientCreditsError
from tillkeeper.idempotency import InProgressError, KeyReusedError, Replay
from tillkeeper.kernel.errors import InvalidFieldError


async def test_of_fifty_spends_of_one_balance_at_once_one_succeeds(shop: Any) -> None:
    await shop.paid()
    answers = await asyncio.gather(*(shop.spend(120) for _ in range(50)), return_exceptions=True)
    assert Counter(type(answer) for answer in answers) == {Replay: 1, InsufficientCreditsError: 49}
    refused = next(answer for answer in answers if isinstance(answer, InsufficientCreditsError))
    assert (refused.status, refused.code) == (402, "insufficient_credits")
    assert await shop.wallet() == (0, 0)
    assert await shop.count("wallet_spend") == 1


async def test_spends_at_once_that_fit_together_all_succeed(shop: Any) -> None:
    await shop.paid()
    answers = await asyncio.gather(*(shop.spend(4) for _ in range(30)))
    assert {answer.status for answer in answers} == {200}
    assert await shop.wallet() == (0, 0)
    assert await shop.ledger("revenue:credits:EUR", "deferred:EUR") == [199, 0]


@pytest.mark.parametrize("parts", [(120,), (1, 119), (7, 50, 63), (1,) * 20 + (100,), (59, 61)])
async def test_the_money_earned_over_all_spends_is_the_price(shop: Any, parts: tuple[int, ...]) -> None:
    await shop.paid()
    spent = 0
    for part in parts:
        await shop.spend(part)
        spent += part
        earned = 199 * spent // 120
        assert await shop.ledger("revenue:credits:EUR", "deferred:EUR") == [earned, 199 - earned]
    assert await shop.wallet() == (0, 0)


async def test_a_spend_over_lots_of_two_currencies_earns_in_both(shop: Any) -> None:
    await shop.paid(package="credits_50", currency="JPY")
    await shop.paid(package="credits_50", currency="EUR")
    await shop.spend(75)
    assert await shop.ledger("revenue:credits:JPY", "revenue:credits:EUR") == [120, 50]  # of 100 cents for 50 credits


async def test_the_same_key_replays_a_spend(shop: Any) -> None:
    await shop.paid()
    first = await shop.spend(50, key="same")
    again = await shop.spend(50, key="same")
    assert (again.body, again.repeated, first.repeated) == (first.body, True, False)
    assert await shop.wallet() == (70, 0)


async def test_the_same_key_at_once_spends_once(shop: Any) -> None:
    await shop.paid()
    answers = await asyncio.gather(*(shop.spend(50, key="same") for _ in range(20)), return_exceptions=True)
    assert {type(answer) for answer in answers} <= {Replay, InProgressError}
    assert await shop.wallet() == (70, 0)


async def test_the_same_key_for_another_amount_is_refused(shop: Any) -> None:
    await shop.paid()
    await shop.spend(50, key="same")
    with pytest.raises(KeyReusedError):
        await shop.spend(51, key="same")


async def test_a_spend_that_was_refused_does_not_burn_its_key(shop: Any) -> None:
    await shop.paid(package="credits_50")
    with pytest.raises(InsufficientCreditsError):
        await shop.spend(60, key="same")
    await shop.paid()
    assert (await shop.spend(60, key="same")).status == 200


async def test_somebody_who_never_bought_has_nothing_to_spend(shop: Any) -> None:
    with pytest.raises(InsufficientCreditsError):
        await shop.spend(1, user="nobody")
    assert await shop.count("end_user") + await shop.count("wallet") + await shop.count("idempotency_key") == 0


@pytest.mark.parametrize("amount", [0, -1, 10**12 + 1])
async def test_an_amount_that_makes_no_sense_is_refused(shop: Any, amount: int) -> None:
    await shop.paid()
    with pytest.raises(InvalidFieldError):
        await shop.spend(amount)


async def test_one_users_credits_are_not_another_ones(shop: Any) -> None:
    await shop.paid(user="ana")
    await shop.paid(user="ben", package="credits_50")
    with pytest.raises(InsufficientCreditsError):
        await shop.spend(51, user="ben")
    assert [await shop.wallet("ana"), await shop.wallet("ben")] == [(120, 0), (50, 0)]


async def test_spends_while_credits_arrive_lose_none_of_them(shop: Any) -> None:
    await shop.paid(package="credits_600")
    for _ in range(4):
        await shop.pay(await shop.opened(package="credits_50"))
    await shop.hear_news()
    await asyncio.gather(shop.settle(), shop.settle(), *(shop.spend(10) for _ in range(20)))
    assert await shop.wallet() == (600 + 4 * 50 - 200, 0)
