"""The dashboard as people use it: by mouse, by keyboard, on a phone, in the dark, and without scripts."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import WIDE, Desk, OpenDesk, Shop

from tillkeeper.web.dashboard import PAGES

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PHONE = {"width": 390, "height": 844}
PLACES = [page.PLACE for page in PAGES]


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
def test_every_place_can_be_read_by_everybody(
    shop: Shop, open_desk: OpenDesk, scheme: str, size: dict[str, int]
) -> None:
    desk = open_desk(viewport=size, color_scheme=scheme)
    page = enter(desk, shop)
    for place in PLACES:
        page.goto(f"{shop.demo.told['admin']}{place.path}")
        expect(page.locator("h1").first).to_be_visible()
        desk.picture(f"{place.title}-{scheme}-{size['width']}")
        desk.check_access(f"{place.title} {scheme} {size['width']}")


def test_every_place_works_without_scripts(shop: Shop, open_desk: OpenDesk) -> None:
    desk = open_desk(java_script_enabled=False)
    page = enter(desk, shop)
    for place in PLACES:
        page.get_by_role("navigation", name="Places").get_by_role("link", name=place.title, exact=True).click()
        expect(page).to_have_title(re.compile("Tillkeeper"))
        assert page.url.rstrip("/").endswith(place.path or "/admin")


def test_a_payment_is_found_and_refunded_with_the_keyboard_alone(shop: Shop, open_desk: OpenDesk) -> None:
    shop.trigger("pay.success")
    desk = open_desk()
    page = enter(desk, shop)
    page.keyboard.press("g")
    page.keyboard.press("p")
    expect(page.get_by_role("heading", name="Payments", level=1)).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="What happened")).to_be_visible()
    page.keyboard.press("r")
    dialog = page.get_by_role("dialog", name=re.compile("Refund"))
    expect(dialog).to_be_visible()
    desk.check_access("refund dialog")
    desk.picture("refund-dialog")
    page.keyboard.press("Control+a")
    page.keyboard.type("0.50")
    page.keyboard.press("Enter")
    expect(page.get_by_text("is on its way back")).to_be_visible()
    expect(page.get_by_text("Partly revoked")).to_be_visible()


def test_what_is_wrong_with_a_refund_is_said_in_the_dialog(shop: Shop, open_desk: OpenDesk) -> None:
    shop.trigger("pay.success")
    desk = open_desk()
    page = enter(desk, shop)
    page.goto(f"{shop.demo.told['admin']}/payments")
    page.locator("tbody th a").first.click()
    page.get_by_role("link", name="Refund", exact=True).click()
    page.get_by_label("Amount").fill("9999")
    page.get_by_role("dialog").get_by_role("button", name="Refund").click()
    expect(page.get_by_role("alert")).to_contain_text("left to refund")
    desk.wrong = [said for said in desk.wrong if "422" not in said]  # the browser tells of every refusal


def test_a_new_payment_announces_itself_and_moves_nothing(shop: Shop, open_desk: OpenDesk) -> None:
    desk = open_desk()
    page = enter(desk, shop)
    page.goto(f"{shop.demo.told['admin']}/payments")
    first = page.locator("tbody th a").first.get_attribute("href")
    shop.trigger("pay.success")
    expect(page.locator("#fresh")).to_be_visible()
    assert page.locator("tbody th a").first.get_attribute("href") == first
    page.locator("#fresh").click()
    expect(page.locator("tbody th a").first).not_to_have_attribute("href", str(first))
