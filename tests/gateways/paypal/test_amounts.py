"""Amounts between ISO 4217 minor units and PayPal's decimal texts: exact, or refused."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillkeeper.gateway import PayloadUnreadableError
from tillkeeper.gateways.paypal import amounts
from tillkeeper.gateways.paypal.sandbox import money
from tillkeeper.kernel.money import EXPONENTS, CurrencyNotSupportedError, exponent

CURRENCIES = st.sampled_from(sorted({*EXPONENTS, *amounts.SUPPORTED, "INR"}))
most = 10**13


def test_the_currencies_and_their_decimals_are_those_of_paypal(oracles: Path) -> None:
    table = json.loads((oracles / "specs" / "currencies.json").read_text())["paypal"]
    assert amounts.SUPPORTED == money.SUPPORTED == set(table["supported"])
    assert amounts.NO_DECIMALS == money.WHOLE_ONLY == set(table["no_decimals"])


@pytest.mark.parametrize(
    ("amount", "currency", "value"),
    [(199, "EUR", "1.99"), (5, "USD", "0.05"), (1200, "JPY", "1200"), (120_000, "HUF", "1200"), (100, "TWD", "1")],
)
def test_known_amounts_reach_paypal_as_it_writes_them(amount: int, currency: str, value: str) -> None:
    assert amounts.to_paypal(amount, currency) == {"currency_code": currency, "value": value}
    assert amounts.from_paypal(value, currency) == amount


@given(CURRENCIES, st.integers(-5, most))
def test_an_amount_comes_back_from_paypal_exactly_or_is_refused(currency: str, amount: int) -> None:
    scale = 10 ** exponent(currency)
    try:
        value = amounts.to_paypal(amount, currency)["value"]
    except CurrencyNotSupportedError:
        whole = currency not in amounts.NO_DECIMALS or amount % scale == 0
        assert not (currency in amounts.SUPPORTED and whole and 0 < amount < scale * 10**9)
        return
    assert Decimal(value) * scale == amount
    assert ("." in value) == (currency not in amounts.NO_DECIMALS)
    assert amounts.from_paypal(value, currency) == amount
    assert money.text(amount, currency) == value
    assert money.minor(value, currency) == amount


@given(st.sampled_from(sorted(amounts.SUPPORTED)), st.decimals(0, 10**9, places=3))
def test_an_amount_of_paypal_keeps_its_worth_or_is_unreadable(currency: str, value: Decimal) -> None:
    try:
        amount = amounts.from_paypal(str(value), currency)
    except PayloadUnreadableError:
        assert value * 10 ** exponent(currency) % 1
        return
    assert Decimal(amount) == value * 10 ** exponent(currency)


@pytest.mark.parametrize(
    "value", ["", ".", "-1", "+1", "1e3", " 1", "1 ", "1,000", "0x1", "NaN", "1.", "٣", 5, None, True, []]
)
def test_what_is_no_plain_decimal_is_unreadable(value: object) -> None:
    with pytest.raises(PayloadUnreadableError):
        amounts.from_paypal(value, "EUR")


@pytest.mark.parametrize("currency", ["INR", "KWD", "XAF", "AED"])
def test_a_currency_that_paypal_lacks_is_not_supported(currency: str) -> None:
    with pytest.raises(CurrencyNotSupportedError, match=currency) as refused:
        amounts.to_paypal(1000, currency)
    assert refused.value.param == "currency"


@given(st.sampled_from(sorted(money.SUPPORTED)), st.integers(1, 10**9))
def test_the_imitations_fee_is_never_more_than_the_amount_and_can_be_expressed(currency: str, amount: int) -> None:
    if currency in {"HUF", "TWD"}:
        amount *= 100
    fee = money.fee(amount, currency)
    assert 0 < fee <= amount
    assert money.minor(money.text(fee, currency), currency) == fee
