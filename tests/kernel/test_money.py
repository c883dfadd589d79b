"""Amounts as reports write them, read exactly or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillkeeper.kernel.money import EXPONENTS, amount_max, convert, decimal, minor

CODES = st.sampled_from(sorted({*EXPONENTS, "EUR", "INR", "HUF"}))


@given(amount=st.integers(-(10**17), 10**17), code=CODES)
def test_what_is_written_as_a_plain_decimal_is_read_back_exactly(amount: int, code: str) -> None:
    assert minor(decimal(amount, code), code) == amount


@pytest.mark.parametrize(
    ("text", "code", "amount"),
    [
        ("1,234.50", "EUR", 123_450),
        ("1,234,567", "JPY", 1_234_567),
        ("1,234", "EUR", 123_400),
        ("(12.34)", "EUR", -1_234),
        ("-0.05", "USD", -5),
        ("+7", "USD", 700),
        ("500.00", "ISK", 500),
        ("12.340", "KWD", 12_340),
        ("1,234.500", "KWD", 1_234_500),
        (" 3.00 ", "HUF", 300),
        ("0", "EUR", 0),
    ],
)
def test_thousands_brackets_and_needless_zeros_are_understood(text: str, code: str, amount: int) -> None:
    assert minor(text, code) == amount


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1.234", "EUR"),
        ("0.5", "JPY"),
        ("1,234", "KWD"),
        ("12,50", "EUR"),
        ("1.234,50", "EUR"),
        ("12,34,567.00", "INR"),
        ("1e3", "EUR"),
        ("(-5)", "EUR"),
        ("--5", "EUR"),
        ("", "EUR"),
        (".5", "EUR"),
        ("5.", "EUR"),
        ("€5", "EUR"),
        ("=1+1", "EUR"),
        ("NaN", "EUR"),
        ("١٢", "EUR"),
        ("99999999999999999.99", "EUR"),
        (str(amount_max + 1), "JPY"),
    ],
)
def test_what_is_no_exact_amount_or_could_be_two_is_refused(text: str, code: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        minor(text, code)


@pytest.mark.parametrize(
    ("amount", "code", "into", "rate", "became", "off_max"),
    [
        (1_000, "EUR", "USD", "1.1", 1_100, 1),
        (1_000, "JPY", "USD", "0.0067", 670, 1),
        (1_000, "USD", "JPY", "149.25", 1_492, 1),
        (-333, "USD", "EUR", "0.9123", -304, 1),
        (1_000_000, "USD", "EUR", "0.91234", 912_340, 6),
        (1_000_000, "USD", "EUR", "0.912345", 912_345, 1),
        (1_000_000, "JPY", "USD", "0.0067123", 671_230, 6),
    ],
)
def test_a_conversion_may_be_off_by_its_own_rounding_and_by_that_of_its_rate(
    amount: int, code: str, into: str, rate: str, became: int, off_max: int
) -> None:
    assert convert(amount, code, into, rate) == (became, off_max)
