"""The walk of docs/first-three-minutes.md, taken step by step; TILL_TEST_RENEW=1 takes its pictures anew."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import ROOT, Desk, OpenDesk, Shop
from tests.cli.demo import Demo

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

RENEW = bool(os.environ.get("TILL_TEST_RENEW"))
PAGE = ROOT / "docs" / "first-three-minutes.md"
seeding_seconds_max = 300
WINDOW = {"width": 1280, "height": 860}
QUOTED = [
    *("Buy", "Simulate", "Send the webhook twice", "Paid once. Webhook arrived 2×. Delivered once."),
    *("Needs somebody", "What happened", "Proof", "Fire 50 duplicates"),
]
"""What the page sets in bold: the words that are on the buttons and headings of the walk."""
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def stage(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """Take the walk on the demo of the other tests; for pictures, on one with its history."""
    if not RENEW:
        yield request.getfixturevalue("shop")
        return
    monkeypatch.setattr("tests.cli.demo.ready_seconds_max", seeding_seconds_max)
    demo = Demo(tmp_path / "demo", words=(), command=(str(ROOT / "till"),))
    try:
        demo.start()
        yield Shop(demo)
    finally:
        demo.remove()


def take(desk: Desk, name: str) -> None:
    """Take a picture for the page, or see that the page has one."""
    file = PAGE.parent / "images" / f"{name}.png"
    assert f"(images/{file.name})" in PAGE.read_text()
    if RENEW:
        desk.page.screenshot(path=file, caret="initial")
    assert file.read_bytes().startswith(PNG)


def test_the_first_three_minutes_are_as_their_page_says(stage: Shop, open_desk: OpenDesk) -> None:
    said = re.findall(r"\*\*(.+?)\*\*", PAGE.read_text())
    told: Any = stage.demo.told
    assert said == QUOTED
    desk = open_desk(viewport=WINDOW, color_scheme="light")
    page = desk.page

    page.goto(told["shop"])
    take(desk, "minute-1-shop")
    page.get_by_role("button", name="Buy 120 credits").click()
    expect(page.get_by_role("heading", name="Simulate")).to_be_visible()
    take(desk, "minute-2-checkout")
    page.get_by_role("button", name="Send the webhook twice").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(QUOTED[3])
    expect(page.get_by_text("Nothing is under way any more.")).to_be_visible()
    take(desk, "minute-2-result")

    page.goto(told["admin"])
    page.get_by_label("E-mail").fill(told["login"]["email"])
    page.get_by_label("Password").fill(told["login"]["password"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    take(desk, "minute-3-overview")
    page.keyboard.press("g")
    page.keyboard.press("p")
    page.locator("tbody th a").first.click()
    expect(page.get_by_role("heading", name="What happened")).to_be_visible()
    expect(page.get_by_text("arrived 2×").first).to_be_visible()
    take(desk, "minute-3-payment")

    page.get_by_role("link", name="Proof", exact=True).click()
    page.get_by_role("link", name="Fire 50 duplicates").click()
    page.get_by_role("dialog").get_by_role("button", name="Fire").click()
    expect(page.get_by_role("heading", name="Nothing moved")).to_be_visible()
    take(desk, "minute-3-proof")
