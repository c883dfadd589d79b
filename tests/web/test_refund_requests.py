"""Refund requests over HTTP: who may ask, who may decide, and what each is told."""

import itertools
import os
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import jsonschema
import pytest
from tests.web.conftest import TEMPLATE, Json
from tests.web.people import signed_in
from tests.web.running import Shop, opened

from tillkeeper.access.staff import Role
from tillkeeper.flows.authorize import issue
from tillkeeper.ops.embedded_postgres import Databases

REQUESTS = "/api/v1/refund_requests"
POLICIES = "/api/v1/refund_policies"
numbers = itertools.count(1)


@pytest.fixture(scope="module")
async def shop(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """Run everything once for all tests of this file; each buys for users of its own."""
    name = f"refund_requests_{os.getpid()}_{next(numbers)}"
    databases.clone(name, template=TEMPLATE)
    async with opened(databases.app_url(name), tmp_path_factory.mktemp("sandbox")) as shop:
        yield shop
    databases.drop(name)


@pytest.fixture
async def boss(shop: Shop) -> dict[str, str]:
    """Lend the headers of somebody who may decide."""
    return await bearer(shop, "boss", "admin")


@pytest.fixture
async def default_policy(shop: Shop, boss: dict[str, str]) -> AsyncIterator[None]:
    """Leave the rules as the program comes with them."""
    yield
    for person in (boss, await bearer(shop, "another boss", "admin")):  # two agree to looser rules
        await put(shop, {}, person)


async def bearer(shop: Shop, name: str, scope: str) -> dict[str, str]:
    _, key = await issue(shop.till, name, scopes=[scope])
    return {"Authorization": f"Bearer {key}"}


async def put(shop: Shop, terms: Json, headers: dict[str, str]) -> httpx2.Response:
    return await shop.http.put(f"{shop.url}{POLICIES}", json=terms, headers=headers)


def said(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


async def wish(shop: Shop, user: str, **more: Any) -> Json:
    payment = await shop.buy(user)
    return {"payment": payment["id"], "reason_code": "defective"} | more


@pytest.mark.usefixtures("default_policy")
async def test_a_request_is_asked_for_approved_and_refunded(shop: Shop, boss: dict[str, str]) -> None:
    assert (await put(shop, {"auto_approve_units": None, "note": "careful"}, boss)).status_code == 200
    body = await wish(shop, "ada", note="it broke", evidence=["photo 1"])
    answer = await shop.post(REQUESTS, body)
    assert answer.status_code == 201
    asked = answer.json()
    assert (asked["status"], asked["requested_by"], asked["amount"]) == ("open", "merchant", 199)
    assert await shop.get(f"{REQUESTS}/{asked['id']}") == asked
    listed = await shop.get(f"{REQUESTS}?status=open&payment={body['payment']}")
    assert [each["id"] for each in listed["data"]] == [asked["id"]]

    assert said(await shop.post(f"{REQUESTS}/{asked['id']}/approve", {})) == (403, "forbidden")
    done = (await shop.post(f"{REQUESTS}/{asked['id']}/approve", {"note": "fine"}, **boss)).json()
    assert (done["status"], done["approvals"]) == ("refunded", ["boss"])
    assert (await shop.get(f"/api/v1/refunds/{done['refund']}"))["status"] == "succeeded"
    assert said(await shop.post(f"{REQUESTS}/{asked['id']}/approve", {}, **boss)) == (409, "invalid_state")


@pytest.mark.usefixtures("default_policy")
async def test_a_request_is_rejected_with_a_reason(shop: Shop, boss: dict[str, str]) -> None:
    await put(shop, {"auto_approve_units": 0}, boss)
    asked = (await shop.post(REQUESTS, await wish(shop, "bea"))).json()
    assert said(await shop.post(f"{REQUESTS}/{asked['id']}/reject", {}, **boss)) == (422, "invalid_field")
    done = (await shop.post(f"{REQUESTS}/{asked['id']}/reject", {"reason": "used"}, **boss)).json()
    assert (done["status"], done["decision"], done["refund"]) == ("rejected", "used", None)


@pytest.mark.usefixtures("default_policy")
async def test_two_keys_are_two_people_and_one_key_is_one(shop: Shop, boss: dict[str, str]) -> None:
    await put(shop, {"second_person_amounts": {"eur": 100}}, boss)
    body = await wish(shop, "cleo")
    assert said(await shop.post("/api/v1/refunds", {"payment": body["payment"]})) == (422, "refund_not_allowed")
    asked = (await shop.post(REQUESTS, body)).json()
    assert asked["approvals_needed"] == 2
    first = await shop.post(f"{REQUESTS}/{asked['id']}/approve", {}, **boss)
    assert (first.status_code, first.json()["status"]) == (200, "open")
    assert said(await shop.post(f"{REQUESTS}/{asked['id']}/approve", {}, **boss)) == (409, "invalid_state")
    other = await bearer(shop, "boss", "admin")
    assert (await shop.post(f"{REQUESTS}/{asked['id']}/approve", {}, **other)).json()["status"] == "refunded"


@pytest.mark.usefixtures("default_policy")
@pytest.mark.parametrize("minutes", [11, 0])
async def test_whoever_lets_much_money_go_back_has_just_given_the_password(
    shop: Shop, boss: dict[str, str], minutes: int
) -> None:
    assert (await put(shop, {"auto_approve_units": 0}, boss)).status_code == 200
    finn = await signed_in(shop.till, "finn@example.com", role=Role.FINANCE, minutes=minutes)
    asked = (await shop.post(REQUESTS, await wish(shop, "gus"))).json()
    paid = await shop.buy("gus")
    wishes: Any = ((f"{REQUESTS}/{asked['id']}/approve", {}), ("/api/v1/refunds", {"payment": paid["id"]}))
    answers = []
    for path, body in wishes:
        once = {"Idempotency-Key": f"{path} {asked['id']}"}
        answers.append(said(await shop.http.post(f"{shop.url}{path}", json=body, headers=finn | once)))
    assert answers == ([(403, "step_up_needed")] * 2 if minutes else [(200, ""), (201, "")])


async def test_an_override_takes_a_key_that_may_decide(shop: Shop, boss: dict[str, str]) -> None:
    body = await wish(shop, "dana", override_reason="goodwill")
    assert said(await shop.post(REQUESTS, body)) == (403, "forbidden")
    asked = await shop.post(REQUESTS, body, **boss)
    assert (asked.status_code, asked.json()["status"]) == (201, "open")


async def test_many_are_asked_for_with_a_result_each(shop: Shop) -> None:
    first, second = await shop.buy("edda"), await shop.buy("edda")
    body = {"payments": [first["id"], second["id"]], "reason_code": "not_delivered"}
    dry = (await shop.post(f"{REQUESTS}/bulk", body | {"dry_run": True}, key="a bulk")).json()
    assert (dry["counts"], dry["dry_run"]) == ({"approved": 2}, True)
    done = await shop.post(f"{REQUESTS}/bulk", body, key="a bulk")
    assert (done.status_code, done.json()["counts"]) == (200, {"approved": 2})
    for payment in (first, second):
        await shop.until(f"/api/v1/payments/{payment['id']}", lambda shown: shown["amount_refunded"] == 199)
    found = (await shop.post(f"{REQUESTS}/bulk", {"filter": {"user": "edda"}, "reason_code": "other"})).json()
    assert found["data"] == []


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("", {"payment": "payment_x", "reason_code": "defective"}, (404, "not_found")),
        ("", {"payment": "payment_x", "reason_code": "because"}, (422, "invalid_field")),
        ("", {"payment": "payment_x"}, (422, "invalid_field")),
        ("", {"payment": "payment_x", "reason_code": "other", "currency": "EUR"}, (422, "unknown_field")),
        ("", {"payment": "payment_x", "reason_code": "other", "amount": 0}, (422, "invalid_field")),
        ("", {"payment": "payment_x", "reason_code": "other", "amount": "50"}, (422, "invalid_field")),
        ("/bulk", {"reason_code": "other"}, (422, "invalid_field")),
        ("/bulk", {"reason_code": "other", "payments": []}, (422, "invalid_field")),
        ("/bulk", {"reason_code": "other", "payments": ["payment_x"] * 101}, (422, "invalid_field")),
        ("/bulk", {"reason_code": "other", "payments": ["payment_x"]}, (404, "not_found")),
        ("/bulk", {"reason_code": "other", "payments": ["payment_x"], "filter": {}}, (422, "invalid_field")),
        ("/bulk", {"reason_code": "other", "filter": {"captured_after": "monday"}}, (422, "invalid_field")),
        ("/refund_request_x/approve", {}, (404, "not_found")),
        ("/refund_request_x/reject", {"reason": "no"}, (404, "not_found")),
    ],
)
async def test_what_cannot_be_asked_gets_its_documented_error(
    shop: Shop, boss: dict[str, str], path: str, body: Json, code: tuple[int, str]
) -> None:
    assert said(await shop.post(f"{REQUESTS}{path}", body, **boss)) == code


