"""What becomes of a line that is told again in fewer words: by a file beside the API, or by the API after a file."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tillkeeper.facts import LineKind
from tillkeeper.settlement.lines import Line
from tillkeeper.settlement.lines.rules import hear

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
SPLIT = Line(
    gateway="stripe",
    line_id="txn_1",
    kind=LineKind.CAPTURE,
    object_id="pi_1",
    parent_id=None,
    our_reference=None,
    our_payment=None,
    our_refund=None,
    gross=1_000,
    fee=30,
    tax=6,
    net=964,
    currency="EUR",
    settle_currency="EUR",
    rate=None,
    occurred_at=AT,
    available_at=AT,
    payout_id=None,
    raw=b"",
    day=AT.date(),
)
WHOLE = replace(SPLIT, fee=36, tax=0)
ABROAD = replace(
    SPLIT,
    kind=LineKind.DISPUTE,
    object_id="dp_1",
    gross=-1_000,
    fee=1_500,
    tax=0,
    net=-2_587,
    settle_currency="USD",
    rate="1.0873",
)
HERE = replace(ABROAD, gross=-1_087, currency="USD", rate=None)


@pytest.mark.parametrize("payout", [None, "po_1"])
def test_a_telling_without_the_tax_takes_no_known_tax_away(payout: str | None) -> None:
    known = replace(SPLIT, payout_id=payout)
    assert hear(known, WHOLE) == known


def test_a_tax_that_is_told_later_is_heard_of_a_capture_that_is_not_paid_out() -> None:
    assert hear(WHOLE, SPLIT) == SPLIT


def test_a_tax_that_is_told_later_changes_nothing_of_a_line_that_is_settled() -> None:
    known = replace(WHOLE, payout_id="po_1")
    assert hear(known, replace(SPLIT, payout_id="po_1")) == known


def test_a_telling_with_the_gross_in_the_currency_of_the_balance_says_less_and_contradicts_nothing() -> None:
    assert hear(ABROAD, HERE) == ABROAD


def test_the_gross_that_the_customer_knows_takes_the_place_of_what_it_became() -> None:
    assert hear(HERE, ABROAD) == ABROAD


def test_a_split_and_a_conversion_may_be_left_out_together() -> None:
    known = replace(ABROAD, fee=1_200, tax=300)
    assert hear(known, HERE) == known


@pytest.mark.parametrize(
    ("known", "told", "name"),
    [
        (replace(SPLIT, payout_id="po_1"), {"fee": 37, "tax": 0, "net": 963}, "fee"),
        (replace(SPLIT, payout_id="po_1"), {"fee": 29, "tax": 7}, "fee"),
        (ABROAD, {"gross": -1_088, "currency": "USD", "net": -2_588}, "gross"),
        (ABROAD, {"gross": -1_087, "currency": "USD", "settle_currency": "GBP"}, "gross"),
        (ABROAD, {"gross": -1_001}, "gross"),
        (HERE, {"gross": -1_000, "currency": "EUR", "net": -2_588}, "gross"),
        (ABROAD, {"currency": "GBP"}, "currency"),
    ],
)
def test_what_differs_in_money_that_moved_is_a_contradiction(known: Line, told: dict[str, Any], name: str) -> None:
    heard = hear(known, replace(known, **told))
    assert isinstance(heard, str)
    assert heard.startswith(f"Told before with {name} ")
