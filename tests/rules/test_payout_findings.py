"""What is written down of a payout that is not what it is made of, or that the bank does not show."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.rules.test_reconciliation import BEFORE, NOW, PAYMENT, PAYOUT, SETTLED, terms

from tillkeeper.settlement.runs import Finding, Home, Kind, payouts

ARRIVED = "The gateway says that €9.41 arrived (po_1), and no line of the bank's account names it."


def test_a_payout_that_is_not_the_sum_of_its_lines_says_by_how_much() -> None:
    assert payouts.judge_payout(replace(SETTLED, total=900), terms()) == [
        Finding(
            kind=Kind.PAYOUT_SUM_MISMATCH,
            subject=f"payout:{PAYMENT}",
            detail="The 1 lines of this payout come to €9.00, and €9.41 was paid out.",
            theirs=900,
            ours=941,
            currency="EUR",
            difference=-41,
            object=PAYMENT,
        )
    ]


BARE = replace(SETTLED, lines=0, total=0)


def test_a_payout_that_does_not_say_yet_what_it_is_made_of_is_kept_in_sight() -> None:
    assert payouts.judge_payout(BARE, terms()) == [
        Finding(
            kind=Kind.IN_TRANSIT,
            subject=f"payout:{PAYMENT}",
            detail="€9.41 was paid out, and the gateway does not say yet what that is made of; there is still time.",
            theirs=None,
            ours=941,
            currency="EUR",
            object=PAYMENT,
        )
    ]


@pytest.mark.parametrize(("gateway", "hours"), [("stripe", 7 * 24), ("razorpay", 4 * 24), ("square", 4 * 24)])
def test_what_a_payout_is_made_of_may_stay_open_as_long_as_its_gateway_takes(gateway: str, hours: int) -> None:
    for late, kind in ((timedelta(seconds=1), Kind.IN_TRANSIT), (timedelta(), Kind.PAYOUT_SUM_MISMATCH)):
        made = replace(PAYOUT, at=NOW - timedelta(hours=hours) + late)
        assert [each.kind for each in payouts.judge_payout(replace(BARE, ours=made), terms(gateway))] == [kind]


@pytest.mark.parametrize("gateway", ["stripe", "paypal", "square"])
def test_a_payout_of_which_nobody_will_tell_what_it_is_made_of_is_not_compared_with_lines(gateway: str) -> None:
    bare = replace(BARE, automatic=False, ours=replace(PAYOUT, at=NOW - timedelta(days=30)))
    assert payouts.judge_payout(bare, terms(gateway)) == []


def test_a_payout_without_its_own_line_is_kept_in_sight_once() -> None:
    alone = replace(BARE, has_line=False)
    assert [each.kind for each in payouts.judge_payout(alone, terms(covered_until=None))] == [Kind.IN_TRANSIT]


@pytest.mark.parametrize(
    ("paid_", "alike", "detail", "theirs", "ours", "home"),
    [
        (
            False,
            None,
            "€9.41 left the gateway (po_1), and no line of the bank's account names it.",
            None,
            941,
            Home.BANK,
        ),
        (True, None, ARRIVED, 941, None, None),
        (True, "2026-11-20", ARRIVED + " It shows the same amount on 2026-11-20.", 941, None, None),
    ],
)
def test_a_payout_that_the_bank_does_not_show_is_missed_by_whoever_says_that_it_is_there(
    alike: str | None, detail: str, theirs: int | None, ours: int | None, home: Home | None, *, paid_: bool
) -> None:
    payout = replace(
        SETTLED, paid=paid_, alike=alike, bank_known=True, arrives_at=BEFORE - timedelta(days=payouts.bank_wait_days)
    )
    assert payouts.judge_payout(payout, terms()) == [
        Finding(
            kind=Kind.PAYOUT_MISSING_IN_BANK,
            subject=f"payout:{PAYMENT}",
            detail=detail,
            theirs=theirs,
            ours=ours,
            currency="EUR",
            difference=-941,
            home=home,
            object=PAYMENT,
        )
    ]


@pytest.mark.parametrize(
    "quiet",
    [
        {"ours": replace(PAYOUT, status="failed")},
        {"in_bank": True},
        {"bank_known": False},
        {"arrives_at": NOW - timedelta(days=payouts.bank_wait_days) + timedelta(seconds=1)},
        {"named": False, "alike": "2026-11-20"},
    ],
)
def test_a_payout_that_may_still_come_or_cannot_be_told_is_not_missed(quiet: dict[str, Any]) -> None:
    late = replace(SETTLED, bank_known=True, arrives_at=BEFORE - timedelta(days=payouts.bank_wait_days))
    assert len(payouts.judge_payout(late, terms())) == 1
    assert payouts.judge_payout(replace(late, **quiet), terms()) == []
