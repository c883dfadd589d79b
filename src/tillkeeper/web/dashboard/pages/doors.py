"""The way in and out: signing in, proving it again, and what everybody sets for themselves."""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from tillkeeper.access import Right, staff
from tillkeeper.access.staff import SecondFactorNeededError
from tillkeeper.flows.change_password import change_password
from tillkeeper.flows.employ import offer_second_factor, use_second_factor
from tillkeeper.flows.sign_in import Proof, sign_in, sign_out, step_up
from tillkeeper.kernel.errors import TillError
from tillkeeper.reports import time
from tillkeeper.web import address, caller, cookie
from tillkeeper.web.dashboard import desk, forms, paper
from tillkeeper.web.dashboard.desk import Desk, Entrance
from tillkeeper.web.dashboard.rail import HOME

look_age_seconds = 365 * 24 * 3600


def routes(entrance: Entrance) -> list[BaseRoute]:
    """List the addresses."""
    return [
        Route(desk.SIGN_IN, show_sign_in, methods=["GET"]),
        Route(desk.SIGN_IN, take_sign_in, methods=["POST"]),
        *entrance.deed("/sign-out", _home, leave, Right.SEE, keyed=False),
        *entrance.deed("/prove", ask_proof, take_proof, Right.SEE, keyed=False),
        *entrance.deed("/look", _home, set_look, Right.SEE, keyed=False),
        entrance.page("/you", show_you),
        *entrance.deed("/you/password", show_you, set_password, Right.SEE),
        *entrance.deed("/you/factor", show_you, set_factor, Right.SEE),
    ]


async def show_sign_in(request: Request) -> Response:
    """Ask who it is."""
    return _ask_who(request, {"next": request.query_params.get("next", "")})


async def take_sign_in(request: Request) -> Response:
    """Let somebody in, or say that it did not work."""
    fields: Mapping[str, str] = {}
    try:
        fields = await forms.of_stranger(request)
        cookie.check_origin(request)
        proof = Proof(
            password=fields.get("password", ""),
            address=address.counted_as(caller.client_of(request)),
            code=fields.get("code", "").strip() or None,
        )
        till = caller.till_of(request)
        token = await sign_in(till, request.app.state.meter, fields.get("email", "").strip(), proof)
    except TillError as error:
        return _ask_who(request, fields, error)
    answer = RedirectResponse(desk.safe_next(fields.get("next")), HTTPStatus.SEE_OTHER)
    cookie.keep(answer, token, till.settings)
    return answer


def _ask_who(request: Request, fields: Mapping[str, str], error: TillError | None = None) -> Response:
    context = {
        "error": error,
        "email": fields.get("email", ""),
        "next": desk.safe_next(fields.get("next")),
        "asks_code": isinstance(error, SecondFactorNeededError) or "code" in fields,
    }
    context |= desk.stranger(caller.till_of(request), request)
    answer = paper.page("sign_in.html", context, status=int(error.status) if error else HTTPStatus.OK)
    if error and error.retry_after_seconds:
        answer.headers["Retry-After"] = str(error.retry_after_seconds)
    return answer


async def _home(_: Desk) -> Response:
    return RedirectResponse(HOME, HTTPStatus.SEE_OTHER)


async def leave(at: Desk) -> Response:
    """Sign out."""
    token = cookie.token_of(at.request)
    assert token, "whoever has a session came with its token"
    await sign_out(at.till, token)
    answer = RedirectResponse(desk.SIGN_IN, HTTPStatus.SEE_OTHER)
    cookie.forget(answer, at.till.settings)
    return answer


async def ask_proof(at: Desk) -> Response:
    """Ask for the password again."""
    return at.dialog("prove.html", next=desk.safe_next(at.given("next")))


async def take_proof(at: Desk) -> Response:
    """Take the password, and go on with what it is for."""
    await step_up(at.till, at.request.app.state.meter, at.session, _proof(at))
    return RedirectResponse(desk.safe_next(at.given("next")), HTTPStatus.SEE_OTHER)


async def set_look(at: Desk) -> Response:
    """Keep which colours somebody wants, and how many rows, in the browser."""
    answer = RedirectResponse(desk.safe_next(at.given("next")), HTTPStatus.SEE_OTHER)
    for name, (cookie_name, values) in desk.LOOKS.items():
        wanted = at.given(name)
        if wanted in values:
            answer.set_cookie(cookie_name, wanted, max_age=look_age_seconds, path=HOME, httponly=True, samesite="lax")
    return answer


async def show_you(at: Desk) -> Response:
    """Show somebody's own account."""
    return _you(at)


async def set_password(at: Desk) -> Response:
    """Change the own password; every other session ends."""
    new = at.fields.get("new_password", "")  # as it was typed: spaces at its ends belong to it
    token = await change_password(at.till, at.request.app.state.meter, at.session, _proof(at), new=new)
    answer = at.done("/you", "Your password was changed. Every other session of yours has ended.")
    cookie.keep(answer, token, at.till.settings)
    return answer


async def set_factor(at: Desk) -> Response:
    """Offer a second factor, or put the one that was offered to use by a code of it."""
    at.principal.require_fresh()
    code = at.given("code")
    if code is None:
        return _you(at, secret=await offer_second_factor(at.till, at.session.member))
    return _you(at, codes=await use_second_factor(at.till, at.session.member, code))


def _you(at: Desk, *, secret: str | None = None, codes: list[str] | None = None) -> Response:
    secret = secret or (at.given("secret") if at.error else None)
    return at.dialog(
        "you.html",
        secret=secret,
        address=staff.totp_address(secret, at.session.email) if secret else "",
        codes=codes or [],
        signed_in_at=time(at.session.created_at),
        ends_at=time(staff.ends_at(at.session.created_at)),
    )


def _proof(at: Desk) -> Proof:
    where = address.counted_as(caller.client_of(at.request))
    return Proof(password=at.fields.get("password", ""), address=where, code=at.given("code"))
