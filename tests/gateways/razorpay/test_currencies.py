"""Amounts between our minor units and Razorpay's: exact, or refused."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillkeeper.gateway import PayloadUnreadableError
from tillkeeper.gateways.razorpay.currencies import DECIMALS, from_razorpay, to_razorpay
from tillkeeper.gateways.razorpay.sandbox import currencies as imitated
from tillkeeper.kernel.money import CurrencyNotSupportedError, exponent

CODES = st.sampled_from(sorted(DECIMALS))
AMOUNTS = st.integers(min_value=1, max_value=10**14)


def test_both_tables_are_razorpays(oracles: Path) -> None:
    told = json.loads((oracles / "specs" / "currencies.json").read_text())["razorpay"]["exponents"]
    assert dict(DECIMALS) == told
    assert {code: imitated.exponent(code) for code in imitated.ALL} == told


def test_razorpay_counts_as_iso_4217_does_so_no_amount_changes_on_its_way() -> None:
    assert {code: exponent(code) for code in DECIMALS} == dict(DECIMALS)


@given(code=CODES, amount=AMOUNTS)
def test_an_amount_comes_back_as_it_went_or_is_refused(code: str, amount: int) -> None:
    try:
        sent = to_razorpay(amount, code)
    except CurrencyNotSupportedError:
        assert (DECIMALS[code], amount % 10 > 0) == (3, True)
    else:
        assert from_razorpay(sent, code) == amount


@given(code=CODES, amount=AMOUNTS)
def test_every_amount_of_razorpay_can_be_read(code: str, amount: int) -> None:
    assert from_razorpay(amount, code) == amount


@pytest.mark.parametrize(("amount", "code"), [(295_991, "KWD"), (0, "INR"), (-1, "INR"), (5, "XXX")])
def test_what_cannot_be_sent_exactly_is_refused_before_anything_is_sent(amount: int, code: str) -> None:
    with pytest.raises(CurrencyNotSupportedError):
        to_razorpay(amount, code)


@pytest.mark.parametrize("amount", [-1, True, "5", 5.0, None])
def test_an_amount_that_is_no_whole_number_is_not_read(amount: object) -> None:
    with pytest.raises(PayloadUnreadableError):
        from_razorpay(amount, "INR")


def test_a_currency_that_is_not_known_is_not_guessed() -> None:
    with pytest.raises(PayloadUnreadableError):
        from_razorpay(5, "XXX")
