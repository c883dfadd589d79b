"""Reconciliation over HTTP: runs, discrepancies, and the files of gateways and banks."""

from datetime import date, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from tillkeeper.access import Principal, Right
from tillkeeper.facts import LineKind
from tillkeeper.flows.clear_up import clear_up
from tillkeeper.flows.import_bank import import_bank
from tillkeeper.flows.import_settlement import import_file
from tillkeeper.flows.read import read, survey
from tillkeeper.flows.reconcile import ask, check_gateway
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.reports import paging
from tillkeeper.reports import reconciliation as report
from tillkeeper.settlement import lines
from tillkeeper.settlement.runs import Action, Kind, Status
from tillkeeper.web import api, caller
from tillkeeper.web.api import shapes
from tillkeeper.web.errors import UnsupportedMediaTypeError
from tillkeeper.web.moments import Instant


class ReconciliationRun(BaseModel):
    """The comparison of one day of a gateway; `open` counts by kind what it has left open."""

    object: Literal["reconciliation_run"]
    gateway: str = Field(examples=["stripe"])
    day: str = Field(examples=["2026-11-20"])
    status: Literal["due", "running", "done"]
    step: str | None
    lines: int
    ours: int
    tolerated: int
    open: dict[str, int]
    error: str | None
    created_at: Instant
    started_at: Instant | None
    finished_at: Instant | None


class DiscrepancyLine(BaseModel):
    """The gateway's line behind a discrepancy."""

    id: str
    kind: LineKind
    object: str | None
    parent: str | None
    occurred_at: Instant


class Discrepancy(BaseModel):
    """A disagreement between a gateway's account and ours; amounts are minor units of `currency`, signed.

    `difference` is by how much the gateway's balance exceeds what our books say of it, and `suspended` whether it was
    put aside in the books until somebody knows what it is. `suggestions` have the same amount on the other side.
    """

    id: str = Field(examples=["discrepancy_01h455vb4pex5vsknk084sn02q"])
    object: Literal["discrepancy"]
    kind: Kind
    status: Status
    gateway: str
    day: str
    detail: str
    theirs: int | None
    ours: int | None
    currency: str
    difference: int
    difference_currency: str
    suspended: bool
    payment: str | None
    line: DiscrepancyLine | None
    first_seen_at: Instant
    age_days: Literal["0-1", "2-7", "8-30", "over 30"]
    next_step: str | None
    closed_at: Instant | None
    closed_by: str | None
    action: Action | None
    reason: str | None
    suggestions: list[dict[str, Any]] = []


class Age(BaseModel):
    """How many discrepancies of one kind and age are open."""

    gateway: str
    kind: Kind
    age_days: Literal["0-1", "2-7", "8-30", "over 30"]
    open: int


class Ages(BaseModel):
    """What is open by gateway, kind and age."""

    object: Literal["list"]
    data: list[Age]


class Imported(BaseModel):
    """What became of the lines of a file; `days` are compared anew."""

    object: Literal["import"]
    gateway: str
    new: int
    changed: int = 0
    known: int = 0
    contradicting: int = 0
    unread: int = 0
    days: list[str] = []


router = api.router("reconciliation")
Bookkeeper = Annotated[Principal, Depends(caller.may(Right.RECONCILE))]
Reader = Annotated[Principal, Depends(caller.may(Right.SEE))]
Cursor = Annotated[str | None, Query(max_length=200)]
Limit = Annotated[int, Query(ge=1, le=paging.limit_max)]
FILES = frozenset({"text/csv", "application/csv", "text/plain", "application/octet-stream"})


class RunWish(api.Body):
    """Ask for a day of a gateway to be compared; yesterday by the gateway's clock when none is named."""

    gateway: Annotated[str, Field(min_length=1, max_length=32, examples=["stripe"])]
    day: Annotated[date, Field(strict=False, examples=["2026-11-20"])] | None = None


