"""Disputes over HTTP."""

from typing import Annotated

from fastapi import Depends, Query, Request
from starlette.responses import JSONResponse

from tillkeeper.access import Principal
from tillkeeper.facts import DisputeStatus
from tillkeeper.flows.read import read
from tillkeeper.kernel import ids
from tillkeeper.reports import dispute as report
from tillkeeper.reports import paging
from tillkeeper.web import api, caller
from tillkeeper.web.api import shapes

router = api.router("disputes")


@router.get("/disputes/{dispute}", response_model=None, responses={200: {"model": shapes.Dispute}, **shapes.ERRORS})
async def show(
    request: Request, dispute: str, _: Annotated[Principal, Depends(caller.with_scope("read"))]
) -> JSONResponse:
    """Show a dispute."""
    id_ = ids.parse("dispute", dispute)
    return JSONResponse(await read(caller.till_of(request), lambda tx: report.show(tx, id_)))


@router.get("/disputes", response_model=None, responses={200: {"model": shapes.Page}, **shapes.ERRORS})
async def find(
    request: Request,
    _: Annotated[Principal, Depends(caller.with_scope("read"))],
    *,
    payment: Annotated[str | None, Query(max_length=64)] = None,
    status: DisputeStatus | None = None,
    limit: Annotated[int, Query(ge=1, le=paging.limit_max)] = paging.limit_default,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> JSONResponse:
    """List disputes, newest first."""
    id_ = ids.parse("payment", payment) if payment else None
    return JSONResponse(
        await read(
            caller.till_of(request),
            lambda tx: report.find(tx, payment=id_, status=status, limit=limit, cursor=cursor),
        )
    )
