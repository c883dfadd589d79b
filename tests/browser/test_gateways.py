"""The same purchase, refund and second try through every gateway: in the browser, by API and in its dashboard."""

from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tillkeeper import gateways
from tillkeeper.kernel import clock, money
from tillkeeper.ops import scenarios
from tillkeeper.ops.scenarios import Target
from tillkeeper.payments import Status

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

ONCE = "Paid once. Webhook arrived 3×. Delivered once."
PHONE = {"width": 390, "height": 844}
PRICES = {"EUR": "€1.99", "INR": "₹100.00"}
RARELY = {"payment.authorized"}
"""What only gateways tell that authorise before they capture."""
SETTLED = ["fulfilment.delivered", "payment.created", "payment.requires_action", "payment.succeeded"]
REFUNDED = ["fulfilment.revoked", "refund.created", "refund.succeeded"]

Json = dict[str, Any]


@dataclass(frozen=True)
class Way:
    """One gateway: how people know it, what is paid in, and its sandbox."""

    title: str
    target: Target

    @property
    def currency(self) -> str:
        return self.target.stand.currency

    @property
    def price(self) -> str:
        return PRICES[self.currency]


@pytest.fixture(params=[stand.name for stand in gateways.stands()])
def way(request: pytest.FixtureRequest, shop: Any) -> Way:
    return way_of(shop, request.param)


def way_of(shop: Any, gateway: str) -> Way:
    told = shop.demo.told
    target = Target(api=told["api"], sandbox=told["sandbox"], key=told["key"], gateway=gateway)
    return Way(target.stand.title, target)


def choose(page: Page, shop: Any, way: Way) -> None:
    """Choose currency and gateway in the shop, as a visitor does, and buy 120 credits."""
    page.goto(shop.url)
    page.get_by_role("link", name=way.currency, exact=True).click()
    page.get_by_role("link", name=way.title, exact=True).click()
    expect(page.get_by_role("navigation", name="Pay with").locator("[aria-current=true]")).to_have_text(way.title)
    page.get_by_role("button", name="Buy 120 credits").click()
    expect(page.get_by_text(f"{way.title} sandbox:")).to_be_visible()


def pay_with_three_webhooks(page: Page) -> None:
    page.get_by_role("button", name="Send it 3 times").click()


def expect_headline(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def refund(way: Way, payment: str, amount: int | None = None) -> None:
    """Refund by API and wait for the end of it."""
    way.target.call("/api/v1/refunds", {"payment": payment} | ({"amount": amount} if amount else {}))
    way.target.await_payment(payment, lambda found: not found["amount_refunding"])


def events(timeline: list[Json]) -> list[str]:
    return sorted(each["title"] for each in timeline if each["kind"] == "event" and each["title"] not in RARELY)


def test_a_purchase_through_any_gateway_is_paid_once_and_delivered_once(shop: Any, open_desk: Any, way: Way) -> None:
    before = shop.balance("ana")
    desk = open_desk()
    choose(desk.page, shop, way)
    desk.picture(f"checkout-{way.title}")
    pay_with_three_webhooks(desk.page)
    expect_headline(desk.page, ONCE)
    expect(desk.page.get_by_text("Books balanced: debits = credits.")).to_be_visible()
    expect(desk.page.get_by_text(f"Asked {way.title} to open a checkout: opened")).to_be_visible()
    desk.picture(f"result-{way.title}")
    assert shop.balance("ana") == before + 120


def test_a_refund_by_api_takes_back_a_part_and_then_the_rest(shop: Any, open_desk: Any, way: Way) -> None:
    paid = scenarios.pay(way.target)
    half = paid["amount"] // 2
    written = money.show(half, way.currency)
    refund(way, paid["id"], half)
    desk = open_desk()
    desk.page.goto(f"{shop.demo.told['api']}/checkout/{paid['id']}")
    taken = 120 * half // paid["amount"]
    expect_headline(desk.page, f"Refunded {written} of {way.price}. {taken} credits taken back.")
    refund(way, paid["id"])
    desk.page.reload()
    expect_headline(desk.page, "Refunded in full. 120 credits taken back.")
    expect(desk.page.get_by_text("Books balanced: debits = credits.")).to_be_visible()
    desk.picture(f"refunded-{way.title}")


def test_a_refund_in_the_gateways_own_dashboard_is_heard_of(shop: Any, open_desk: Any, way: Way) -> None:
    shown = scenarios.SCENARIOS["refund.dashboard"][1](way.target, None)
    payment = shown.partition(":")[0]
    desk = open_desk(viewport=PHONE, color_scheme="dark")
    desk.page.goto(f"{shop.demo.told['api']}/checkout/{payment}")
    expect(desk.page.get_by_role("heading", level=1)).to_contain_text(f"of {way.price}.")
    expect(desk.page.get_by_role("heading", level=1)).to_contain_text("credits taken back.")


def test_a_decline_at_any_gateway_can_be_followed_by_another_try(shop: Any, open_desk: Any, way: Way) -> None:
    before = shop.balance("ben")
    desk = open_desk(viewport=PHONE, java_script_enabled=False)
    desk.page.goto(shop.url)
    desk.page.get_by_role("button", name="ben").click()
    choose(desk.page, shop, way)
    desk.page.get_by_role("button", name="Decline", exact=True).click()
    expect(desk.page.get_by_text("Not paid.")).to_be_visible()
    assert shop.balance("ben") == before
    again = desk.page.get_by_role("link", name="Try again")
    if again.count():  # PayPal has led its payer back to us; the others ask again at once
        again.click()
    desk.picture(f"declined-{way.title}")
    pay_with_three_webhooks(desk.page)
    expect_headline(desk.page, ONCE)
    assert shop.balance("ben") == before + 120


def life(way: Way) -> tuple[Json, list[Json]]:
    """Buy and refund all of it; return the payment and its timeline when nothing is under way any more."""
    payment = scenarios.pay(way.target)["id"]
    refund(way, payment)
    read_ms = clock.timer_ms()
    while True:
        timeline = way.target.call(f"/api/v1/payments/{payment}/timeline")["data"]
        whole = len(events(timeline)) >= len(SETTLED) + len(REFUNDED)
        if whole or read_ms() > scenarios.outcome_timeout_seconds * 1000:
            return way.target.call(f"/api/v1/payments/{payment}"), timeline
        clock.pause_ms(scenarios.poll_ms)


def test_all_gateways_speak_one_vocabulary(shop: Any) -> None:
    told = {stand.name: life(way_of(shop, stand.name)) for stand in gateways.stands()}
    shapes = {
        name: (payment.keys(), {each["kind"]: each["data"].keys() for each in timeline})
        for name, (payment, timeline) in told.items()
    }
    for name, (payment, timeline) in told.items():
        assert (payment["gateway"], payment["status"]) == (name, "succeeded")
        assert payment["fulfilment"]["status"] == "revoked", name
        assert events(timeline) == sorted([*SETTLED, *REFUNDED]), name
        moves = [each["data"] for each in timeline if each["kind"] == "payment"]
        assert {move["after"] for move in moves} <= {*Status}, name
        assert shapes[name] == shapes["stripe"], name


def test_a_decline_is_told_as_one_failed_attempt_whatever_the_gateway(shop: Any, way: Way) -> None:
    said = scenarios.SCENARIOS["pay.decline"][1](way.target, None)
    payment = said.partition(" ")[0]
    timeline = shop.call(f"/api/v1/payments/{payment}/timeline")["data"]
    assert events(timeline) == ["payment.attempt_failed", "payment.created", "payment.requires_action"]
