"""The same person is one customer, also when many requests say so at once."""

import asyncio
from typing import Any

import pytest

from tillkeeper import customers
from tillkeeper.customers import Profile
from tillkeeper.flows.register import register

ANA = Profile(external_id="user-42", email="ana@shop.test", name="Ana")


async def test_the_same_profile_twice_is_the_same_customer(shop: Any) -> None:
    first, new = await register(shop.till, ANA)
    again, new_again = await register(shop.till, ANA)
    assert (new, new_again) == (True, False)
    assert first == again
    assert (first["external_id"], first["email"], first["name"]) == ("user-42", "ana@shop.test", "Ana")
    assert first["gateways"] == {}


@pytest.mark.parametrize(
    "profiles",
    [
        [ANA],
        [Profile(email="ana@shop.test")],
        [Profile(external_id="user-42")],
        [Profile(email="ana@shop.test"), Profile(email="ANA@shop.test", name="Ana"), ANA],
    ],
    ids=["both", "address", "id", "address and both"],
)
async def test_twenty_requests_at_once_make_one_customer(shop: Any, profiles: list[Profile]) -> None:
    asked = (profiles * 20)[:20]
    answers = await asyncio.gather(*(register(shop.till, profile) for profile in asked))
    assert len({str(shown["id"]) for shown, _ in answers}) == 1
    assert [new for _, new in answers].count(True) == await shop.count("customer") == 1


async def test_an_id_and_an_address_that_come_apart_and_together_at_once_each_keep_their_customer(shop: Any) -> None:
    asked = [ANA, Profile(external_id="user-42"), Profile(email="ana@shop.test")] * 7
    answers = await asyncio.gather(*(register(shop.till, profile) for profile in asked))
    assert sum(new for _, new in answers) == await shop.count("customer") <= 2
    again = await asyncio.gather(*(register(shop.till, profile) for profile in asked))
    assert [shown["id"] for shown, _ in again] == [shown["id"] for shown, _ in answers]


async def test_two_accounts_may_share_an_address_and_the_first_is_found_by_it(shop: Any) -> None:
    ana, _ = await register(shop.till, ANA)
    family, new = await register(shop.till, Profile(external_id="user-43", email="ana@shop.test"))
    assert new
    assert family["email"] == "ana@shop.test"
    found, _ = await register(shop.till, Profile(email="ana@shop.test"))
    assert found["id"] == ana["id"] != family["id"]


async def test_what_differs_stays_as_it_was_and_what_was_empty_is_filled_in(shop: Any) -> None:
    first, _ = await register(shop.till, Profile(external_id="user-42", name="Ana"))
    shown, _ = await register(shop.till, Profile(external_id="user-42", name="Anna", email="ana@shop.test"))
    assert shown == first | {"email": "ana@shop.test"}
    found, _ = await register(shop.till, Profile(email="ana@shop.test"))
    assert found["id"] == first["id"]


async def test_a_user_whom_two_requests_meet_at_once_is_one(shop: Any) -> None:
    made = asyncio.Event()
    second = asyncio.create_task(meet_after(shop, made))
    async with shop.till.db.transaction() as tx:
        first = await customers.ensure(tx, "ana")
        made.set()
        await asyncio.sleep(0.2)  # the other waits for a row that it cannot see yet
        assert not second.done()
    assert await second == first


async def meet_after(shop: Any, made: asyncio.Event) -> object:
    await made.wait()
    async with shop.till.db.transaction() as tx:
        return await customers.ensure(tx, "ana")
