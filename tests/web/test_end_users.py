"""An end user sees and pays only their own things; what is somebody else's looks as if it did not exist."""

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from tests.web.conftest import TEMPLATE, token
from tests.web.running import Shop, opened

from tillkeeper.flows.authorize import issue, revoke
from tillkeeper.ops.embedded_postgres import Databases

ABSENT = "01h455vb4pex5vsknk084sn02q"
PAYMENTS = "/api/v1/payments"
PACKAGE = {"package": "credits_120", "currency": "EUR"}


@pytest.fixture(scope="module")
async def market(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """Run everything once for the file."""
    name = f"users_{os.getpid()}"
    databases.clone(name, template=TEMPLATE)
    async with opened(databases.app_url(name), tmp_path_factory.mktemp("books")) as shop:
        yield shop
    databases.drop(name)


@pytest.fixture
def ana(market: Shop) -> Shop:
    """Call as Ana's browser would."""
    return replace(market, key=token("ana"))


@pytest.fixture
def ben(market: Shop) -> Shop:
    """Call as Ben's browser would."""
    return replace(market, key=token("ben"))


async def get(shop: Shop, path: str) -> Any:
    """Read something that may not be there."""
    return await shop.http.get(f"{shop.url}{path}", headers={"Authorization": f"Bearer {shop.key}"})


def same(left: Any, right: Any, *different: str) -> None:
    """Show that two refusals tell the same, but for what was asked."""
    assert left.status_code == right.status_code == 404
    fixed = dict.fromkeys(("request_id", *different))
    assert left.json() | fixed == right.json() | fixed


async def test_an_end_user_buys_for_nobody_else_without_saying_for_whom(ana: Shop) -> None:
    answer = await ana.post(PAYMENTS, PACKAGE)
    assert (answer.status_code, answer.json()["user"]) == (201, "ana")
    named = await ana.post(PAYMENTS, PACKAGE | {"user": "ana"})
    assert (named.status_code, named.json()["user"]) == (201, "ana")


async def test_an_end_user_pays_and_gets_what_was_paid_for(ana: Shop) -> None:
    before = (await ana.get("/api/v1/users/ana/wallet"))["balance"]
    payment = (await ana.post(PAYMENTS, PACKAGE)).json()
    await ana.act(f"stripe/sessions/{payment['gateway_reference']}/pay")
    await ana.until(f"{PAYMENTS}/{payment['id']}", lambda shown: shown["status"] == "succeeded")
    assert (await ana.get("/api/v1/users/ana/wallet"))["balance"] == before + 120


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        (PACKAGE | {"user": "ben"}, "user"),
        ({"amount": 500, "currency": "EUR"}, "amount"),
        ({"amount": 500, "currency": "EUR", "user": "ana"}, "amount"),
        (PACKAGE | {"description": "cheap"}, "description"),
        (PACKAGE | {"customer": f"customer_{ABSENT}"}, "customer"),
    ],
)
async def test_what_an_end_user_may_not_decide_is_forbidden(ana: Shop, wish: Any, param: str) -> None:
    before = await ana.get(PAYMENTS)
    answer = await ana.post(PAYMENTS, wish)
    assert (answer.status_code, answer.json()["code"], answer.json()["param"]) == (403, "forbidden", param)
    assert await ana.get(PAYMENTS) == before


async def test_the_price_of_a_package_is_ours_also_for_end_users(ana: Shop) -> None:
    answer = await ana.post(PAYMENTS, PACKAGE | {"amount": 1})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_field")


@pytest.mark.parametrize("what", ["", "/timeline", "/cancel", "/confirm", "/sync", "/capture"])
async def test_a_payment_of_somebody_else_looks_as_if_it_did_not_exist(ana: Shop, ben: Shop, what: str) -> None:
    payment = (await ben.post(PAYMENTS, PACKAGE)).json()
    paths = [f"{PAYMENTS}/{id_}{what}" for id_ in (payment["id"], f"payment_{ABSENT}")]
    if what in {"", "/timeline"}:
        foreign, absent = [await get(ana, path) for path in paths]
    else:
        foreign, absent = [await ana.post(path, {}) for path in paths]
    if what in {"/timeline", "/sync", "/capture"}:
        assert foreign.status_code == absent.status_code == 403, "these are for keys, whosever the payment is"
    else:
        same(foreign, absent)
    assert (await ben.get(f"{PAYMENTS}/{payment['id']}"))["status"] == "requires_action"


