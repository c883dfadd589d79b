"""Disputes over HTTP: how long there is to answer, what would be said, and what was."""

import itertools
import os
from collections.abc import AsyncIterator

import httpx2
import jsonschema
import pytest
from tests.web.conftest import TEMPLATE, Json
from tests.web.people import signed_in
from tests.web.running import Shop, opened

from tillkeeper.access.staff import Role
from tillkeeper.flows.authorize import issue
from tillkeeper.ops.embedded_postgres import Databases

DISPUTES = "/api/v1/disputes"
numbers = itertools.count(1)


@pytest.fixture(scope="module")
async def shop(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """Run everything once for all tests of this file; each buys for users of its own."""
    name = f"disputes_{os.getpid()}_{next(numbers)}"
    databases.clone(name, template=TEMPLATE)
    async with opened(databases.app_url(name), tmp_path_factory.mktemp("sandbox")) as shop:
        yield shop
    databases.drop(name)


async def disputed(shop: Shop, user: str) -> Json:
    """Buy, and let the bank take it back."""
    payment = await shop.buy(user)
    await shop.act("stripe/disputes", {"payment_intent": payment["gateway_reference"]})
    where = f"{DISPUTES}?payment={payment['id']}"
    [dispute] = (await shop.until(where, lambda page: bool(page["data"])))["data"]
    return dict(dispute)


def said(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


async def test_a_dispute_is_answered_with_our_records_and_the_merchants_words(shop: Shop) -> None:
    dispute = await disputed(shop, "ada")
    path = f"{DISPUTES}/{dispute['id']}"
    draft = await shop.get(f"{path}/evidence")
    assert (draft["object"], draft["customer_name"], draft["statement"]) == ("dispute_evidence", "ada", None)
    assert "120 credits delivered" in draft["delivery"]
    answer = await shop.post(f"{path}/evidence", {"statement": "She played.", "customer_ip": "192.0.2.7"}, key="one")
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["status"], shown["response"]["status"], shown["response"]["by"]) == (
        "under_review",
        "done",
        "merchant",
    )
    again = await shop.post(f"{path}/evidence", {"statement": "She played.", "customer_ip": "192.0.2.7"}, key="one")
    assert (again.json(), again.headers["idempotent-replayed"]) == (shown, "true")
    assert said(await shop.post(f"{path}/evidence", {})) == (409, "invalid_state")


async def test_a_dispute_is_given_up(shop: Shop) -> None:
    dispute = await disputed(shop, "bea")
    answer = await shop.post(f"{DISPUTES}/{dispute['id']}/accept", {})
    assert (answer.status_code, answer.json()["status"]) == (200, "lost")


async def test_whoever_gives_a_dispute_up_has_just_given_the_password(shop: Shop) -> None:
    dispute = await disputed(shop, "gus")
    for minutes, told in ((11, (403, "step_up_needed")), (0, (200, ""))):
        finn = await signed_in(shop.till, "finn@example.com", role=Role.FINANCE, minutes=minutes)
        once = {"Idempotency-Key": f"{dispute['id']} {minutes}"}
        answer = await shop.http.post(f"{shop.url}{DISPUTES}/{dispute['id']}/accept", json={}, headers=finn | once)
        assert said(answer) == told


async def test_disputes_are_listed_by_the_day_on_which_they_must_be_answered(shop: Shop) -> None:
    first, second = await disputed(shop, "cleo"), await disputed(shop, "cleo")
    listed = (await shop.get(f"{DISPUTES}?sort=due&due=waiting&limit=100"))["data"]
    assert [each["id"] for each in listed if each["id"] in {first["id"], second["id"]}] == [first["id"], second["id"]]
    assert all(each["due_at"] for each in listed)
    page = await shop.get(f"{DISPUTES}?sort=due&limit=1")
    assert page["has_more"]
    rest = await shop.get(f"{DISPUTES}?sort=due&limit=100&cursor={page['next_cursor']}")
    assert page["data"][0]["id"] not in {each["id"] for each in rest["data"]}
    assert (await shop.get(f"{DISPUTES}?due=overdue"))["data"] == []


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("dispute_x/evidence", {}, (404, "not_found")),
        ("dispute_x/accept", {}, (404, "not_found")),
        ("dispute_x/evidence", {"statement": ""}, (422, "invalid_field")),
        ("dispute_x/evidence", {"statement": "x" * 5_001}, (422, "invalid_field")),
        ("dispute_x/evidence", {"file": "x"}, (422, "unknown_field")),
        ("dispute_x/accept", {"note": "x"}, (422, "unknown_field")),
    ],
)
async def test_an_answer_that_cannot_be_gets_its_documented_error(
    shop: Shop, path: str, body: Json, code: tuple[int, str]
) -> None:
    assert said(await shop.post(f"{DISPUTES}/{path}", body)) == code


@pytest.mark.parametrize("verb", ["evidence", "accept"])
async def test_a_dispute_is_answered_only_with_a_key_that_may_write(shop: Shop, verb: str) -> None:
    _, key = await issue(shop.till, "reader", scopes=["read"])
    reader = {"Authorization": f"Bearer {key}"}
    assert said(await shop.post(f"{DISPUTES}/dispute_x/{verb}", {}, **reader)) == (403, "forbidden")
    writer = {"Authorization": f"Bearer {shop.key}"}
    answer = await shop.http.post(f"{shop.url}{DISPUTES}/dispute_x/{verb}", json={}, headers=writer)
    assert said(answer) == (400, "idempotency_key_missing")


async def test_a_dispute_has_the_fields_that_the_description_promises(shop: Shop) -> None:
    spec = (await shop.http.get(f"{shop.url}/openapi.json")).json()
    dispute = await disputed(shop, "finn")
    evidence = await shop.get(f"{DISPUTES}/{dispute['id']}/evidence")
    answered = (await shop.post(f"{DISPUTES}/{dispute['id']}/evidence", {})).json()
    for name, shown in (("Dispute", dispute), ("Dispute", answered), ("Evidence", evidence)):
        schema = {"$ref": f"#/components/schemas/{name}", "components": spec["components"]}
        jsonschema.Draft202012Validator(schema).validate(shown)
        assert set(shown) == set(spec["components"]["schemas"][name]["properties"])
