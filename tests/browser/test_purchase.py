"""A person buys credits: the demo shop, the gateway's checkout page and the result page in a real browser."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

PHONE = {"width": 390, "height": 844}
ONCE = "Paid once. Webhook arrived 3×. Delivered once."


def choose_120_credits(page: Page) -> None:
    page.get_by_role("button", name="Buy 120 credits").click()
    expect(page.get_by_text("Amount due")).to_be_visible()


def pay_with_three_webhooks(page: Page) -> None:
    page.get_by_role("button", name="Send it 3 times").click()


def expect_headline(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def test_a_purchase_is_paid_once_and_delivered_once_though_the_webhook_comes_thrice(shop: Any, open_desk: Any) -> None:
    before = shop.balance("ana")
    desk = open_desk()
    desk.page.goto(shop.url)
    expect(desk.page.locator("[data-balance]")).to_have_text(f"{before:,}")
    desk.picture("shop")
    choose_120_credits(desk.page)
    desk.picture("checkout")
    pay_with_three_webhooks(desk.page)
    expect_headline(desk.page, ONCE)
    expect(desk.page.locator("[data-wallet]")).to_have_text(f"{before + 120:,} credits")
    expect(desk.page.get_by_text("Books balanced: debits = credits.")).to_be_visible()
    expect(desk.page.get_by_text("Nothing is under way any more.")).to_be_visible()
    desk.picture("result")
    desk.page.get_by_role("link", name="Back to the shop").click()
    expect(desk.page.locator("[data-balance]")).to_have_text(f"{before + 120:,}")
    assert shop.balance("ana") == before + 120


def test_the_timeline_opens_to_what_lies_behind_each_line(shop: Any, open_desk: Any) -> None:
    desk = open_desk(color_scheme="dark")
    desk.page.goto(shop.url)
    choose_120_credits(desk.page)
    pay_with_three_webhooks(desk.page)
    expect_headline(desk.page, ONCE)
    desk.page.locator("summary", has_text="arrived 3×: captured").click()
    expect(desk.page.get_by_text('"arrivals": 3').and_(desk.page.locator("[open] pre"))).to_be_visible()
    desk.picture("timeline-dark")


def test_a_declined_card_leads_to_another_try_that_is_paid(shop: Any, open_desk: Any) -> None:
    before = shop.balance("ana")
    desk = open_desk()
    desk.page.goto(shop.url)
    choose_120_credits(desk.page)
    desk.page.get_by_role("button", name="Decline", exact=True).click()
    expect(desk.page.get_by_role("alert")).to_contain_text("Not paid.")
    desk.page.get_by_role("button", name="Close the tab").click()
    expect_headline(desk.page, "Not paid.")
    desk.picture("declined")
    assert shop.balance("ana") == before
    desk.page.get_by_role("link", name="Try again").click()
    pay_with_three_webhooks(desk.page)
    expect_headline(desk.page, ONCE)
    assert shop.balance("ana") == before + 120


def test_a_phone_without_scripts_gets_everything(shop: Any, open_desk: Any) -> None:
    desk = open_desk(viewport=PHONE, java_script_enabled=False)
    desk.page.goto(shop.url)
    desk.page.get_by_role("button", name="ben").click()
    expect(desk.page.get_by_role("heading", name="Wallet of ben")).to_be_visible()
    before = shop.balance("ben")
    desk.picture("shop-phone")
    choose_120_credits(desk.page)
    desk.picture("checkout-phone")
    pay_with_three_webhooks(desk.page)
    expect_headline(desk.page, ONCE)
    desk.picture("result-phone")
    assert shop.balance("ben") == before + 120


def test_pressing_buy_twice_opens_one_checkout(shop: Any, open_desk: Any) -> None:
    before = shop.payments("ana")
    desk = open_desk()
    desk.page.goto(shop.url)
    desk.page.get_by_role("button", name="Buy 50 credits").dblclick(no_wait_after=True)
    expect(desk.page.get_by_text("Amount due")).to_be_visible()
    assert len(shop.payments("ana")) == len(before) + 1


def test_a_refund_shows_what_went_back_and_what_was_taken(shop: Any, open_desk: Any) -> None:
    desk = open_desk()
    desk.page.goto(shop.url)
    choose_120_credits(desk.page)
    pay_with_three_webhooks(desk.page)
    expect_headline(desk.page, ONCE)
    (payment,) = set(shop.payments("ana")) & {desk.page.url.partition("?")[0].rpartition("/")[2]}
    shop.trigger("refund.partial", "--payment", payment)
    desk.page.reload()
    expect_headline(desk.page, "Refunded ₹50.00 of ₹100.00. 60 credits taken back.")
    desk.picture("refunded")


def test_a_pack_of_cards_is_opened_once(shop: Any, open_desk: Any) -> None:
    desk = open_desk(viewport=PHONE, color_scheme="dark")
    desk.page.goto(shop.url)
    desk.page.get_by_role("button", name="Buy Black pack").click()
    pay_with_three_webhooks(desk.page)
    expect_headline(desk.page, "Paid once. Webhook arrived 3×. Pack delivered once.")
    expect(desk.page.get_by_text("5 cards are in the binder.")).to_be_visible()
    expect(desk.page.get_by_role("img", name=", number ")).to_have_count(5)
    turned = "element => element.getAnimations().map(each => each.animationName)"
    assert desk.page.locator(".turning").first.evaluate(turned) == ["turn-over"]
    desk.picture("pack")
    desk.page.get_by_role("link", name="Cards", exact=True).click()
    expect(desk.page.locator(".cards li").first).to_be_visible()
    desk.picture("binder")


def test_cards_lie_open_at_once_for_who_wants_no_motion(shop: Any, open_desk: Any) -> None:
    desk = open_desk(reduced_motion="reduce", java_script_enabled=False)
    desk.page.goto(shop.url)
    desk.page.get_by_role("button", name="Buy Black pack").click()
    desk.page.get_by_role("button", name="Pay ₹150.00").click()
    expect(desk.page.locator(".face")).to_have_count(5)
    expect(desk.page.locator(".face").last).to_be_visible()
    expect(desk.page.locator(".back").first).to_be_hidden()


def test_a_dispute_is_lost_before_ones_eyes_and_the_shop_beside_follows(shop: Any, open_desk: Any) -> None:
    desk, beside = open_desk(), open_desk()
    desk.page.goto(shop.url)
    choose_120_credits(desk.page)
    desk.page.get_by_role("button", name="Send the webhook twice").click()
    expect_headline(desk.page, "Paid once. Webhook arrived 2×. Delivered once.")
    expect(desk.page.get_by_text("Nothing is under way any more.")).to_be_visible()
    beside.page.goto(shop.url)
    panel = beside.page.get_by_role("complementary", name="What happened")
    expect(panel.locator("[data-news]")).to_contain_text("Webhook arrived 2×")
    desk.page.get_by_role("button", name="Dispute it, and lose").click()
    expect(desk.page.get_by_text("Done: dispute it, and lose.")).to_be_visible()
    expect_headline(desk.page, "Dispute lost: ₹100.00 went back to the customer. 120 credits taken back.")
    expect(desk.page.get_by_text("Books balanced: debits = credits.")).to_be_visible()
    expect(panel.locator("[data-news]")).to_contain_text("Dispute lost")
    desk.picture("dispute")
    beside.picture("shop-beside")


@pytest.mark.parametrize("looks", [{"color_scheme": "light"}, {"color_scheme": "dark", "viewport": PHONE}])
def test_axe_finds_nothing_wrong_with_any_page_of_the_shop(shop: Any, open_desk: Any, looks: dict[str, Any]) -> None:
    desk = open_desk(reduced_motion="reduce", **looks)
    desk.page.goto(shop.url)
    desk.check_access("shop")
    desk.page.get_by_role("button", name="Buy Black pack").click()
    expect(desk.page.get_by_role("heading", name="Simulate")).to_be_visible()
    desk.check_access("checkout")
    pay_with_three_webhooks(desk.page)
    expect(desk.page.get_by_role("heading", level=1)).to_contain_text("Pack delivered once.")
    desk.page.locator("summary").first.click()
    desk.check_access("result")
    desk.page.get_by_role("button", name="Refund in full").click()
    expect(desk.page.get_by_role("heading", level=1)).to_contain_text("5 cards taken back.")
    for name in ("Wallet", "Cards"):
        desk.page.get_by_role("link", name=name, exact=True).click()
        expect(desk.page.get_by_role("link", name=name, exact=True)).to_have_attribute("aria-current", "page")
        desk.check_access(name)
        desk.picture(name)


def test_every_control_can_be_reached_with_the_keyboard(shop: Any, open_desk: Any) -> None:
    desk = open_desk()
    desk.page.goto(shop.url)
    reached = set()
    for _ in range(60):
        desk.page.keyboard.press("Tab")
        reached.add(desk.page.evaluate("document.activeElement.ariaLabel || document.activeElement.textContent.trim()"))
        outline = desk.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid" or desk.page.evaluate("document.activeElement === document.body")
    assert {"ana", "ben", "INR", "EUR", "JPY", "USD"} <= reached
    assert len([name for name in reached if name.startswith("Buy ")]) == 6
