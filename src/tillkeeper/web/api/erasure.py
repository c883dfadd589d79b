"""Erasing a user over HTTP."""

from typing import Annotated, Literal

from fastapi import Depends, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from tillkeeper.access import Principal, Right
from tillkeeper.flows.erase import erase
from tillkeeper.idempotency import Wish
from tillkeeper.web import api, caller
from tillkeeper.web.api import shapes

router = api.router("users")


class EraseUser(api.Body):
    """Say why somebody is erased, without a word about who it is: that is kept."""

    reason: Annotated[str, Field(min_length=1, max_length=200, examples=["asked for it on 2026-11-21"])]


class Erasure(BaseModel):
    """What is left: the user's new name, how much was emptied, and customers who pay for others as well."""

    object: Literal["erasure"]
    user: str = Field(examples=["erased_01h455vb4pex5vsknk084sn02q"])
    payments: int
    webhooks: int
    customers: list[str]
    customers_kept: list[str]


@router.post(
    "/users/{user}/erase", name="erase", response_model=None, responses={200: {"model": Erasure}, **shapes.ERRORS}
)
async def erase_user(
    request: Request,
    user: caller.User,
    body: EraseUser,
    _: Annotated[Principal, Depends(caller.may(Right.ERASE))],
    wish: Annotated[Wish, Depends(caller.wish_of)],
) -> JSONResponse:
    """Forget who a user is, or a customer by `external_id` or id; books, payments and goods stay, under another name.

    Refused while money may still move. Repeat it under the name of the answer when more has come in.
    """
    return api.replayed(await erase(caller.till_of(request), wish, user, reason=body.reason))
