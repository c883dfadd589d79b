"""Credits by hand over HTTP: for admins only, strictly read, once per key."""

from typing import Any

import pytest
from tests.web.conftest import Front

from tillkeeper.flows.authorize import issue

GRANT = "/api/v1/users/ana/wallet/grant"
TAKE = "/api/v1/users/ana/wallet/take"
WRITE_OFF = "/api/v1/users/ana/wallet/write_off"
BODIES = {GRANT: {"amount": 5, "reason": "x"}, TAKE: {"amount": 5, "reason": "x"}, WRITE_OFF: {"reason": "x"}}


@pytest.fixture
async def boss(front: Front) -> Front:
    if "admin" not in front.keys:
        _, front.keys["admin"] = await issue(front.till, "admin", scopes=["admin"])
    return front


async def test_credits_are_given_and_taken_and_the_history_says_why(boss: Front) -> None:
    wish = {"amount": 50, "reason": "the outage", "expires_at": "2099-01-31T01:00:00+01:00"}
    given = (await boss.call("POST", "/api/v1/users/bo/wallet/grant", wish, key="admin")).json()
    assert (given["object"], given["user"], given["balance"], given["currency"]) == ("wallet", "bo", 50, "CRD")
    assert (given["kind"], given["amount"], given["debt_repaid"]) == ("bonus", 50, 0)
    assert given["expires_at"] == "2099-01-31T00:00:00.000Z"
    taken = await boss.call("POST", "/api/v1/users/bo/wallet/take", {"amount": 20, "reason": "too many"}, key="admin")
    assert (taken.json()["balance"], taken.json()["amount"]) == (30, -20)
    entries = (await boss.call("GET", "/api/v1/users/bo/wallet/entries")).json()["data"]
    assert [(each["kind"], each["amount"], each["reason"]) for each in entries] == [
        ("adjustment", -20, "too many"),
        ("bonus", 50, "the outage"),
    ]
    assert entries[1]["source"] == given["adjustment"]


async def test_the_key_that_gave_credits_is_kept(boss: Front) -> None:
    made = (await boss.call("POST", "/api/v1/users/cy/wallet/grant", BODIES[GRANT], key="admin")).json()
    kept = await boss.owner.fetchval("SELECT made_by FROM wallet_adjustment ORDER BY at DESC LIMIT 1")
    assert kept.startswith("key_")
    assert made["balance"] == 5


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(("key", "status"), [("write", 403), ("read", 403), ("revoked", 401), ("", 401)])
async def test_nobody_but_an_admin_changes_credits_by_hand(boss: Front, path: str, key: str, status: int) -> None:
    before = await boss.counts()
    assert (await boss.call("POST", path, BODIES[path], key=key)).status_code == status
    assert await boss.counts() == before


@pytest.mark.parametrize("path", BODIES)
async def test_without_an_idempotency_key_nothing_is_changed(boss: Front, path: str) -> None:
    answer = await boss.call("POST", path, BODIES[path], key="admin", **{"Idempotency-Key": ""})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": 0},
        {"amount": -1},
        {"amount": "5"},
        {"amount": 5.0},
        {"amount": True},
        {"amount": None},
        {"amount": 10**12 + 1},
        {"amount": 2**63},
        {"reason": ""},
        {"reason": None},
        {"reason": " x"},
        {"kind": "gift"},
        {"expires_at": "2099-01-31"},
        {"expires_at": "2099-01-31T00:00:00"},
        {"expires_at": 4_000_000_000},
        {"expires_at": "9999-12-31T23:59:59-14:00"},
        {"expires_at": "0001-01-01T00:00:00+14:00"},
        {"expires_at": "2020-01-31T00:00:00Z"},
        {"expires_at": "soon"},
    ],
    ids=str,
)
async def test_a_gift_that_makes_no_sense_names_its_field_and_gives_nothing(boss: Front, wrong: dict[str, Any]) -> None:
    before = await boss.counts()
    answer = await boss.call("POST", GRANT, {"amount": 5, "reason": "x"} | wrong, key="admin")
    assert (answer.status_code, answer.json()["code"], answer.json()["param"]) == (422, "invalid_field", *wrong)
    assert await boss.counts() == before


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (GRANT, {"amount": 5, "reason": "x", "user": "eve"}, 422, "unknown_field"),
        (TAKE, {"amount": 5, "reason": "x", "expires_at": "2099-01-31T00:00:00Z"}, 422, "unknown_field"),
        ("/api/v1/users/nobody/wallet/take", {"amount": 5, "reason": "x"}, 402, "insufficient_credits"),
        ("/api/v1/users/nobody/wallet/write_off", {"reason": "x"}, 404, "not_found"),
        ("/api/v1/users/dee/wallet/write_off", {"reason": "x"}, 409, "invalid_state"),
    ],
)
async def test_what_cannot_be_done_is_refused_as_documented(
    boss: Front, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    await boss.call("POST", "/api/v1/users/dee/wallet/grant", BODIES[GRANT], key="admin")
    answer = await boss.call("POST", path, body, key="admin")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_repeated_gift_is_answered_to_the_byte_and_given_once(boss: Front) -> None:
    path, again = "/api/v1/users/flo/wallet/grant", {"Idempotency-Key": "a gift for flo"}
    first = await boss.call("POST", path, BODIES[GRANT], key="admin", **again)
    second = await boss.call("POST", path, BODIES[GRANT], key="admin", **again)
    assert (second.content, second.headers["idempotent-replayed"]) == (first.content, "true")
    assert (await boss.call("GET", "/api/v1/users/flo/wallet")).json()["balance"] == 5
