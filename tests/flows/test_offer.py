"""Packages are put up for sale and changed as a whole."""

from dataclasses import replace
from typing import Any

import pytest

from tillkeeper import catalog
from tillkeeper.catalog import Package
from tillkeeper.flows.offer import add, change, offer, stock
from tillkeeper.flows.read import read
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError, NotFoundError
from tillkeeper.kernel.money import CurrencyNotSupportedError
from tillkeeper.reports import catalogue as report


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
    with pytest.raises(InvalidFieldError):
        await offer(shop.till, [good, bad])
    assert (await shop.opened(package="credits_50"))["amount"] == 100


FIFTY = Package(id="credits_50", kind="credits", title="Fifty", quantity=50, prices={"EUR": 150})


async def history(shop: Any, package: str = "credits_50") -> Any:
    found: Any = await read(shop.till, lambda tx: report.history(tx, package, 100))
    return [(each["prices"].get("EUR"), each["active"], each["changed_by"]) for each in found["data"]]


async def test_the_history_says_what_a_package_cost_and_who_changed_it(shop: Any) -> None:
    await change(shop.by("bo"), FIFTY)
    await change(shop.by("cy"), replace(FIFTY, prices={"EUR": 175}))
    assert await history(shop) == [(175, True, "cy"), (150, True, "bo"), (100, True, "Tillkeeper itself")]


async def test_what_does_not_change_makes_no_history(shop: Any) -> None:
    await change(shop.by("bo"), FIFTY)
    before = await history(shop)
    await change(shop.by("cy"), FIFTY)
    assert await history(shop) == before


async def test_a_package_off_the_shelf_is_not_sold_and_comes_back(shop: Any) -> None:
    await change(shop.by("bo"), replace(FIFTY, active=False))
    with pytest.raises(InvalidFieldError):
        await shop.create(package="credits_50")
    await change(shop.by("bo"), FIFTY)
    assert (await shop.opened(package="credits_50"))["amount"] == 150


async def test_what_was_sold_at_an_old_price_is_delivered_at_it(shop: Any) -> None:
    payment = await shop.opened(package="credits_50")
    await change(shop.by("bo"), replace(FIFTY, quantity=7))
    await shop.pay(payment)
    await shop.catch_up()
    assert await shop.wallet() == (50, 0)


async def test_stocking_again_leaves_what_somebody_changed(shop: Any) -> None:
    await change(shop.by("bo"), replace(FIFTY, active=False))
    await stock(shop.till, catalog.DEMO)
    assert (await history(shop))[0] == (150, False, "bo")


async def test_a_new_package_is_added_once(shop: Any) -> None:
    await add(shop.by("bo"), replace(FIFTY, id="credits_51"))
    with pytest.raises(InvalidStateError):
        await add(shop.by("bo"), replace(FIFTY, id="credits_51"))


async def test_a_package_that_was_never_there_is_not_changed(shop: Any) -> None:
    with pytest.raises(NotFoundError):
        await change(shop.by("bo"), replace(FIFTY, id="credits_51"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"prices": {}},
        {"prices": {"EUR": 0}},
        {"prices": {"eur": 5}},
        {"tax_bps": {"USD": 1900}},
        {"tax_bps": {"EUR": 10_001}},
        {"quantity": 0},
        {"kind": "house"},
        {"kind": "pack"},
    ],
)
async def test_a_package_that_could_not_be_sold_or_delivered_is_refused(shop: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises((InvalidFieldError, CurrencyNotSupportedError)):
        await add(shop.by("bo"), replace(FIFTY, id="credits_51", **wrong))
    assert await shop.count("package", "id = 'credits_51'") == 0
