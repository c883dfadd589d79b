"""The books over HTTP: accounts, journals, statements, seals, and what was found when they were proved."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Path, Query, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from tillkeeper import ledger
from tillkeeper.access import Principal, Right
from tillkeeper.flows.read import read, read_settled, survey
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.reports import books, invariants, journals, paging, periods, sheet, statement
from tillkeeper.reports.periods import Step
from tillkeeper.reports.statement import Question
from tillkeeper.till import Till
from tillkeeper.web import api, caller
from tillkeeper.web.api import book_shapes, shapes

router = api.router("ledger")
Reader = Annotated[Principal, Depends(caller.may(Right.SEE))]
Limit = Annotated[int, Query(ge=1, le=paging.limit_max)]
Cursor = Annotated[str | None, Query(max_length=400)]
Format = Annotated[Literal["json", "csv"], Query(alias="format")]
Since = Annotated[datetime | None, Query(description="What happened from then on, inclusive.")]
AsOf = Annotated[datetime | None, Query(description="What had happened by then, inclusive; as 2026-11-21T10:00:00Z.")]
Cut = Annotated[
    datetime | None, Query(description="What was in the books before then; the same cut gives the same figures again.")
]
csv_lines_at_once = 1_000
CSV: dict[str, Any] = {"content": {"text/csv": {"schema": {"type": "string"}}}}


def _utc(moment: datetime | None, param: str) -> datetime | None:
    """Read a moment that says its offset; raises InvalidFieldError."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        message = "A moment has an offset, such as 2026-11-21T10:00:00Z."
        raise InvalidFieldError(message, param=param)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        message = "This moment is beyond all calendars."
        raise InvalidFieldError(message, param=param) from error


@router.get(
    "/ledger/trial_balance",
    response_model=None,
    responses={200: {"model": book_shapes.TrialBalance, **CSV}, **shapes.ERRORS},
)
async def trial_balance(
    request: Request, _: Reader, *, as_of: AsOf = None, recorded_before: Cut = None, form: Format = "json"
) -> Response:
    """Show every account's balance now or as of a moment, and the proof that they balance."""
    till, upper, cut = caller.till_of(request), _utc(as_of, "as_of"), _utc(recorded_before, "recorded_before")
    if cut is None:
        balance = await survey(till, lambda tx: ledger.trial_balance(tx, as_of=upper))
    else:
        balance = await read_settled(
            till, lambda tx, known: ledger.trial_balance(tx, as_of=upper, recorded_before=known), recorded_before=cut
        )
    shown: dict[str, Any] = books.show(balance)
    if form == "json":
        return JSONResponse(shown)
    return _download(_once(sheet.lines(books.COLUMNS, shown["accounts"])), "trial-balance")


@router.get(
    "/ledger/accounts",
    response_model=None,
    responses={200: {"model": shapes.Page[book_shapes.Account]}, **shapes.ERRORS},
)
async def accounts(
    request: Request,
    _: Reader,
    *,
    prefix: Annotated[str, Query(max_length=200)] = "",
    limit: Limit = paging.limit_default,
    cursor: Cursor = None,
) -> JSONResponse:
    """List accounts and what they stand at, by their codes."""
    till = caller.till_of(request)
    found = await survey(till, lambda tx: journals.accounts(tx, prefix=prefix, after=cursor or "", limit=limit))
    return JSONResponse(found)


@router.get(
    "/ledger/journals",
    name="journals",
    response_model=None,
    responses={200: {"model": shapes.Page[book_shapes.Journal]}, **shapes.ERRORS},
)
async def find_journals(
    request: Request,
    _: Reader,
    *,
    payment: Annotated[str | None, Query(max_length=64)] = None,
    limit: Limit = paging.limit_default,
    cursor: Cursor = None,
) -> JSONResponse:
    """List journals with their postings, the newest first; only those of one payment when it is named."""
    of = ids.parse("payment", payment) if payment else None
    before = ids.parse("journal", cursor) if cursor else None
    till = caller.till_of(request)
    return JSONResponse(await survey(till, lambda tx: journals.find(tx, payment=of, before=before, limit=limit)))