async def test_lists_hold_only_what_is_ones_own(market: Shop, ana: Shop, ben: Shop) -> None:
    bought = await market.buy("ana")
    refunded = await market.post("/api/v1/refunds", {"payment": bought["id"]})
    assert refunded.status_code == 201, refunded.text
    wish = {"payment": (await market.buy("ana"))["id"], "reason_code": "other"}
    assert (await market.post("/api/v1/refund_requests", wish)).status_code == 201
    for path in (PAYMENTS, "/api/v1/refunds", "/api/v1/refund_requests"):
        assert (await ana.get(path))["data"], path
    assert {payment["user"] for payment in (await ben.get(PAYMENTS))["data"]} <= {"ben"}
    for path in ("/api/v1/refunds", "/api/v1/refund_requests", f"/api/v1/refunds?payment={bought['id']}"):
        assert (await ben.get(path))["data"] == [], path
    asked = await get(ben, f"{PAYMENTS}?user=ana")
    assert (asked.status_code, asked.json()["param"]) == (403, "user")


async def test_refunds_and_requests_of_somebody_else_look_as_if_they_did_not_exist(market: Shop, ben: Shop) -> None:
    refund = (await market.post("/api/v1/refunds", {"payment": (await market.buy("ana"))["id"]})).json()
    paid = (await market.buy("ana"))["id"]
    request = (await market.post("/api/v1/refund_requests", {"payment": paid, "reason_code": "other"})).json()
    same(await get(ben, f"/api/v1/refunds/{refund['id']}"), await get(ben, f"/api/v1/refunds/refund_{ABSENT}"))
    path = "/api/v1/refund_requests"
    same(await get(ben, f"{path}/{request['id']}"), await get(ben, f"{path}/refund_request_{ABSENT}"))
    wishes = [{"payment": id_, "reason_code": "other"} for id_ in (paid, f"payment_{ABSENT}")]
    foreign, absent = [await ben.post(path, wish) for wish in wishes]
    same(foreign, absent)


async def test_an_end_user_asks_for_money_back_and_is_not_told_who_decides(market: Shop, ana: Shop) -> None:
    wish = {"payment": (await market.buy("ana"))["id"], "reason_code": "not_delivered"}
    answer = await ana.post("/api/v1/refund_requests", wish)
    assert answer.status_code == 201
    made = answer.json()
    assert (made["status"], made["decision"]) == ("refunded", None)
    assert not {"history", "approvals", "requested_by", "policy_version"} & made.keys()
    shown = await ana.get(f"/api/v1/refund_requests/{made['id']}")
    assert not {"history", "approvals", "requested_by", "policy_version"} & shown.keys()
    assert (await market.get(f"/api/v1/refund_requests/{made['id']}"))["requested_by"] == "ana"


async def test_an_end_user_cannot_override_the_policy(market: Shop, ana: Shop) -> None:
    wish = {"payment": (await market.buy("ana"))["id"], "reason_code": "other", "override_reason": "please"}
    assert (await ana.post("/api/v1/refund_requests", wish)).status_code == 403


async def test_an_end_user_cancels_what_is_not_paid(ana: Shop) -> None:
    payment = (await ana.post(PAYMENTS, PACKAGE)).json()
    answer = await ana.post(f"{PAYMENTS}/{payment['id']}/cancel", {})
    assert (answer.status_code, answer.json()["status"]) == (200, "canceled")


async def test_an_end_user_cannot_take_back_an_authorisation(market: Shop, ana: Shop) -> None:
    payment = (await ana.post(PAYMENTS, PACKAGE | {"capture_method": "manual"})).json()
    await ana.act(f"stripe/sessions/{payment['gateway_reference']}/pay")
    path = f"{PAYMENTS}/{payment['id']}"
    await ana.until(path, lambda shown: shown["status"] == "requires_capture")
    refused = await ana.post(f"{path}/cancel", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "invalid_state")
    assert (await market.post(f"{path}/cancel", {})).status_code == 200


