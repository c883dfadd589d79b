"""Credits by hand over HTTP: given, taken away, and debt that is forgiven."""

from typing import Annotated, Literal

from fastapi import Depends, Path, Request
from pydantic import Field
from starlette.responses import JSONResponse

from tillkeeper.access import Principal, Right
from tillkeeper.flows.grant import Gift, grant, grant_max
from tillkeeper.flows.take import Taking, take
from tillkeeper.flows.write_off import Forgiving, write_off
from tillkeeper.idempotency import Wish
from tillkeeper.web import api, caller
from tillkeeper.web.api import shapes
from tillkeeper.web.moments import Moment

router = api.router("goods")
User = Annotated[str, Path(min_length=1, max_length=200)]
Granter = Annotated[Principal, Depends(caller.may(Right.ADJUST_CREDITS))]
Credits = Annotated[int, Field(ge=1, le=grant_max)]
Reason = Annotated[str, Field(min_length=1, max_length=200, examples=["an apology for the outage"])]


class Grant(api.Body):
    """Give credits that nobody paid for; a bonus may expire."""

    amount: Credits
    reason: Reason
    kind: Literal["bonus", "adjustment"] = "bonus"
    expires_at: Annotated[Moment | None, Field(examples=["2027-01-31T00:00:00Z"])] = None


class Take(api.Body):
    """Take credits away."""

    amount: Credits
    reason: Reason


class WriteOff(api.Body):
    """Forgive debt, all of it when no amount is named."""

    reason: Reason
    amount: Credits | None = None


@router.post(
    "/users/{user}/wallet/grant",
    name="grant",
    response_model=None,
    responses={200: {"model": shapes.Adjustment}, **shapes.ERRORS},
)
async def grant_credits(
    request: Request, user: User, body: Grant, admin: Granter, wish: Annotated[Wish, Depends(caller.wish_of)]
) -> JSONResponse:
    """Give a user credits that nobody paid for; what the user owes is repaid first."""
    gift = Gift(
        user=user,
        amount=body.amount,
        reason=body.reason,
        made_by=admin.id,
        kind=body.kind,
        expires_at=body.expires_at,
    )
    return api.replayed(await grant(caller.till_of(request), wish, gift))


@router.post(
    "/users/{user}/wallet/take",
    name="take",
    response_model=None,
    responses={200: {"model": shapes.Adjustment}, **shapes.ERRORS},
)
async def take_credits(
    request: Request, user: User, body: Take, admin: Granter, wish: Annotated[Wish, Depends(caller.wish_of)]
) -> JSONResponse:
    """Take credits away from a user, those that nobody paid for first; never more than there are."""
    wanted = Taking(user=user, amount=body.amount, reason=body.reason, made_by=admin.id)
    return api.replayed(await take(caller.till_of(request), wish, wanted))


@router.post(
    "/users/{user}/wallet/write_off",
    name="write_off",
    response_model=None,
    responses={200: {"model": shapes.Adjustment}, **shapes.ERRORS},
)
async def write_off_debt(
    request: Request, user: User, body: WriteOff, admin: Granter, wish: Annotated[Wish, Depends(caller.wish_of)]
) -> JSONResponse:
    """Forgive what a user owes."""
    wanted = Forgiving(user=user, reason=body.reason, made_by=admin.id, amount=body.amount)
    return api.replayed(await write_off(caller.till_of(request), wish, wanted))
