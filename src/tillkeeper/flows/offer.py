"""Put packages up for sale."""

from collections.abc import Sequence
from dataclasses import asdict

from tillkeeper import audit, catalog
from tillkeeper.audit import Action
from tillkeeper.catalog import Package
from tillkeeper.fulfilment import packs as card_packs
from tillkeeper.fulfilment.packs import PackType
from tillkeeper.till import Till


async def offer(till: Till, packages: Sequence[Package], *, packs: Sequence[PackType] = ()) -> None:
    """Offer packages, or change them; what was sold before keeps its own snapshot.

    `packs` are the kinds of card packs behind packages of the kind `pack`, under the same names.
    """
    async with till.db.transaction() as tx:
        await card_packs.offer(tx, packs)
        await catalog.offer(tx, packages)
        for package in packages:
            await audit.record(tx, till.by, Action.PACKAGE_OFFERED, package.id, after=asdict(package), at=till.now())
