"""The cookie of somebody who is signed in, and how a request with it shows that it was meant."""

from starlette.requests import Request
from starlette.responses import Response

from tillkeeper.access import staff
from tillkeeper.access.staff import Session
from tillkeeper.kernel.crypto import same
from tillkeeper.kernel.errors import TillError
from tillkeeper.settings import Settings
from tillkeeper.web import origin

NAME = "till_session"
SECURE_NAME = "__Host-till_session"
"""Browsers take a cookie of this name only over TLS, for one host and all of its paths."""
FORM_HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class ForgeryError(TillError):
    """Report a request that may come from a page of somebody else, in the browser of somebody who is signed in."""

    code = "csrf_failed"
    status = 403
    title = "This did not come from a page of ours"
    category = "authentication_error"
    next_step = "Send the `csrf_token` of GET /api/v1/session in the header X-CSRF-Token, from a page of this server."


def token_of(request: Request) -> str | None:
    """Read the token of a session."""
    return request.cookies.get(_name(request.app.state.till.settings))


def keep(response: Response, token: str, settings: Settings) -> None:
    """Give a browser the token of a session, until it is closed; pages and their scripts cannot read it."""
    response.set_cookie(_name(settings), token, path="/", secure=_secure(settings), httponly=True, samesite="lax")


def forget(response: Response, settings: Settings) -> None:
    """Take the token back."""
    response.delete_cookie(_name(settings), path="/", secure=_secure(settings), httponly=True, samesite="lax")


def form_token(session: Session, settings: Settings) -> str:
    """Make what a request with this cookie must carry to change anything."""
    return staff.form_token(settings.secret_key, session.digest)


def check_origin(request: Request) -> None:
    """Raise ForgeryError for a request that another site's page sent."""
    if origin.is_foreign(request, request.app.state.till.settings.public_url):
        message = "The browser says that a page of another site sent this."
        raise ForgeryError(message)


def check_meant(request: Request, session: Session, typed: str | None = None) -> None:
    """Raise ForgeryError for a change that comes from elsewhere, or without what only our own pages know.

    Scripts send it in a header, forms in a field.
    """
    if request.method in SAFE_METHODS:
        return
    check_origin(request)
    shown = request.headers.get(FORM_HEADER, "") if typed is None else typed
    if not same(shown, form_token(session, request.app.state.till.settings)):
        what = f"The header {FORM_HEADER}" if typed is None else "The token of the form"
        message = f"{what} is missing, or was made for another session."
        raise ForgeryError(message)


def _secure(settings: Settings) -> bool:
    return settings.public_url.startswith("https://")


def _name(settings: Settings) -> str:
    return SECURE_NAME if _secure(settings) else NAME
