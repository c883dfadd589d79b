"""A card is used once; what a bank claims or has taken cannot be."""

import asyncio
from typing import Any

import pytest
from tests.flows.test_claim import disputed, ended
from tests.flows.test_packs import cards, kiosk

from tillkeeper.flows.use import use
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidStateError, NotFoundError

__all__ = ["kiosk"]


async def used(kiosk: Any, card: dict[str, Any], key: str | None = None, *, user: str = "ana") -> Any:
    """Use a card, and return it as it is shown."""
    return (await use(kiosk.till, kiosk.wish(key, card["id"]), user=user, card=ids.parse("card", card["id"]))).body


async def statuses(kiosk: Any) -> list[str]:
    rows = await kiosk.owner.fetch("SELECT status FROM card ORDER BY ordinal")
    return [row["status"] for row in rows]


async def test_a_card_that_is_used_stays_its_owners_and_says_when(kiosk: Any) -> None:
    await kiosk.paid(package="pack_black")
    card, *others = await cards(kiosk)

    shown = await used(kiosk, card)

    assert (shown["id"], shown["status"], bool(shown["used_at"])) == (card["id"], "owned", True)
    assert [other["used_at"] for other in others] == [None] * 4


async def test_of_ten_uses_of_one_card_at_once_one_succeeds(kiosk: Any) -> None:
    await kiosk.paid(package="pack_black")
    card, *_ = await cards(kiosk)

    ends = await asyncio.gather(*(used(kiosk, card) for _ in range(10)), return_exceptions=True)

    assert sorted(isinstance(end, InvalidStateError) for end in ends) == [False] + [True] * 9


async def test_the_same_key_shows_the_same_card_again(kiosk: Any) -> None:
    await kiosk.paid(package="pack_black")
    card, *_ = await cards(kiosk)

    assert await used(kiosk, card, "key-of-a-use") == await used(kiosk, card, "key-of-a-use")


@pytest.mark.parametrize("user", ["bob", "nobody"])
async def test_a_card_of_somebody_else_does_not_exist(kiosk: Any, user: str) -> None:
    await kiosk.paid(package="pack_black")
    await kiosk.opened(user="bob")
    card, *_ = await cards(kiosk)

    with pytest.raises(NotFoundError):
        await used(kiosk, card, user=user)


async def test_cards_of_a_disputed_payment_are_suspended_and_come_back_when_it_is_won(kiosk: Any) -> None:
    payment = await kiosk.paid(package="pack_black")
    dispute = await disputed(kiosk, payment)
    assert await statuses(kiosk) == ["suspended"] * 5
    card, *_ = await cards(kiosk)
    with pytest.raises(InvalidStateError, match="suspended"):
        await used(kiosk, card)

    await ended(kiosk, dispute, "win")

    assert await statuses(kiosk) == ["owned"] * 5


async def test_cards_of_a_lost_dispute_are_revoked_and_used_ones_say_so(kiosk: Any) -> None:
    payment = await kiosk.paid(package="pack_black")
    card = next(each for each in await cards(kiosk) if each["serial"])
    await used(kiosk, card)
    await ended(kiosk, await disputed(kiosk, payment), "lose")

    assert sorted(await statuses(kiosk)) == ["revoked"] * 4 + ["revoked_after_use"]
    price = payment["amount"]
    assert await kiosk.ledger("chargeback_loss:EUR", "deferred:EUR", "revenue:packs:EUR") == [price, 0, price]


async def test_a_dispute_about_a_part_suspends_the_last_cards_and_a_refund_revokes_before_them(kiosk: Any) -> None:
    payment = await kiosk.paid(package="pack_black")
    await kiosk.refund(payment, 60)
    dispute = await disputed(kiosk, payment, 120)
    assert await statuses(kiosk) == ["owned", "owned", "suspended", "suspended", "revoked"]

    await ended(kiosk, dispute, "lose")

    assert await statuses(kiosk) == ["owned", "owned", "revoked", "revoked", "revoked"]
