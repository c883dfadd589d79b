"""A button that is pressed twice does its work once."""

import asyncio
from typing import Any

import pytest

from tillkeeper.flows.press import press
from tillkeeper.idempotency import InProgressError, KeyReusedError


async def test_what_is_pressed_twice_is_done_once_and_answered_twice(shop: Any) -> None:
    done: list[int] = []

    async def act() -> dict[str, object]:
        done.append(1)
        return {"told": "It was done."}

    wish = shop.wish("form-1", "replay")
    answers = [await press(shop.till, wish, act) for _ in range(2)]
    assert [answer.body for answer in answers] == [{"told": "It was done."}] * 2
    assert [answer.repeated for answer in answers] == [False, True]
    assert len(done) == 1


async def test_what_failed_may_be_tried_again(shop: Any) -> None:
    tries: list[int] = []

    async def act() -> dict[str, object]:
        tries.append(1)
        if len(tries) == 1:
            message = "not now"
            raise ValueError(message)
        return {}

    wish = shop.wish("form-1", "replay")
    with pytest.raises(ValueError, match="not now"):
        await press(shop.till, wish, act)
    assert not (await press(shop.till, wish, act)).repeated
    assert len(tries) == 2


async def test_two_presses_at_once_act_once(shop: Any) -> None:
    begun, done = asyncio.Event(), asyncio.Event()

    async def act() -> dict[str, object]:
        begun.set()
        await done.wait()
        return {}

    wish = shop.wish("form-1", "replay")
    first = asyncio.create_task(press(shop.till, wish, act))
    await begun.wait()
    with pytest.raises(InProgressError):
        await press(shop.till, wish, act)
    done.set()
    assert not (await first).repeated


async def test_another_form_under_the_same_key_is_refused(shop: Any) -> None:
    async def act() -> dict[str, object]:
        return {}

    await press(shop.till, shop.wish("form-1", "replay"), act)
    with pytest.raises(KeyReusedError):
        await press(shop.till, shop.wish("form-1", "ignore"), act)
