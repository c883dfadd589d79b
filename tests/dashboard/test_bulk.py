"""Doing the same for many payments, and taking a list away as a file."""

import asyncio
import csv
import io
import json
from typing import Any

import pytest
from tests.dashboard.test_audit import change

from tillkeeper.flows.sign_in import sign_out
from tillkeeper.web import cookie
from tillkeeper.web.app import build


async def send(desk: Any, path: str, chosen: list[str], hidden: dict[str, str] | None = None, **fields: str) -> Any:
    """Send the dialog for ticked rows."""
    query = "&".join(f"chosen={each}" for each in chosen)
    hidden = hidden or await desk.hidden(f"{path}?{query}")
    form: dict[str, Any] = hidden | fields | {"chosen": chosen}
    origin = {"Origin": "http://till.test", "Sec-Fetch-Site": "same-origin"}
    return await desk.http.post(f"/admin{path}", data=form, headers=origin)


async def test_ticked_payments_are_refunded_once_with_a_result_for_each(shop: Any, desk_of: Any) -> None:
    made = [(await shop.paid())["id"] for _ in range(2)]
    gone = await shop.paid()
    await shop.refund(gone)
    desk, path, chosen = await desk_of("support"), "/payments/refund-many", [*made, gone["id"]]
    query = "&".join(f"chosen={each}" for each in chosen)
    asked = await desk.read(f"{path}?{query}")
    assert ("Refund 2 payments" in asked, "3.98 EUR" in asked, "1 of 3: not possible" in asked) == (True, True, True)
    hidden = await desk.hidden(f"{path}?{query}")
    first, again = [await send(desk, path, chosen, hidden, reason_code="duplicate") for _ in range(2)]
    assert ("2 of 3 asked for" in first.text, first.text.count("refund_request_")) == (
        True,
        again.text.count("refund_request_"),
    )
    await shop.operate()
    assert await shop.count("refund") == 3
    assert await shop.count("audit_entry", "action = 'refund_request.created'") == 2


async def test_payments_are_chosen_by_what_they_have_in_common(shop: Any, desk_of: Any) -> None:
    made, other = await shop.paid(), await shop.paid(package="credits_50")
    desk = await desk_of("support")
    shown = (await desk.get("/refunds/choose", package="credits_120")).text
    assert (made["id"] in shown, other["id"] in shown) == (True, False)
    assert "No payment fits" in await desk.read("/refunds/choose", user="nobody")
    assert (await desk.get("/refunds/choose", **{"from": "soon"})).status_code == 422


async def test_ticked_payments_are_asked_about_at_their_gateways(shop: Any, desk_of: Any) -> None:
    opened = await shop.opened()
    await shop.pay(opened)
    answer = await send(await desk_of("support"), "/payments/sync-many", [opened["id"]])
    assert ("1 of 1 asked about" in answer.text, (await shop.show(opened))["status"]) == (True, "succeeded")
    shop.line.fault = "cut"
    missed = await send(await desk_of("support"), "/payments/sync-many", [opened["id"]])
    assert ("0 of 1 asked about" in missed.text, missed.status_code) == (True, 200)


@pytest.mark.parametrize("path", ["/payments/refund-many", "/payments/sync-many"])
async def test_nothing_ticked_too_much_ticked_and_nobody_entitled_are_told_so(
    shop: Any, desk_of: Any, path: str
) -> None:
    payment = await shop.paid()
    desk = await desk_of("support")
    assert (await desk.get(path)).status_code == 422
    many = "&".join(f"chosen=payment_{number}" for number in range(101))
    assert (await desk.get(f"{path}?{many}")).status_code == 422
    assert (await (await desk_of("viewer")).get(f"{path}?chosen={payment['id']}")).status_code == 403
    assert 'name="chosen"' not in (await (await desk_of("viewer")).get("/payments")).text
    assert 'name="chosen"' in (await desk.get("/payments")).text


async def test_a_list_is_taken_away_as_csv_that_no_spreadsheet_runs(shop: Any, desk_of: Any) -> None:
    made = await shop.paid(user="=1+1")
    await shop.paid(user="bo")
    desk = await desk_of("viewer")
    answer = await desk.get("/payments/export.csv", user="=1+1")
    assert answer.headers["content-disposition"] == 'attachment; filename="payments.csv"'
    [row] = csv.DictReader(io.StringIO(answer.text))
    assert (row["id"], row["user"], row["amount"], row["currency"]) == (made["id"], "'=1+1", "1.99", "EUR")


async def test_a_list_over_many_pages_is_taken_away_whole(
    shop: Any, desk_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tillkeeper.web.dashboard.pages.exports.rows_per_read", 2)
    made = [(await shop.paid())["id"] for _ in range(5)]
    answer = await (await desk_of("viewer")).get("/payments/export.jsonl")
    assert [json.loads(line)["id"] for line in answer.text.splitlines()] == made[::-1]


async def test_an_export_with_a_wrong_filter_is_a_page_that_says_so(desk_of: Any) -> None:
    desk = await desk_of("viewer")
    answer = await desk.get("/payments/export.csv", **{"from": "yesterday"})
    assert (answer.status_code, "A day is written" in answer.text) == (422, True)
    empty = await desk.get("/payments/export.csv", user="nobody")
    assert (empty.status_code, len(empty.text.splitlines())) == (200, 1)


@pytest.mark.parametrize(("path", "lines"), [("payments/export.jsonl", [1]), ("audit/export.csv", [1, 1])])
async def test_an_export_ends_with_the_session_of_whoever_asked(
    shop: Any, desk_of: Any, monkeypatch: pytest.MonkeyPatch, path: str, lines: list[int]
) -> None:
    monkeypatch.setattr("tillkeeper.web.dashboard.pages.exports.rows_per_read", 1)
    monkeypatch.setattr("tillkeeper.web.dashboard.pages.audit.export_rows_at_once", 1)
    for number in range(3):
        await shop.paid()
        await change(shop, number)
    token = (await desk_of("finance")).http.cookies[cookie.NAME]
    sent: list[Any] = []

    async def send(message: Any) -> None:
        """Take in one part, and sign out meanwhile."""
        sent.append(message)
        if message.get("body"):
            await sign_out(shop.till, token)

    async def silence() -> Any:
        """Say nothing more, and stay."""
        await asyncio.Event().wait()

    headers = [(b"host", b"till.test"), (b"cookie", f"{cookie.NAME}={token}".encode())]
    scope = {"type": "http", "method": "GET", "path": f"/admin/{path}", "query_string": b"", "headers": headers}
    about = {"scheme": "http", "server": ("till.test", 80), "client": ("127.0.0.1", 1), "asgi": {"spec_version": "2.4"}}
    await build(shop.till)({**scope, **about}, silence, send)
    assert [len(each["body"].splitlines()) for each in sent[1:]] == lines
    assert sent[-1]["more_body"]
