"""Risk over HTTP: read strictly, changed by admins only, and told to nobody who pays."""

from typing import Any

import pytest
from tests.web.conftest import Front

from tillkeeper.flows.authorize import issue

RULES = "/api/v1/admin/risk/rules"
LISTS = "/api/v1/admin/risk/lists"
TRY = "/api/v1/admin/risk/try"
RULE = {"id": "large", "fact": "amount", "operator": "more_than", "value": 100, "score": 40, "reason": "large"}
ENTRY = {"side": "block", "trait": "user", "value": "bo", "note": "a thief"}


@pytest.fixture
async def boss(front: Front) -> Front:
    if "admin" not in front.keys:
        _, front.keys["admin"] = await issue(front.till, "admin", scopes=["admin"])
    return front


async def test_the_rules_that_come_with_it_are_those_of_the_documentation(boss: Front) -> None:
    shown = (await boss.call("GET", RULES)).json()["data"]
    assert {each["id"]: each["score"] for each in shown} == {
        "account_of_this_week": 10,
        "account_of_today": 25,
        "amount_large": 20,
        "attempts_many": 30,
        "attempts_some": 15,
        "card_testing_address": 70,
        "card_testing_device": 70,
        "failures_many": 20,
    }


async def test_rules_are_replaced_as_a_whole(boss: Front) -> None:
    answer = await boss.call("PUT", RULES, {"rules": [RULE]}, key="admin")
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"] == [RULE | {"currency": None, "enabled": True}]


@pytest.mark.parametrize(
    "wrong",
    [
        {"fact": "shoe_size"},
        {"operator": "is_about"},
        {"score": 0},
        {"score": "40"},
        {"value": 1.5},
        {"value": []},
        {"value": "much"},
        {"id": "Large"},
        {"currency": "euro"},
        {"code": "import os"},
    ],
)
async def test_a_rule_that_cannot_be_used_is_refused_and_nothing_changes(boss: Front, wrong: dict[str, Any]) -> None:
    before = (await boss.call("GET", RULES)).json()
    answer = await boss.call("PUT", RULES, {"rules": [RULE | wrong]}, key="admin")
    assert answer.status_code == 422, answer.text
    assert (await boss.call("GET", RULES)).json() == before


async def test_a_rule_is_tried_before_it_is_switched_on(boss: Front) -> None:
    shown = (await boss.call("POST", TRY, {"rule": RULE, "days": 7}, key="admin")).json()
    assert (shown["object"], shown["days"], shown["rule"]["id"]) == ("risk_trial", 7, "large")


async def test_somebody_is_written_on_a_list_and_taken_off_it(boss: Front) -> None:
    shown = (await boss.call("POST", LISTS, ENTRY, key="admin")).json()["data"]
    (entry,) = (each for each in shown if each["value"] == "bo")
    assert (entry["side"], entry["trait"], entry["note"], entry["added_by"]) == ("block", "user", "a thief", "admin")
    assert (await boss.call("DELETE", f"{LISTS}/{entry['id']}", key="admin")).status_code == 204
    assert (await boss.call("DELETE", f"{LISTS}/{entry['id']}", key="admin")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", RULES, {"rules": []}),
        ("POST", TRY, {"rule": RULE}),
        ("POST", LISTS, ENTRY),
        ("POST", "/api/v1/payments/payment_01h455vb4pex5vsknk084sn02q/approve", {}),
        ("POST", "/api/v1/payments/payment_01h455vb4pex5vsknk084sn02q/reject", {}),
    ],
)
@pytest.mark.parametrize(("key", "status"), [("write", 403), ("read", 403), ("revoked", 401), ("", 401)])
async def test_nobody_but_an_admin_decides_about_risk(
    boss: Front, method: str, path: str, body: dict[str, Any], key: str, status: int
) -> None:
    assert (await boss.call(method, path, body, key=key)).status_code == status


@pytest.mark.parametrize("ruling", ["approve", "reject"])
async def test_a_payment_that_does_not_exist_is_not_ruled_on(boss: Front, ruling: str) -> None:
    path = f"/api/v1/payments/payment_01h455vb4pex5vsknk084sn02q/{ruling}"
    assert (await boss.call("POST", path, {}, key="admin")).status_code == 404


@pytest.mark.parametrize(
    "context",
    [
        {"ip": "example.com"},
        {"ip": ""},
        {"ip": 7},
        {"fingerprint": ""},
        {"account_created_at": "yesterday"},
        {"account_created_at": "2026-11-20T10:00:00"},
        {"shoe_size": 43},
    ],
)
async def test_a_context_that_cannot_be_read_is_refused(boss: Front, context: dict[str, Any]) -> None:
    before = await boss.counts()
    wish = {"package": "credits_120", "user": "ana", "context": context}
    answer = await boss.call("POST", "/api/v1/payments", wish, key="admin")
    assert (answer.status_code, "context" in answer.text) == (422, True), answer.text
    assert await boss.counts() == before


async def test_a_body_of_another_media_type_is_refused_by_every_method(boss: Front) -> None:
    answer = await boss.call("PUT", RULES, {"rules": []}, key="admin", Content_Type="text/plain")
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_the_lists_come_in_pages_and_nobody_is_left_out(boss: Front) -> None:
    for user in "abcde":
        answer = await boss.call("POST", LISTS, ENTRY | {"value": user}, key="admin")
        assert answer.json()["data"][0]["value"] == user
    seen: list[str] = []
    page: Any = {"next_cursor": "", "has_more": True}
    while page["has_more"]:
        page = (await boss.call("GET", f"{LISTS}?limit=2&cursor={page['next_cursor']}".removesuffix("&cursor="))).json()
        assert len(page["data"]) <= 2
        seen += [each["value"] for each in page["data"]]
    assert (seen, page["next_cursor"]) == (list("edcba"), None)
    assert (await boss.call("GET", f"{LISTS}?limit=101")).status_code == 422
