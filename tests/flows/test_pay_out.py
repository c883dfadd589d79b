"""Payouts in the books: on their way, arrived, or come back, in whatever order that is told."""

from itertools import permutations
from typing import Any

import pytest

from tillkeeper.facts import Notice, NoticeKind, PayoutFacts

CLEARING, ON_ITS_WAY, BANK = "gateway:stripe:clearing:EUR", "gateway:stripe:payout_in_transit:EUR", "bank:EUR"
STAGES = {
    "created": NoticeKind.PAYOUT_CREATED,
    "paid": NoticeKind.PAYOUT_PAID,
    "failed": NoticeKind.PAYOUT_FAILED,
}


def told(stage: str, **said: Any) -> Notice:
    return Notice(
        kind=STAGES[stage],
        gateway="stripe",
        references=(),
        amount=970,
        currency="EUR",
        payout=PayoutFacts(id="po_1", **said),
    )


async def books(shop: Any) -> list[int]:
    return list(await shop.ledger(CLEARING, ON_ITS_WAY, BANK))


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        (("created",), [-970, 970, 0]),
        (("created", "paid"), [-970, 0, 970]),
        (("created", "failed"), [0, 0, 0]),
        (("created", "paid", "failed"), [0, 0, 0]),
    ],
)
async def test_the_stages_of_a_payout_are_booked_alike_in_every_order(
    shop: Any, stages: tuple[str, ...], expected: list[int]
) -> None:
    for number, order in enumerate(permutations(stages)):
        for stage in order:
            fact = told(stage)
            await shop.apply(Notice(**{**fields(fact), "payout": PayoutFacts(id=f"po_{number}")}))
        assert await books(shop) == [amount * (number + 1) for amount in expected], order


def fields(notice: Notice) -> dict[str, Any]:
    names = ("kind", "gateway", "references", "amount", "currency", "payout")
    return {name: getattr(notice, name) for name in names}


async def test_a_stage_that_is_told_twice_is_booked_once(shop: Any) -> None:
    for stage in ("created", "created", "paid", "paid", "created"):
        await shop.apply(told(stage))
    assert await books(shop) == [-970, 0, 970]


async def test_all_stages_at_once_are_booked_one_after_the_other(shop: Any) -> None:
    await shop.apply(told("failed"), told("created"), told("paid"))
    assert await books(shop) == [0, 0, 0]
    assert await shop.count("payout", "status = 'failed'") == 1


async def test_what_only_a_later_telling_says_is_added(shop: Any) -> None:
    await shop.apply(told("paid"))
    await shop.apply(told("created", bank_reference="TRACE1", automatic=False))
    row = await shop.owner.fetchrow("SELECT status, bank_reference, automatic FROM payout")
    assert tuple(row) == ("paid", "TRACE1", False)
    assert await books(shop) == [-970, 0, 970]


async def test_a_payout_of_another_amount_is_set_aside_and_booked_as_first_told(shop: Any) -> None:
    await shop.apply(told("created"))
    [decision] = await shop.apply(Notice(**{**fields(told("paid")), "amount": 971}))
    assert decision.verdict == "quarantined"
    assert await books(shop) == [-970, 970, 0]


async def test_a_payout_of_the_sandbox_empties_clearing(shop: Any) -> None:
    await shop.paid()
    owed = (await books(shop))[0]
    await shop.act("payouts", {"currency": "eur", "early": True, "outcome": "paid"})
    await shop.catch_up()
    assert owed > 0
    assert await books(shop) == [0, 0, owed]