@pytest.mark.parametrize("path", ["", "/bulk", "/refund_request_x/approve", "/refund_request_x/reject"])
async def test_nothing_is_asked_or_decided_without_a_key_for_repeating_it(
    shop: Shop, boss: dict[str, str], path: str
) -> None:
    answer = await shop.http.post(f"{shop.url}{REQUESTS}{path}", json={}, headers=boss)
    assert said(answer) == (400, "idempotency_key_missing")


@pytest.mark.parametrize(
    "terms",
    [
        {"auto_approve_units": -1},
        {"auto_approve_amounts": {"EUR": "5"}},
        {"window_hours": 0},
        {"share_max_bps": 10_001},
        {"used_goods": 1},
    ],
)
async def test_rules_that_make_no_sense_are_refused(shop: Shop, boss: dict[str, str], terms: Json) -> None:
    assert said(await put(shop, terms, boss)) == (422, "invalid_field")


async def test_a_currency_that_is_none_is_refused(shop: Shop, boss: dict[str, str]) -> None:
    assert said(await put(shop, {"auto_approve_amounts": {"EURO": 5}}, boss)) == (422, "currency_not_supported")


@pytest.mark.usefixtures("default_policy")
async def test_looser_rules_wait_for_a_second_key(shop: Shop, boss: dict[str, str]) -> None:
    await put(shop, {"second_person_units": 5}, boss)
    proposed = await put(shop, {}, boss)
    assert (proposed.status_code, proposed.json()["status"]) == (202, "proposed")
    agreed = await put(shop, {}, await bearer(shop, "other", "admin"))
    assert (agreed.status_code, agreed.json()["set_by"], agreed.json()["agreed_by"]) == (200, "boss", "other")


