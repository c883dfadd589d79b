"""Six pages look as they did when somebody last looked at their pictures: in both themes, on a desk and on a phone.

TILL_TEST_RENEW=1 ./till test tests/browser/test_golden.py takes anew what has changed; look at it before you keep it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page
from tests.browser import history, pictures, stillness
from tests.browser.conftest import WIDE, OpenDesk
from tests.browser.house import House, Member, housed

from tillkeeper.ops.embedded_postgres import Databases

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SMALL: dict[str, str] = {
    "another accent": ":root { --primary: light-dark(#0b5a74, #5cc4d4) }",
    "another grey": ":root { --muted: light-dark(#6b7478, #9aa5aa) }",
    "a little more room in a row": ".table td { padding-top: 11px }",
    "no lines between rows": ".table td, .table th { border-bottom-color: transparent }",
    "bolder lines": ":root { --line: light-dark(#c4c9c4, #2b3236) }",
    "a column that is gone": ".table :is(td, th):nth-child(6) { display: none }",
    "rounder corners": "input, select, button, .button { border-radius: 12px }",
    "another letter": ":root { --sans: serif }",
    "smaller words": ".table { font-size: 13px }",
    "a word that is another": "h1::after { content: ' of all' }",
}
"""Changes of the style that nobody should make without seeing them."""
RENEWING = "TILL_TEST_RENEW=1 ./till test tests/browser/test_golden.py takes the pictures anew; look at them then"
SIZES: dict[str, dict[str, Any]] = {
    "wide": {"viewport": WIDE},
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
}
PLACES = {
    "overview": "",
    "payments": "/payments",
    "payment": "/payments/{payment}",
    "ledger": "/ledger",
    "reconciliation": "/reconciliation",
    "inbox": "/inbox",
}
"""What people work at every day, and what shows most of the style: figures and a chart, a list with states, a timeline
with sums, a table of money, a list of differences with its filter, and a list of what machines said."""
LAY_OUT = """document.fonts.ready.then(() => {
    document.body.hidden = true; document.body.offsetHeight; document.body.hidden = false;
})"""
"""Letters that came after the first layout leave the words in a list of choices a pixel off."""
HIDE_CHANCE = r"""() => {
    const drawn = /([a-z]_)([0-9a-zA-Z]{4}…[0-9a-zA-Z]{6}|[0-9a-zA-Z]{14,})/g;
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const text = walk.currentNode;
        text.data = text.data.replace(drawn, (_, kind, letters) => kind + letters.replace(/[0-9a-zA-Z]/g, "0"));
    }
}"""
"""What is random in an id is no part of how a page looks; whatever draws one more random number would change it."""


@pytest.fixture(scope="module")
def week(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, str, Member]]:
    """Write a week in a house where time stands still; name its payment, and who looks at it."""
    folder = tmp_path_factory.mktemp("week")
    with (
        stillness.standing() as still,
        housed(databases, folder, now=still.now, hooked=False, form=stillness.form) as house,
    ):
        written = history.write(house, still)
        yield house, written.payment, house.seat(email="mara@example.com")


def show(page: Page, week: tuple[House, str, Member], place: str) -> bytes:
    """Look at a page, as far as the window reaches."""
    house, payment, member = week
    page.context.add_cookies(house.cookies(member))
    page.goto(f"{house.url}/admin{PLACES[place].format(payment=payment)}")
    page.evaluate(LAY_OUT)
    page.evaluate(HIDE_CHANCE)
    return page.screenshot(caret="initial")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_six_pages_look_as_they_did(
    week: tuple[House, str, Member], open_desk: OpenDesk, tmp_path: Path, scheme: str, size: str
) -> None:
    desk = open_desk(color_scheme=scheme, reduced_motion="reduce", **SIZES[size])
    taken = {f"{place}-{scheme}-{size}": show(desk.page, week, place) for place in PLACES}
    wrong = [said for name, picture in taken.items() if (said := pictures.check(name, picture, tmp_path))]
    assert not wrong, "\n".join([*wrong, RENEWING])


def test_a_picture_shows_small_changes_of_the_style(week: tuple[House, str, Member], open_desk: OpenDesk) -> None:
    desk = open_desk(color_scheme="light", reduced_motion="reduce", bypass_csp=True, **SIZES["wide"])
    golden = (pictures.GOLDEN / "payments-light-wide.png").read_bytes()
    show(desk.page, week, "payments")
    found = {}
    for change, style in SMALL.items():
        made = desk.page.add_style_tag(content=style)
        found[change] = pictures.compare(golden, desk.page.screenshot(caret="initial")).per_million
        made.evaluate("style => style.remove()")
    unseen = {change: count for change, count in found.items() if count <= pictures.pixels_per_million_max}
    assert unseen == {}, found
