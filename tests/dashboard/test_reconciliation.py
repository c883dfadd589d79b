"""The pages about where a gateway's account and ours differ, and what a person may decide."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.dashboard.conftest import ORIGIN, words

from tillkeeper.flows.reconcile import reconcile
from tillkeeper.kernel import ids

HEADER = "balance_transaction_id,created_utc,reporting_category,currency,gross,fee,net,source_id\n"
DAY = datetime(2026, 10, 1, 12, tzinfo=UTC)
IMPORT = "/admin/reconciliation/import"
HOSTILE = "<script>alert(1)</script>"


def charge(name: str, amount: str) -> str:
    return f"{name},{DAY:%Y-%m-%d %H:%M:%S},charge,eur,{amount},0.00,{amount},ch_{name}\n"


async def sent(desk: Any, file: bytes, source: str = "stripe", *, name: str = "report.csv") -> Any:
    """Send a file as a browser does."""
    hidden = await desk.hidden("/reconciliation/import")
    files = {"file": (name, file, "text/csv")}
    return await desk.http.post(IMPORT, data=hidden | {"source": source}, files=files, headers=ORIGIN)


async def differing(shop: Any, desk: Any, *names: str) -> list[str]:
    """Import charges that we know nothing of, compare their day, and list the differences."""
    await sent(desk, (HEADER + "".join(charge(name, "10.00") for name in names)).encode())
    while await reconcile(shop.till):
        pass
    text = (await desk.get("/reconciliation")).text
    return list(dict.fromkeys(re.findall(r"/admin/reconciliation/(discrepancy_\w+)", text)))


async def test_a_file_becomes_lines_and_their_day_is_compared(shop: Any, desk_of: Any) -> None:
    desk = await desk_of("finance")
    told = await desk.told(await sent(desk, (HEADER + charge("txn_a", "10.00")).encode()))
    assert "1 new, 0 changed, 0 known already" in told
    assert "2026-10-01" in told
    again = await desk.told(await sent(desk, (HEADER + charge("txn_a", "10.00")).encode()))
    assert "0 new, 0 changed, 1 known already" in again
    assert await shop.count("settlement_line") == 1
    assert await shop.count("audit_entry", "action = 'settlement.imported'") == 2


@pytest.mark.parametrize(
    ("file", "source"), [(b"", "stripe"), (b"\xff\xfe", "stripe"), (b"no,table\n", "stripe"), (b"a", "nobody")]
)
async def test_a_file_that_cannot_be_read_is_explained(shop: Any, desk_of: Any, file: bytes, source: str) -> None:
    answer = await sent(await desk_of("finance"), file, source)
    assert answer.status_code in {404, 422}
    assert 'role="alert"' in answer.text
    assert await shop.count("settlement_line") == 0


@pytest.mark.parametrize("name", ["../../../etc/passwd", "report.exe", f"{HOSTILE}.csv", "a\\b.csv"])
async def test_the_name_of_a_file_means_nothing_and_is_kept_nowhere(shop: Any, desk_of: Any, name: str) -> None:
    answer = await sent(await desk_of("finance"), (HEADER + charge("txn_a", "10.00")).encode(), name=name)
    assert answer.status_code == 303
    tables = await shop.owner.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    rows = [await shop.owner.fetch(f"SELECT to_jsonb(t)::text FROM {table} AS t") for (table,) in tables]
    assert name.replace("\\", "") not in str(rows).replace("\\", "")
    refused = await sent(await desk_of("finance"), b"MZ\x90\x00", name="report.csv")
    assert refused.status_code == 422


async def test_a_file_from_somebody_who_is_not_signed_in_leads_to_the_sign_in(desk_of: Any) -> None:
    desk = await desk_of("finance")
    desk.http.cookies.clear()
    files = {"file": ("report.csv", HEADER.encode(), "text/csv")}
    answer = await desk.http.post(
        "/admin/reconciliation/import", data={"source": "stripe"}, files=files, headers=ORIGIN
    )
    assert (answer.status_code, "/admin/sign-in" in answer.headers["location"]) == (303, True)


async def test_a_file_without_the_token_of_the_session_is_refused(shop: Any, desk_of: Any) -> None:
    desk = await desk_of("finance")
    files = {"file": ("report.csv", (HEADER + charge("txn_a", "1.00")).encode(), "text/csv")}
    answer = await desk.http.post(
        "/admin/reconciliation/import", data={"source": "stripe"}, files=files, headers=ORIGIN
    )
    assert answer.status_code == 403
    assert await shop.count("settlement_line") == 0


async def test_the_banks_account_is_taken_in_as_well(desk_of: Any) -> None:
    desk = await desk_of("finance")
    told = await desk.told(await sent(desk, b"date,amount,currency,reference\n2026-10-02,10.00,EUR,po_1\n", "bank"))
    assert "1 new lines of the bank" in told


async def test_a_difference_stands_side_by_side_with_what_to_do(shop: Any, desk_of: Any) -> None:
    desk = await desk_of("finance")
    [one] = await differing(shop, desk, "txn_a")
    listed = await desk.read("/reconciliation")
    for said in ("Missing internal", "Stripe, 2026-10-01", "10.00 EUR", "Open, by age in days"):
        assert said in listed, said
    shown = await desk.read(f"/reconciliation/{one}")
    for said in (
        "Side by side",
        "Amount 10.00 EUR –",
        "What to do",
        "txn_a",
        "What accepting it posts",
        "suspense:stripe",
    ):
        assert said in shown, said


async def test_the_list_is_narrowed_down(shop: Any, desk_of: Any) -> None:
    desk = await desk_of("finance")
    [one] = await differing(shop, desk, "txn_a")
    for query in ({"kind": "fee_mismatch"}, {"status": "closed"}, {"gateway": "paypal"}, {"day": "2026-10-02"}):
        answer = await desk.get("/reconciliation", **query)
        assert f"/reconciliation/{one}" not in answer.text, query
        assert "No difference fits" in answer.text, query
    for query in ({"kind": "missing_internal"}, {"status": "any"}, {"gateway": "stripe", "day": "2026-10-01"}):
        assert f"/reconciliation/{one}" in (await desk.get("/reconciliation", **query)).text, query


async def test_an_empty_list_says_that_all_agrees(desk_of: Any) -> None:
    desk = await desk_of("viewer")
    assert "Nothing is open" in await desk.read("/reconciliation")
    assert "No day was compared yet" in await desk.read("/reconciliation/runs")


async def test_accepting_posts_the_correction_once_in_somebodys_name(shop: Any, desk_of: Any) -> None:
    desk = await desk_of("finance")
    [one] = await differing(shop, desk, "txn_a")
    path = f"/reconciliation/{one}/accept"
    assert "10.00 EUR is posted from" in await desk.read(path)
    hidden = await desk.hidden(path)
    told = await desk.told(await desk.send(path, hidden, reason="a gift"))
    assert (await desk.send(path, hidden, reason="a gift")).status_code == 409
    assert "The correction is in the books" in told
    assert f"By {desk.email}" in told
    assert await shop.count("journal", "source = 'discrepancy' AND kind = 'accepted'") == 1
    assert await shop.count("audit_entry", "action = 'discrepancy.closed'") == 1
    [journal] = re.findall(r"journal_\w+", (await desk.get("/ledger/journals")).text)[:1]
    assert one in (await desk.get(f"/ledger/journals/{journal}")).text, "the entry leads back to the difference"


async def test_ignoring_leaves_the_books_as_they_are(shop: Any, desk_of: Any) -> None:
    desk = await desk_of("finance")
    [one] = await differing(shop, desk, "txn_a")
    journals = await shop.count("journal")
    told = await desk.told(await desk.post(f"/reconciliation/{one}/ignore", reason=HOSTILE))
    assert "the books stay as they are" in told
    assert await shop.count("journal") == journals
    shown = await desk.get(f"/reconciliation/{one}")
    assert HOSTILE not in shown.text
    assert HOSTILE in words(shown.text)


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
async def test_a_reason_is_needed_and_has_an_end(shop: Any, desk_of: Any, reason: str) -> None:
    desk = await desk_of("finance")
    [one] = await differing(shop, desk, "txn_a")
    for verb in ("accept", "ignore"):
        answer = await desk.post(f"/reconciliation/{one}/{verb}", reason=reason)
        assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)
    assert await shop.count("discrepancy", "status = 'open'") == 1


async def test_a_day_is_compared_when_somebody_asks(shop: Any, desk_of: Any) -> None:
    desk = await desk_of("finance")
    told = await desk.told(await desk.post("/reconciliation/compare", gateway="stripe", day="2026-10-01"))
    assert "The worker compares 2026-10-01 at Stripe" in told
    assert "Pending" in told
    assert await shop.count("audit_entry", "action = 'reconciliation.requested'") == 1
    await desk.post("/reconciliation/compare", gateway="stripe")
    yesterday = shop.till.now().date() - timedelta(days=1)
    assert str(yesterday) in await desk.read("/reconciliation/runs")


@pytest.mark.parametrize(
    "wish",
    [{"gateway": "nobody"}, {}, {"gateway": "stripe", "day": "2999-01-01"}, {"gateway": "stripe", "day": "soon"}],
)
async def test_a_day_that_cannot_be_compared_is_explained(shop: Any, desk_of: Any, wish: dict[str, str]) -> None:
    answer = await (await desk_of("finance")).post("/reconciliation/compare", **wish)
    assert answer.status_code in {404, 422}
    assert 'role="alert"' in answer.text
    assert await shop.count("reconciliation_run") == 0


async def test_an_account_is_read_when_somebody_asks(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    desk = await desk_of("finance")
    assert "1 new lines" in await desk.told(await desk.post("/reconciliation/fetch", gateway="stripe"))
    assert await shop.count("settlement_line") == 1
    entry = await shop.owner.fetchrow("SELECT actor_name FROM audit_entry WHERE action = 'settlement.imported'")
    assert entry["actor_name"] == desk.email
    await shop.line.close()
    answer = await desk.post("/reconciliation/fetch", gateway="stripe")
    assert (answer.status_code, 'role="alert"' in answer.text) == (503, True)


DEEDS = ("/reconciliation/compare", "/reconciliation/fetch", "/reconciliation/import")


async def test_who_only_looks_has_no_buttons_and_is_refused(shop: Any, desk_of: Any) -> None:
    [one] = await differing(shop, await desk_of("finance"), "txn_a")
    desk = await desk_of("viewer")
    token = (await desk.hidden("/you"))["token"]
    for path in (*DEEDS, f"/reconciliation/{one}/accept", f"/reconciliation/{one}/ignore"):
        assert (await desk.get(path)).status_code == 403
        assert (await desk.send(path, {"token": token}, reason="x", gateway="stripe")).status_code == 403
        pages = [await desk.get(each) for each in ("/reconciliation", "/reconciliation/runs", f"/reconciliation/{one}")]
        assert not any(f"/admin{path}" in each.text for each in pages), path
    assert await shop.count("discrepancy", "status = 'open'") == 1


async def test_a_difference_that_does_not_exist_is_a_page_that_says_so(desk_of: Any) -> None:
    desk = await desk_of("finance")
    for name in (ids.text("discrepancy", ids.new()), "nonsense"):
        for path in (f"/reconciliation/{name}", f"/reconciliation/{name}/accept"):
            answer = await desk.get(path)
            assert (answer.status_code, "<h1" in answer.text) == (404, True)
