"""Everything that can be done at the dashboard is done in a browser, with scripts and without."""

from collections.abc import Iterator

import pytest
from starlette.routing import Route
from tests.browser import walking
from tests.browser.conftest import OpenDesk
from tests.browser.hands import Hands
from tests.browser.house import House, housed

from tillkeeper.ops.embedded_postgres import Databases
from tillkeeper.web import dashboard
from tillkeeper.web.dashboard.desk import SIGN_IN
from tillkeeper.web.dashboard.rail import HOME

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

WALKS = walking.found()
WAYS = [
    pytest.param(deed, scripts, id=f"{deed}-{'scripts' if scripts else 'plain'}")
    for deed in WALKS
    for scripts in (True, False)
]


@pytest.fixture(scope="module")
def house(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Run one installation for all walks: each brings what it needs, and leaves nothing in the way of others."""
    with housed(databases, tmp_path_factory.mktemp("house")) as opened:
        yield opened


@pytest.mark.parametrize(("deed", "scripts"), WAYS)
def test_what_can_be_done_is_done_in_a_browser(house: House, open_desk: OpenDesk, deed: str, *, scripts: bool) -> None:
    hands = Hands(open_desk(java_script_enabled=scripts, reduced_motion="reduce"), house, scripts)
    hands.sit(house.seat())
    WALKS[deed](hands)
    assert hands.has_sent(deed), hands.sent


def test_nothing_can_be_done_that_no_walk_does(house: House) -> None:
    routes = [route for route in dashboard.routes(house.shop.till) if isinstance(route, Route)]
    deeds = {route.path.removeprefix(HOME) for route in routes if "POST" in (route.methods or ())}
    assert deeds - {SIGN_IN.removeprefix(HOME)} == set(WALKS), "write a walk in tests/browser/walks for each new deed"
