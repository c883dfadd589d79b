"""What a page says when the server does not answer, and that pressing again does it once."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, Route, expect
from tests.browser.conftest import OpenDesk, Shop
from tests.browser.test_drawer import enter

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

COMPLAINTS = ("Failed to load resource", "Failed to fetch")


@pytest.fixture
def asked(shop: Shop, open_desk: OpenDesk) -> Iterator[Page]:
    """Open the dialog that refunds a payment; the browser complains of each answer that does not come."""
    shop.trigger("pay.success")
    desk = open_desk()
    page = enter(desk, shop)
    page.goto(f"{shop.demo.told['admin']}/payments")
    page.locator("tbody th a").first.click()
    page.get_by_role("link", name="Refund", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    yield page
    desk.wrong = [said for said in desk.wrong if not any(known in said for known in COMPLAINTS)]


def of_posts(deed: Callable[[Route], None]) -> Callable[[Route], None]:
    """Do something to what is sent, and let through what is only asked."""
    return lambda route: deed(route) if route.request.method == "POST" else route.fallback()


def test_a_dialog_says_that_no_answer_came_and_its_button_works_again(asked: Page) -> None:
    asked.route("**/refund", of_posts(lambda route: route.abort()))
    asked.get_by_label("Amount").fill("0.50")
    refund = asked.get_by_role("dialog").get_by_role("button", name="Refund")
    refund.click()
    expect(asked.get_by_role("dialog").get_by_role("alert")).to_contain_text("No answer came")
    expect(refund).to_be_enabled()
    asked.unroute("**/refund")
    refund.click()
    expect(asked.get_by_text("€0.50 is on its way back")).to_be_visible()


def test_an_answer_that_lacks_the_dialog_leaves_no_empty_one(asked: Page) -> None:
    asked.route("**/refund", of_posts(lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>")))
    asked.get_by_role("dialog").get_by_role("button", name="Refund").click()
    expect(asked.get_by_role("alert")).to_contain_text("No answer came")
    expect(asked.get_by_role("dialog")).to_be_hidden()
