"""Telling a gateway our answer: asked first when in doubt, and never told twice what it has heard."""

from typing import Any

import pytest
from tests.flows.test_respond import SAID, UPDATE, answer, disputed, shown

from tillkeeper.responses import Words


@pytest.mark.parametrize("fault", ["cut", "lost", "broken"])
async def test_an_answer_in_doubt_is_looked_for_before_it_is_told_again(shop: Any, fault: str) -> None:
    dispute = await disputed(shop)
    shop.line.fault = fault
    assert (await answer(shop, dispute))[0] == 202
    shop.line.fault = None
    shop.line.calls.clear()
    await shop.operate()
    assert shop.line.calls[0].startswith("GET /stripe/v1/disputes/")
    assert len(shop.line.calls) == (2 if fault == "cut" else 1)
    assert (await shown(shop, dispute))["response"]["status"] == "done"
    assert await shop.asked(UPDATE) == 1


async def test_an_answer_is_told_again_under_the_same_key(shop: Any) -> None:
    dispute = await disputed(shop)
    shop.line.fault = "cut"
    await answer(shop, dispute)
    shop.line.fault = None
    await shop.operate()
    keys = [key for key in shop.line.keys if key.startswith("response_")]
    assert len(keys) == 2
    assert len(set(keys)) == 1


async def test_a_dispute_that_was_decided_meanwhile_needs_no_answer_any_more(shop: Any) -> None:
    dispute = await disputed(shop)
    shop.line.fault = "cut"
    await answer(shop, dispute)
    await shop.act(f"disputes/{dispute['gateway_reference']}/win")
    shop.line.fault = None
    await shop.operate()
    after = await shown(shop, dispute)
    assert (after["status"], after["response"]["status"]) == ("won", "done")
    assert await shop.asked(UPDATE) == 0


async def test_a_long_statement_arrives_as_far_as_the_gateway_takes_it(shop: Any) -> None:
    status, _ = await answer(shop, await disputed(shop), Words(statement=SAID.statement, product="x" * 30_000))
    assert status == 200
