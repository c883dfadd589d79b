"""The audit log over HTTP."""

from typing import Annotated

from fastapi import Depends, Query, Request
from starlette.responses import JSONResponse

from tillkeeper.access import Principal
from tillkeeper.audit import Action
from tillkeeper.flows.read import read
from tillkeeper.reports import audit as report
from tillkeeper.reports import paging
from tillkeeper.web import api, caller
from tillkeeper.web.api import access_shapes, shapes
from tillkeeper.web.moments import Moment

router = api.router("audit")
Text = Annotated[str | None, Query(max_length=200)]


@router.get("/admin/audit", response_model=None, responses={200: {"model": access_shapes.AuditPage}, **shapes.ERRORS})
async def find(
    request: Request,
    _: Annotated[Principal, Depends(caller.with_scope("admin"))],
    *,
    actor: Text = None,
    action: Action | None = None,
    subject: Text = None,
    since: Moment | None = None,
    until: Moment | None = None,
    limit: Annotated[int, Query(ge=1, le=paging.limit_max)] = paging.limit_default,
    cursor: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
) -> JSONResponse:
    """List who changed what and why, newest first: keep a `digest` elsewhere to prove that nothing was rewritten."""
    wanted = report.Filter(
        actor=actor, action=action, subject=subject, since=since, until=until, limit=limit, before=cursor
    )
    return JSONResponse(await read(caller.till_of(request), lambda tx: report.find(tx, wanted)))
