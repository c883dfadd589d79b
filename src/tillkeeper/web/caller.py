"""Who calls, and under which Idempotency-Key."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Annotated

from fastapi import Depends, Header, Path, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import Request

from tillkeeper.access import HOLDERS, ForbiddenError, Principal, Right, UnauthenticatedError, staff
from tillkeeper.access.staff import SecondFactorRequiredError, Session, SessionOverError
from tillkeeper.audit import END_USER, Actor
from tillkeeper.flows.authorize import authorize
from tillkeeper.flows.limit import admit
from tillkeeper.flows.sign_in import recognise
from tillkeeper.idempotency import Wish
from tillkeeper.kernel.crypto import sha256
from tillkeeper.till import Till
from tillkeeper.web import address, cookie, strict
from tillkeeper.web.errors import IdempotencyKeyMissingError

key_length_max = 255
BEARER = HTTPBearer(
    auto_error=False,
    description="A secret key (`till keys create` makes one), a publishable key, or the token of an end user.",
)
User = Annotated[str, Path(min_length=1, max_length=200)]
KEY = Header(
    alias="Idempotency-Key",
    description="1 to 255 printable characters: new for each new intent, the same to repeat a request.",
)


SETTING_UP = ("/api/v1/session", "/admin/you", "/admin/prove", "/admin/sign-out")
NOBODY = Actor(id="anonymous", name="somebody unknown")


def till_of(request: Request) -> Till:
    """Find the till that this application serves, in the name of whoever calls."""
    till: Till = request.app.state.till
    principal: Principal | None = getattr(request.state, "principal", None)
    if principal is None:
        who = NOBODY
    elif principal.user:
        who = END_USER
    else:
        who = Actor(id=principal.id, name=principal.name)
    return replace(till, by=replace(who, request=request.state.request_id))


def client_of(request: Request) -> str:
    """Tell which address calls."""
    return address.client_of(request.scope, request.app.state.trusted_proxies)


async def principal_of(
    request: Request, bearer: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)]
) -> Principal:
    """Find who calls, whatever they may do; raises UnauthenticatedError, or RateLimitedError where that is too often.

    A key or a token counts before a cookie: a program that sends one means it.
    """
    shown = bearer.credentials if bearer is not None else cookie.token_of(request)
    if shown is None:
        raise UnauthenticatedError
    find = partial(authorize, till_of(request)) if bearer is not None else partial(_signed_in, request)
    return await _known(request, shown, find)


async def member_of(request: Request, form_token: str) -> Principal:
    """Find who is signed in at a page, whose forms carry their token in a field; raises SessionOverError."""
    shown = cookie.token_of(request)
    if shown is None:
        raise SessionOverError
    return await _known(request, shown, partial(_signed_in, request, form_token=form_token))


async def _known(request: Request, shown: str, find: Callable[[str], Awaitable[Principal]]) -> Principal:
    """Find who it is, unless too many were not known from where this comes; and count the call."""
    refusals, now = request.app.state.refusals, till_of(request).now()
    from_where = address.counted_as(client_of(request))
    refusals.check(from_where, shown, now)
    try:
        principal = await find(shown)
    except (UnauthenticatedError, SessionOverError):
        refusals.count(from_where, now)
        raise
    refusals.remember(shown)
    request.state.principal = principal
    await _count(request, principal)
    return principal


async def _signed_in(request: Request, token: str, form_token: str | None = None) -> Principal:
    """Find who is signed in; raises SessionOverError or ForgeryError."""
    till = till_of(request)
    session = await recognise(till, token)
    cookie.check_meant(request, session, form_token)
    request.state.session = session
    if session.role in till.settings.roles_with_second_factor and not session.second_factor:
        _check_setting_up(request)
    fresh = staff.is_fresh(session.proved_at, till.now())
    return Principal(name=session.email, member=session.member, role=session.role, fresh=fresh)


def _check_setting_up(request: Request) -> None:
    """Let somebody who has yet to set up a second factor do that and nothing else."""
    if not request.url.path.startswith(SETTING_UP):
        raise SecondFactorRequiredError


async def _count(request: Request, principal: Principal) -> None:
    """Count a call; raises RateLimitedError. Everybody has the same publishable key, so there addresses are counted."""
    state, settings = request.app.state, till_of(request).settings
    who, limit = principal.id, settings.key_requests_per_minute_max
    if not principal.scopes:
        limit = settings.user_requests_per_minute_max
        if principal.key:
            who = f"{who} {address.counted_as(client_of(request))}"
    request.state.standing = await admit(state.till, state.meter, who, limit=limit, name=principal.spoken_of)


Anybody = Annotated[Principal, Depends(principal_of)]
"""Whoever is known here: looked up once in a request, however many ask."""


async def session_of(request: Request, principal: Anybody) -> Session:
    """Find the session of somebody who is signed in; raises ForbiddenError for whoever comes with a key or token."""
    if principal.member is None:
        message = "This is for people who are signed in; a key or token is no session."
        raise ForbiddenError(message)
    session: Session = request.state.session
    return session


def may(right: Right) -> Callable[..., Awaitable[Principal]]:
    """Make a dependency that lets only secret keys and people of ours pass who have a right."""

    async def check(request: Request, principal: Anybody) -> Principal:
        _check(request, principal, right)
        return principal

    return check


def may_or_user(right: Right) -> Callable[..., Awaitable[Principal]]:
    """Make a dependency that also lets end users pass; whoever uses it shows and changes only what is theirs."""

    async def check(request: Request, principal: Anybody) -> Principal:
        if principal.user is None:
            _check(request, principal, right)
        return principal

    return check


def about_user(right: Right) -> Callable[..., Awaitable[Principal]]:
    """Make a dependency that lets whoever has a right pass, and the user whom the address names."""

    async def check(request: Request, principal: Anybody, user: User) -> Principal:
        if principal.user is None:
            _check(request, principal, right)
        principal.speak_for(user)
        return principal

    return check


def _check(request: Request, principal: Principal, right: Right) -> None:
    """Let only those pass who have a right, and prove it again where the right asks for that."""
    principal.require(right)
    if HOLDERS[right].fresh and request.method not in cookie.SAFE_METHODS:
        principal.require_fresh()


async def wish_of(request: Request, principal: Anybody, idempotency_key: Annotated[str, KEY]) -> Wish:
    """Read the Idempotency-Key of a request; raises IdempotencyKeyMissingError.

    All secret keys of a mode share one scope, so that a key rotated in mid-retry does not charge twice. Every end user
    has a scope of their own, and so has each of our people.
    """
    key = idempotency_key
    if not 1 <= len(key) <= key_length_max or not key.isascii() or not key.isprintable():
        raise IdempotencyKeyMissingError
    strict.check_text(key)
    body = strict.parse(await request.body())
    asked = json.dumps([request.method, request.url.path, body], sort_keys=True, separators=(",", ":"))
    return Wish(scope=_scope_of(request, principal), key=key, request_sha=sha256(asked.encode()))


def _scope_of(request: Request, principal: Principal) -> str:
    """Tell among whose keys an Idempotency-Key is looked for."""
    mode = till_of(request).settings.mode
    if principal.user is not None:
        return f"user:{mode}:{principal.user}"
    return f"secret:{mode}" if principal.key else f"member:{mode}:{principal.id}"
