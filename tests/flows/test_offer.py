"""Packages are put up for sale and changed as a whole."""

from typing import Any

import pytest

from tillkeeper import catalog
from tillkeeper.catalog import Package
from tillkeeper.flows.offer import offer
from tillkeeper.flows.read import read
from tillkeeper.kernel.money import CurrencyNotSupportedError


async def test_what_is_offered_is_listed_with_its_prices(shop: Any) -> None:
    listed = {package.id: package for package in await read(shop.till, catalog.packages)}
    for package in catalog.DEMO:
        assert listed[package.id].prices == package.prices


async def test_offering_again_replaces_prices_and_forgets_those_that_are_gone(shop: Any) -> None:
    await offer(shop.till, [Package(id="credits_50", kind="credits", title="Fifty", quantity=50, prices={"EUR": 150})])
    assert (await shop.opened(package="credits_50"))["amount"] == 150
    with pytest.raises(CurrencyNotSupportedError):
        await shop.create(package="credits_50", currency="USD")


async def test_an_offer_is_taken_whole_or_not_at_all(shop: Any) -> None:
    good = Package(id="credits_50", kind="credits", title="Fifty", quantity=50, prices={"EUR": 150})
    bad = Package(id="credits_1", kind="credits", title="One", quantity=1, prices={"EUR": 0})
    with pytest.raises(Exception, match="amount"):
        await offer(shop.till, [good, bad])
    assert (await shop.opened(package="credits_50"))["amount"] == 100