class Resolution(api.Body):
    """Close a discrepancy: `accept` posts the correction that makes our books follow the gateway, `ignore` none."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]
    action: Annotated[Action, Field(strict=False)] = Action.ACCEPT


@router.post(
    "/reconciliation/runs",
    status_code=202,
    response_model=None,
    responses={202: {"model": ReconciliationRun}, **shapes.ERRORS},
)
async def start(request: Request, body: RunWish, _: Bookkeeper) -> JSONResponse:
    """Let the worker compare a day of a gateway, also one that was compared before."""
    till = caller.till_of(request)
    gateway = check_gateway(till, body.gateway)
    today = lines.day_of(till.now(), ZoneInfo(gateway.settlement_zone))
    day = body.day or today - timedelta(days=1)
    if day > today:
        message = "That day has not begun at this gateway."
        raise InvalidFieldError(message, param="day")
    await ask(till, gateway.name, day)
    shown = await read(till, lambda tx: report.show_run(tx, gateway.name, day))
    return JSONResponse(shown, status_code=202)


@router.get(
    "/reconciliation/runs",
    response_model=None,
    responses={200: {"model": shapes.Page[ReconciliationRun]}, **shapes.ERRORS},
)
async def find_runs(
    request: Request,
    _: Reader,
    *,
    gateway: Annotated[str | None, Query(max_length=32)] = None,
    status: Literal["due", "running", "done"] | None = None,
    limit: Limit = paging.limit_default,
    cursor: Cursor = None,
) -> JSONResponse:
    """List the days that were compared, or will be, with what each has left open."""
    found = await survey(
        caller.till_of(request),
        lambda tx: report.find_runs(tx, gateway=gateway, status=status, limit=limit, cursor=cursor),
    )
    return JSONResponse(found)


@router.get(
    "/reconciliation/discrepancies",
    response_model=None,
    responses={200: {"model": shapes.Page[Discrepancy]}, **shapes.ERRORS},
)
async def find(
    request: Request,
    _: Reader,
    *,
    status: Status | None = None,
    kind: Kind | None = None,
    gateway: Annotated[str | None, Query(max_length=32)] = None,
    day: date | None = None,
    payment: Annotated[str | None, Query(max_length=64)] = None,
    limit: Limit = paging.limit_default,
    cursor: Cursor = None,
) -> JSONResponse:
    """List where a gateway's account and ours differ, the newest first."""
    till = caller.till_of(request)
    wanted = report.Filter(
        status=status,
        kind=kind,
        gateway=gateway,
        day=day,
        payment=ids.parse("payment", payment) if payment else None,
        limit=limit,
        cursor=cursor,
    )
    return JSONResponse(await survey(till, lambda tx: report.find(tx, wanted, till.now())))


@router.get("/reconciliation/ages", response_model=None, responses={200: {"model": Ages}, **shapes.ERRORS})
async def ages(request: Request, _: Reader) -> JSONResponse:
    """Count what is open by gateway, kind and age."""
    till = caller.till_of(request)
    return JSONResponse(await read(till, lambda tx: report.ages(tx, till.now())))


@router.get(
    "/reconciliation/discrepancies/{discrepancy}",
    response_model=None,
    responses={200: {"model": Discrepancy}, **shapes.ERRORS},
)
async def show(request: Request, discrepancy: str, _: Reader) -> JSONResponse:
    """Show a discrepancy, and what on the other side might be the same."""
    till, id_ = caller.till_of(request), ids.parse("discrepancy", discrepancy)
    return JSONResponse(await read(till, lambda tx: report.show(tx, id_, till.now())))


@router.post(
    "/reconciliation/discrepancies/{discrepancy}/resolve",
    response_model=None,
    responses={200: {"model": Discrepancy}, **shapes.ERRORS},
)
async def resolve(request: Request, discrepancy: str, body: Resolution, principal: Bookkeeper) -> JSONResponse:
    """Close a discrepancy in the name of whoever asks; a second time is refused, so nothing is posted twice."""
    till, id_ = caller.till_of(request), ids.parse("discrepancy", discrepancy)
    by = f"key {principal.name}" if principal.key else principal.name
    await clear_up(till, id_, action=body.action, reason=body.reason, by=by)
    return JSONResponse(await read(till, lambda tx: report.show(tx, id_, till.now())))


@router.post(
    "/settlements/import",
    name="import_file",
    response_model=None,
    responses={200: {"model": Imported}, **shapes.ERRORS},
    openapi_extra={"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def take_in(
    request: Request, _: Bookkeeper, *, source: Annotated[str, Query(alias="gateway", max_length=32)]
) -> JSONResponse:
    """Take in the report that a gateway's dashboard offers, or the account of the bank (`gateway=bank`), as CSV.

    A file that is sent again takes up nothing twice. The days that it speaks of are compared anew.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in FILES:
        raise UnsupportedMediaTypeError
    till, file = caller.till_of(request), await request.body()
    if source == "bank":
        return JSONResponse({"object": "import", "gateway": "bank", "new": await import_bank(till, file)})
    taken = await import_file(till, source, file)
    return JSONResponse(
        {
            "object": "import",
            "gateway": source,
            "new": taken.new,
            "changed": taken.changed,
            "known": taken.known,
            "contradicting": taken.contradicting,
            "unread": taken.unread,
            "days": sorted(day.isoformat() for day in taken.days),
        }
    )
