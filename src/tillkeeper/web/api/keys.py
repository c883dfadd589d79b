"""Keys over HTTP: made, listed and ended."""

from typing import Annotated, Literal

from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from tillkeeper.access import KeyKind, Principal, Right
from tillkeeper.flows.authorize import issue, revoke
from tillkeeper.flows.read import read, survey
from tillkeeper.kernel import ids
from tillkeeper.reports import key as report
from tillkeeper.reports import paging
from tillkeeper.web import api, caller
from tillkeeper.web.api import shapes
from tillkeeper.web.moments import Instant, Moment

router = api.router("keys")
scopes_max = 3
CREATED = 201
Keeper = Annotated[Principal, Depends(caller.may(Right.KEEP_KEYS))]
Scope = Annotated[str, Field(min_length=1, max_length=16, examples=["write"])]


class Key(BaseModel):
    """A key of this installation; its text is shown once, in the answer that makes it."""

    id: str = Field(examples=["key_01h455vb4pex5vsknk084sn02q"])
    object: Literal["key"]
    name: str
    kind: Literal["secret", "publishable"]
    mode: Literal["sandbox", "test", "live"]
    ends_with: str
    scopes: list[Literal["read", "write", "admin"]]
    created_at: Instant
    last_used_at: Instant | None
    expires_at: Instant | None
    revoked_at: Instant | None


class NewKey(Key):
    """A key with its text: keep it, because it is never shown again."""

    key: str = Field(examples=["till_sk_sandbox_…"])


class CreateKey(api.Body):
    """Make a key: `secret` ones have scopes, `publishable` ones list packages and no more."""

    name: Annotated[str, Field(min_length=1, max_length=100, examples=["game server"])]
    scopes: Annotated[tuple[Scope, ...], Field(max_length=scopes_max, strict=False, examples=[["write"]])] = ()
    kind: Annotated[KeyKind, Field(strict=False)] = KeyKind.SECRET
    expires_at: Annotated[Moment | None, Field(examples=["2027-01-31T00:00:00Z"])] = None


class RevokeKey(api.Body):
    """End a key; there is nothing to say beside that."""


@router.post("/admin/keys", status_code=201, response_model=None, responses={201: {"model": NewKey}, **shapes.ERRORS})
async def create(request: Request, body: CreateKey, _: Keeper) -> JSONResponse:
    """Make a key; its text is in this answer and is never shown again."""
    till = caller.till_of(request)
    made, text = await issue(till, body.name, scopes=body.scopes, kind=body.kind, expires_at=body.expires_at)
    shown = await read(till, lambda tx: report.show(tx, made))
    return JSONResponse(shown | {"key": text}, status_code=CREATED, headers={"Cache-Control": "no-store"})


@router.get("/admin/keys", response_model=None, responses={200: {"model": shapes.Page[Key]}, **shapes.ERRORS})
async def find(
    request: Request,
    _: Keeper,
    *,
    limit: Annotated[int, Query(ge=1, le=paging.limit_max)] = paging.limit_default,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> JSONResponse:
    """List keys without their texts, newest first, also those that are over."""
    return JSONResponse(await survey(caller.till_of(request), lambda tx: report.find(tx, limit=limit, cursor=cursor)))


@router.post(
    "/admin/keys/{key}/revoke", name="revoke", response_model=None, responses={200: {"model": Key}, **shapes.ERRORS}
)
async def revoke_key(request: Request, key: str, _body: RevokeKey, _: Keeper) -> JSONResponse:
    """End a key at once: the next call with it gets 401."""
    till, id_ = caller.till_of(request), ids.parse("key", key)
    await revoke(till, id_)
    return JSONResponse(await read(till, lambda tx: report.show(tx, id_)))