@pytest.mark.usefixtures("default_policy")
async def test_only_who_may_decide_sees_and_sets_the_rules(shop: Shop, boss: dict[str, str]) -> None:
    writer = {"Authorization": f"Bearer {shop.key}"}
    assert said(await put(shop, {}, writer)) == (403, "forbidden")
    assert said(await shop.http.get(f"{shop.url}{POLICIES}", headers=writer)) == (403, "forbidden")
    shown = (await put(shop, {"second_person_amounts": {"usd": 7}, "note": "for large ones"}, boss)).json()
    assert (shown["second_person_amounts"], shown["set_by"]) == ({"USD": 7}, "boss")
    listed = (await shop.http.get(f"{shop.url}{POLICIES}", headers=boss)).json()
    assert listed["data"][0] == shown
    assert listed["data"][-1]["version"] == 0


async def test_a_request_has_the_fields_that_the_description_promises(shop: Shop, boss: dict[str, str]) -> None:
    spec = (await shop.http.get(f"{shop.url}/openapi.json")).json()
    definitions = {"components": spec["components"]}
    asked = (await shop.post(REQUESTS, await wish(shop, "finn"))).json()
    bulk = (await shop.post(f"{REQUESTS}/bulk", {"filter": {"user": "finn"}, "reason_code": "other"})).json()
    [policy, *_] = (await shop.http.get(f"{shop.url}{POLICIES}", headers=boss)).json()["data"]
    for name, shown in (("RefundRequest", asked), ("RefundBulk", bulk), ("RefundPolicy", policy)):
        schema = {"$ref": f"#/components/schemas/{name}", **definitions}
        jsonschema.Draft202012Validator(schema).validate(shown)
        assert set(shown) == set(spec["components"]["schemas"][name]["properties"])


async def test_a_cursor_that_is_none_uses_up_no_key(shop: Shop) -> None:
    wanted = {"filter": {"cursor": "none"}, "reason_code": "requested_by_customer"}
    for _ in range(2):
        answer = await shop.post(f"{REQUESTS}/bulk", wanted, key="a cursor that is none")
        assert said(answer) == (422, "invalid_field")
        assert answer.json()["param"] == "cursor"
