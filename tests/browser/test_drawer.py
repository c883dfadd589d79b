"""The developers' drawer in a browser: by key and by mouse, from page to page, and without scripts."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import WIDE, Desk, OpenDesk, Shop

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PHONE = {"width": 390, "height": 844}
KEPT: dict[str, Any] = {}
"""The cookies of whoever has signed in, by demo: an account may be tried five times a minute."""


def enter(desk: Desk, shop: Shop) -> Page:
    """Sign in with what the demo prints, or go on as somebody who has."""
    login, admin = shop.demo.told["login"], str(shop.demo.told["admin"])
    desk.page.context.add_cookies(KEPT.get(admin, []))
    desk.page.goto(admin)
    if admin not in KEPT:
        desk.page.get_by_label("E-mail").fill(login["email"])
        desk.page.get_by_label("Password").fill(login["password"])
        desk.page.get_by_role("button", name="Sign in").click()
    expect(desk.page.get_by_role("heading", name="Overview")).to_be_visible()
    KEPT[admin] = desk.page.context.cookies()
    return desk.page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_drawer_opens_by_its_key_and_can_be_read_by_everybody(
    shop: Shop, open_desk: OpenDesk, scheme: str, size: dict[str, int]
) -> None:
    shop.trigger("pay.success")
    desk = open_desk(viewport=size, color_scheme=scheme)
    page = enter(desk, shop)
    page.goto(f"{shop.demo.told['admin']}/payments")
    page.locator("tbody th a").first.click()
    expect(page.get_by_role("heading", name="What happened")).to_be_visible()
    page.keyboard.press("~")
    drawer = page.get_by_role("complementary", name="Developers")
    expect(drawer).to_be_visible()
    expect(drawer.locator(".request")).to_contain_text("/api/v1/payments/payment_")
    expect(drawer.get_by_role("heading", name="Developers")).to_be_focused()
    expect(drawer.get_by_role("heading", name="Events about this payment")).to_be_visible()
    desk.check_access(f"drawer {scheme} {size['width']}")
    desk.picture(f"drawer-{scheme}-{size['width']}")
    page.keyboard.press("~")
    expect(drawer).to_be_hidden()


def test_the_drawer_follows_to_other_pages_until_it_is_shut(shop: Shop, open_desk: OpenDesk) -> None:
    desk = open_desk()
    page = enter(desk, shop)
    request = page.locator("#drawer .request")
    page.get_by_role("link", name="Developers drawer").click()
    expect(request).to_contain_text("/api/v1/payments?limit=5")
    places = page.get_by_role("navigation", name="Places")
    places.get_by_role("link", name="Disputes", exact=True).click()
    expect(request).to_contain_text("/api/v1/disputes?limit=5")
    places.get_by_role("link", name="Payments", exact=True).click()
    expect(request).to_contain_text("/api/v1/payments?limit=5")
    page.locator("tbody th a").first.click()
    expect(request).to_contain_text("/api/v1/payments/payment_")
    page.reload()
    expect(request).to_contain_text("/api/v1/payments/payment_")
    page.keyboard.press("Escape")
    expect(page.locator("#drawer")).to_be_hidden()
    expect(page.get_by_role("link", name="Developers drawer")).to_be_focused()
    places.get_by_role("link", name="Refunds", exact=True).click()
    expect(page.get_by_role("heading", name="Refunds", level=1)).to_be_visible()
    expect(page.locator("#drawer")).to_be_hidden()


def test_without_scripts_the_drawer_is_a_page(shop: Shop, open_desk: OpenDesk) -> None:
    desk = open_desk(java_script_enabled=False)
    page = enter(desk, shop)
    page.goto(f"{shop.demo.told['admin']}/payments?status=succeeded")
    page.get_by_role("link", name="Developers drawer").click()
    expect(page.get_by_role("heading", name="Developers", level=1)).to_be_visible()
    expect(page.locator(".request")).to_contain_text("status=succeeded")
    expect(page.get_by_text("till payments ls --status succeeded")).to_be_visible()
    assert re.search(r"/admin/drawer\?of=", page.url)


def test_a_key_that_is_typed_into_a_field_opens_nothing(shop: Shop, open_desk: OpenDesk) -> None:
    desk = open_desk()
    page = enter(desk, shop)
    page.locator("#find").press("~")
    assert page.locator("#find").input_value() == "~"
    expect(page.locator("#drawer")).to_be_hidden()
