"""Currencies as Stripe takes them: which, how many decimals, and the least and most that can be charged.

Source: Stripe's currency pages; the least amounts are those of its "minimum charge amounts" table.
"""

from tillkeeper.gateways.stripe.sandbox.refusals import invalid

ZERO_DECIMAL = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"]
)
THREE_DECIMAL = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
# These have no decimals any more, but Stripe still takes them times a hundred.
WHOLE_HUNDREDS = frozenset(["isk", "ugx"])
TWO_DECIMAL_CODES = (
    "usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad cdf chf "
    "cny cop crc cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf idr ils inr "
    "isk jmd kes kgs khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn "
    "nio nok npr nzd pab pen pgk php pkr pln qar ron rsd sar sbd scr sek sgd shp sle sos srd std szl thb tjs "
    "top try ttd twd tzs uah ugx uyu uzs wst xcd xcg yer zar zmw"
)
TWO_DECIMAL = frozenset(TWO_DECIMAL_CODES.split())
ALL = ZERO_DECIMAL | THREE_DECIMAL | TWO_DECIMAL

amount_least = 50
AMOUNT_LEAST = {
    "gbp": 30,
    "dkk": 250,
    "nok": 300,
    "sek": 300,
    "hkd": 400,
    "mxn": 1000,
    "pln": 200,
    "aed": 200,
    "czk": 1500,
    "huf": 17500,
    "myr": 200,
    "ron": 200,
    "thb": 1000,
}
amount_max = 99_999_999
SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥", "inr": "₹"}


def checked_currency(currency: str, *, param: str) -> str:
    """Accept a currency that Stripe knows, in any case."""
    lowered = currency.lower()
    if lowered not in ALL:
        message = (
            f"Invalid currency: {lowered[:20]}. Stripe currently supports these currencies: {', '.join(sorted(ALL))}"
        )
        raise invalid(message, param=param)
    return lowered


def checked_amount(amount: int, currency: str, *, param: str) -> int:
    """Accept an amount that can be charged in its currency."""
    if amount < 1:
        message = "This value must be greater than or equal to 1."
        raise invalid(message, param=param, code="parameter_invalid_integer")
    least = AMOUNT_LEAST.get(currency, amount_least)
    if amount < least:
        message = f"Amount must be at least {written(least, currency)}"
        raise invalid(message, param=param, code="amount_too_small")
    if amount > amount_max:
        message = f"Amount must be no more than {written(amount_max, currency)}"
        raise invalid(message, param=param, code="amount_too_large")
    step = 10 if currency in THREE_DECIMAL else 100 if currency in WHOLE_HUNDREDS else 1
    if amount % step:
        message = f"Invalid amount: amounts in {currency} must be divisible by {step}"
        raise invalid(message, param=param)
    return amount


def exponent(currency: str) -> int:
    """Tell how many decimals the minor unit stands for."""
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def written(amount: int, currency: str) -> str:
    """Write an amount for people: symbol or code, thousands and the currency's own decimals."""
    decimals = exponent(currency)
    whole, rest = divmod(abs(amount), 10**decimals)
    digits = f"{whole:,}" + (f".{rest:0{decimals}d}" if decimals else "")
    sign = "-" if amount < 0 else ""
    symbol = SYMBOLS.get(currency)
    return f"{sign}{symbol}{digits}" if symbol else f"{sign}{digits} {currency.upper()}"
