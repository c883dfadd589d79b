"""The shop of the flow tests, and one that charges cards in its own page, for re-enactments."""

from collections.abc import AsyncIterator

import pytest
from tests.flows.conftest import line, plain_logs, prove, shop, till
from tests.gateways.square.conftest import House, ears, house
from tests.gateways.square.shop import SquareShop, opened

__all__ = ["ears", "house", "line", "plain_logs", "shop", "square_shop", "till"]


@pytest.fixture
async def square_shop(house: House, database_url: str, owner_url: str) -> AsyncIterator[SquareShop]:
    """Open a shop at Square; whatever a test did there, the books are sound afterwards."""
    async with opened(house, database_url, owner_url) as made:
        yield made
        await prove(made.till)
