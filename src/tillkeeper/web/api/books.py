"""The webhooks that came, over HTTP."""

from typing import Annotated, Literal

from fastapi import Depends, Query, Request
from pydantic import Field
from starlette.responses import JSONResponse

from tillkeeper.access import Principal, Right
from tillkeeper.flows.read import read, survey
from tillkeeper.flows.replay import ignore, replay, replay_all
from tillkeeper.inbox import Selection
from tillkeeper.kernel import ids
from tillkeeper.reports import inbox, paging
from tillkeeper.web import api, caller
from tillkeeper.web.api import book_shapes, shapes
from tillkeeper.web.moments import Moment

router = api.router("inbox")
Settled = Literal["processed", "parked", "ignored", "quarantined", "dead"]


class ReplaySelection(api.Body):
    """Choose webhooks by what became of them, where they came from and when."""

    statuses: Annotated[tuple[Settled, ...], Field(min_length=1, strict=False)] = ("dead",)
    gateway: Annotated[str, Field(min_length=1, max_length=32)] | None = None
    type: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    since: Moment | None = None
    until: Moment | None = None


class Ignore(api.Body):
    """Say why a webhook is set aside."""

    reason: Annotated[str, Field(min_length=1, max_length=200)]


@router.get(
    "/inbox",
    name="find",
    response_model=None,
    responses={200: {"model": shapes.Page[book_shapes.InboxMessage]}, **shapes.ERRORS},
)
async def find_messages(
    request: Request,
    _: Annotated[Principal, Depends(caller.may(Right.SEE))],
    *,
    status: Literal["received", "processed", "parked", "ignored", "quarantined", "dead"] | None = None,
    payment: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=paging.limit_max)] = paging.limit_default,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> JSONResponse:
    """List webhooks, newest first, with how often each arrived and what became of it."""
    id_ = ids.parse("payment", payment) if payment else None
    till = caller.till_of(request)
    wanted = inbox.Filter(status=status, payment=id_, limit=limit, cursor=cursor)
    return JSONResponse(await survey(till, lambda tx: inbox.find(tx, wanted)))


@router.get(
    "/inbox/{message}",
    name="show",
    response_model=None,
    responses={200: {"model": book_shapes.InboxMessage}, **shapes.ERRORS},
)
async def show_message(
    request: Request, message: str, _: Annotated[Principal, Depends(caller.may(Right.SEE))]
) -> JSONResponse:
    """Show a webhook that came, and what became of it."""
    id_ = ids.parse("message", message)
    return JSONResponse(await read(caller.till_of(request), lambda tx: inbox.show(tx, id_)))


@router.post(
    "/inbox/replay",
    name="replay_many",
    response_model=None,
    responses={200: {"model": book_shapes.Replayed}, **shapes.ERRORS},
)
async def replay_selection(
    request: Request, body: ReplaySelection, _: Annotated[Principal, Depends(caller.may(Right.REPLAY))]
) -> JSONResponse:
    """Work again on every webhook that fits; effects that they had already are not repeated."""
    selection = Selection(
        statuses=body.statuses, gateway=body.gateway, type=body.type, since=body.since, until=body.until
    )
    return JSONResponse({"replayed": await replay_all(caller.till_of(request), selection)})


@router.post(
    "/inbox/{message}/replay",
    name="replay",
    response_model=None,
    responses={200: {"model": book_shapes.InboxVerdict}, **shapes.ERRORS},
)
async def replay_message(
    request: Request, message: str, _: Annotated[Principal, Depends(caller.may(Right.REPLAY))]
) -> JSONResponse:
    """Work on one webhook again; an effect that it had already is not repeated."""
    await replay(caller.till_of(request), ids.parse("message", message))
    return JSONResponse({"id": message, "status": "received"})


@router.post(
    "/inbox/{message}/ignore",
    name="ignore",
    response_model=None,
    responses={200: {"model": book_shapes.InboxVerdict}, **shapes.ERRORS},
)
async def ignore_message(
    request: Request, message: str, body: Ignore, _: Annotated[Principal, Depends(caller.may(Right.REPLAY))]
) -> JSONResponse:
    """Set one webhook aside for good, saying why."""
    await ignore(caller.till_of(request), ids.parse("message", message), reason=body.reason)
    return JSONResponse({"id": message, "status": "ignored"})
