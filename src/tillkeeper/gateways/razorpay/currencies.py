"""Amounts between ISO 4217 minor units and what Razorpay counts in: its own table, exact or refused."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NoReturn

from tillkeeper.gateway import PayloadUnreadableError
from tillkeeper.kernel.money import TENS, CurrencyNotSupportedError, exponent

_TWO = (
    "AED ALL AMD AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BZD CAD CHF CNY COP CRC CUP CVE CZK DKK DOP "
    "DZD EGP ETB EUR FJD GBP GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR JMD KES KGS KHR KYD KZT LAK LKR LRD "
    "LSL MAD MDL MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PEN PGK PHP PKR PLN QAR RON RSD RUB "
    "SAR SCR SEK SGD SLL SOS SVC SZL THB TRY TTD TWD TZS UAH USD UYU UZS XCD YER ZAR ZMW"
)
_ZERO = "BIF CLP DJF GNF ISK JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD OMR TND"
DECIMALS: Mapping[str, int] = MappingProxyType(
    {code: decimals for decimals, codes in ((0, _ZERO), (2, _TWO), (3, _THREE)) for code in codes.split()}
)
"""How many decimals Razorpay counts, for each currency that it takes."""


def to_razorpay(amount: int, currency: str) -> int:
    """Turn ISO 4217 minor units into Razorpay's integer; raises CurrencyNotSupportedError when that is not exact."""
    if currency not in DECIMALS:
        _refuse(f"Razorpay does not take {currency}.", param="currency")
    scale = DECIMALS[currency] - exponent(currency)
    if scale < 0 and amount % TENS[-scale]:
        _refuse(f"Razorpay takes {currency} only in whole units.")
    sent = amount * TENS[scale] if scale >= 0 else amount // TENS[-scale]
    if DECIMALS[currency] == 3 and sent % 10:  # noqa: PLR2004 - of three decimals the last is always 0
        _refuse(f"Razorpay takes {currency} only in steps of hundredths: the last digit must be 0.")
    if sent <= 0:
        _refuse("Razorpay takes amounts above zero only.")
    return sent


def from_razorpay(amount: object, currency: str) -> int:
    """Turn Razorpay's integer into ISO 4217 minor units; raises PayloadUnreadableError when that would lose money."""
    if type(amount) is not int or amount < 0:
        message = "An amount of Razorpay is no whole number."
        raise PayloadUnreadableError(message)
    if currency not in DECIMALS:
        message = f"Razorpay names {currency[:3]}, whose decimals are not known here."
        raise PayloadUnreadableError(message)
    scale = exponent(currency) - DECIMALS[currency]
    if scale >= 0:
        return amount * TENS[scale]
    if amount % TENS[-scale]:
        message = f"{amount} {currency} of Razorpay is no whole number of minor units."
        raise PayloadUnreadableError(message)
    return amount // TENS[-scale]


def _refuse(message: str, *, param: str = "amount") -> NoReturn:
    raise CurrencyNotSupportedError(message, param=param)
