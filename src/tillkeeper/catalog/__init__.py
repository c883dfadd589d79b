"""What is for sale, at which price in which currency."""

from collections.abc import Sequence
from dataclasses import dataclass

from tillkeeper.catalog import store
from tillkeeper.catalog.values import Package
from tillkeeper.facts import Sale
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.kernel.money import CurrencyNotSupportedError

__all__ = ["DEMO", "Package", "Quote", "find", "offer", "packages", "quote"]

quantity_max = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Hold a price that was looked up here and nowhere else, with the snapshot of what it buys."""

    amount: int
    currency: str
    sale: Sale
    title: str


def _credits(units: int, title: str, **prices: int) -> Package:
    return Package(id=f"credits_{units}", kind="credits", title=title, quantity=units, prices=prices)


DEMO = (
    _credits(50, "50 credits", INR=5_000, USD=100, EUR=100, JPY=120),
    _credits(120, "120 credits", INR=10_000, USD=199, EUR=199, JPY=240),
    _credits(300, "300 credits", INR=20_000, USD=399, EUR=399, JPY=480),
    _credits(600, "600 credits", INR=35_000, USD=699, EUR=699, JPY=840),
)
"""The demo's credits; prices are minor units."""

DEMO_PACKS = (
    Package(
        id="pack_black",
        kind="pack",
        title="Black pack, 5 cards",
        quantity=5,
        prices={"INR": 15_000, "USD": 299, "EUR": 299, "JPY": 360},
    ),
    Package(
        id="pack_gold",
        kind="pack",
        title="Gold pack, 5 cards",
        quantity=5,
        prices={"INR": 40_000, "USD": 799, "EUR": 799, "JPY": 960},
    ),
)
"""The demo's card packs; `fulfilment.packs` says what is in them."""


async def packages(tx: Transaction) -> list[Package]:
    """List what is for sale, smallest first."""
    return await store.select(tx, None)


async def find(tx: Transaction, package: str) -> Package:
    """Find a package that is for sale; raises InvalidFieldError."""
    found = await store.select(tx, package)
    if not found:
        message = f"There is no package “{package[:64]}”. GET /api/v1/packages lists what is for sale."
        raise InvalidFieldError(message, param="package")
    return found[0]


def quote(package: Package, currency: str | None, quantity: int) -> Quote:
    """Price a package in a currency, or in its first one; raises CurrencyNotSupportedError."""
    code = currency or next(iter(package.prices))
    if code not in package.prices:
        message = f"{package.id} has no price in {code}; it is sold in {', '.join(package.prices)}."
        raise CurrencyNotSupportedError(message, param="currency")
    if not 1 <= quantity <= quantity_max:
        message = f"A quantity is from 1 to {quantity_max}."
        raise InvalidFieldError(message, param="quantity")
    return Quote(
        amount=package.prices[code] * quantity,
        currency=code,
        sale=Sale(
            package=package.id,
            kind=package.kind,
            units=package.quantity,
            quantity=quantity,
            tax_bps=package.tax_bps.get(code, 0),
        ),
        title=package.title if quantity == 1 else f"{quantity} times {package.title}",
    )


async def offer(tx: Transaction, offered: Sequence[Package]) -> None:
    """Put packages up for sale, or change them; what was sold before keeps its own snapshot."""
    await store.upsert(tx, offered)
