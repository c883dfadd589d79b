"""Credits end when their time is over: once, by the database's clock, and never those that were spent meanwhile."""

import asyncio
from datetime import timedelta
from typing import Any

from tillkeeper.flows.grant import Gift, grant
from tillkeeper.flows.lapse import lapse
from tillkeeper.flows.read import read
from tillkeeper.fulfilment.wallet import InsufficientCreditsError
from tillkeeper.idempotency import Replay
from tillkeeper.kernel import clock
from tillkeeper.reports import wallet as wallets_shown

OVER = "UPDATE credit_lot SET expires_at = now() - interval '1 second'"


async def give(shop: Any, amount: int, *, user: str = "ana") -> Replay:
    tomorrow = clock.now() + timedelta(days=1)
    gift = Gift(user=user, amount=amount, reason="sorry", made_by="key_1", expires_at=tomorrow)
    return await grant(shop.till, shop.wish(), gift)


async def test_a_bonus_ends_at_its_time_and_the_history_says_so(shop: Any) -> None:
    given = await give(shop, 50)
    await shop.spend(20)
    await shop.owner.execute(OVER)
    assert await lapse(shop.till) == 1
    assert await shop.wallet() == (0, 0)
    assert await shop.ledger("credits:issuer") == [0]
    shown: Any = await read(shop.till, lambda tx: wallets_shown.entries(tx, "ana", limit=1, before=None))
    [entry] = shown["data"]
    assert (entry["kind"], entry["amount"], entry["balance_before"], entry["balance_after"]) == ("expire", -30, 30, 0)
    assert entry["source"] == given.body["adjustment"]


async def test_credits_in_their_time_stay_and_what_ended_ends_once(shop: Any) -> None:
    await give(shop, 50)
    assert await lapse(shop.till) == 0
    await shop.owner.execute(OVER)
    assert [await lapse(shop.till), await lapse(shop.till)] == [1, 0]
    assert await shop.count("journal", "source = 'lot'") == 1


async def test_the_database_tells_the_time(shop: Any) -> None:
    await give(shop, 50)
    assert await lapse(shop.later(days=30)) == 0
    assert await shop.wallet() == (50, 0)


async def test_money_behind_credits_that_ended_is_earned_as_breakage(shop: Any) -> None:
    await shop.paid()
    await shop.spend(60)
    await shop.owner.execute(OVER)
    await lapse(shop.till)
    earned = 199 * 60 // 120
    stands = await shop.ledger("deferred:EUR", "revenue:credits:EUR", "breakage:EUR")
    assert stands == [0, earned, 199 - earned]


async def test_many_end_in_one_run_and_no_more_than_asked_for(shop: Any) -> None:
    for user in ("ana", "ben", "cleo"):
        await give(shop, 10, user=user)
    await shop.owner.execute(OVER)
    assert [await lapse(shop.till, limit=2), await lapse(shop.till, limit=2), await lapse(shop.till)] == [2, 1, 0]
    assert [await shop.wallet(user) for user in ("ana", "ben", "cleo")] == [(0, 0)] * 3


async def test_spends_that_race_the_end_get_credits_or_a_refusal_and_nothing_is_counted_twice(shop: Any) -> None:
    await give(shop, 100)
    await shop.owner.execute(OVER)
    answers = await asyncio.gather(
        *(shop.spend(5) for _ in range(10)), lapse(shop.till), lapse(shop.till), return_exceptions=True
    )
    spent = sum(isinstance(answer, Replay) for answer in answers)
    refused = sum(isinstance(answer, InsufficientCreditsError) for answer in answers)
    assert spent + refused == 10
    assert sorted(answer for answer in answers if isinstance(answer, int)) == [0, 1]
    assert await shop.wallet() == (0, 0)
    ended = await shop.owner.fetchval("SELECT -sum(amount) FROM wallet_entry WHERE kind = 'expire'")
    assert ended == 100 - 5 * spent


async def test_credits_that_a_failed_refund_brings_back_after_their_time_end_as_well(shop: Any) -> None:
    payment = await shop.paid()
    refund = await shop.refund(payment, 100)
    await shop.owner.execute(OVER)
    await lapse(shop.till)
    await shop.act(f"refunds/{refund['gateway_reference']}/fail")
    await shop.catch_up()
    assert (await shop.wallet())[0] > 0
    assert await lapse(shop.till) == 1
    assert await shop.wallet() == (0, 0)
    assert await shop.ledger("deferred:EUR", "breakage:EUR") == [0, 199]
