"""Money as PayPal writes it: a decimal text beside a currency, and PayPal's fee.

The books count in ISO 4217 minor units, so that an oracle can compare them; PayPal itself knows no halves of a forint
or a Taiwan dollar.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from tillkeeper.sandbox_kit.books import Json

WHOLE_ONLY = frozenset({"HUF", "JPY", "TWD"})
WITHOUT_MINOR_UNITS = frozenset({"JPY"})
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
VALUE = re.compile(r"((-?[0-9]+)|(-?([0-9]+)?[.][0-9]+))")
value_length_max = 32
fee_basis_points = 349
fee_fixed_minor: Mapping[str, int] = MappingProxyType({"HUF": 16_000, "JPY": 40, "TWD": 1_400})
fee_fixed_usual_minor = 49


def written(amount: int, currency: str) -> Json:
    """Write minor units as PayPal's money."""
    return {"currency_code": currency, "value": text(amount, currency)}


def text(amount: int, currency: str) -> str:
    """Write minor units as PayPal's decimal text."""
    sign, size = "-" * (amount < 0), abs(amount)
    if currency in WITHOUT_MINOR_UNITS:
        return f"{sign}{size}"
    whole, fraction = divmod(size, 100)
    return f"{sign}{whole}" if currency in WHOLE_ONLY else f"{sign}{whole}.{fraction:02}"


def minor(value: str, currency: str) -> int:
    """Read a decimal text whose form was checked into minor units."""
    sign, digits = (-1, value[1:]) if value.startswith("-") else (1, value)
    whole, _, fraction = digits.partition(".")
    if currency in WITHOUT_MINOR_UNITS:
        return sign * int(whole)
    return sign * (int(whole or "0") * 100 + int(fraction.ljust(2, "0")[:2]))


def decimals(currency: str) -> int:
    """Tell how many decimals the books count, which are those of ISO 4217."""
    return 0 if currency in WITHOUT_MINOR_UNITS else 2


def smallest_step(currency: str) -> int:
    """Tell the smallest amount that PayPal can express, in the minor units of the books."""
    return 100 if currency in WHOLE_ONLY - WITHOUT_MINOR_UNITS else 1


def decimals_allowed(currency: str) -> int:
    """Tell how many decimals PayPal takes."""
    return 0 if currency in WHOLE_ONLY else 2


def fee(amount: int, currency: str) -> int:
    """Work out PayPal's fee on a captured amount, rounded half up to what the currency can express."""
    step = smallest_step(currency)
    share = (amount * fee_basis_points + 5_000 * step) // (10_000 * step) * step
    return min(share + fee_fixed_minor.get(currency, fee_fixed_usual_minor), amount)
