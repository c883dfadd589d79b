"""Customers over HTTP."""

from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import Field
from starlette.responses import JSONResponse

from tillkeeper.access import Principal, Right
from tillkeeper.customers import Profile
from tillkeeper.flows.read import read, survey
from tillkeeper.flows.register import register
from tillkeeper.kernel import ids
from tillkeeper.reports import customer as report
from tillkeeper.reports import paging
from tillkeeper.web import api, caller
from tillkeeper.web.api import shapes

router = api.router("customers")
CREATED = 201
OK = 200


class CreateCustomer(api.Body):
    """Name a customer by your own id, by an e-mail address, or by both."""

    email: Annotated[str, Field(min_length=3, max_length=254, examples=["ana@example.com"])] | None = None
    name: Annotated[str, Field(min_length=1, max_length=200, examples=["Ana Lovelace"])] | None = None
    external_id: Annotated[str, Field(min_length=1, max_length=200, examples=["user-42"])] | None = None


@router.post(
    "/customers",
    status_code=CREATED,
    response_model=None,
    responses={
        200: {"model": shapes.Customer, "description": "This customer was known; what was not is filled in."},
        201: {"model": shapes.Customer, "description": "A new customer."},
        **shapes.ERRORS,
    },
)
async def create(
    request: Request, body: CreateCustomer, _: Annotated[Principal, Depends(caller.may(Right.SELL))]
) -> JSONResponse:
    """Find or create a customer: the same `external_id`, or else the same `email`, is the same customer."""
    profile = Profile(external_id=body.external_id, email=body.email, name=body.name)
    shown, new = await register(caller.till_of(request), profile)
    return JSONResponse(shown, status_code=CREATED if new else OK)


@router.get("/customers/{customer}", response_model=None, responses={200: {"model": shapes.Customer}, **shapes.ERRORS})
async def show(
    request: Request, customer: str, _: Annotated[Principal, Depends(caller.may(Right.SEE))]
) -> JSONResponse:
    """Show a customer."""
    id_ = ids.parse("customer", customer)
    return JSONResponse(await read(caller.till_of(request), lambda tx: report.show(tx, id_)))


@router.get(
    "/customers", response_model=None, responses={200: {"model": shapes.Page[shapes.Customer]}, **shapes.ERRORS}
)
async def find(
    request: Request,
    _: Annotated[Principal, Depends(caller.may(Right.SEE))],
    *,
    limit: Annotated[int, Query(ge=1, le=paging.limit_max)] = paging.limit_default,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> JSONResponse:
    """List customers, newest first."""
    return JSONResponse(await survey(caller.till_of(request), lambda tx: report.find(tx, limit=limit, cursor=cursor)))
