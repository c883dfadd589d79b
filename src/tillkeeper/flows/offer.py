"""Put packages up for sale."""

from collections.abc import Sequence

from tillkeeper import catalog
from tillkeeper.catalog import Package
from tillkeeper.till import Till


async def offer(till: Till, packages: Sequence[Package]) -> None:
    """Offer packages, or change them; what was sold before keeps its own snapshot."""
    async with till.db.transaction() as tx:
        await catalog.offer(tx, packages)
