"""The gateways over HTTP: how they do, and how they are used."""

from typing import Annotated

from fastapi import Depends, Request
from pydantic import Field
from starlette.responses import JSONResponse

from tillkeeper.access import Principal, Right
from tillkeeper.flows.read import read
from tillkeeper.flows.steer import steer
from tillkeeper.reports import gateways as report
from tillkeeper.routing import Switch
from tillkeeper.web import api, caller
from tillkeeper.web.api import shapes

router = api.router("gateways")
priority_max = 1000
Watcher = Annotated[Principal, Depends(caller.may(Right.SEE_GATEWAYS))]
Operator = Annotated[Principal, Depends(caller.may(Right.STEER))]


class Config(api.Body):
    """Decide about a gateway; what is left out stays, and null takes a fee back to the gateway's own tariff."""

    priority: Annotated[int, Field(ge=0, le=priority_max)] = 0
    fee_percentage_bps: Annotated[int, Field(ge=0, le=10_000, examples=[290])] | None = None
    fee_fixed: Annotated[int, Field(ge=0, le=1_000_000, examples=[30])] | None = None


@router.get("/admin/gateways/status", response_model=None, responses={200: {"model": shapes.Gateways}, **shapes.ERRORS})
async def status(request: Request, _: Watcher) -> JSONResponse:
    """Show how every configured gateway is used and how it does."""
    till = caller.till_of(request)
    return JSONResponse(await read(till, lambda tx: report.show(tx, till.gateways)))


@router.put(
    "/admin/gateways/{gateway}/config",
    response_model=None,
    responses={200: {"model": shapes.Gateways}, **shapes.ERRORS},
)
async def configure(request: Request, gateway: str, body: Config, _: Operator) -> JSONResponse:
    """Change a gateway's place in the order, or the fee to expect of it."""
    await steer(caller.till_of(request), gateway, **body.model_dump(exclude_unset=True))
    return await status(request, _)


@router.post(
    "/admin/gateways/{gateway}/enable",
    response_model=None,
    responses={200: {"model": shapes.Gateways}, **shapes.ERRORS},
)
async def enable(request: Request, gateway: str, _: Operator) -> JSONResponse:
    """Let new payments go through a gateway."""
    await steer(caller.till_of(request), gateway, switch=Switch.ON)
    return await status(request, _)


@router.post(
    "/admin/gateways/{gateway}/drain", response_model=None, responses={200: {"model": shapes.Gateways}, **shapes.ERRORS}
)
async def drain(request: Request, gateway: str, _: Operator) -> JSONResponse:
    """Send no new payments to a gateway, and finish those it has."""
    await steer(caller.till_of(request), gateway, switch=Switch.DRAINING)
    return await status(request, _)


@router.post(
    "/admin/gateways/{gateway}/disable",
    response_model=None,
    responses={200: {"model": shapes.Gateways}, **shapes.ERRORS},
)
async def disable(request: Request, gateway: str, _: Operator) -> JSONResponse:
    """Tell a gateway nothing at all until it is enabled again; what it tells us is heard all the same."""
    await steer(caller.till_of(request), gateway, switch=Switch.OFF)
    return await status(request, _)
