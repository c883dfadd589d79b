"""Who stands in the demo shop, and whether a form really came from a page that we showed them."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from tillkeeper.kernel.crypto import same
from tillkeeper.kernel.errors import InvalidFieldError, TillError
from tillkeeper.settings import Settings
from tillkeeper.web import origin

USERS = ("ana", "ben")
USER_COOKIE = "shop_user"
SESSION_COOKIE = "shop_session"
cookie_age_seconds = 30 * 24 * 3600
session_bytes = 18
key_bytes = 18
form_fields_max = 20
SESSION = re.compile(r"[\w-]{24}", re.ASCII)
KEY = re.compile(r"[\w-]{24}", re.ASCII)


class FormRefusedError(TillError):
    """Report a form that did not come from a page shown to this visitor."""

    code = "form_refused"
    status = 403
    title = "This form did not come from the shop"
    category = "invalid_request"
    next_step = "Open the shop again, with cookies allowed, and press the button there. Nothing was bought."


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Hold the random id of a browser and the demo user it shops as."""

    session: str
    user: str

    def keep(self, response: Response, *, secure: bool) -> None:
        """Remember both in the browser."""
        for name, value in ((SESSION_COOKIE, self.session), (USER_COOKIE, self.user)):
            response.set_cookie(
                name, value, max_age=cookie_age_seconds, path="/", secure=secure, httponly=True, samesite="lax"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Hold the fields of a form that was checked, and the key that its page was given."""

    fields: dict[str, str]
    key: str

    def field(self, name: str) -> str:
        """Read a field; raises InvalidFieldError when it is absent."""
        if name not in self.fields:
            message = f"The form has no “{name}”."
            raise InvalidFieldError(message, param=name)
        return self.fields[name]

    def user(self) -> str:
        """Read the demo user; raises InvalidFieldError for anybody else."""
        name = self.field("user")
        if name not in USERS:
            message = f"The demo shop knows {' and '.join(USERS)}, and nobody else."
            raise InvalidFieldError(message, param="user")
        return name

    def digest(self) -> bytes:
        """Digest what was asked, so that a key repeats one wish and no other."""
        return hashlib.sha256(repr(sorted(self.fields.items())).encode()).digest()


def recognise(request: Request) -> Visitor:
    """Tell from the cookies who this is; a newcomer is the first demo user."""
    session, user = request.cookies.get(SESSION_COOKIE, ""), request.cookies.get(USER_COOKIE, "")
    return Visitor(
        session=session if SESSION.fullmatch(session) else secrets.token_urlsafe(session_bytes),
        user=user if user in USERS else USERS[0],
    )


def form_key() -> str:
    """Make the key of one shown form: pressing its button twice is one wish."""
    return secrets.token_urlsafe(key_bytes)


def seal(secret: str, visitor: Visitor, key: str) -> str:
    """Prove that a key was handed to this visitor by us."""
    return hmac.new(secret.encode(), f"shop form\n{visitor.session}\n{key}".encode(), hashlib.sha256).hexdigest()


def sealed(secret: str, visitor: Visitor) -> dict[str, str]:
    """Make the key of one form and the proof that it came from us."""
    key = form_key()
    return {"key": key, "seal": seal(secret, visitor, key)}


async def take_form(request: Request, settings: Settings) -> Form:
    """Read a form that came from our own page; raises FormRefusedError."""
    _check_origin(request, settings.public_url)
    fields = _parse(await request.body())
    key = fields.pop("key", "")
    if not KEY.fullmatch(key) or not same(fields.pop("seal", ""), seal(settings.secret_key, recognise(request), key)):
        message = "Its token is missing, or was made for another browser."
        raise FormRefusedError(message)
    return Form(fields=fields, key=key)


def _check_origin(request: Request, public_url: str) -> None:
    """Believe what the browser says about the page behind a form; the token decides when it says nothing."""
    if origin.is_foreign(request, public_url):
        message = "The browser says that another site sent it."
        raise FormRefusedError(message)


def _parse(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=form_fields_max))
    except ValueError as error:
        message = "The form cannot be read."
        raise InvalidFieldError(message) from error
