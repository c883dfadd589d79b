"""An admin decides over HTTP what is for sale, and whether new payments are taken."""

from typing import Any

import pytest
from tests.web.conftest import Front

from tillkeeper.flows.authorize import issue

PACKAGES = "/api/v1/packages"
MAINTENANCE = "/api/v1/admin/maintenance"
TEN = {"kind": "credits", "title": "Ten", "quantity": 10, "prices": {"EUR": 25}}


@pytest.fixture
async def boss(front: Front) -> Front:
    if "admin" not in front.keys:
        _, front.keys["admin"] = await issue(front.till, "admin", scopes=["admin"])
    return front


async def test_a_package_is_added_changed_taken_off_the_shelf_and_remembered(boss: Front) -> None:
    added = await boss.call("POST", PACKAGES, TEN | {"id": "credits_10"}, key="admin")
    assert (added.status_code, added.json()["prices"], added.json()["active"]) == (201, {"EUR": 25}, True)
    path = f"{PACKAGES}/credits_10"
    changed = await boss.call("PUT", path, TEN | {"prices": {"EUR": 30}, "tax_bps": {"EUR": 1900}}, key="admin")
    assert (changed.json()["prices"], changed.json()["tax_bps"]) == ({"EUR": 30}, {"EUR": 1900})
    gone = await boss.call("PUT", path, TEN | {"active": False}, key="admin")
    assert gone.json()["active"] is False
    listed = (await boss.call("GET", PACKAGES)).json()["data"]
    assert "credits_10" not in {each["id"] for each in listed}
    kept = (await boss.call("GET", f"{path}/history", key="admin")).json()["data"]
    assert [(each["prices"]["EUR"], each["active"], each["changed_by"]) for each in kept] == [
        (25, False, "admin"),
        (30, True, "admin"),
        (25, True, "admin"),
    ]
    pages = [(await boss.call("GET", f"{path}/history?limit=2", key="admin")).json()]
    pages.append(
        (await boss.call("GET", f"{path}/history?limit=2&cursor={pages[0]['next_cursor']}", key="admin")).json()
    )
    assert ([each for page in pages for each in page["data"]], pages[1]["next_cursor"]) == (kept, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"prices": {"EUR": "25"}},
        {"prices": {"EUR": 2.5}},
        {"prices": {"EUR": 2**63}},
        {"prices": {"euro": 25}},
        {"prices": {}},
        {"quantity": True},
        {"title": ""},
        {"id": "Ten!"},
        {"colour": "red"},
    ],
)
async def test_a_package_that_cannot_be_read_is_refused(boss: Front, wrong: dict[str, Any]) -> None:
    before = await boss.counts()
    answer = await boss.call("POST", PACKAGES, TEN | {"id": "credits_11"} | wrong, key="admin")
    assert answer.status_code == 422, answer.text
    assert await boss.counts() == before


async def test_maintenance_begins_and_ends_for_everybody(boss: Front) -> None:
    begun = (await boss.call("PUT", MAINTENANCE, {"active": True, "reason": "moving"}, key="admin")).json()
    assert (begun["active"], begun["reason"], begun["changed_by"]) == (True, "moving", "admin")
    wish = {"package": "credits_120", "currency": "EUR", "user": "ana"}
    answer = await boss.call("POST", "/api/v1/payments", wish)
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "maintenance", "60")
    ended = (await boss.call("PUT", MAINTENANCE, {"active": False}, key="admin")).json()
    assert ended["active"] is False


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", PACKAGES, TEN | {"id": "credits_12"}),
        ("PUT", f"{PACKAGES}/credits_120", TEN),
        ("GET", f"{PACKAGES}/credits_120/history", b""),
        ("PUT", MAINTENANCE, {"active": True}),
        ("GET", MAINTENANCE, b""),
    ],
)
@pytest.mark.parametrize(("key", "status"), [("write", 403), ("read", 403), ("revoked", 401), ("", 401)])
async def test_nobody_but_an_admin_decides(
    boss: Front, method: str, path: str, body: Any, key: str, status: int
) -> None:
    assert (await boss.call(method, path, body, key=key)).status_code == status