@pytest.mark.parametrize("what", ["wallet", "wallet/entries", "cards"])
async def test_an_end_user_sees_no_wallet_and_no_cards_but_their_own(ana: Shop, ben: Shop, what: str) -> None:
    assert (await get(ana, f"/api/v1/users/ana/{what}")).status_code == 200
    refused = [await get(ben, f"/api/v1/users/{user}/{what}") for user in ("ana", "nobody")]
    assert [answer.status_code for answer in refused] == [403, 403]
    assert refused[0].json() | {"request_id": ""} == refused[1].json() | {"request_id": ""}


async def test_an_end_user_spends_only_their_own_credits(market: Shop, ana: Shop, ben: Shop) -> None:
    await market.buy("ana")
    spent = {"amount": 1, "reason": "a move"}
    before = (await ana.get("/api/v1/users/ana/wallet"))["balance"]
    assert (await ben.post("/api/v1/users/ana/wallet/spend", spent)).status_code == 403
    assert (await ana.post("/api/v1/users/ana/wallet/spend", spent)).status_code == 200
    assert (await ana.get("/api/v1/users/ana/wallet"))["balance"] == before - 1


async def test_the_same_idempotency_key_of_two_users_is_two_wishes(ana: Shop, ben: Shop) -> None:
    first, second = [(await shop.post(PAYMENTS, PACKAGE, key="one key")).json() for shop in (ana, ben)]
    assert (first["user"], second["user"]) == ("ana", "ben")
    assert (await ana.post(PAYMENTS, PACKAGE, key="one key")).json() == first


async def test_an_idempotency_key_of_the_server_is_not_one_of_its_users(market: Shop, ana: Shop) -> None:
    wish = PACKAGE | {"user": "ana"}
    by_server = (await market.post(PAYMENTS, wish, key="shared key")).json()
    by_user = (await ana.post(PAYMENTS, wish, key="shared key")).json()
    assert by_server["id"] != by_user["id"]


async def test_a_secret_key_that_is_rotated_in_mid_retry_opens_no_second_payment(market: Shop) -> None:
    wish = PACKAGE | {"user": "ana"}
    old, old_text = await issue(market.till, "before", scopes=["write"])
    _, new_text = await issue(market.till, "after", scopes=["write"])
    lost = (await replace(market, key=old_text).post(PAYMENTS, wish, key="rotated")).json()
    await revoke(market.till, old)
    assert (await replace(market, key=old_text).post(PAYMENTS, wish, key="rotated")).status_code == 401
    repeated = await replace(market, key=new_text).post(PAYMENTS, wish, key="rotated")
    assert (repeated.headers["idempotent-replayed"], repeated.json()) == ("true", lost)
    other = await replace(market, key=new_text).post(PAYMENTS, wish | {"user": "ben"}, key="rotated")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    "wrong",
    [
        {"exp": 1},
        {"exp": None},
        {"sub": None},
        {"sub": ""},
        {"nbf": 4102444800},
    ],
)
async def test_a_token_that_is_not_good_opens_nothing(market: Shop, wrong: Any) -> None:
    answer = await get(replace(market, key=token("ana", **wrong)), PAYMENTS)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_token_has_no_scope_whatever_it_claims(market: Shop) -> None:
    boss = replace(market, key=token("ana", scopes=["admin"], scope="admin", role="admin", admin=True))
    assert (await get(boss, "/api/v1/customers")).status_code == 403
    assert (await get(boss, "/api/v1/admin/keys")).status_code == 403


async def test_an_end_user_is_not_told_what_makes_a_payment_doubtful(ana: Shop, market: Shop) -> None:
    made = (await ana.post(PAYMENTS, PACKAGE)).json()
    seen = (await get(ana, f"{PAYMENTS}/{made['id']}")).json()
    listed = (await get(ana, PAYMENTS)).json()["data"]
    assert {each["risk"] for each in (made, seen, *listed)} == {None}
    assert (await get(market, f"{PAYMENTS}/{made['id']}")).json()["risk"] is not None


async def test_an_end_user_tells_nothing_of_their_own_connection(ana: Shop) -> None:
    answer = await ana.post(PAYMENTS, PACKAGE | {"context": {"ip": "203.0.113.7"}})
    assert (answer.status_code, answer.json()["param"]) == (403, "context")
