"""Keys over HTTP: made with their text once, listed without it, ended at once."""

from datetime import timedelta
from typing import Any

import pytest
from tests.web.conftest import Front

from tillkeeper.flows.authorize import issue
from tillkeeper.kernel import clock

KEYS = "/api/v1/admin/keys"
PACKAGES = "/api/v1/packages"


async def make(front: Front, **wish: Any) -> Any:
    """Make a key with the key of an admin."""
    if "admin" not in front.keys:
        _, front.keys["admin"] = await issue(front.till, "admin", scopes=["admin"])
    return await front.call("POST", KEYS, {"name": "made", "scopes": ["read"]} | wish, key="admin")


async def test_the_text_of_a_key_is_shown_once_and_nowhere_again(front: Front) -> None:
    answer = await make(front, name="game server", scopes=["write"])
    made = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    assert made["key"].startswith("till_sk_sandbox_")
    assert (await front.call("GET", "/api/v1/payments", key=made["key"])).status_code == 200
    listed = await front.call("GET", KEYS, key="admin")
    shown = next(each for each in listed.json()["data"] if each["id"] == made["id"])
    assert shown | {"last_used_at": None} == {name: made[name] for name in made if name != "key"}
    assert shown["last_used_at"]
    assert made["key"] not in listed.text + await front.rows()


async def test_a_key_that_is_revoked_is_refused_from_the_next_call_on(front: Front) -> None:
    made = (await make(front)).json()
    answer = await front.call("POST", f"{KEYS}/{made['id']}/revoke", {}, key="admin")
    assert answer.status_code == 200
    assert answer.json()["revoked_at"]
    assert (await front.call("GET", PACKAGES, key=made["key"])).status_code == 401
    again = await front.call("POST", f"{KEYS}/{made['id']}/revoke", {}, key="admin")
    assert (again.status_code, again.json()["code"]) == (404, "not_found")


async def test_a_key_can_be_given_an_end(front: Front) -> None:
    end = (clock.now() + timedelta(days=90)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    made = (await make(front, expires_at=end)).json()
    assert made["expires_at"] == end
    await front.owner.execute("UPDATE api_key SET expires_at = now() WHERE hint = $1", made["ends_with"])
    assert (await front.call("GET", PACKAGES, key=made["key"])).status_code == 401


async def test_a_publishable_key_lists_packages_and_opens_nothing_else(front: Front) -> None:
    made = (await make(front, kind="publishable", scopes=[])).json()
    assert made["key"].startswith("till_pk_sandbox_")
    packages = await front.call("GET", PACKAGES, key=made["key"])
    assert [each["id"] for each in packages.json()["data"]]
    for path in ("/api/v1/payments", "/api/v1/users/ana/wallet", KEYS):
        assert (await front.call("GET", path, key=made["key"])).status_code == 403, path


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["root"]}, "scopes"),
        ({"scopes": "admin"}, "scopes"),
        ({"kind": "publishable"}, "scopes"),
        ({"kind": "golden"}, "kind"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2999-01-01T00:00:00"}, "expires_at"),
        ({"expires_at": 4102444800}, "expires_at"),
    ],
)
async def test_a_key_that_makes_no_sense_is_not_made(front: Front, wish: Any, param: str) -> None:
    answer = await make(front, **wish)
    assert (answer.status_code, answer.json()["code"], answer.json()["param"]) == (422, "invalid_field", param)


@pytest.mark.parametrize("key", ["read", "write"])
async def test_only_an_admin_makes_lists_and_ends_keys(front: Front, key: str) -> None:
    made = (await make(front)).json()
    assert (await front.call("POST", KEYS, {"name": "x", "scopes": ["admin"]}, key=key)).status_code == 403
    assert (await front.call("GET", KEYS, key=key)).status_code == 403
    assert (await front.call("POST", f"{KEYS}/{made['id']}/revoke", {}, key=key)).status_code == 403


async def test_keys_come_in_pages(front: Front) -> None:
    for _ in range(3):
        await make(front)
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await front.call("GET", f"{KEYS}?limit=2{cursor}", key="admin")).json()
        seen += [each["id"] for each in page["data"]]
        if not page["has_more"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(seen) == len(set(seen)) == await front.owner.fetchval("SELECT count(*) FROM api_key")
