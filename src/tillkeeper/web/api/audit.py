"""The audit log over HTTP."""

from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from tillkeeper.access import Principal, Right
from tillkeeper.audit import Action
from tillkeeper.flows.read import survey
from tillkeeper.reports import audit as report
from tillkeeper.reports import paging
from tillkeeper.web import api, caller
from tillkeeper.web.api import shapes
from tillkeeper.web.moments import Instant, Moment

router = api.router("audit")
Text = Annotated[str | None, Query(max_length=200)]


class AuditEntry(BaseModel):
    """A change: who made it, when and why, and what was there before and after.

    `actor` is a key, `cli:` and a user of a machine, `user` for an end user, or `till` itself. `digest` vouches for the
    entry and for all before it.
    """

    id: str = Field(examples=["audit_01h455vb4pex5vsknk084sn02q"])
    object: Literal["audit_entry"]
    number: int
    at: Instant
    actor: str = Field(examples=["key_01h455vb4pex5vsknk084sn02q"])
    actor_name: str
    action: Action
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str | None
    request: str | None
    digest: str


@router.get("/admin/audit", response_model=None, responses={200: {"model": shapes.Page[AuditEntry]}, **shapes.ERRORS})
async def find(
    request: Request,
    _: Annotated[Principal, Depends(caller.may(Right.SEE_AUDIT))],
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
    return JSONResponse(await survey(caller.till_of(request), lambda tx: report.find(tx, wanted)))
