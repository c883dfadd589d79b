"""Credits that nobody paid for are given once per key, repay debt first, and never make money of themselves."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tillkeeper.flows.grant import Gift, grant
from tillkeeper.flows.read import read
from tillkeeper.idempotency import KeyReusedError, Replay
from tillkeeper.kernel import clock
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.reports import wallet as wallets_shown


async def give(shop: Any, amount: int, key: str | None = None, **wanted: Any) -> Replay:
    given: dict[str, Any] = {"user": "ana", "amount": amount, "reason": "sorry", "made_by": "key_1"} | wanted
    gift = Gift(**given)
    return await grant(shop.till, shop.wish(key, gift), gift)


async def entries(shop: Any) -> list[dict[str, Any]]:
    shown: Any = await read(shop.till, lambda tx: wallets_shown.entries(tx, "ana", limit=100, before=None))
    return list(reversed(shown["data"]))


async def owe(shop: Any, credits_: int) -> None:
    """Let ana spend credits whose money then goes back."""
    payment = await shop.paid()
    await shop.spend(credits_)
    await shop.act("refunds", {"payment_intent": payment["gateway_reference"]})
    await shop.catch_up()


async def test_a_bonus_stands_in_the_wallet_in_its_history_and_in_the_books(shop: Any) -> None:
    body = (await give(shop, 50)).body
    assert (body["balance"], body["debt"], body["amount"], body["debt_repaid"]) == (50, 0, 50, 0)
    assert (body["kind"], body["reason"], body["expires_at"]) == ("bonus", "sorry", None)
    [entry] = await entries(shop)
    assert (entry["kind"], entry["amount"], entry["balance_before"], entry["balance_after"]) == ("bonus", 50, 0, 50)
    assert (entry["source"], entry["reason"]) == (body["adjustment"], "sorry")
    assert await shop.ledger("credits:issuer") == [-50]


async def test_who_gave_it_and_why_is_kept_and_cannot_be_changed(shop: Any) -> None:
    await give(shop, 50, kind="adjustment")
    [row] = await shop.owner.fetch("SELECT * FROM wallet_adjustment")
    assert (row["kind"], row["amount"], row["reason"], row["made_by"]) == ("adjustment", 50, "sorry", "key_1")
    async with shop.till.db.transaction(read_only=True) as tx:
        may = await tx.fetchval("SELECT has_table_privilege(current_user, 'wallet_adjustment', 'UPDATE, DELETE')")
    assert may is False


async def test_a_bonus_repays_debt_first(shop: Any) -> None:
    await owe(shop, 100)
    assert (await give(shop, 70)).body["debt_repaid"] == 70
    assert await shop.wallet() == (0, 30)
    assert (await give(shop, 70)).body["debt_repaid"] == 30
    assert await shop.wallet() == (40, 0)
    assert [(each["kind"], each["amount"]) for each in (await entries(shop))[-2:]] == [
        ("bonus", 70),
        ("debt_repaid", -30),
    ]


async def test_spending_a_bonus_earns_no_money(shop: Any) -> None:
    await give(shop, 50)
    await shop.spend(50)
    assert await shop.wallet() == (0, 0)
    assert await shop.count("posting", "currency <> 'CRD'") == 0


async def test_a_bonus_that_expires_is_spent_before_credits_that_were_paid(shop: Any) -> None:
    await shop.paid()
    await give(shop, 50, expires_at=clock.now() + timedelta(days=1))
    await shop.spend(50)
    assert await shop.ledger("revenue:credits:EUR") == [0]
    await shop.spend(120)
    assert await shop.ledger("revenue:credits:EUR", "deferred:EUR") == [199, 0]


async def test_a_bonus_does_not_make_more_of_a_payment_refundable(shop: Any) -> None:
    payment = await shop.paid()
    await shop.spend(120)
    await give(shop, 500)
    await shop.act("refunds", {"payment_intent": payment["gateway_reference"]})
    await shop.catch_up()
    assert await shop.wallet() == (380, 0)  # a refund that was forced takes bonus credits for those that were spent
    assert await shop.ledger("refunds_of_earned:EUR", "deferred:EUR") == [-199, 0]


async def test_the_same_key_gives_once_also_at_once(shop: Any) -> None:
    answers = await asyncio.gather(*(give(shop, 50, key="same") for _ in range(10)), return_exceptions=True)
    assert {answer.status for answer in answers if isinstance(answer, Replay)} == {200}
    assert await shop.wallet() == (50, 0)
    with pytest.raises(KeyReusedError):
        await give(shop, 51, key="same")


async def test_gifts_and_spends_at_once_lose_nothing(shop: Any) -> None:
    await give(shop, 100)
    await asyncio.gather(*(give(shop, 10) for _ in range(10)), *(shop.spend(10) for _ in range(10)))
    assert await shop.wallet() == (100, 0)


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": -5}, "amount"),
        ({"amount": 10**12 + 1}, "amount"),
        ({"reason": ""}, "reason"),
        ({"reason": " x"}, "reason"),
        ({"reason": "x" * 201}, "reason"),
        ({"expires_at": clock.now() - timedelta(seconds=1)}, "expires_at"),
        ({"user": ""}, "user"),
    ],
)
async def test_what_makes_no_sense_is_refused_and_stores_nothing(shop: Any, wrong: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidFieldError) as refused:
        await give(shop, **{"amount": 5} | wrong)
    assert refused.value.param == param
    assert await shop.count("wallet_adjustment") + await shop.count("idempotency_key") + await shop.count("wallet") == 0


async def test_a_gift_that_is_asked_for_again_after_its_end_is_answered_as_before(shop: Any) -> None:
    gift = Gift(user="ana", amount=5, reason="sorry", made_by="me", expires_at=clock.now() + timedelta(minutes=1))
    first = await grant(shop.till, shop.wish("again", gift), gift)
    again = await grant(shop.later(minutes=2), shop.wish("again", gift), gift)
    assert again.body == first.body
