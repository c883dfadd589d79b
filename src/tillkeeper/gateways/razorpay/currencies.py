"""Amounts as Razorpay takes them: its own table of currencies, exact or refused."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NoReturn

from tillkeeper.gateway import PayloadUnreadableError
from tillkeeper.kernel.money import CurrencyNotSupportedError

_TWO = (
    "AED ALL AMD AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BZD CAD CHF CNY COP CRC CUP CVE CZK DKK DOP "
    "DZD EGP ETB EUR FJD GBP GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR JMD KES KGS KHR KYD KZT LAK LKR LRD "
    "LSL MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PEN PGK PHP PKR PLN QAR RON RSD "
    "RUB SAR SCR SEK SGD SLL SOS SVC SZL THB TRY TTD TWD TZS UAH USD UYU UZS XCD YER ZAR ZMW"
)
_ZERO = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD OMR TND"
DECIMALS: Mapping[str, int] = MappingProxyType(
    {code: decimals for decimals, codes in ((0, _ZERO), (2, _TWO), (3, _THREE)) for code in codes.split()}
)
"""How many decimals Razorpay counts, for each currency that it takes."""


def to_razorpay(amount: int, currency: str) -> int:
    """Check that Razorpay takes an amount exactly; raises CurrencyNotSupportedError when it does not.

    Its decimals are those of ISO 4217 for every currency that it takes, so the integer stays as it is.
    """
    if currency not in DECIMALS:
        _refuse(f"Razorpay does not take {currency}.", param="currency")
    if DECIMALS[currency] == 3 and amount % 10:  # noqa: PLR2004 - of three decimals the last is always 0
        _refuse(f"Razorpay takes {currency} only in steps of hundredths: the last digit must be 0.")
    if amount <= 0:
        _refuse("Razorpay takes amounts above zero only.")
    return amount


def from_razorpay(amount: object, currency: str) -> int:
    """Read an amount of Razorpay as ISO 4217 minor units; raises PayloadUnreadableError when it is none."""
    if type(amount) is not int or amount < 0:
        message = "An amount of Razorpay is no whole number."
        raise PayloadUnreadableError(message)
    if currency not in DECIMALS:
        message = f"Razorpay names {currency[:3]}, whose decimals are not known here."
        raise PayloadUnreadableError(message)
    return amount


def _refuse(message: str, *, param: str = "amount") -> NoReturn:
    raise CurrencyNotSupportedError(message, param=param)
