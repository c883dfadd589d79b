"""Currencies as Razorpay takes them: which, how many decimals, and the least that can be charged.

Source: Razorpay's page of supported currencies; the least amount is one whole unit, as in "at least INR 1.00".
"""

from tillkeeper.gateways.razorpay.sandbox.refusals import invalid

ZERO_DECIMAL_CODES = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
ZERO_DECIMAL = frozenset(ZERO_DECIMAL_CODES.split())
THREE_DECIMAL = frozenset(["BHD", "IQD", "JOD", "KWD", "OMR", "TND"])
TWO_DECIMAL_CODES = (
    "AED ALL AMD AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BZD CAD CHF CNY COP CRC CUP CVE CZK DKK DOP "
    "DZD EGP ETB EUR FJD GBP GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR JMD KES KGS KHR KYD KZT LAK LKR LRD "
    "LSL MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PEN PGK PHP PKR PLN QAR RON RSD "
    "RUB SAR SCR SEK SGD SLL SOS SVC SZL THB TRY TTD TWD TZS UAH USD UYU UZS XCD YER ZAR ZMW"
)
TWO_DECIMAL = frozenset(TWO_DECIMAL_CODES.split())
ALL = ZERO_DECIMAL | THREE_DECIMAL | TWO_DECIMAL
HOME = "INR"
SYMBOLS = {"INR": "₹", "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
amount_digits_max = 15


def checked_currency(currency: str) -> str:
    """Accept a currency that Razorpay knows, in upper case only."""
    if currency not in ALL:
        message = "Currency is not supported"
        raise invalid(message, field="currency")
    return currency


def checked_amount(amount: int, currency: str) -> int:
    """Accept an amount that can be charged or refunded in its currency."""
    least = 10 ** exponent(currency)
    if amount < least:
        message = f"The amount must be at least {currency} {figure(least, currency)}"
        raise invalid(message, field="amount")
    if amount >= 10**amount_digits_max:
        message = "Amount exceeds maximum amount allowed."
        raise invalid(message, field="amount")
    if currency in THREE_DECIMAL and amount % 10:
        message = f"The amount in {currency} must end in 0."
        raise invalid(message, field="amount")
    return amount


def exponent(currency: str) -> int:
    """Tell how many decimals the sub-unit stands for."""
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def figure(amount: int, currency: str) -> str:
    """Write the number of an amount, with the currency's own decimals."""
    decimals = exponent(currency)
    whole, rest = divmod(amount, 10**decimals)
    return f"{whole:,}" + (f".{rest:0{decimals}d}" if decimals else "")


def written(amount: int, currency: str) -> str:
    """Write an amount for people: symbol or code, thousands and decimals."""
    symbol = SYMBOLS.get(currency)
    return f"{symbol}{figure(amount, currency)}" if symbol else f"{figure(amount, currency)} {currency}"
