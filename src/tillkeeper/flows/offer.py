"""Decide what is for sale, and for how much."""

from collections.abc import Sequence
from dataclasses import asdict

from tillkeeper import audit, catalog
from tillkeeper.audit import Action
from tillkeeper.catalog import Package
from tillkeeper.fulfilment import packs as card_packs
from tillkeeper.fulfilment.packs import PackType
from tillkeeper.kernel import logs
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.till import Till

CREDITS = "credits"
PACK = "pack"
packs_together_max = 20
"""How many packs of one kind are sold as one package."""


async def offer(till: Till, packages: Sequence[Package], *, packs: Sequence[PackType] = ()) -> None:
    """Offer packages, or change them; what was sold before keeps its own snapshot. Raises InvalidFieldError.

    `packs` are the kinds of card packs behind packages of the kind `pack`, under the same names.
    """
    async with till.db.transaction() as tx:
        await card_packs.offer(tx, packs)
        await _put(tx, till, packages)


async def stock(till: Till, packages: Sequence[Package], *, packs: Sequence[PackType] = ()) -> None:
    """Offer what was never offered before; what somebody changed or took off the shelf stays as it is."""
    async with till.db.transaction() as tx:
        known = {package.id for package in await catalog.everything(tx)}
        await card_packs.offer(tx, [pack for pack in packs if pack.sku not in known])
        await _put(tx, till, [package for package in packages if package.id not in known])


async def add(till: Till, package: Package) -> None:
    """Put one new package up for sale; raises InvalidFieldError or InvalidStateError."""
    async with till.db.transaction() as tx:
        await _check_kind(tx, package)
        await catalog.check_new(tx, package.id)
        await _put(tx, till, [package])
    logs.goods.warning("package_added", package=package.id, by=till.by.name)


async def change(till: Till, package: Package) -> None:
    """Change one package as a whole, or take it off the shelf; raises InvalidFieldError or NotFoundError."""
    async with till.db.transaction() as tx:
        await catalog.check_known(tx, package.id)
        if package.active:
            await _check_kind(tx, package)
        await _put(tx, till, [package])
    logs.goods.warning("package_changed", package=package.id, active=package.active, by=till.by.name)


async def _put(tx: Transaction, till: Till, packages: Sequence[Package]) -> None:
    for was, package in await catalog.offer(tx, packages, by=till.by.name, at=till.now()):
        before = asdict(was) if was else None
        action = Action.PACKAGE_OFFERED
        await audit.record(tx, till.by, action, package.id, before=before, after=asdict(package), at=till.now())


async def _check_kind(tx: Transaction, package: Package) -> None:
    """Let nothing be sold that could never be delivered."""
    if package.kind == PACK:
        pack = (await card_packs.lock(tx, [package.id])).get(package.id)
        if pack is None:
            message = f"No card pack “{package.id}” is defined, so none could be opened; its cards come first."
            raise InvalidFieldError(message, param="kind")
        if package.quantity % pack.cards or not 1 <= package.quantity // pack.cards <= packs_together_max:
            message = f"“{package.id}” holds {pack.cards} cards: sell whole packs, up to {packs_together_max} together."
            raise InvalidFieldError(message, param="quantity")
    if package.kind not in {CREDITS, PACK}:
        message = f"Nothing of the kind “{package.kind[:32]}” can be delivered here; there is {CREDITS} and {PACK}."
        raise InvalidFieldError(message, param="kind")
