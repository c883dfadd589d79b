"""Signing in and out over HTTP, and what somebody changes about how they prove who they are."""

from typing import Annotated, Any, Literal

from fastapi import Depends, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from tillkeeper.access import Right, rights, staff
from tillkeeper.access.staff import Role, Session
from tillkeeper.flows.change_password import change_password
from tillkeeper.flows.employ import offer_second_factor, use_second_factor
from tillkeeper.flows.sign_in import Proof, recognise, sign_in, sign_out, step_up
from tillkeeper.reports import time
from tillkeeper.web import api, caller, cookie
from tillkeeper.web.address import counted_as
from tillkeeper.web.api import shapes
from tillkeeper.web.moments import Instant

router = api.router("session")
CREATED = 201
NO_STORE = {"Cache-Control": "no-store"}
Mine = Annotated[Session, Depends(caller.session_of)]
Password = Annotated[str, Field(max_length=256, examples=["correct horse battery staple"])]
Code = Annotated[str, Field(max_length=64, examples=["492039"])]


class MemberShape(BaseModel):
    """One of your people."""

    id: str = Field(examples=["member_01h455vb4pex5vsknk084sn02q"])
    email: str = Field(examples=["finn@example.com"])
    role: Role
    second_factor: bool


class SessionShape(BaseModel):
    """Who is signed in, what they may do, and what every change must carry in the header `X-CSRF-Token`.

    Until `fresh_until` nothing dangerous asks for the password again.
    """

    object: Literal["session"]
    member: MemberShape
    rights: list[Right]
    csrf_token: str
    created_at: Instant
    fresh_until: Instant
    ends_at: Instant


class SecondFactorShape(BaseModel):
    """A second factor that is not in use yet: `address` is what an app reads from a picture."""

    object: Literal["second_factor"]
    secret: str
    address: str = Field(examples=["otpauth://totp/Tillkeeper:finn%40example.com?secret=…&issuer=Tillkeeper"])


class RecoveryCodes(BaseModel):
    """Codes for the day on which the app is lost, each good once; they are never shown again."""

    object: Literal["recovery_codes"]
    codes: list[str]


class SignIn(api.Body):
    """Prove who you are; `code` is what an app shows, or a recovery code, where there is a second factor."""

    email: Annotated[str, Field(max_length=254, examples=["finn@example.com"])]
    password: Password
    code: Code | None = None


class ProveAgain(api.Body):
    """Prove once more who you are."""

    password: Password
    code: Code | None = None


class ChangePassword(ProveAgain):
    """Prove who you are, and name the password that counts from now on."""

    new_password: Annotated[str, Field(min_length=12, max_length=256, examples=["a longer one than before"])]


class ConfirmSecondFactor(api.Body):
    """Show a code of the second factor that was offered."""

    code: Code


class NoFields(api.Body):
    """There is nothing to say beside that."""


ANSWER: dict[int | str, dict[str, Any]] = {200: {"model": SessionShape}, **shapes.ERRORS}


@router.post(
    "/session",
    status_code=201,
    response_model=None,
    responses={201: {"model": SessionShape}, **shapes.ERRORS},
    openapi_extra={"security": []},
)
async def create(request: Request, body: SignIn) -> JSONResponse:
    """Sign in: a cookie holds the session from then on.

    What was wrong nobody is told. An account can be tried five times a minute, and an address may try twenty times.
    """
    cookie.check_origin(request)
    till = caller.till_of(request)
    token = await sign_in(till, request.app.state.meter, body.email, _proof(request, body.password, body.code))
    return _begun(request, await recognise(till, token), token, status=CREATED)


@router.get("/session", response_model=None, responses=ANSWER)
async def show(request: Request, session: Mine) -> JSONResponse:
    """Tell who is signed in."""
    return JSONResponse(_shown(request, session), headers=NO_STORE)


@router.delete("/session", status_code=204, response_model=None, responses=shapes.ERRORS)
async def end(request: Request, _: Mine) -> Response:
    """Sign out."""
    till, token = caller.till_of(request), cookie.token_of(request)
    assert token, "whoever has a session came with its token"
    await sign_out(till, token)
    answer = Response(status_code=204)
    cookie.forget(answer, till.settings)
    return answer


@router.post("/session/proof", response_model=None, responses=ANSWER)
async def prove(request: Request, body: ProveAgain, session: Mine) -> JSONResponse:
    """Give the password again, before something dangerous; it counts for ten minutes."""
    till, token = caller.till_of(request), cookie.token_of(request)
    assert token, "whoever has a session came with its token"
    await step_up(till, request.app.state.meter, session, _proof(request, body.password, body.code))
    return JSONResponse(_shown(request, await recognise(till, token)), headers=NO_STORE)


@router.put("/session/password", response_model=None, responses=ANSWER)
async def set_password(request: Request, body: ChangePassword, session: Mine) -> JSONResponse:
    """Change your password: every session of yours ends, and this browser gets a new one."""
    till, proof = caller.till_of(request), _proof(request, body.password, body.code)
    token = await change_password(till, request.app.state.meter, session, proof, new=body.new_password)
    return _begun(request, await recognise(till, token), token, status=200)


@router.post(
    "/session/second_factor",
    status_code=201,
    response_model=None,
    responses={201: {"model": SecondFactorShape}, **shapes.ERRORS},
)
async def offer(request: Request, _body: NoFields, session: Mine, principal: caller.Anybody) -> JSONResponse:
    """Begin to set up a second factor; it counts once a code of it was confirmed, and the one before counts until then.

    It asks for a password that was given in the last ten minutes.
    """
    principal.require_fresh()
    secret = await offer_second_factor(caller.till_of(request), session.member)
    made = {"object": "second_factor", "secret": secret, "address": staff.totp_address(secret, session.email)}
    return JSONResponse(made, status_code=CREATED, headers=NO_STORE)


@router.post(
    "/session/second_factor/confirm",
    response_model=None,
    responses={200: {"model": RecoveryCodes}, **shapes.ERRORS},
)
async def confirm(
    request: Request, body: ConfirmSecondFactor, session: Mine, principal: caller.Anybody
) -> JSONResponse:
    """Put the second factor to use, by a code of it; the answer holds recovery codes, which are shown once.

    It asks for a password that was given in the last ten minutes.
    """
    principal.require_fresh()
    codes = await use_second_factor(caller.till_of(request), session.member, body.code)
    return JSONResponse({"object": "recovery_codes", "codes": codes}, headers=NO_STORE)


def _proof(request: Request, password: str, code: str | None) -> Proof:
    return Proof(password=password, address=counted_as(caller.client_of(request)), code=code)


def _begun(request: Request, session: Session, token: str, *, status: int) -> JSONResponse:
    """Answer with a session that has just begun, and let the browser keep it."""
    answer = JSONResponse(_shown(request, session), status_code=status, headers=NO_STORE)
    cookie.keep(answer, token, caller.till_of(request).settings)
    return answer


def _shown(request: Request, session: Session) -> dict[str, object]:
    return {
        "object": "session",
        "member": {
            "id": session.shown,
            "email": session.email,
            "role": session.role,
            "second_factor": session.second_factor,
        },
        "rights": rights.of_role(session.role),
        "csrf_token": cookie.form_token(session, caller.till_of(request).settings),
        "created_at": time(session.created_at),
        "fresh_until": time(staff.fresh_until(session.proved_at)),
        "ends_at": time(staff.ends_at(session.created_at)),
    }
