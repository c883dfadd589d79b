"""What an admin decides over HTTP: what is for sale, and whether new payments are taken."""

from typing import Annotated, Literal

from fastapi import Depends, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from tillkeeper.access import Principal, Right
from tillkeeper.catalog import Package
from tillkeeper.flows import maintain
from tillkeeper.flows.offer import add, change
from tillkeeper.flows.read import read, survey
from tillkeeper.kernel.money import amount_max
from tillkeeper.reports import catalogue as report
from tillkeeper.reports import paging, time
from tillkeeper.routing import Maintenance
from tillkeeper.web import api, caller
from tillkeeper.web.api import shapes
from tillkeeper.web.moments import Instant

router = api.router("admin")
Seller = Annotated[Principal, Depends(caller.may(Right.SET_PRICES))]
Operator = Annotated[Principal, Depends(caller.may(Right.STEER))]
PackageId = Annotated[str, Path(pattern="^[a-z][a-z0-9_]{0,63}$")]
Code = Annotated[str, Field(pattern="^[A-Z]{3}$")]
Prices = Annotated[
    dict[Code, Annotated[int, Field(ge=1, le=amount_max)]], Field(min_length=1, max_length=100, examples=[{"EUR": 199}])
]
Taxes = Annotated[dict[Code, Annotated[int, Field(ge=0, le=10_000)]], Field(max_length=100)]


class ChangePackage(api.Body):
    """A package as it is to be from now on; what was sold before keeps what it was sold with."""

    kind: Annotated[str, Field(min_length=1, max_length=32, examples=["credits"])]
    title: Annotated[str, Field(min_length=1, max_length=200, examples=["120 credits"])]
    quantity: Annotated[int, Field(ge=1, le=1_000_000, examples=[120])]
    prices: Prices
    tax_bps: Taxes = Field(default_factory=dict)
    active: bool = True


class NewPackage(ChangePackage):
    """A package that was never for sale before."""

    id: Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,63}$", examples=["credits_120"])]


class Maintain(api.Body):
    """Keep new payments waiting, or take them again."""

    active: bool
    reason: Annotated[str, Field(min_length=1, max_length=200, examples=["moving to a larger machine"])] | None = None


class PackageRevision(BaseModel):
    """What a package was from a moment on, and who decided so."""

    kind: str
    title: str
    quantity: int
    prices: dict[str, int]
    tax_bps: dict[str, int]
    active: bool
    changed_by: str | None
    changed_at: Instant


class MaintenanceShape(BaseModel):
    """Whether new payments are kept waiting, and why."""

    object: Literal["maintenance"]
    active: bool
    reason: str | None
    changed_by: str | None
    changed_at: Instant | None


@router.post(
    "/packages", status_code=201, response_model=None, responses={201: {"model": shapes.Package}, **shapes.ERRORS}
)
async def add_package(request: Request, body: NewPackage, _: Seller) -> JSONResponse:
    """Put a new package up for sale."""
    till = caller.till_of(request)
    await add(till, Package(**body.model_dump()))
    return JSONResponse(await read(till, lambda tx: report.show(tx, body.id)), status_code=201)


@router.put("/packages/{package}", response_model=None, responses={200: {"model": shapes.Package}, **shapes.ERRORS})
async def change_package(request: Request, package: PackageId, body: ChangePackage, _: Seller) -> JSONResponse:
    """Change a package as a whole; `active: false` takes it off the shelf."""
    till = caller.till_of(request)
    await change(till, Package(id=package, **body.model_dump()))
    return JSONResponse(await read(till, lambda tx: report.show(tx, package)))


@router.get(
    "/packages/{package}/history",
    response_model=None,
    responses={200: {"model": shapes.Page[PackageRevision]}, **shapes.ERRORS},
)
async def package_history(
    request: Request,
    package: PackageId,
    _: Seller,
    *,
    limit: Annotated[int, Query(ge=1, le=paging.limit_max)] = paging.limit_max,
    cursor: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
) -> JSONResponse:
    """List what a package was and cost, who changed it and when, newest first."""
    till = caller.till_of(request)
    return JSONResponse(await survey(till, lambda tx: report.history(tx, package, limit, before=cursor)))


@router.get(
    "/admin/maintenance",
    name="maintenance",
    response_model=None,
    responses={200: {"model": MaintenanceShape}, **shapes.ERRORS},
)
async def show_maintenance(request: Request, _: Operator) -> JSONResponse:
    """Tell whether new payments are kept waiting, and why."""
    till = caller.till_of(request)
    return JSONResponse(_described(await read(till, lambda tx: maintain.state(tx, till))))


@router.put("/admin/maintenance", response_model=None, responses={200: {"model": MaintenanceShape}, **shapes.ERRORS})
async def set_maintenance(request: Request, body: Maintain, _: Operator) -> JSONResponse:
    """Keep new payments waiting, or take them again; webhooks, refunds and everything else go on."""
    till = caller.till_of(request)
    return JSONResponse(_described(await maintain.maintain(till, active=body.active, reason=body.reason)))


def _described(found: Maintenance) -> dict[str, object]:
    return {
        "object": "maintenance",
        "active": found.active,
        "reason": found.reason,
        "changed_by": found.changed_by,
        "changed_at": time(found.at),
    }
