"""The wallet and the card binder of the demo shop."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from tests.web.shopping import Shop, opened

from tillkeeper import catalog
from tillkeeper.flows.offer import offer
from tillkeeper.flows.read import read
from tillkeeper.fulfilment import packs
from tillkeeper.reports import wallet
from tillkeeper.web.shop import art

CARD = {"pack": "pack_black", "artist": "Mirela Oss", "title": "Night Ferry", "tier": "rare", "serial": "7 of 5000"}
INSIDE = re.compile(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=", re.IGNORECASE)


@pytest.fixture
async def shop(database_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    async with opened(database_url, tmp_path, shop=True) as running:
        await offer(running.till, catalog.DEMO_PACKS, packs=packs.DEMO)
        yield running


async def bought(shop: Shop, package: str) -> str:
    result = (await shop.act(await shop.buy(package), act="pay")).partition("?")[0]
    await shop.await_text(result, "elivered once.")
    return result


async def page_of(shop: Shop, path: str) -> str:
    answer = await shop.browser.get(f"{shop.url}{path}")
    assert answer.status_code == 200, answer.text
    assert not INSIDE.search(answer.text)
    return answer.text


async def spend(shop: Shop, wanted: str, **change: str) -> httpx2.Response:
    page = await page_of(shop, "/shop/wallet")
    form = page[page.index("/shop/wallet/spend") :].partition("</form>")[0]
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))
    return await shop.browser.post(f"{shop.url}/shop/wallet/spend", data=fields | {"amount": wanted} | change)


async def test_the_wallet_shows_each_movement_with_the_balance_before_and_after(shop: Shop) -> None:
    await bought(shop, "credits_120")
    answer = await spend(shop, "50")
    assert (answer.status_code, answer.headers["location"]) == (303, "/shop/wallet?spent=50")
    page = await page_of(shop, "/shop/wallet?spent=50")
    assert "50 credits spent." in page
    assert "<span data-balance>70</span>" in page
    moves = re.findall(r'data-label="(?:Before|Change|After)">(.*?)</td>', page)
    assert moves == ["120", "\N{MINUS SIGN}50", "70", "0", "+120", "120"]


async def test_a_form_spends_once_however_often_it_is_sent(shop: Shop) -> None:
    await bought(shop, "credits_120")
    page = await page_of(shop, "/shop/wallet")
    form = page[page.index("/shop/wallet/spend") :].partition("</form>")[0]
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form)) | {"amount": "10"}
    for _ in range(3):
        assert (await shop.browser.post(f"{shop.url}/shop/wallet/spend", data=fields)).status_code == 303
    assert (await read(shop.till, lambda tx: wallet.show(tx, "ana")))["balance"] == 110


async def test_more_than_the_wallet_holds_is_explained_and_not_offered(shop: Shop) -> None:
    assert "There is not enough to spend." in await page_of(shop, "/shop/wallet")
    answer = await spend(shop, "50")
    assert answer.status_code == 402
    assert "What to do:" in answer.text


@pytest.mark.parametrize(("change", "status"), [({"amount": "11"}, 422), ({"user": "eve"}, 422), ({"seal": "no"}, 403)])
async def test_a_spending_that_nobody_was_offered_is_refused(shop: Shop, change: dict[str, str], status: int) -> None:
    await bought(shop, "credits_120")
    assert (await spend(shop, "10", **change)).status_code == status
    assert (await read(shop.till, lambda tx: wallet.show(tx, "ana")))["balance"] == 120


async def test_a_pack_lies_face_down_while_it_is_new_and_every_card_has_a_name(shop: Shop) -> None:
    page = (await shop.browser.get(await bought(shop, "pack_black"))).text
    assert page.count('<svg class="back"') == page.count('<svg class="face"') == 5
    names = re.findall(r'role="img" aria-label="([^"]+)"', page)
    assert len(names) == 5
    assert all(re.fullmatch(r".+ by .+, (common|rare|epic|legendary), number \d+.*", name) for name in names)


async def test_the_binder_narrows_cards_by_tier_and_by_pack(shop: Shop) -> None:
    await bought(shop, "pack_black")
    every = await page_of(shop, "/shop/cards")
    assert every.count('<li class="tier-') == 5
    by_tier = [(await page_of(shop, f"/shop/cards?tier={tier}")).count('<li class="tier-') for tier in art.TIERS]
    assert sum(by_tier) == 5
    assert (await page_of(shop, "/shop/cards?pack=pack_black")).count('<li class="tier-') == 5
    assert "No such cards." in await page_of(shop, "/shop/cards?pack=pack_gold")
    assert (await page_of(shop, "/shop/cards?tier=mythic&pack=x")).count('<li class="tier-') == 5
    assert 'href="/shop/cards?pack=pack_black&amp;tier=rare"' in await page_of(shop, "/shop/cards?pack=pack_black")


async def test_cards_that_were_taken_back_are_crossed_out_with_the_reason(shop: Shop) -> None:
    result = await bought(shop, "pack_black")
    page = (await shop.browser.get(result)).text
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)) | {"deed": "refund_all"}
    await shop.browser.post(f"{shop.url}/shop/act", data=fields)
    await shop.await_text(result, "5 cards taken back")
    page = await page_of(shop, "/shop/cards")
    assert page.count('class="crossed"') == page.count("Revoked: the payment was refunded.") == 5


def test_a_card_is_drawn_the_same_for_ever_and_each_serial_on_its_own() -> None:
    other = {**CARD, "serial": "8 of 5000"}
    assert art.draw(CARD) == art.draw(dict(CARD)) != art.draw(other)
    assert art.draw(CARD).name == "Night Ferry by Mirela Oss, rare, number 7 of 5000"


def test_an_artist_keeps_to_one_motif_and_a_tier_to_its_diamonds() -> None:
    for design in (design for pack in packs.DEMO for design in pack.designs):
        data = {"artist": design.artist, "title": design.title, "tier": design.tier.name.lower()}
        drawn = [art.draw({**data, "pack": "p", "serial": str(serial)}) for serial in range(40)]
        assert all(each.shapes for each in drawn)
        assert {len(each.diamonds) for each in drawn} == {design.tier + 1}


def test_every_motif_is_drawn_of_known_shapes_within_reach_of_its_frame() -> None:
    for motif in art.MOTIFS:
        for serial in range(20):
            shapes = list(motif(art._dice(str(serial))))
            assert {shape.tag for shape in shapes} <= {"circle", "rect", "path"}
            numbers = [int(found) for shape in shapes for found in re.findall(r"-?\d+", str(shape.at.get("d", "")))]
            assert all(-art.side < number < 2 * art.side for number in numbers)


def test_a_long_title_is_cut_and_its_name_is_not() -> None:
    drawn = art.draw({**CARD, "title": "A very long title of a card"})
    assert (len(drawn.title), drawn.title[-1]) == (art.title_length_max, "…")
    assert "A very long title of a card" in drawn.name
