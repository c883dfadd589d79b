"""Values that came out of somebody else's JSON, proved to be of the kind that they are taken for."""

import re
from datetime import datetime

from tillkeeper.kernel.money import amount_max

CURRENCY = re.compile(r"[A-Z]{3}")


def amounts(*found: object) -> None:
    """Prove that each is a whole number of minor units or absent; raises ValueError."""
    for each in found:
        if each is not None and (type(each) is not int or abs(each) > amount_max):
            message = "An amount is no whole number that an amount can be."
            raise ValueError(message)


def names(*found: object) -> None:
    """Prove that each is a text that names something; raises ValueError."""
    for each in found:
        if not isinstance(each, str) or not each:
            message = "An id is missing or is no text."
            raise ValueError(message)


def texts(*found: object) -> None:
    """Prove that each is a text or absent; raises ValueError."""
    for each in found:
        if each is not None and not isinstance(each, str):
            message = f"A text is no text but {type(each).__name__}."
            raise ValueError(message)


def currencies(*found: object) -> None:
    """Prove that each is the code of a currency, in capitals, or absent; raises ValueError."""
    for each in found:
        if each is not None and not (isinstance(each, str) and CURRENCY.fullmatch(each)):
            message = "A currency is no code of three letters."
            raise ValueError(message)


def moments(*found: object) -> None:
    """Prove that each is a moment with its zone or absent; raises ValueError."""
    for each in found:
        if each is not None and (not isinstance(each, datetime) or each.tzinfo is None):
            message = "A moment is none, or does not say in which zone."
            raise ValueError(message)
