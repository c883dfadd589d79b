"""Events and their deliveries over HTTP."""

from typing import Annotated, Literal

from fastapi import Depends, Query, Request
from starlette.responses import JSONResponse

from tillkeeper.access import Principal, Right
from tillkeeper.flows.read import read, survey
from tillkeeper.flows.redeliver import resend as send_again
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.outbox import TYPES
from tillkeeper.outbox.deliveries import Status
from tillkeeper.reports import event as events
from tillkeeper.reports import paging
from tillkeeper.reports import webhook_delivery as deliveries
from tillkeeper.web import api, caller
from tillkeeper.web.api import event_shapes, shapes
from tillkeeper.web.moments import Moment

router = api.router("events")
Reader = Annotated[Principal, Depends(caller.may(Right.SEE))]
Developer = Annotated[Principal, Depends(caller.may(Right.KEEP_ENDPOINTS))]
Limit = Annotated[int, Query(ge=1, le=paging.limit_max)]
Cursor = Annotated[str | None, Query(max_length=200)]
Id = Annotated[str | None, Query(max_length=64)]


@router.get(
    "/events",
    name="find",
    response_model=None,
    responses={200: {"model": shapes.Page[event_shapes.Event]}, **shapes.ERRORS},
)
async def find_events(
    request: Request,
    _: Reader,
    *,
    of_type: Annotated[str | None, Query(alias="type", max_length=64, examples=["payment.succeeded"])] = None,
    payment: Id = None,
    since: Annotated[Moment | None, Query(description="What happened from then on; as 2026-11-21T10:00:00Z.")] = None,
    order: Annotated[Literal["asc", "desc"], Query(description="`asc` begins with the oldest.")] = "desc",
    limit: Limit = paging.limit_default,
    cursor: Cursor = None,
) -> JSONResponse:
    """List events in their one order, newest first unless told otherwise."""
    if of_type is not None and of_type not in TYPES:
        message = f"There is no type of event “{of_type}”; there are {', '.join(TYPES)}."
        raise InvalidFieldError(message, param="type")
    wanted = events.Filter(
        type=of_type,
        payment=ids.parse("payment", payment) if payment else None,
        since=since,
        order=order,
        limit=limit,
        cursor=cursor,
    )
    return JSONResponse(await survey(caller.till_of(request), lambda tx: events.find(tx, wanted)))


@router.get(
    "/events/{event}", name="show", response_model=None, responses={200: {"model": event_shapes.Event}, **shapes.ERRORS}
)
async def show_event(request: Request, event: str, _: Reader) -> JSONResponse:
    """Show an event; `type`, `timestamp` and `data` are what an endpoint is sent."""
    id_ = ids.parse("event", event)
    return JSONResponse(await read(caller.till_of(request), lambda tx: events.show(tx, id_)))


@router.get(
    "/deliveries",
    name="deliveries",
    response_model=None,
    responses={200: {"model": shapes.Page[event_shapes.DeliverySummary]}, **shapes.ERRORS},
)
async def find_deliveries(
    request: Request,
    _: Reader,
    *,
    endpoint: Id = None,
    event: Id = None,
    status: Status | None = None,
    limit: Limit = paging.limit_default,
    cursor: Cursor = None,
) -> JSONResponse:
    """List deliveries of events to endpoints, newest first."""
    wanted = deliveries.Filter(
        endpoint=ids.parse("endpoint", endpoint) if endpoint else None,
        event=ids.parse("event", event) if event else None,
        status=status,
        limit=limit,
        cursor=cursor,
    )
    return JSONResponse(await survey(caller.till_of(request), lambda tx: deliveries.find(tx, wanted)))


@router.get(
    "/deliveries/{delivery}",
    name="delivery",
    response_model=None,
    responses={200: {"model": event_shapes.Delivery}, **shapes.ERRORS},
)
async def show_delivery(request: Request, delivery: str, _: Reader) -> JSONResponse:
    """Show a delivery with every try: its status, how long it took, and the beginning of the answer."""
    id_ = ids.parse("delivery", delivery)
    return JSONResponse(await read(caller.till_of(request), lambda tx: deliveries.show(tx, id_)))


@router.post(
    "/deliveries/{delivery}/resend",
    response_model=None,
    responses={200: {"model": event_shapes.Delivery}, **shapes.ERRORS},
)
async def resend(request: Request, delivery: str, principal: Developer) -> JSONResponse:
    """Send an event to an endpoint again, under the same id, with the whole schedule of retries before it."""
    await send_again(caller.till_of(request), ids.parse("delivery", delivery))
    return await show_delivery(request, delivery, principal)
