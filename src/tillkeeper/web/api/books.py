"""The webhooks that came and the books, over HTTP."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, Query, Request
from starlette.responses import JSONResponse

from tillkeeper import ledger
from tillkeeper.access import Principal
from tillkeeper.flows.read import read
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.reports import books, inbox, paging
from tillkeeper.web import api, caller
from tillkeeper.web.api import shapes

router = api.router("books")


@router.get("/inbox", response_model=None, responses={200: {"model": shapes.Page}, **shapes.ERRORS})
async def find_messages(
    request: Request,
    _: Annotated[Principal, Depends(caller.with_scope("read"))],
    *,
    status: Literal["received", "processed", "parked", "ignored", "quarantined", "dead"] | None = None,
    payment: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=paging.limit_max)] = paging.limit_default,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> JSONResponse:
    """List webhooks, newest first, with how often each arrived and what became of it."""
    id_ = ids.parse("payment", payment) if payment else None
    till = caller.till_of(request)
    found = await read(till, lambda tx: inbox.find(tx, status=status, payment=id_, limit=limit, cursor=cursor))
    return JSONResponse(found)


@router.get(
    "/ledger/trial_balance",
    response_model=None,
    responses={200: {"description": "Every account, and debits equal to credits."}, **shapes.ERRORS},
)
async def trial_balance(
    request: Request,
    _: Annotated[Principal, Depends(caller.with_scope("read"))],
    *,
    as_of: datetime | None = None,
) -> JSONResponse:
    """Show every account's balance now or as of a moment, and the proof that they balance."""
    if as_of is not None and as_of.tzinfo is None:
        message = "A moment has an offset, such as 2026-11-21T10:00:00Z."
        raise InvalidFieldError(message, param="as_of")
    balance = await read(caller.till_of(request), lambda tx: ledger.trial_balance(tx, as_of=as_of))
    return JSONResponse(books.show(balance))