@router.get(
    "/ledger/statements/{account:path}",
    name="statement",
    response_model=None,
    responses={200: {"model": book_shapes.Statement, **CSV}, **shapes.ERRORS},
)
async def show_statement(
    request: Request,
    account: Annotated[str, Path(min_length=1, max_length=300, description="A code, or `wallet:` and a user.")],
    _: Reader,
    *,
    since: Since = None,
    as_of: AsOf = None,
    recorded_before: Cut = None,
    limit: Limit = paging.limit_default,
    cursor: Cursor = None,
    form: Format = "json",
) -> Response:
    """Show what moved an account and what it stood at after each line.

    Lines stand in the order of their facts. A first page fixes `recorded_before`; the pages after it keep it, so late
    facts change nothing in between. As CSV the whole statement comes at once.
    """
    asked = Question(
        account=account,
        since=_utc(since, "since"),
        as_of=_utc(as_of, "as_of"),
        limit=limit if form == "json" else csv_lines_at_once,
        cursor=cursor,
    )
    till = caller.till_of(request)
    page = await _page(till, asked, statement.cut(cursor) or _utc(recorded_before, "recorded_before"))
    if form == "json":
        return JSONResponse(page)
    return _download(_statement_lines(till, asked, page), "statement")


@router.get(
    "/ledger/seals",
    response_model=None,
    responses={200: {"model": shapes.Page[book_shapes.Seal]}, **shapes.ERRORS},
)
async def seals(
    request: Request,
    _: Reader,
    *,
    limit: Limit = paging.limit_default,
    cursor: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
) -> JSONResponse:
    """List the seals of the books, the newest first: keep one elsewhere to prove later that nothing was rewritten."""
    return JSONResponse(
        await survey(caller.till_of(request), lambda tx: journals.chain(tx, before=cursor, limit=limit))
    )


@router.get("/ledger/checks", response_model=None, responses={200: {"model": book_shapes.Checks}, **shapes.ERRORS})
async def checks(request: Request, _: Reader) -> JSONResponse:
    """Show the last word on everything that must always be true: looked at every minute, and in full every night."""
    return JSONResponse(await read(caller.till_of(request), invariants.latest))


@router.get(
    "/reports/{step}",
    response_model=None,
    responses={200: {"model": book_shapes.Report, **CSV}, **shapes.ERRORS},
)
async def report(
    request: Request,
    step: Step,
    _: Reader,
    *,
    first: Annotated[str | None, Query(alias="from", max_length=10, examples=["2026-11-01"])] = None,
    last: Annotated[str | None, Query(alias="to", max_length=10, examples=["2026-11-30"])] = None,
    recorded_before: Cut = None,
    form: Format = "json",
) -> Response:
    """Show what came in, went back and was earned, by day or by month; both ends are inclusive, days are in UTC."""
    till = caller.till_of(request)
    since, until = periods.bounds(step, first, last, till.now())
    found: dict[str, Any] = await read_settled(
        till,
        lambda tx, cut: periods.show(tx, step, since, until, cut),
        recorded_before=_utc(recorded_before, "recorded_before"),
    )
    if form == "json":
        return JSONResponse(found)
    return _download(_once(sheet.lines(periods.COLUMNS, found["data"])), f"report-{step}")


async def _page(till: Till, asked: Question, recorded_before: datetime | None) -> dict[str, Any]:
    return await read_settled(till, lambda tx, cut: statement.show(tx, asked, cut), recorded_before=recorded_before)


async def _statement_lines(till: Till, asked: Question, page: dict[str, Any]) -> AsyncIterator[str]:
    """Write one page after the other, so that an account of any size fits into memory."""
    yield sheet.lines(statement.COLUMNS, page["data"])
    while page["next_cursor"]:
        page = await _page(till, replace(asked, cursor=page["next_cursor"]), statement.cut(page["next_cursor"]))
        yield sheet.lines(statement.COLUMNS, page["data"], head=False)


async def _once(text: str) -> AsyncIterator[str]:
    yield text


def _download(lines: AsyncIterator[str], name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)
