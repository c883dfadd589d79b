"""PayPal's amounts: decimal texts, exact or refused."""

import re
from typing import NoReturn

from tillkeeper.gateway import PayloadUnreadableError
from tillkeeper.kernel.money import TENS, CurrencyNotSupportedError, exponent

NO_DECIMALS = frozenset({"HUF", "JPY", "TWD"})
"""PayPal takes these in whole units only, although ISO 4217 gives two of them decimals."""
SUPPORTED = frozenset(
    {
        "AUD",
        "BRL",
        "CAD",
        "CHF",
        "CNY",
        "CZK",
        "DKK",
        "EUR",
        "GBP",
        "HKD",
        "HUF",
        "ILS",
        "JPY",
        "MXN",
        "MYR",
        "NOK",
        "NZD",
        "PHP",
        "PLN",
        "RUB",
        "SEK",
        "SGD",
        "THB",
        "TWD",
        "USD",
    }
)
VALUE = re.compile(r"([0-9]{0,18})(?:\.([0-9]{1,9}))?")
UNITS = re.compile(r"[0-9]{1,18}")
whole_digits_max = 9


def to_paypal(amount: int, currency: str) -> dict[str, str]:
    """Write ISO 4217 minor units as PayPal's money; raises CurrencyNotSupportedError when that is not exact."""
    if currency not in SUPPORTED:
        _refuse(f"PayPal does not take {currency}.", param="currency")
    places = exponent(currency)
    whole, fraction = divmod(amount, TENS[places])
    if currency in NO_DECIMALS and fraction:
        _refuse(f"PayPal takes {currency} only in whole units.", param="amount")
    if amount <= 0 or whole >= 10**whole_digits_max:
        _refuse(f"PayPal takes more than nothing and at most {whole_digits_max} digits of {currency}.", param="amount")
    decimals = "" if currency in NO_DECIMALS else f".{fraction:0{places}}"
    return {"currency_code": currency, "value": f"{whole}{decimals}"}


def from_paypal(value: object, currency: str) -> int:
    """Read PayPal's decimal text into ISO 4217 minor units; raises PayloadUnreadableError when that loses money."""
    found = VALUE.fullmatch(value) if isinstance(value, str) else None
    if found is None or not any(found.groups()):
        message = "An amount of PayPal is no plain decimal number."
        raise PayloadUnreadableError(message)
    whole, fraction = found[1] or "0", (found[2] or "").rstrip("0")
    places = exponent(currency)
    if len(fraction) > places:
        message = f"{value} {currency} of PayPal is no whole number of minor units."
        raise PayloadUnreadableError(message)
    return int(whole) * TENS[places] + int(fraction.ljust(places, "0") or "0")


def from_units(units: str, currency: str) -> int:
    """Read what a report of PayPal counts, without a decimal point, in the smallest unit that PayPal itself knows.

    Raises PayloadUnreadableError for what is no such number.
    """
    if currency not in SUPPORTED or not UNITS.fullmatch(units):
        message = f"{units[:20]!r} {currency[:3]} is no amount of a report of PayPal."
        raise PayloadUnreadableError(message)
    return int(units) * (TENS[exponent(currency)] if currency in NO_DECIMALS else 1)


def _refuse(message: str, *, param: str) -> NoReturn:
    raise CurrencyNotSupportedError(message, param=param)
