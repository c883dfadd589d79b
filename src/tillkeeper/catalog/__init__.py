"""What is for sale, at which price in which currency."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tillkeeper.catalog import store
from tillkeeper.catalog.values import Package
from tillkeeper.facts import Sale
from tillkeeper.kernel import money
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError, NotFoundError
from tillkeeper.kernel.money import CurrencyNotSupportedError

__all__ = [
    "DEMO",
    "Package",
    "Quote",
    "check_known",
    "check_new",
    "everything",
    "find",
    "offer",
    "packages",
    "quote",
]

quantity_max = 1000
units_max = 1_000_000
BASIS_POINTS = 10_000


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


async def everything(tx: Transaction) -> list[Package]:
    """List all packages, also those that are not for sale any more."""
    return await store.select(tx, None, active_only=False)


async def offer(
    tx: Transaction, offered: Sequence[Package], *, by: str, at: datetime
) -> list[tuple[Package | None, Package]]:
    """Put packages up for sale, or change them; what was sold before keeps its own snapshot.

    Return what really changed, each as it was and as it is; that is kept in the history. Raises InvalidFieldError.
    """
    for package in offered:
        _check(package)
    await store.lock(tx)
    known = {package.id: package for package in await everything(tx)}
    changed = [(known.get(package.id), package) for package in offered if known.get(package.id) != package]
    for before, package in changed:
        if before and before.kind != package.kind:
            message = f"{package.id} is of the kind {before.kind}; another kind is another package."
            raise InvalidFieldError(message, param="kind")
    if changed:
        await store.upsert(tx, [package for _, package in changed])
        await store.insert_revisions(tx, [package for _, package in changed], by, at)
    return changed


async def check_new(tx: Transaction, package: str) -> None:
    """Keep others from adding a package meanwhile; raises InvalidStateError for a name that is taken."""
    await store.lock(tx)
    if await store.select(tx, package, active_only=False):
        message = f"There is a package “{package}” already; PUT changes it."
        raise InvalidStateError(message)


async def check_known(tx: Transaction, package: str) -> None:
    """Raise NotFoundError for a package that was never there."""
    if not await store.select(tx, package, active_only=False):
        message = "No package has this id."
        raise NotFoundError(message)


def _check(package: Package) -> None:
    """Check what a package says of itself; raises InvalidFieldError."""
    for code, amount in package.prices.items():
        if money.currency(code) != code or not 0 < amount <= money.amount_max:
            message = f"A price is from 1 to {money.amount_max} minor units of a currency such as EUR."
            raise InvalidFieldError(message, param="prices")
    if not package.prices:
        message = "A package has a price in one currency at least."
        raise InvalidFieldError(message, param="prices")
    if set(package.tax_bps) - set(package.prices) or any(
        not 0 <= rate <= BASIS_POINTS for rate in package.tax_bps.values()
    ):
        message = "`tax_bps` is from 0 to 10000 for a currency that the package has a price in."
        raise InvalidFieldError(message, param="tax_bps")
    if not 1 <= package.quantity <= units_max:
        message = f"A package holds from 1 to {units_max} units."
        raise InvalidFieldError(message, param="quantity")
