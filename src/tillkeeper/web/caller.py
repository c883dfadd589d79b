"""Who calls, and under which Idempotency-Key."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Header, Path, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import Request

from tillkeeper.access import Principal, UnauthenticatedError
from tillkeeper.audit import Actor
from tillkeeper.flows.authorize import authorize
from tillkeeper.flows.limit import admit
from tillkeeper.idempotency import Wish
from tillkeeper.kernel.crypto import sha256
from tillkeeper.till import Till
from tillkeeper.web import address, strict
from tillkeeper.web.errors import IdempotencyKeyMissingError

key_length_max = 255
BEARER = HTTPBearer(
    auto_error=False,
    description="A secret key (`till keys create` makes one), a publishable key, or the token of an end user.",
)
User = Annotated[str, Path(min_length=1, max_length=200)]
KEY = Header(description="1 to 255 printable characters: new for each new intent, the same to repeat a request.")


def till_of(request: Request) -> Till:
    """Find the till that this application serves, in the name of whoever calls."""
    till: Till = request.app.state.till
    principal: Principal | None = getattr(request.state, "principal", None)
    if principal is None:
        return till
    who = Actor(id="user", name="an end user") if principal.user else Actor(id=principal.id, name=principal.name)
    return replace(till, by=replace(who, request=request.state.request_id))


async def principal_of(
    request: Request, bearer: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)]
) -> Principal:
    """Find who calls, whatever they may do; raises UnauthenticatedError."""
    if bearer is None:
        raise UnauthenticatedError
    principal = await authorize(till_of(request), bearer.credentials)
    request.state.principal = principal
    await _count(request, principal)
    return principal


async def _count(request: Request, principal: Principal) -> None:
    """Count a call; raises RateLimitedError. Everybody has the same publishable key, so there addresses are counted."""
    state, settings = request.app.state, till_of(request).settings
    who, limit = principal.id, settings.key_requests_per_minute_max
    if not principal.scopes:
        limit = settings.user_requests_per_minute_max
        if principal.user is None:
            client = address.client_of(request.scope, state.trusted_proxies)
            who = f"{who} {address.counted_as(client)}"
    request.state.standing = await admit(state.till, state.meter, who, limit=limit, name=principal.spoken_of)


Anybody = Annotated[Principal, Depends(principal_of)]
"""Whoever is known here: looked up once in a request, however many ask."""


def with_scope(scope: str) -> Callable[..., Awaitable[Principal]]:
    """Make a dependency that lets only secret keys with a scope pass."""

    async def check(principal: Anybody) -> Principal:
        principal.require(scope)
        return principal

    return check


def with_scope_or_user(scope: str) -> Callable[..., Awaitable[Principal]]:
    """Make a dependency that also lets end users pass; whoever uses it shows and changes only what is theirs."""

    async def check(principal: Anybody) -> Principal:
        if principal.user is None:
            principal.require(scope)
        return principal

    return check


def about_user(scope: str) -> Callable[..., Awaitable[Principal]]:
    """Make a dependency that lets keys with a scope pass, and the user whom the address names."""

    async def check(principal: Anybody, user: User) -> Principal:
        if principal.user is None:
            principal.require(scope)
        principal.speak_for(user)
        return principal

    return check


async def wish_of(request: Request, principal: Anybody, idempotency_key: Annotated[str, KEY]) -> Wish:
    """Read the Idempotency-Key of a request; raises IdempotencyKeyMissingError.

    All secret keys of a mode share one scope, so that a key rotated in mid-retry does not charge twice. Every end user
    has a scope of their own.
    """
    key = idempotency_key
    if not 1 <= len(key) <= key_length_max or not key.isascii() or not key.isprintable():
        raise IdempotencyKeyMissingError
    strict.check_text(key)
    body = strict.parse(await request.body())
    asked = json.dumps([request.method, request.url.path, body], sort_keys=True, separators=(",", ":"))
    mode = till_of(request).settings.mode
    scope = f"secret:{mode}" if principal.user is None else f"user:{mode}:{principal.user}"
    return Wish(scope=scope, key=key, request_sha=sha256(asked.encode()))
