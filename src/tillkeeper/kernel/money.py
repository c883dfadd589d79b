"""Money: an integer of minor units beside an ISO 4217 currency."""

import re
from decimal import Decimal
from fractions import Fraction

from tillkeeper.kernel.errors import TillError

amount_max = 2**63 - 1
quoted_characters_max = 40
EXPONENT_DEFAULT = 2
TENS = (1, 10, 100, 1000)
"""Powers of ten by their exponent: no currency counts more than three decimals."""
EXPONENTS = dict.fromkeys(
    ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"), 0
) | dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)
RATE_PLACES = 5
"""How exact a published rate is at least; one that ends in zeros is often written with fewer."""
SYMBOLS = {"INR": "₹", "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
CURRENCY = re.compile(r"[A-Za-z]{3}")
WRITTEN = re.compile(r"([+-]?)([0-9]{1,18}|[0-9]{1,3}(?:,[0-9]{3}){1,5})(?:\.([0-9]{1,9}))?")
GROUPED_ONCE = re.compile(r"[0-9]{1,3},[0-9]{3}")


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


def minor(text: str, code: str) -> int:
    """Read a decimal as reports write it, such as `1,234.50` or `(12.34)`, into minor units, exactly.

    Raises ValueError for what is no such number, has more decimals than the currency, or can be read in two ways.
    """
    bare = text.strip()
    in_brackets = bare.startswith("(") and bare.endswith(")")
    found = WRITTEN.fullmatch(bare[1:-1] if in_brackets else bare)
    if found is None or (in_brackets and found[1]):
        message = f"{_quoted(text)} is no plain decimal number."
        raise ValueError(message)
    places, fraction = exponent(code), (found[3] or "").rstrip("0")
    # Where a comma separates decimals, `1,234` is one dinar and a bit; other currencies cannot have three of them.
    if len(fraction) > places or (places == len("000") and not found[3] and GROUPED_ONCE.fullmatch(found[2])):
        message = f"{_quoted(text)} cannot be read as an exact amount of {code}."
        raise ValueError(message)
    amount = int(found[2].replace(",", "")) * TENS[places] + int(fraction.ljust(places, "0") or "0")
    if amount > amount_max:
        message = f"{_quoted(text)} is more than any amount here can be."
        raise ValueError(message)
    return -amount if in_brackets or found[1] == "-" else amount


def convert(amount: int, code: str, into: str, rate: str) -> tuple[int, int]:
    """Convert minor units at a rate between major units; tell also by how many the result may be off.

    The rate was rounded as well as the result, so on large amounts by more than one.
    """
    price = Fraction(Decimal(rate)) * Fraction(10) ** (exponent(into) - exponent(code))
    places = max(RATE_PLACES, len(rate.partition(".")[2]) - exponent(into) + exponent(code))
    return round(price * amount), 1 + abs(amount) // (2 * 10**places)


def show(amount: int, code: str) -> str:
    """Write minor units for people, such as `₹1,234.50`."""
    whole, _, fraction = decimal(abs(amount), code).partition(".")
    symbol = SYMBOLS.get(code, f"{code} ")
    return f"{'-' * (amount < 0)}{symbol}{int(whole):,}{'.' * bool(fraction)}{fraction}"


def _quoted(text: str) -> str:
    return repr(text[:quoted_characters_max])
