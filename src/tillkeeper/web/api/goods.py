"""Packages and wallets over HTTP."""

from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import Field
from starlette.responses import JSONResponse

from tillkeeper.access import Principal, Right
from tillkeeper.flows.read import read, survey
from tillkeeper.flows.spend import spend, spend_max
from tillkeeper.flows.use import use
from tillkeeper.idempotency import Wish
from tillkeeper.kernel import ids
from tillkeeper.reports import cards, catalogue, paging, wallet
from tillkeeper.web import api, caller
from tillkeeper.web.api import shapes

router = api.router("goods")
Reader = Annotated[Principal, Depends(caller.about_user(Right.SEE))]
Writer = Annotated[Principal, Depends(caller.about_user(Right.SELL))]


class Spend(api.Body):
    """Spend credits."""

    amount: Annotated[int, Field(ge=1, le=spend_max)]
    reason: Annotated[str, Field(min_length=1, max_length=200)]


class Use(api.Body):
    """Use a card; there is nothing to say beside that."""


@router.get("/packages", response_model=None, responses={200: {"model": shapes.Page[shapes.Package]}, **shapes.ERRORS})
async def packages(request: Request, _: caller.Anybody) -> JSONResponse:
    """List what is for sale."""
    return JSONResponse(await survey(caller.till_of(request), catalogue.find))


@router.get(
    "/users/{user}/wallet",
    name="wallet",
    response_model=None,
    responses={200: {"model": shapes.Wallet}, **shapes.ERRORS},
)
async def show(request: Request, user: caller.User, _: Reader) -> JSONResponse:
    """Show a user's credits; a user who never bought has none."""
    return JSONResponse(await read(caller.till_of(request), lambda tx: wallet.show(tx, user)))


@router.get(
    "/users/{user}/wallet/entries",
    name="wallet_entries",
    response_model=None,
    responses={200: {"model": shapes.Page[shapes.WalletEntry]}, **shapes.ERRORS},
)
async def entries(
    request: Request,
    user: caller.User,
    _: Reader,
    *,
    limit: Annotated[int, Query(ge=1, le=paging.limit_max)] = paging.limit_default,
    cursor: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
) -> JSONResponse:
    """List every movement of a wallet with the balance before and after, newest first."""
    till = caller.till_of(request)
    return JSONResponse(await survey(till, lambda tx: wallet.entries(tx, user, limit=limit, before=cursor)))


@router.get(
    "/users/{user}/cards",
    name="cards",
    response_model=None,
    responses={200: {"model": shapes.Page[shapes.Card]}, **shapes.ERRORS},
)
async def find_cards(
    request: Request,
    user: caller.User,
    _: Reader,
    *,
    limit: Annotated[int, Query(ge=1, le=paging.limit_max)] = paging.limit_default,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> JSONResponse:
    """List a user's cards, newest first, each with its serial."""
    till = caller.till_of(request)
    return JSONResponse(await survey(till, lambda tx: cards.find(tx, user, limit=limit, cursor=cursor)))


@router.post(
    "/users/{user}/cards/{card}/use",
    response_model=None,
    responses={200: {"model": shapes.Card}, **shapes.ERRORS},
)
async def use_card(
    request: Request,
    user: caller.User,
    card: str,
    _body: Use,
    _: Writer,
    wish: Annotated[Wish, Depends(caller.wish_of)],
) -> JSONResponse:
    """Mark a card as used, once; one that is suspended or revoked cannot be."""
    till = caller.till_of(request)
    return api.replayed(await use(till, wish, user=user, card=ids.parse("card", card)))


@router.post(
    "/users/{user}/wallet/spend",
    name="spend",
    response_model=None,
    responses={200: {"model": shapes.Spending}, **shapes.ERRORS},
)
async def spend_credits(
    request: Request,
    user: caller.User,
    body: Spend,
    _: Writer,
    wish: Annotated[Wish, Depends(caller.wish_of)],
) -> JSONResponse:
    """Spend a user's credits; never more than there are."""
    till = caller.till_of(request)
    return api.replayed(await spend(till, wish, user=user, amount=body.amount, reason=body.reason))
