"""Where events are sent, over HTTP."""

from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import Field
from starlette.responses import JSONResponse, Response

from tillkeeper.access import Principal, Right
from tillkeeper.flows import subscribe
from tillkeeper.flows.read import read, survey
from tillkeeper.flows.redeliver import recover as send_missed
from tillkeeper.flows.subscribe import grace_hours, grace_hours_max
from tillkeeper.kernel import ids
from tillkeeper.kernel.egress import url_length_max
from tillkeeper.outbox import TYPES
from tillkeeper.reports import paging
from tillkeeper.reports import webhook_endpoint as report
from tillkeeper.web import api, caller
from tillkeeper.web.api import event_shapes, shapes
from tillkeeper.web.moments import Moment

router = api.router("webhook endpoints")
types_max = len(TYPES) + 1
Developer = Annotated[Principal, Depends(caller.may(Right.KEEP_ENDPOINTS))]
Trusted = Annotated[Principal, Depends(caller.may(Right.REVEAL_SECRETS))]
Url = Annotated[str, Field(min_length=1, max_length=url_length_max, examples=["https://shop.example/webhooks"])]
Types = Annotated[
    tuple[Annotated[str, Field(max_length=64)], ...],
    Field(min_length=1, max_length=types_max, strict=False, examples=[["payment.succeeded", "refund.succeeded"]]),
]
Description = Annotated[str, Field(max_length=200)]
ANSWER = {200: {"model": event_shapes.WebhookEndpoint}, **shapes.ERRORS}
WITH_SECRET = {"model": event_shapes.WebhookEndpointWithSecret}


class CreateEndpoint(api.Body):
    """Say where to send which events: `["*"]` for all of them."""

    url: Url
    types: Types = ("*",)
    description: Description | None = None


class ChangeEndpoint(api.Body):
    """Change an endpoint; what is left out stays."""

    url: Url = ""
    types: Types = ()
    description: Description | None = None
    enabled: bool = True


class Rotate(api.Body):
    """Say for how long the old secret signs as well."""

    grace_hours: Annotated[int, Field(ge=0, le=grace_hours_max)] = grace_hours


class Recover(api.Body):
    """Say since when what was missed is to be sent."""

    since: Moment


@router.post("/webhook_endpoints", status_code=201, response_model=None, responses={201: WITH_SECRET, **shapes.ERRORS})
async def create(request: Request, body: CreateEndpoint, _: Trusted) -> JSONResponse:
    """Add an endpoint, which is told of everything from now on; its `secret` is shown here and never again."""
    till = caller.till_of(request)
    id_, secret = await subscribe.subscribe(till, url=body.url, types=body.types, description=body.description)
    shown = await read(till, lambda tx: report.show(tx, id_))
    return JSONResponse({**shown, "secret": secret}, status_code=201)


@router.get(
    "/webhook_endpoints",
    response_model=None,
    responses={200: {"model": shapes.Page[event_shapes.WebhookEndpoint]}, **shapes.ERRORS},
)
async def find(
    request: Request,
    _: Developer,
    *,
    limit: Annotated[int, Query(ge=1, le=paging.limit_max)] = paging.limit_default,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> JSONResponse:
    """List endpoints, newest first."""
    return JSONResponse(await survey(caller.till_of(request), lambda tx: report.find(tx, limit=limit, cursor=cursor)))


@router.get("/webhook_endpoints/{endpoint}", response_model=None, responses=ANSWER)
async def show(request: Request, endpoint: str, _: Developer) -> JSONResponse:
    """Show an endpoint: how many events wait for it, since when it takes nothing, and why it is off if it is."""
    id_ = ids.parse("endpoint", endpoint)
    return JSONResponse(await read(caller.till_of(request), lambda tx: report.show(tx, id_)))


@router.patch("/webhook_endpoints/{endpoint}", response_model=None, responses=ANSWER)
async def change(request: Request, endpoint: str, body: ChangeEndpoint, principal: Developer) -> JSONResponse:
    """Change an endpoint; one that is switched on again is told of what happens from now on."""
    decided = body.model_dump(exclude_unset=True)
    await subscribe.change(caller.till_of(request), ids.parse("endpoint", endpoint), **decided)
    return await show(request, endpoint, principal)


@router.delete(
    "/webhook_endpoints/{endpoint}",
    status_code=204,
    response_model=None,
    responses={204: {"description": "It is gone."}, **shapes.ERRORS},
)
async def delete(request: Request, endpoint: str, _: Developer) -> Response:
    """Take an endpoint away; what was owed to it is canceled, and its log stays."""
    await subscribe.unsubscribe(caller.till_of(request), ids.parse("endpoint", endpoint))
    return Response(status_code=204)


@router.post("/webhook_endpoints/{endpoint}/rotate", response_model=None, responses={200: WITH_SECRET, **shapes.ERRORS})
async def rotate(request: Request, endpoint: str, body: Rotate, _: Trusted) -> JSONResponse:
    """Make a new secret, shown here and never again; until the grace is over the old one signs as well.

    While it does, another rotation is refused with 409 `invalid_state`, unless `grace_hours` is 0.
    """
    till, id_ = caller.till_of(request), ids.parse("endpoint", endpoint)
    secret = await subscribe.rotate(till, id_, grace=timedelta(hours=body.grace_hours))
    return JSONResponse({**await read(till, lambda tx: report.show(tx, id_)), "secret": secret})


@router.post(
    "/webhook_endpoints/{endpoint}/test",
    response_model=None,
    responses={200: {"model": event_shapes.WebhookTest}, **shapes.ERRORS},
)
async def test(request: Request, endpoint: str, _: Developer) -> JSONResponse:
    """Send an event of the type `endpoint.test` once, now, and show what came of it."""
    event, reply = await subscribe.try_out(caller.till_of(request), ids.parse("endpoint", endpoint))
    return JSONResponse(
        {
            "object": "webhook_test",
            "event": ids.text("event", event),
            "delivered": reply.delivered,
            "status": reply.status,
            "latency_ms": reply.latency_ms,
            "error": reply.error,
            "body": reply.body,
        }
    )


@router.post(
    "/webhook_endpoints/{endpoint}/recover",
    response_model=None,
    responses={200: {"model": event_shapes.WebhookRecovery}, **shapes.ERRORS},
)
async def recover(request: Request, endpoint: str, body: Recover, _: Developer) -> JSONResponse:
    """Send now every event since a moment that the endpoint has not taken; their order is not promised."""
    id_ = ids.parse("endpoint", endpoint)
    count = await send_missed(caller.till_of(request), id_, since=body.since)
    return JSONResponse({"object": "webhook_recovery", "endpoint": endpoint, "events": count})
