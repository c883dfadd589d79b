"""Refunds over HTTP."""

from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import Field
from starlette.responses import JSONResponse

from tillkeeper.access import Principal, Right
from tillkeeper.flows.abandon import abandon
from tillkeeper.flows.read import read, survey
from tillkeeper.flows.refund import RefundWish, refund
from tillkeeper.idempotency import Wish
from tillkeeper.kernel import ids
from tillkeeper.kernel.money import amount_max
from tillkeeper.reports import paging
from tillkeeper.reports import refund as report
from tillkeeper.web import api, caller
from tillkeeper.web.api import shapes

router = api.router("refunds")
Reader = Annotated[Principal, Depends(caller.may_or_user(Right.SEE))]


class CreateRefund(api.Body):
    """Refund a payment: all that is left of it when no amount is named."""

    payment: Annotated[str, Field(max_length=64, examples=["payment_01h455vb4pex5vsknk084sn02q"])]
    amount: Annotated[int, Field(ge=1, le=amount_max)] | None = None
    reason: Annotated[str, Field(min_length=1, max_length=200)] | None = None


@router.post(
    "/refunds",
    status_code=201,
    response_model=None,
    responses={201: {"model": shapes.Refund}, **shapes.ERRORS},
)
async def create(
    request: Request,
    body: CreateRefund,
    principal: Annotated[Principal, Depends(caller.may(Right.REFUND))],
    wish: Annotated[Wish, Depends(caller.wish_of)],
) -> JSONResponse:
    """Give money back, and take the goods back with it."""
    wanted = RefundWish(
        payment=ids.parse("payment", body.payment),
        amount=body.amount,
        reason=body.reason,
        by_admin=principal.may(Right.DECIDE_REFUNDS),
        fresh=principal.fresh,
    )
    return api.replayed(await refund(caller.till_of(request), wish, wanted))


class FailRefund(api.Body):
    """Say why a refund that was given up is ended."""

    reason: Annotated[str, Field(min_length=1, max_length=200)]


@router.post("/refunds/{refund}/fail", response_model=None, responses={200: {"model": shapes.Refund}, **shapes.ERRORS})
async def fail(
    request: Request,
    refund: str,
    body: FailRefund,
    _: Annotated[Principal, Depends(caller.may(Right.RECONCILE))],
) -> JSONResponse:
    """End a refund of which nobody could find out whether it was made, after a look at the gateway's dashboard.

    The gateway is asked once more. If it has the refund, the refund succeeds; if not, it fails, its goods come back,
    and it can be asked for again.
    """
    till = caller.till_of(request)
    return JSONResponse(await abandon(till, ids.parse("refund", refund), body.reason))


@router.get("/refunds/{refund}", response_model=None, responses={200: {"model": shapes.Refund}, **shapes.ERRORS})
async def show(request: Request, refund: str, principal: Reader) -> JSONResponse:
    """Show a refund."""
    id_ = ids.parse("refund", refund)
    return JSONResponse(await read(caller.till_of(request), lambda tx: report.show(tx, id_, user=principal.user)))


@router.get("/refunds", response_model=None, responses={200: {"model": shapes.Page[shapes.Refund]}, **shapes.ERRORS})
async def find(
    request: Request,
    principal: Reader,
    *,
    payment: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=paging.limit_max)] = paging.limit_default,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> JSONResponse:
    """List refunds, newest first; an end user's own."""
    id_, user = ids.parse("payment", payment) if payment else None, principal.user
    found = await survey(
        caller.till_of(request), lambda tx: report.find(tx, payment=id_, user=user, limit=limit, cursor=cursor)
    )
    return JSONResponse(found)
