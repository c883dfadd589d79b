"""The demo shop and the result page over real sockets: our app, the sandbox, and webhooks between them."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from tests.web.shopping import KEY, SECRET, Shop, form_of, headline, opened

from tillkeeper import catalog
from tillkeeper.flows import checkout, refund
from tillkeeper.flows.offer import offer
from tillkeeper.flows.read import read
from tillkeeper.fulfilment import packs
from tillkeeper.idempotency import Wish
from tillkeeper.kernel import ids
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.reports import wallet
from tillkeeper.till import Till
from tillkeeper.web.app import build
from tillkeeper.web.shop import diary

SCRIPT_OR_STYLE_INSIDE = re.compile(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=", re.IGNORECASE)


@pytest.fixture
async def shop(database_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    async with opened(database_url, tmp_path, shop=True) as running:
        yield running


async def test_the_shop_shows_four_packages_with_their_prices(shop: Shop) -> None:
    page = await shop.open()
    for price in ("₹50.00", "₹100.00", "₹200.00", "₹350.00"):
        assert f"<span>{price}</span>" in page
    assert "Wallet of ana" in page
    assert "ana has not bought anything yet" in page


@pytest.mark.parametrize(("code", "price"), [("USD", "$1.99"), ("EUR", "€1.99"), ("JPY", "¥240")])
async def test_a_link_switches_the_currency(shop: Shop, code: str, price: str) -> None:
    page = await shop.open(f"?currency={code}")
    assert f"<span>{price}</span>" in page
    assert f'<a href="/shop?currency={code}" aria-current="true">' in page


async def test_a_currency_that_nothing_is_sold_in_is_explained(shop: Shop) -> None:
    page = await shop.browser.get(f"{shop.url}/shop?currency=GBP")
    assert page.status_code == 422
    assert "Nothing is sold in GBP here; choose INR, EUR, JPY, USD." in page.text


async def test_a_purchase_ends_with_paid_once_arrived_three_times_delivered_once(shop: Shop) -> None:
    result = await shop.act(await shop.buy(), act="pay", copies="3")
    page = await shop.await_text(result, "arrived 3×")
    assert headline(page) == "Paid once. Webhook arrived 3×. Delivered once."
    assert "<span data-wallet>120 credits</span>" in page
    assert "Books balanced:" in page
    assert "120 credits = 120 credits" in page
    assert "Delivered 120 credits; the wallet holds 120 credits" in page
    assert ">Delivered</span>" in await shop.open()


async def test_the_headline_counts_what_really_arrived(shop: Shop) -> None:
    result = await shop.act(await shop.buy(), act="pay", copies="1")
    page = await shop.await_text(result, "Paid once")
    assert headline(page) == "Paid once. Webhook arrived once. Delivered once."


@pytest.mark.parametrize(
    ("reasons", "arrivals"),
    [
        (["captured; the gateway kept €0.36, as expected", "This capture is in the books already."], 3),
        (["approved by the customer", "This capture is in the books already; the gateway kept €0.36, as expected"], 3),
        (["the fee is known already; this capture is in the books already"], 3),
        (["approved by the customer"], 0),
    ],
)
def test_webhooks_that_tell_of_the_capture_count_whoever_told_of_it_first(reasons: list[str], arrivals: int) -> None:
    webhooks = [{"kind": "webhook", "title": "w", "data": {"reason": reason, "arrivals": 3}} for reason in reasons]
    captured = {"kind": "payment", "title": "captured", "data": {}}
    assert diary.count([captured, *webhooks]).arrivals == arrivals


async def test_a_gateway_that_was_chosen_stays_chosen_when_the_currency_changes(shop: Shop) -> None:
    page = await shop.open("?currency=EUR&gateway=stripe")
    assert 'href="/shop?currency=USD&amp;gateway=stripe"' in page
    assert 'href="/shop?currency=USD"' in await shop.open("?currency=EUR")


async def test_the_result_page_waits_by_reloading_itself_and_stops_when_it_is_final(shop: Shop) -> None:
    session = await shop.buy()
    result = await shop.act(session, act="abandon")
    page = (await shop.browser.get(result)).text
    assert headline(page) == "Waiting for the gateway’s webhook…"
    assert '<noscript><meta http-equiv="refresh" content="1"></noscript>' in page
    assert f'href="{shop.sandbox}/stripe/pay/{session}"' in page
    await shop.act(session, act="pay")
    await shop.await_text(result, "Delivered once")
    page = await shop.await_page(result, lambda page: "http-equiv" not in page)
    assert "Nothing is under way any more." in page


async def test_the_state_changes_its_version_only_when_the_page_changes(shop: Shop) -> None:
    session = await shop.buy()
    result = await shop.act(session, act="abandon")
    before = (await shop.browser.get(f"{result}/state")).json()
    assert (await shop.browser.get(f"{result}/state")).json() == before
    assert f'data-version="{before["version"]}"' in (await shop.browser.get(result)).text
    await shop.act(session, act="pay")
    await shop.await_text(result, "Delivered once")
    assert (await shop.browser.get(f"{result}/state")).json()["version"] != before["version"]


async def test_a_declined_card_can_be_followed_by_another_try(shop: Shop) -> None:
    session = await shop.buy()
    result = await shop.act(session, act="abandon")
    await shop.act(session, act="decline", code="insufficient_funds")
    page = await shop.await_text(result, "Not paid.")
    assert "insufficient funds" in page
    assert "Nothing was charged." in page
    assert f'href="{shop.sandbox}/stripe/pay/{session}" rel="noreferrer">Try again</a>' in page
    await shop.act(session, act="pay")
    assert headline(await shop.await_text(result, "Paid once")).startswith("Paid once.")


async def test_an_expired_checkout_says_so(shop: Shop) -> None:
    session = await shop.buy()
    result = await shop.act(session, act="abandon")
    await shop.browser.post(f"{shop.sandbox}/_control/stripe/sessions/{session}/expire", json={})
    page = await shop.await_text(result, "Expired.")
    assert "Nobody paid in time" in page
    assert "http-equiv" not in page


@pytest.mark.parametrize(
    ("amount", "says"),
    [
        (5_000, "Refunded ₹50.00 of ₹100.00. 60 credits taken back."),
        (None, "Refunded in full. 120 credits taken back."),
    ],
)
async def test_a_refund_says_how_much_went_back_and_what_was_taken(shop: Shop, amount: int | None, says: str) -> None:
    result = await shop.act(await shop.buy(), act="pay")
    await shop.await_text(result, "Delivered once")
    payment = ids.parse("payment", result.partition("?")[0].rpartition("/")[2])
    wish = Wish(scope="test", key="refund", request_sha=b"refund")
    await refund.refund(shop.till, wish, refund.RefundWish(payment=payment, amount=amount))
    page = await shop.await_text(result, "credits taken back")
    assert headline(page) == says
    assert "Paid once. Webhook arrived once. Delivered once." in page


async def test_a_pack_of_cards_is_opened_once_and_shows_its_cards(shop: Shop) -> None:
    await offer(shop.till, catalog.DEMO_PACKS, packs=packs.DEMO)
    result = await shop.act(await shop.buy("pack_black"), act="pay", copies="3")
    page = await shop.await_text(result, "arrived 3×")
    assert headline(page) == "Paid once. Webhook arrived 3×. Pack delivered once."
    assert "5 cards are in the binder." in page
    assert page.count('<li class="tier-') == 5
    assert "5 cards = 5 cards" in page
    assert (await shop.open()).count('<li class="tier-') == 5


async def test_a_pack_that_is_sold_out_gives_the_money_back(shop: Shop) -> None:
    sold_out = [replace(pack, stock=0) for pack in packs.DEMO]
    await offer(shop.till, catalog.DEMO_PACKS, packs=sold_out)
    result = await shop.act(await shop.buy("pack_gold"), act="pay")
    page = await shop.await_text(result, "Refunded in full")
    assert headline(page) == "Could not be delivered. Refunded in full."
    assert "Delivered once" not in page


async def test_pressing_buy_twice_opens_one_checkout(shop: Shop) -> None:
    form = form_of(await shop.open(), "credits_300")
    answers = await asyncio.gather(*(shop.press_buy(form) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert await shop.payments() == 1


async def test_each_shown_page_buys_anew(shop: Shop) -> None:
    assert await shop.buy() != await shop.buy()
    assert await shop.payments() == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_form_from_another_site_buys_nothing(shop: Shop, headers: dict[str, str]) -> None:
    answer = await shop.press_buy(form_of(await shop.open(), "credits_50"), **headers)
    assert (answer.status_code, await shop.payments()) == (403, 0)
    assert "This form did not come from the shop" in answer.text


async def test_a_form_from_our_own_page_is_taken(shop: Shop) -> None:
    form = form_of(await shop.open(), "credits_50")
    answer = await shop.press_buy(form, **{"Origin": shop.url, "Sec-Fetch-Site": "same-origin"})
    assert (answer.status_code, await shop.payments()) == (303, 1)


@pytest.mark.parametrize("change", [{"seal": "0" * 64}, {"seal": "ü"}, {"key": "A" * 24}, {"key": ""}])
async def test_a_form_with_a_forged_token_buys_nothing(shop: Shop, change: dict[str, str]) -> None:
    answer = await shop.press_buy(form_of(await shop.open(), "credits_50") | change)
    assert (answer.status_code, await shop.payments()) == (403, 0)


async def test_a_form_of_another_browser_buys_nothing(shop: Shop) -> None:
    form = form_of(await shop.open(), "credits_50")
    shop.browser.cookies.clear()
    answer = await shop.press_buy(form)
    assert (answer.status_code, await shop.payments()) == (403, 0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"package": "credits_1"}, "There is no package “credits_1”"),
        ({"user": "mallory"}, "The demo shop knows ana and ben, and nobody else."),
        ({"currency": "GBP"}, "has no price in GBP"),
        ({"currency": "dollars"}, "A currency is three letters"),
    ],
)
async def test_a_wish_that_cannot_be_met_is_explained(shop: Shop, change: dict[str, str], says: str) -> None:
    answer = await shop.press_buy(form_of(await shop.open(), "credits_50") | change)
    assert (answer.status_code, await shop.payments()) == (422, 0)
    assert says in answer.text
    assert "What to do:" in answer.text


async def test_a_form_without_a_package_is_explained(shop: Shop) -> None:
    form = form_of(await shop.open(), "credits_50")
    del form["package"]
    answer = await shop.press_buy(form)
    assert (answer.status_code, "The form has no “package”." in answer.text) == (422, True)


async def test_the_same_form_with_another_package_is_refused(shop: Shop) -> None:
    form = form_of(await shop.open(), "credits_50")
    await shop.press_buy(form)
    answer = await shop.press_buy(form | {"package": "credits_600"})
    assert (answer.status_code, await shop.payments()) == (422, 1)


async def test_switching_the_user_shows_their_own_wallet(shop: Shop) -> None:
    await shop.await_text(await shop.act(await shop.buy(), act="pay"), "Delivered once")
    form = form_of(await shop.open("?currency=EUR"), "credits_50")
    switch = {"user": "ben", "currency": "EUR", "gateway": "auto", "key": form["key"], "seal": form["seal"]}
    answer = await shop.browser.post(f"{shop.url}/shop/user", data=switch)
    assert (answer.status_code, answer.headers["location"]) == (303, "/shop?currency=EUR")
    page = await shop.open()
    assert "Wallet of ben" in page
    assert "<span data-balance>0</span>" in page
    assert (await read(shop.till, lambda tx: wallet.show(tx, "ana")))["balance"] == 120


async def test_a_made_up_user_in_the_cookie_is_nobody(shop: Shop) -> None:
    page = await shop.browser.get(f"{shop.url}/shop", headers={"Cookie": "shop_user=mallory; shop_session=x"})
    assert "Wallet of ana" in page.text
    assert "mallory" not in page.text


async def test_what_others_wrote_is_shown_as_text(shop: Shop) -> None:
    evil = "<script>alert(1)</script>"
    wish = Wish(scope="test", key="evil", request_sha=b"evil")
    purchase = checkout.Purchase(amount=1_000, currency="EUR", description=evil, user="ana")
    made = await checkout.checkout(shop.till, wish, purchase)
    page = (await shop.browser.get(f"{shop.url}/checkout/{made.body['id']}")).text
    for shown in (page, await shop.open()):
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
        assert evil not in shown


@pytest.mark.parametrize("name", ["payment_01h455vb4pex5vsknk084sn02q", "payment_", "x", "payment_%3Cb%3E"])
async def test_an_unknown_payment_is_a_page_that_says_so(shop: Shop, name: str) -> None:
    page = await shop.browser.get(f"{shop.url}/checkout/{name}")
    assert page.status_code == 404
    assert "There is no such thing here" in page.text
    assert "<b>" not in page.text


async def test_a_gateway_that_is_down_is_explained_and_nothing_is_charged(shop: Shop) -> None:
    form = form_of(await shop.open(), "credits_50")
    unreachable = Secrets(
        {"STRIPE_SECRET_KEY": KEY, "STRIPE_WEBHOOK_SECRET": SECRET, "STRIPE_API_BASE": "http://127.0.0.1:9/stripe"}
    )
    down = await Till.open(shop.till.settings, secrets=unreachable)
    cookies = {"Cookie": "; ".join(f"{name}={value}" for name, value in shop.browser.cookies.items())}
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(build(down)), base_url=shop.url) as browser:
        answer = await browser.post("/shop/buy", data=form, headers=cookies)
    await down.close()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "Nothing was charged." in answer.text


async def test_no_page_has_script_or_style_inside_it(shop: Shop) -> None:
    result = await shop.act(await shop.buy(), act="abandon")
    pages = [f"{shop.url}/shop", result, f"{shop.url}/checkout/none"]
    for url in pages:
        page = await shop.browser.get(url)
        assert not SCRIPT_OR_STYLE_INSIDE.search(page.text)
        assert page.headers["content-security-policy"].startswith("default-src 'self'; ")
        assert page.headers["cache-control"] == "no-store"


async def test_forms_may_lead_to_the_gateways_checkout_and_nowhere_else(shop: Shop) -> None:
    page = await shop.browser.get(f"{shop.url}/shop")
    assert page.headers["content-security-policy"].endswith(f"form-action 'self' {shop.sandbox}")


async def test_assets_are_kept_for_good_under_the_name_of_their_content(shop: Shop) -> None:
    address = re.search(r'<link rel="stylesheet" href="([^"]+)">', await shop.open())
    assert address
    current = await shop.browser.get(f"{shop.url}{address[1]}")
    assert current.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert current.headers["content-type"] == "text/css; charset=utf-8"
    old = await shop.browser.get(f"{shop.url}{address[1].partition('?')[0]}?v=old")
    assert old.headers["cache-control"] == "no-cache"
    assert (await shop.browser.get(f"{shop.url}/checkout/assets/absent.css")).status_code == 404


async def test_without_the_shop_the_result_page_keeps_wallet_and_books_to_itself(
    database_url: str, tmp_path: Path
) -> None:
    async with opened(database_url, tmp_path, shop=False) as shop:
        wish = Wish(scope="test", key="plain", request_sha=b"plain")
        purchase = checkout.Purchase(package="credits_120", user="ana")
        made = await checkout.checkout(shop.till, wish, purchase)
        result = await shop.act(str(made.body["gateway_reference"]), act="pay")
        page = await shop.await_text(result, "Paid once")
        assert "live.js" in page
        assert "<script" not in await shop.await_text(result, "Nothing is under way any more.")
        assert (await shop.browser.get(f"{shop.url}/shop")).status_code == 404
    assert "₹100.00" in page
    for private in ("ana", "Wallet", "Books", "deferred:INR", "./till"):
        assert not re.search(rf"\b{re.escape(private)}\b", page), private
