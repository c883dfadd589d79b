"""Debt is forgiven by a journal with a reason, once per key, and no more than is owed."""

from typing import Any

import pytest

from tillkeeper.flows.write_off import Forgiving, write_off
from tillkeeper.idempotency import Replay
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError, NotFoundError


async def forgive(shop: Any, amount: int | None = None, key: str | None = None, *, user: str = "ana") -> Replay:
    wanted = Forgiving(user=user, amount=amount, reason="they left", made_by="key_1")
    return await write_off(shop.till, shop.wish(key, wanted), wanted)


@pytest.fixture
async def indebted(shop: Any) -> Any:
    """Let ana owe 100 credits."""
    payment = await shop.paid()
    await shop.spend(100)
    await shop.act("refunds", {"payment_intent": payment["gateway_reference"]})
    await shop.catch_up()
    return shop


async def test_all_of_a_debt_is_forgiven_and_the_next_purchase_is_whole(indebted: Any) -> None:
    body = (await forgive(indebted)).body
    assert (body["debt"], body["balance"], body["amount"], body["kind"]) == (0, 0, 100, "write_off")
    await indebted.paid()
    assert await indebted.wallet() == (120, 0)


async def test_a_part_of_a_debt_is_forgiven_and_the_rest_stays_owed(indebted: Any) -> None:
    await forgive(indebted, 30)
    assert await indebted.wallet() == (0, 70)
    [user] = await indebted.owner.fetch("SELECT user_id FROM wallet")
    assert await indebted.ledger(f"wallet_debt:{user[0]}") == [-70]
    [row] = await indebted.owner.fetch("SELECT * FROM wallet_adjustment")
    assert (row["amount"], row["reason"], row["made_by"]) == (30, "they left", "key_1")


async def test_a_debt_that_was_forgiven_moves_no_money(indebted: Any) -> None:
    before = await indebted.count("posting", "currency <> 'CRD'")
    await forgive(indebted)
    assert await indebted.count("posting", "currency <> 'CRD'") == before


async def test_the_same_key_forgives_once(indebted: Any) -> None:
    await forgive(indebted, 10, key="same")
    assert (await forgive(indebted, 10, key="same")).repeated
    assert await indebted.wallet() == (0, 90)


async def test_more_than_is_owed_is_refused(indebted: Any) -> None:
    with pytest.raises(InvalidFieldError):
        await forgive(indebted, 101)
    assert await indebted.wallet() == (0, 100)


async def test_who_owes_nothing_has_nothing_to_be_forgiven(shop: Any) -> None:
    await shop.paid()
    with pytest.raises(InvalidStateError):
        await forgive(shop)
    with pytest.raises(NotFoundError):
        await forgive(shop, user="nobody")
