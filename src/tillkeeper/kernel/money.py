"""Money: an integer of minor units beside an ISO 4217 currency."""

import re

from tillkeeper.kernel.errors import TillError

amount_max = 2**63 - 1
EXPONENT_DEFAULT = 2
TENS = (1, 10, 100, 1000)
"""Powers of ten by their exponent: no currency counts more than three decimals."""
EXPONENTS = dict.fromkeys(
    ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"), 0
) | dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)
SYMBOLS = {"INR": "₹", "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
CURRENCY = re.compile(r"[A-Za-z]{3}")


class CurrencyNotSupportedError(TillError):
    """Report a currency that cannot be used here."""

    code = "currency_not_supported"
    status = 422
    title = "This currency cannot be used here"
    category = "invalid_request"
    next_step = "Choose one of the currencies that the package or the gateway lists."


def currency(text: str) -> str:
    """Read a currency code in any case; raises CurrencyNotSupportedError."""
    if not CURRENCY.fullmatch(text):
        message = "A currency is three letters of ISO 4217, such as EUR."
        raise CurrencyNotSupportedError(message, param="currency")
    return text.upper()


def exponent(code: str) -> int:
    """Tell how many decimals the currency has (ISO 4217; a gateway's own table may differ)."""
    return EXPONENTS.get(code, EXPONENT_DEFAULT)


def decimal(amount: int, code: str) -> str:
    """Write minor units as a plain decimal, such as 1234 EUR as `12.34`."""
    places = exponent(code)
    sign, digits = "-" * (amount < 0), str(abs(amount)).rjust(places + 1, "0")
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)


def show(amount: int, code: str) -> str:
    """Write minor units for people, such as `₹1,234.50`."""
    whole, _, fraction = decimal(abs(amount), code).partition(".")
    symbol = SYMBOLS.get(code, f"{code} ")
    return f"{'-' * (amount < 0)}{symbol}{int(whole):,}{'.' * bool(fraction)}{fraction}"
