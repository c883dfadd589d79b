"""Disputes over HTTP."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Request
from pydantic import Field
from starlette.responses import JSONResponse

from tillkeeper.access import Principal, Right
from tillkeeper.facts import DisputeStatus
from tillkeeper.flows.read import read, survey
from tillkeeper.flows.respond import Answering, draft, respond
from tillkeeper.idempotency import Wish
from tillkeeper.kernel import ids
from tillkeeper.reports import dispute as report
from tillkeeper.reports import paging
from tillkeeper.responses import Words
from tillkeeper.web import api, caller
from tillkeeper.web.api import shapes

router = api.router("disputes")
Reader = Annotated[Principal, Depends(caller.may(Right.SEE))]
Advocate = Annotated[Principal, Depends(caller.may(Right.ANSWER_DISPUTES))]
Yielder = Annotated[Principal, Depends(caller.may(Right.ACCEPT_DISPUTES))]
Once = Annotated[Wish, Depends(caller.wish_of)]
Text = Annotated[str, Field(min_length=1, max_length=5000)]
Short = Annotated[str, Field(min_length=1, max_length=254)]
ANSWERED: dict[int | str, dict[str, Any]] = {
    200: {"model": shapes.Dispute},
    202: {"model": shapes.Dispute, "description": "The gateway did not answer; we keep asking it."},
    **shapes.ERRORS,
}


class SubmitEvidence(api.Body):
    """Speak for yourself; what is left out is written from our own records.

    `GET …/evidence` shows what that is. `statement` stands beside it, the others instead of it.
    """

    statement: Text | None = None
    product: Text | None = None
    refund_policy: Text | None = None
    refunds: Text | None = None
    customer_name: Short | None = None
    customer_email: Short | None = None
    customer_ip: Annotated[str, Field(min_length=2, max_length=45, examples=["192.0.2.7"])] | None = None


class AcceptDispute(api.Body):
    """Give a dispute up; there is nothing to say beside that."""


@router.get(
    "/disputes/{dispute}/evidence",
    name="evidence",
    response_model=None,
    responses={200: {"model": shapes.Evidence}, **shapes.ERRORS},
)
async def show_evidence(request: Request, dispute: str, _: Reader) -> JSONResponse:
    """Show what our own records have to say to a dispute; nothing is sent."""
    evidence = await draft(caller.till_of(request), ids.parse("dispute", dispute))
    return JSONResponse({"object": "dispute_evidence", "dispute": dispute, **asdict(evidence)})


@router.post("/disputes/{dispute}/evidence", response_model=None, responses=ANSWERED)
async def submit_evidence(
    request: Request, dispute: str, body: SubmitEvidence, principal: Advocate, wish: Once
) -> JSONResponse:
    """Hand in what speaks for you: our records of the delivery, and your own words. Most gateways take it once."""
    return await _respond(request, dispute, principal, wish, Words(**body.model_dump()))


@router.post("/disputes/{dispute}/accept", response_model=None, responses=ANSWERED)
async def accept(request: Request, dispute: str, body: AcceptDispute, principal: Yielder, wish: Once) -> JSONResponse:
    """Give a dispute up: the customer keeps the money."""
    del body
    return await _respond(request, dispute, principal, wish, None)


@router.get("/disputes/{dispute}", response_model=None, responses={200: {"model": shapes.Dispute}, **shapes.ERRORS})
async def show(request: Request, dispute: str, _: Reader) -> JSONResponse:
    """Show a dispute."""
    id_ = ids.parse("dispute", dispute)
    return JSONResponse(await read(caller.till_of(request), lambda tx: report.show(tx, id_)))


@router.get("/disputes", response_model=None, responses={200: {"model": shapes.Page[shapes.Dispute]}, **shapes.ERRORS})
async def find(
    request: Request,
    _: Reader,
    *,
    payment: Annotated[str | None, Query(max_length=64)] = None,
    status: DisputeStatus | None = None,
    due: Literal["overdue", "soon", "waiting"] | None = None,
    sort: Literal["opened", "due"] = "opened",
    limit: Annotated[int, Query(ge=1, le=paging.limit_max)] = paging.limit_default,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> JSONResponse:
    """List disputes, newest first, or with `sort=due` by the day on which they must be answered, earliest first."""
    id_ = ids.parse("payment", payment) if payment else None
    return JSONResponse(
        await survey(
            caller.till_of(request),
            lambda tx: report.find(
                tx, payment=id_, status=status, due=due, by_due_date=sort == "due", limit=limit, cursor=cursor
            ),
        )
    )


async def _respond(
    request: Request, dispute: str, principal: Principal, wish: Wish, words: Words | None
) -> JSONResponse:
    answering = Answering(
        dispute=ids.parse("dispute", dispute),
        by_id=principal.id,
        by_name=principal.name,
        by_admin=principal.may(Right.DECIDE_REFUNDS),
        words=words,
    )
    return api.replayed(await respond(caller.till_of(request), wish, answering))
