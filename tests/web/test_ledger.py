"""The books over HTTP: read in pages, as of any moment, as JSON and as CSV."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.web.conftest import Json
from tests.web.running import Shop, opened

CLEARING = "gateway:stripe:clearing:EUR"
STATEMENT = "/api/v1/ledger/statements"


@pytest.fixture(scope="module")
async def shop(databases: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """Run everything once for this file."""
    name = f"ledger_{id(tmp_path_factory)}"
    databases.clone(name, template="tillkeeper_template")
    async with opened(databases.app_url(name), Path(tmp_path_factory.mktemp("books"))) as running:
        for user in ("ana", "=eve", "auth0|kim"):
            await running.buy(user)
        yield running
    databases.drop(name)


async def test_a_users_statement_is_found_by_the_users_own_name(shop: Shop) -> None:
    for user in ("ana", "=eve", "auth0|kim"):
        page = await shop.get(f"{STATEMENT}/wallet:{user}")
        assert [(line["credit"], line["balance"], line["kind"]) for line in page["data"]] == [(120, 120, "grant")]
        assert page["account"].startswith("wallet:")
        assert user not in page["account"]


async def test_a_statement_comes_in_pages_that_fit_together(shop: Shop) -> None:
    whole = await shop.get(f"{STATEMENT}/{CLEARING}?limit=100")
    seen: list[Json] = []
    cursor = ""
    while True:
        page = await shop.get(f"{STATEMENT}/{CLEARING}?limit=2{cursor}")
        seen += page["data"]
        if not page["has_more"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
        await shop.buy("lea")

    assert seen == whole["data"]
    assert seen[-1]["balance"] in {seen[-1]["debit"], -seen[-1]["credit"]}


async def test_a_statement_with_its_cut_is_the_same_again(shop: Shop) -> None:
    first = await shop.get(f"{STATEMENT}/{CLEARING}?limit=100")
    await shop.buy("leo")
    again = await shop.get(f"{STATEMENT}/{CLEARING}?limit=100&recorded_before={first['recorded_before']}")

    assert again == first
    assert len((await shop.get(f"{STATEMENT}/{CLEARING}?limit=100"))["data"]) > len(first["data"])


async def read_csv(shop: Shop, path: str) -> list[dict[str, str]]:
    """Read a table."""
    answer = await shop.http.get(f"{shop.url}{path}", headers={"Authorization": f"Bearer {shop.key}"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


async def test_a_statement_as_csv_is_the_whole_of_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tillkeeper.web.api.ledger.csv_lines_at_once", 2)
    whole = await shop.get(f"{STATEMENT}/{CLEARING}?limit=100")
    rows = await read_csv(shop, f"{STATEMENT}/{CLEARING}?format=csv&recorded_before={whole['recorded_before']}")

    assert len(rows) > 4
    assert [int(row["balance"]) for row in rows] == [line["balance"] for line in whole["data"]]
    assert [row["other_account"] for row in rows] == [line["other_account"] for line in whole["data"]]


async def test_the_trial_balance_of_a_cut_is_the_same_again(shop: Shop) -> None:
    cut = (await shop.get(f"{STATEMENT}/{CLEARING}"))["recorded_before"]
    first = await shop.get(f"/api/v1/ledger/trial_balance?recorded_before={cut}")
    await shop.buy("mia")
    again = await shop.get(f"/api/v1/ledger/trial_balance?recorded_before={cut}")

    assert again == first
    assert first["balanced"]
    assert first["accounts"] != (await shop.get("/api/v1/ledger/trial_balance"))["accounts"]


async def test_the_trial_balance_as_csv_says_the_same(shop: Shop) -> None:
    cut = (await shop.get(f"{STATEMENT}/{CLEARING}"))["recorded_before"]
    whole = await shop.get(f"/api/v1/ledger/trial_balance?recorded_before={cut}")
    rows = await read_csv(shop, f"/api/v1/ledger/trial_balance?format=csv&recorded_before={cut}")

    assert [(row["code"], int(row["balance"])) for row in rows] == [
        (account["code"], account["balance"]) for account in whole["accounts"]
    ]


async def test_a_cut_that_is_still_to_come_is_refused(shop: Shop) -> None:
    for path in (f"{STATEMENT}/{CLEARING}", "/api/v1/ledger/trial_balance", "/api/v1/reports/daily"):
        answer = await shop.http.get(
            f"{shop.url}{path}?recorded_before=2999-01-01T00:00:00Z", headers={"Authorization": f"Bearer {shop.key}"}
        )
        assert (answer.status_code, answer.json()["param"]) == (422, "recorded_before")


@pytest.mark.parametrize("account", ["nothing:here", "wallet:nobody", f"wallet:{'0' * 8}-0000-7000-8000-{'0' * 12}"])
async def test_a_statement_of_what_does_not_exist_is_not_found(shop: Shop, account: str) -> None:
    answer = await shop.http.get(f"{shop.url}{STATEMENT}/{account}", headers={"Authorization": f"Bearer {shop.key}"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_accounts_are_listed_in_pages_and_by_prefix(shop: Shop) -> None:
    whole = await shop.get("/api/v1/ledger/accounts?limit=100")
    page = await shop.get("/api/v1/ledger/accounts?limit=1")
    rest = await shop.get(f"/api/v1/ledger/accounts?limit=100&cursor={page['next_cursor']}")
    own = await shop.get("/api/v1/ledger/accounts?prefix=gateway:")

    assert [row["code"] for row in page["data"] + rest["data"]] == [row["code"] for row in whole["data"]]
    assert [row["code"] for row in own["data"]] == [CLEARING]


async def test_the_journals_of_a_payment_are_its_capture_its_fee_and_its_goods(shop: Shop) -> None:
    payment = await shop.buy("noa")
    page = await shop.get(f"/api/v1/ledger/journals?payment={payment['id']}")

    assert {row["kind"] for row in page["data"]} == {"capture", "fee", "grant"}
    assert all(row["postings"] for row in page["data"])
    first = await shop.get("/api/v1/ledger/journals?limit=1")
    second = await shop.get(f"/api/v1/ledger/journals?limit=1&cursor={first['next_cursor']}")
    assert first["data"][0]["id"] > second["data"][0]["id"]


async def test_the_worker_seals_and_examines_by_itself(shop: Shop) -> None:
    seals = await shop.until("/api/v1/ledger/seals", lambda page: any(row["journals"] for row in page["data"]))
    assert [row["number"] for row in seals["data"]] == sorted((row["number"] for row in seals["data"]), reverse=True)
    checks = await shop.until("/api/v1/ledger/checks", lambda page: len(page["data"]) == 18)
    assert checks["sound"]
    assert {row["name"] for row in checks["data"]} >= {"I1", "I3", "I4", "I5", "I6", "I7", "I9", "I10"}


@pytest.mark.parametrize("step", ["daily", "monthly"])
async def test_a_report_is_the_same_as_json_and_as_csv(shop: Shop, step: str) -> None:
    whole = await shop.get(f"/api/v1/reports/{step}")
    rows = await read_csv(shop, f"/api/v1/reports/{step}?format=csv&recorded_before={whole['recorded_before']}")

    assert [int(row["captured"]) for row in rows] == [row["captured"] for row in whole["data"]]
    assert [row["package"] for row in rows] == [row["package"] or "" for row in whole["data"]]
    assert sum(row["captured"] for row in whole["data"]) > 0


async def test_many_statements_at_once_are_answered_while_payments_come(shop: Shop) -> None:
    pages, _ = await asyncio.gather(
        asyncio.gather(*(shop.get(f"{STATEMENT}/{CLEARING}?limit=5") for _ in range(10))), shop.buy("pia")
    )
    assert all(page["data"] for page in pages)
