"""What a visitor of the demo may do to a payment afterwards, and how its pages follow along."""

import html
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
from tests.web.shopping import Shop, headline, opened

from tillkeeper import catalog
from tillkeeper.flows.offer import offer
from tillkeeper.fulfilment import packs
from tillkeeper.ops.scenarios import SCENARIOS
from tillkeeper.web.shop import diary, stage, story

ONCE = "Paid once. Webhook arrived once. Delivered once."


@pytest.fixture
async def shop(database_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    async with opened(database_url, tmp_path, shop=True) as running:
        yield running


async def bought(shop: Shop, package: str = "credits_120", **fields: str) -> str:
    """Buy something and return the address of the page that tells so."""
    result = (await shop.act(await shop.buy(package), act="pay", **fields)).partition("?")[0]
    await shop.await_text(result, "elivered once.")
    return result


async def press(shop: Shop, result: str, deed: str, **change: str) -> httpx2.Response:
    """Press a button of the result page."""
    page = (await shop.browser.get(result)).text
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    return await shop.browser.post(f"{shop.url}/shop/act", data=fields | {"deed": deed} | change)


def buttons(page: str) -> list[str]:
    return re.findall(r'name="deed" value="(\w+)"', page)


@pytest.mark.parametrize(
    ("deed", "says"),
    [
        ("refund_half", "Refunded ₹50.00 of ₹100.00. 60 credits taken back."),
        ("refund_all", "Refunded in full. 120 credits taken back."),
        ("dispute_open", "Disputed: the customer’s bank is deciding about ₹100.00."),
        ("dispute_won", "Dispute won."),
        ("dispute_lost", "Dispute lost: ₹100.00 went back to the customer. 120 credits taken back."),
        ("again", "Paid once. Webhook arrived 2×. Delivered once."),
        ("again_many", "Paid once. Webhook arrived 51×. Delivered once."),
    ],
)
async def test_a_button_does_what_the_world_would_and_the_page_says_what_came_of_it(
    shop: Shop, deed: str, says: str
) -> None:
    result = await bought(shop)
    answer = await press(shop, result, deed)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{httpx2.URL(result).path}?did={deed}")
    page = await shop.await_page(result, lambda page: headline(page) == says)
    assert "Books balanced:" in page
    done = (await shop.browser.get(f"{shop.url}{answer.headers['location']}")).text
    assert "Done: " in done


async def test_a_dispute_that_is_open_can_be_decided_and_nothing_else_be_taken_back(shop: Shop) -> None:
    result = await bought(shop)
    await press(shop, result, "dispute_open")
    page = await shop.await_text(result, "Let the dispute be won")
    assert not {"refund_all", "refund_half", "dispute_open"} & set(buttons(page))
    await press(shop, result, "dispute_won")
    await shop.await_page(result, lambda page: headline(page) == "Dispute won.")


async def test_an_outage_lets_a_purchase_wait_and_its_end_lets_it_go_on(shop: Shop) -> None:
    result = await bought(shop)
    await press(shop, result, "outage")
    form = await shop.open()
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form.partition("/shop/buy")[2]))
    answer = await shop.press_buy(fields)
    page = (await shop.browser.get(f"{shop.url}{answer.headers['location']}")).text
    assert headline(page) == "Waiting for the gateway…"
    assert "Not known yet" in page
    await press(shop, result, "back")
    await shop.await_text(f"{shop.url}{answer.headers['location']}", "Go on to the checkout")


async def test_a_webhook_that_never_comes_is_made_good_by_asking(shop: Shop) -> None:
    result = await shop.act(await shop.buy(), webhook="never")
    assert buttons((await shop.browser.get(result)).text)[0] == "ask"
    answer = await press(shop, result.partition("?")[0], "ask")
    page = await shop.await_text(f"{shop.url}{answer.headers['location']}", "Delivered once.")
    assert headline(page) == "Paid once. The gateway said so when asked. Delivered once."


