"""Exports of payments: everything that a list is narrowed down to, as a file, row by row."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from tillkeeper.flows.read import survey
from tillkeeper.flows.sign_in import recognise
from tillkeeper.kernel import money
from tillkeeper.reports import payment as report
from tillkeeper.reports import sheet
from tillkeeper.web import cookie
from tillkeeper.web.dashboard.desk import Desk, Entrance, Json
from tillkeeper.web.dashboard.pages.payments import filter_of

rows_per_read = 500
AMOUNTS = ("amount", "tax", "amount_captured", "amount_refunded", "amount_refunding", "amount_disputed")
COLUMNS = (
    *("id", "created_at", "captured_at", "status", "currency", *AMOUNTS),
    *("user", "customer", "package", "quantity", "description", "gateway", "gateway_reference", "mode"),
    *("risk_score", "error_code"),
)


def routes(entrance: Entrance) -> list[BaseRoute]:
    """List the addresses."""
    return [
        entrance.page("/payments/export.csv", send_csv),
        entrance.page("/payments/export.jsonl", send_lines),
    ]


async def send_csv(desk: Desk) -> Response:
    """Send the payments of a list for a spreadsheet, with amounts as people write them."""
    return _sent(_csv(_pages(desk, await _first(desk))), "text/csv; charset=utf-8", "payments.csv")


async def send_lines(desk: Desk) -> Response:
    """Send the payments of a list for programs: one JSON object a line, as the API shows it."""
    return _sent(_lines(_pages(desk, await _first(desk))), "application/jsonl; charset=utf-8", "payments.jsonl")


async def _first(desk: Desk) -> Json:
    """Read the first rows before anything is sent, so that what is wrong with a filter is still said."""
    wanted = replace(filter_of(desk), limit=rows_per_read, cursor=None)
    return await survey(desk.till, lambda tx: report.find(tx, wanted))


async def _pages(desk: Desk, page: Json) -> AsyncIterator[Sequence[Json]]:
    """Read on, each time in a transaction of its own, as long as whoever asks is still signed in."""
    wanted, token = filter_of(desk), cookie.token_of(desk.request)
    assert token, "whoever has a session came with its token"
    while True:
        yield page["data"]
        if not page["next_cursor"]:
            return
        await recognise(desk.till, token)
        on = replace(wanted, limit=rows_per_read, cursor=page["next_cursor"])
        page = await _read_on(desk, on)


async def _read_on(desk: Desk, wanted: report.Filter) -> Json:
    found: Any = await survey(desk.till, lambda tx: report.find(tx, wanted))
    return dict(found)


async def _csv(pages: AsyncIterator[Sequence[Json]]) -> AsyncIterator[str]:
    yield sheet.lines(COLUMNS, ())
    async for rows in pages:
        yield sheet.lines(COLUMNS, [_row(payment) for payment in rows], head=False)


async def _lines(pages: AsyncIterator[Sequence[Json]]) -> AsyncIterator[str]:
    async for rows in pages:
        yield "".join(f"{json.dumps(payment, ensure_ascii=False)}\n" for payment in rows)


def _row(payment: Mapping[str, Any]) -> Json:
    """Write one payment as a row; amounts are decimals of their currency."""
    written = {name: money.decimal(payment[name], payment["currency"]) for name in AMOUNTS}
    more = {
        "risk_score": payment["risk"]["score"] if payment["risk"] else None,
        "error_code": payment["last_error"]["code"] if payment["last_error"] else None,
    }
    return {**payment, **written, **more}


def _sent(lines: AsyncIterator[str], kind: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(lines, media_type=kind, headers=headers)
