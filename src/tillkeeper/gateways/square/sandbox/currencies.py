"""Currencies as Square takes them: one for each country in which it works, in the currency's smallest unit."""

from tillkeeper.gateways.square.sandbox.refusals import SquareError

# A real account takes the currency of its country only; this one stands for an account in each of them, unless
# a test ties it to one.
ALL = ("AUD", "CAD", "EUR", "GBP", "JPY", "USD")


def checked_currency(currency: str, *, field: str) -> str:
    """Accept a currency that Square works in; upper case only."""
    if currency not in ALL:
        detail = f"`{currency[:8]}` is not a currency that Square takes payments in."
        raise SquareError(detail, code="INVALID_ENUM_VALUE", field=field)
    return currency


def checked_mismatch(currency: str, only: str | None, *, field: str) -> None:
    """Refuse another currency than the one that the account is tied to."""
    if only is not None and currency != only:
        detail = f"This merchant can only process payments in {only}, but amount was provided in {currency}."
        raise SquareError(detail, code="INVALID_VALUE", field=field)
