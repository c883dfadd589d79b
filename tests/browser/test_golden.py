"""Six pages look as they did when somebody last looked at their pictures: in both themes, on a desk and on a phone.

TILL_TEST_RENEW=1 ./till test tests/browser/test_golden.py takes anew what has changed; look at it before you keep it.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page
from tests.browser import history, pictures, stillness
from tests.browser.conftest import WIDE, OpenDesk
from tests.browser.house import House, Member, housed

from tillkeeper.ops.embedded_postgres import Databases

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

RENEWING = "TILL_TEST_RENEW=1 ./till test tests/browser/test_golden.py takes the pictures anew; look at them then"
PHONE = {"width": 390, "height": 844}
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
    return page.screenshot(caret="initial")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_six_pages_look_as_they_did(
    week: tuple[House, str, Member], open_desk: OpenDesk, tmp_path: Path, scheme: str, size: dict[str, int]
) -> None:
    desk = open_desk(viewport=size, color_scheme=scheme, reduced_motion="reduce")
    name = f"{scheme}-{'wide' if size == WIDE else 'phone'}"
    wrong = [pictures.check(f"{place}-{name}", show(desk.page, week, place), tmp_path) for place in PLACES]
    assert not any(wrong), "\n".join([*filter(None, wrong), RENEWING])
