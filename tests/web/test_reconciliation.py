"""Reconciliation over HTTP: files in, runs asked for, discrepancies found and closed by name."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.web.conftest import Front

from tillkeeper.flows.authorize import issue
from tillkeeper.flows.reconcile import reconcile
from tillkeeper.kernel import clock, sheets

BASE = "/api/v1/reconciliation"
IMPORT = "/api/v1/settlements/import?gateway=stripe"
CSV = {"Content-Type": "text/csv"}
HEADER = "balance_transaction_id,created_utc,reporting_category,currency,gross,fee,net,source_id\n"
DAY = datetime(2026, 10, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
async def admin(front: Front) -> str:
    _, key = await issue(front.till, "finance", scopes=["admin"])
    return key


def report(*rows: str) -> bytes:
    return (HEADER + "\n".join(rows) + "\n").encode()


def charge(name: str, amount: str, at: datetime = DAY) -> str:
    return f"{name},{at:%Y-%m-%d %H:%M:%S},charge,eur,{amount},0.00,{amount},ch_{name}"


async def compared(front: Front) -> None:
    while await reconcile(front.till):
        pass


async def the_open(front: Front, admin: str, **wanted: str) -> list[Any]:
    query = "&".join(f"{name}={value}" for name, value in ({"status": "open"} | wanted).items())
    answer = await front.call("GET", f"{BASE}/discrepancies?limit=100&{query}", key=admin)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


async def test_a_file_becomes_lines_runs_and_discrepancies(front: Front, admin: str) -> None:
    answer = await front.call("POST", IMPORT, report(charge("txn_a", "10.00")), key=admin, **CSV)
    assert (answer.status_code, answer.json()["new"], answer.json()["days"]) == (200, 1, ["2026-10-01"])
    again = await front.call("POST", IMPORT, report(charge("txn_a", "10.00")), key=admin, **CSV)
    assert (again.json()["new"], again.json()["known"]) == (0, 1)
    await compared(front)
    [shown] = await the_open(front, admin, kind="missing_internal", day="2026-10-01")
    assert (shown["theirs"], shown["ours"], shown["currency"], shown["suspended"]) == (1000, None, "EUR", True)
    assert (shown["line"]["id"], shown["age_days"]) == ("txn_a", "0-1")
    [run] = (await front.call("GET", f"{BASE}/runs?gateway=stripe", key="read")).json()["data"]
    assert (run["day"], run["status"], run["lines"], run["open"]) == ("2026-10-01", "done", 1, {"missing_internal": 1})


async def test_a_discrepancy_is_closed_once_in_the_name_of_its_key(front: Front, admin: str) -> None:
    await front.call("POST", IMPORT, report(charge("txn_b", "7.00")), key=admin, **CSV)
    await compared(front)
    [found] = [each for each in await the_open(front, admin) if each["line"]["id"] == "txn_b"]
    path = f"{BASE}/discrepancies/{found['id']}/resolve"
    closed = await front.call("POST", path, {"reason": "a gift"}, key=admin)
    assert closed.status_code == 200, closed.text
    assert {name: closed.json()[name] for name in ("status", "closed_by", "reason", "action")} == {
        "status": "closed",
        "closed_by": "key finance",
        "reason": "a gift",
        "action": "accept",
    }
    again = await front.call("POST", path, {"reason": "a gift"}, key=admin)
    assert (again.status_code, again.json()["code"]) == (409, "invalid_state")
    shown = await front.call("GET", f"{BASE}/discrepancies/{found['id']}", key="read")
    assert shown.json()["status"] == "closed"


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "x", "action": "forget"}, {"reason": "x", "more": 1}])
async def test_a_resolution_without_a_reason_or_with_more_is_refused(front: Front, admin: str, body: Any) -> None:
    path = f"{BASE}/discrepancies/discrepancy_01h455vb4pex5vsknk084sn02q/resolve"
    assert (await front.call("POST", path, body, key=admin)).status_code == 422


async def test_what_might_be_the_same_is_suggested_to_a_person(front: Front, admin: str) -> None:
    rows = [charge(name, "3.21", DAY + timedelta(days=days)) for name, days in (("txn_c", 1), ("txn_d", 2))]
    await front.call("POST", IMPORT, report(*rows), key=admin, **CSV)
    await compared(front)
    found = {each["line"]["id"]: each["id"] for each in await the_open(front, admin)}
    await front.owner.execute(
        "UPDATE discrepancy SET kind = 'missing_at_gateway', ours = theirs, theirs = NULL WHERE subject = 'line:txn_d'"
    )
    shown = (await front.call("GET", f"{BASE}/discrepancies/{found['txn_c']}", key="read")).json()
    assert [each["discrepancy"] for each in shown["suggestions"]] == [found["txn_d"]]


async def test_what_is_open_is_counted_by_age(front: Front, admin: str) -> None:
    await front.call("POST", IMPORT, report(charge("txn_old", "4.00", DAY - timedelta(days=9))), key=admin, **CSV)
    await compared(front)
    for days, age in ((1, "0-1"), (2, "2-7"), (7, "2-7"), (8, "8-30"), (30, "8-30"), (31, "over 30")):
        await front.owner.execute(
            "UPDATE discrepancy SET kind = 'fx_residual', first_seen_at = now() - $1 * interval '1 day'"
            " WHERE subject = 'line:txn_old'",
            days,
        )
        counted = (await front.call("GET", f"{BASE}/ages", key="read")).json()["data"]
        mine = [each for each in counted if each["kind"] == "fx_residual"]
        assert mine == [{"gateway": "stripe", "kind": "fx_residual", "age_days": age, "open": 1}]


async def test_a_day_is_compared_again_when_it_is_asked_for(front: Front, admin: str) -> None:
    asked = await front.call("POST", f"{BASE}/runs", {"gateway": "stripe", "day": "2026-10-05"}, key=admin)
    assert (asked.status_code, asked.json()["status"]) == (202, "due")
    await compared(front)
    done = (await front.call("GET", f"{BASE}/runs?status=done", key="read")).json()["data"]
    assert "2026-10-05" in {each["day"] for each in done}


async def test_yesterday_is_meant_when_no_day_is_named(front: Front, admin: str) -> None:
    asked = await front.call("POST", f"{BASE}/runs", {"gateway": "stripe"}, key=admin)
    assert asked.json()["day"] == (clock.now().date() - timedelta(days=1)).isoformat()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"gateway": "nobody"}, 404),
        ({"gateway": "stripe", "day": "2126-01-01"}, 422),
        ({"gateway": "stripe", "day": "yesterday"}, 422),
        ({"gateway": "stripe", "day": 20261001}, 422),
        ({}, 422),
    ],
)
async def test_a_day_that_cannot_be_compared_is_refused(front: Front, admin: str, body: Any, status: int) -> None:
    assert (await front.call("POST", f"{BASE}/runs", body, key=admin)).status_code == status


async def test_a_file_that_is_no_report_is_refused(front: Front, admin: str) -> None:
    answer = await front.call("POST", IMPORT, b"a,b\n1,2\n", key=admin, **CSV)
    assert (answer.status_code, answer.json()["code"]) == (422, "file_unreadable")
    json = await front.call("POST", IMPORT, {"a": 1}, key=admin)
    assert (json.status_code, json.json()["code"]) == (415, "unsupported_media_type")


async def test_a_file_may_be_larger_than_other_bodies_and_not_larger_than_all(front: Front, admin: str) -> None:
    rows = [charge(f"txn_many{number:04d}", "1.00", DAY + timedelta(days=9)) for number in range(1_500)]
    large = await front.call("POST", IMPORT, report(*rows), key=admin, **CSV)
    assert (large.status_code, large.json()["new"]) == (200, 1_500)
    length = str(sheets.file_bytes_max + 1)
    refused = await front.call("POST", IMPORT, b"x", key=admin, content_length=length, **CSV)
    assert refused.status_code == 413
    other = await front.call("POST", "/api/v1/refunds", b" " * 70_000, key=admin)
    assert other.status_code == 413


async def test_the_bank_s_account_is_taken_in_beside_the_gateways_(front: Front, admin: str) -> None:
    file = b"date,amount,currency,reference\n2026-10-02,9.70,EUR,TRACE\n"
    path = "/api/v1/settlements/import?gateway=bank"
    answer = await front.call("POST", path, file, key=admin, **CSV)
    assert (answer.status_code, answer.json()["new"]) == (200, 1)


@pytest.mark.parametrize("key", ["read", "write"])
async def test_only_an_admin_key_takes_in_files_asks_for_runs_or_closes(front: Front, key: str) -> None:
    for path, body in (
        (IMPORT, report()),
        (f"{BASE}/runs", {"gateway": "stripe"}),
        (f"{BASE}/discrepancies/discrepancy_01h455vb4pex5vsknk084sn02q/resolve", {"reason": "x"}),
    ):
        kind = CSV if path == IMPORT else {}
        assert (await front.call("POST", path, body, key=key, **kind)).status_code == 403


async def test_a_discrepancy_that_does_not_exist_looks_like_one_of_somebody_else(front: Front, admin: str) -> None:
    path = f"{BASE}/discrepancies/discrepancy_01h455vb4pex5vsknk084sn02q"
    assert (await front.call("GET", path, key=admin)).status_code == 404
    assert (await front.call("POST", f"{path}/resolve", {"reason": "x"}, key=admin)).status_code == 404