async def test_what_is_not_offered_is_not_done(shop: Shop) -> None:
    result = await bought(shop)
    answer = await press(shop, result, "dispute_lost_twice")
    assert answer.status_code == 409
    assert "What to do:" in answer.text
    assert headline((await shop.browser.get(result)).text) == ONCE


@pytest.mark.parametrize("change", [{"seal": "0" * 64}, {"key": "A" * 24}])
async def test_a_form_with_a_forged_token_does_nothing(shop: Shop, change: dict[str, str]) -> None:
    result = await bought(shop)
    assert (await press(shop, result, "refund_all", **change)).status_code == 403
    assert headline((await shop.browser.get(result)).text) == ONCE


async def test_without_the_shop_there_is_nothing_to_press(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path, shop=False) as shop:
        assert (await shop.browser.post(f"{shop.url}/shop/act", data={"deed": "outage"})).status_code == 404


async def test_every_button_says_what_it_does_and_names_a_command_that_exists(shop: Shop) -> None:
    page = (await shop.browser.get(await bought(shop))).text
    lines = [html.unescape(line) for line in re.findall(r"<code>(\./till .*?)</code>", page)]
    assert len(lines) == len(buttons(page)) > 8
    assert [
        line for line in lines if line.split()[:2] != ["./till", "trigger"] or line.split()[2] not in SCENARIOS
    ] == []


@pytest.mark.parametrize("package", ["credits_120", "pack_black"])
async def test_each_number_of_the_proof_is_what_the_database_answers(shop: Shop, package: str, owner_url: str) -> None:
    await offer(shop.till, catalog.DEMO_PACKS, packs=packs.DEMO)
    result = await shop.act(await shop.buy(package), webhook="thrice")
    page = await shop.await_text(result, "arrived 3×")
    asked = [html.unescape(sql) for sql in re.findall(r'<pre tabindex="0">(SELECT .*?)</pre>', page, re.DOTALL)]
    shown = [int(count) for count in re.findall(r'<span class="count">(\d+)</span>', page)]
    owner = await asyncpg.connect(owner_url)
    assert [await owner.fetchval(sql) for sql in asked] == shown == [1, 3, 1]
    await owner.close()


async def test_the_shop_shows_the_timeline_of_the_newest_purchase_beside_the_shelf(shop: Shop) -> None:
    assert "Buy something: every step of it shows up here" in await shop.open()
    before = (await shop.browser.get(f"{shop.url}/shop/state")).json()
    await bought(shop)
    page = await shop.open()
    panel = page[page.index("<aside") : page.index("</aside>")]
    assert "Delivered 120 credits; the wallet holds 120 credits" in panel
    assert ONCE in panel
    assert (await shop.browser.get(f"{shop.url}/shop/state")).json()["version"] != before["version"]


async def test_a_page_of_the_demo_follows_along_also_when_nothing_is_under_way(shop: Shop) -> None:
    result = await bought(shop)
    before = (await shop.browser.get(f"{result}/state")).json()
    await press(shop, result, "again")
    await shop.await_text(result, "arrived 2×")
    after = (await shop.browser.get(f"{result}/state")).json()
    assert after["watching"]
    assert after["version"] != before["version"]


def test_an_unknown_outcome_is_not_called_a_decline() -> None:
    payment: Any = {"status": "outcome_unknown", "last_error": {"message": "Stripe answered 500"}}
    assert story.label(payment).word == "Not known yet"


def test_every_deed_has_a_name_to_say_that_it_was_done() -> None:
    assert {*stage.AGAIN, *stage.ENDS, *stage.SHARES, stage.ASK, "dispute_open", "outage", "back"} == {*stage.LABELS}


def test_no_webhook_tells_of_a_capture_that_nobody_told_of() -> None:
    assert diary.telling([{"kind": "webhook", "title": "w", "data": {"reason": "approved", "arrivals": 3}}]) == []
