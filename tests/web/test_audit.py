"""Whatever a key changes over HTTP is in the audit log under that key, with the request it came in."""

import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.web.conftest import TEMPLATE, token
from tests.web.running import Shop, opened

from tillkeeper.flows.authorize import issue
from tillkeeper.kernel import ids
from tillkeeper.ops.embedded_postgres import Databases

AUDIT = "/api/v1/admin/audit"


@pytest.fixture(scope="module")
async def market(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """Run everything once for the file, with the key of an admin."""
    name = f"web_audit_{os.getpid()}"
    databases.clone(name, template=TEMPLATE)
    async with opened(databases.app_url(name), tmp_path_factory.mktemp("books")) as shop:
        _, key = await issue(shop.till, "boss", scopes=["admin"])
        yield Shop(shop.till, shop.url, shop.sandbox, key, shop.http)
    databases.drop(name)


async def boss(market: Shop) -> str:
    """Find the id of the key that is used here."""
    keys = (await market.get("/api/v1/admin/keys"))["data"]
    return str(next(each["id"] for each in keys if each["name"] == "boss"))


async def newest(market: Shop) -> Any:
    """Read the newest entry."""
    return (await market.get(f"{AUDIT}?limit=1"))["data"][0]


async def test_every_change_by_hand_is_in_the_log_under_its_key(market: Shop) -> None:
    key, paid = await boss(market), await market.buy("ana")
    made = (await market.post("/api/v1/admin/keys", {"name": "x", "scopes": ["read"]})).json()
    gift = {"amount": 5, "reason": "an apology"}
    request = {"payment": paid["id"], "amount": 10, "reason_code": "other"}
    for path, body, action in (
        (f"/api/v1/admin/keys/{made['id']}/revoke", {}, "key.revoked"),
        ("/api/v1/admin/gateways/stripe/drain", {}, "gateway.steered"),
        ("/api/v1/admin/gateways/stripe/enable", {}, "gateway.steered"),
        ("/api/v1/users/ana/wallet/grant", gift, "credits.granted"),
        ("/api/v1/users/ana/wallet/take", gift, "credits.taken"),
        ("/api/v1/inbox/replay", {}, "webhooks.replayed"),
        ("/api/v1/refunds", {"payment": paid["id"], "amount": 10, "reason": "late"}, "refund.created"),
        ("/api/v1/refund_requests", request, "refund_request.created"),
    ):
        answer = await market.post(path, body)
        assert answer.status_code in {200, 201}, answer.text
        entry = await newest(market)
        assert (entry["action"], entry["actor"], entry["actor_name"]) == (action, key, "boss"), path
        assert entry["request"] == answer.headers["request-id"]


async def test_an_end_user_is_in_the_log_without_a_name(market: Shop) -> None:
    wish = {"payment": (await market.buy("someone-by-name"))["id"], "reason_code": "other"}
    asked = Shop(market.till, market.url, market.sandbox, token("someone-by-name"), market.http)
    assert (await asked.post("/api/v1/refund_requests", wish)).status_code == 201
    entry = await newest(market)
    assert (entry["action"], entry["actor"], entry["actor_name"]) == ("refund_request.created", "user", "an end user")
    assert entry["after"]["payment"] == wish["payment"]
    assert "someone-by-name" not in str(entry)


async def test_the_log_is_searched_by_who_what_and_when_and_comes_in_pages(market: Shop) -> None:
    for _ in range(3):
        await market.post("/api/v1/admin/gateways/stripe/enable", {})
    key = await boss(market)
    found = (await market.get(f"{AUDIT}?actor={key}&action=gateway.steered&subject=stripe"))["data"]
    assert len(found) >= 3
    assert {(each["actor"], each["action"], each["subject"]) for each in found} == {(key, "gateway.steered", "stripe")}
    assert (await market.get(f"{AUDIT}?since=2999-01-01T00:00:00Z"))["data"] == []
    assert (await market.get(f"{AUDIT}?until=2020-01-01T00:00:00Z"))["data"] == []
    first = await market.get(f"{AUDIT}?limit=2")
    second = await market.get(f"{AUDIT}?limit=2&cursor={first['next_cursor']}")
    numbers = [each["number"] for each in first["data"] + second["data"]]
    assert numbers == list(range(numbers[0], numbers[0] - 4, -1))


@pytest.mark.parametrize("query", ["action=everything", "since=2026-01-01", "cursor=0", "limit=101"])
async def test_a_question_that_makes_no_sense_is_refused(market: Shop, query: str) -> None:
    answer = await market.http.get(f"{market.url}{AUDIT}?{query}", headers={"Authorization": f"Bearer {market.key}"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_field")


async def test_the_id_of_an_entry_says_what_it_is(market: Shop) -> None:
    ids.parse("audit", (await newest(market))["id"])
