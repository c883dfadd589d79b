"""One of the merchant's people at a page: who it is, what they may do, what they sent, and how they are answered."""

import json
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote, urlencode

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tillkeeper.access import Principal, Right, StepUpNeededError
from tillkeeper.access.rights import HOLDERS
from tillkeeper.access.staff import SecondFactorRequiredError, Session, SessionOverError
from tillkeeper.backups import is_isolated
from tillkeeper.flows.read import read
from tillkeeper.flows.watch import newest
from tillkeeper.idempotency import Wish
from tillkeeper.kernel.crypto import sha256
from tillkeeper.kernel.errors import InvalidFieldError, TillError
from tillkeeper.till import Till
from tillkeeper.web import caller, cookie, errors
from tillkeeper.web.dashboard import forms, paper
from tillkeeper.web.dashboard.rail import HOME, Group, Place
from tillkeeper.web.shell import shown_path

TOLD = "till_told"
THEME = "till_theme"
THEMES = ("system", "light", "dark")
DENSITY = "till_density"
DENSITIES = ("airy", "dense")
LOOKS = {"theme": (THEME, THEMES), "density": (DENSITY, DENSITIES)}
"""What somebody may choose for their own browser: the field of its form, its cookie, and its values."""
SIGN_IN = f"{HOME}/sign-in"
PROVE = f"{HOME}/prove"
YOU = f"{HOME}/you"
UNSAID = frozenset({"next", "code", "secret", "password", "new_password", forms.CHOSEN})
"""What is not written into an address when a form waits for the password: addresses are kept in histories and logs."""
told_seconds = 60
told_length_max = 300
key_bytes = 18

log = structlog.get_logger("http")

Json = dict[str, Any]
Show = Callable[["Desk"], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Hold a request of somebody who is signed in."""

    request: Request
    till: Till
    session: Session
    principal: Principal
    places: Sequence[Place]
    fields: Mapping[str, str] = field(default_factory=dict)
    """What was typed: the form that was sent, or the query of the address."""
    chosen: Sequence[str] = ()
    """Which rows of a list were ticked."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """What was chosen in fields for files."""
    key: str = ""
    seq: int = 0
    """The newest event when the page was begun, for pages that hear of what comes after."""
    apart: bool = False
    """Whether this is a restored copy that nobody has released."""
    error: TillError | None = None
    """Why what was asked for was not done, for the dialog that asked."""

    def may(self, right: Right) -> bool:
        """Tell whether this person has a right."""
        return self.principal.may(right)

    def part(self, name: str) -> str:
        """Read a part of the address."""
        return str(self.request.path_params[name])

    def given(self, name: str) -> str | None:
        """Read what was typed into a field; None where that is nothing."""
        return self.fields.get(name, "").strip() or None

    def need(self, name: str) -> str:
        """Read a field that must be filled in; raises InvalidFieldError."""
        text = self.given(name)
        if text is None:
            message = f"Fill in “{name.replace('_', ' ')}”."
            raise InvalidFieldError(message, param=name)
        return text

    def words(self, name: str, *, length_max: int) -> str | None:
        """Read words of a limited length; None where there are none; raises InvalidFieldError."""
        text = self.given(name)
        if text and len(text) > length_max:
            message = f"“{name.replace('_', ' ')}” takes at most {length_max:,} characters; these are {len(text):,}."
            raise InvalidFieldError(message, param=name)
        return text

    def number(self, name: str) -> int | None:
        """Read a whole number; raises InvalidFieldError."""
        text = self.given(name)
        if text is None:
            return None
        if not text.removeprefix("-").isdecimal() or not text.isascii() or len(text) > len(str(2**63)):
            message = f"“{name.replace('_', ' ')}” is a whole number."
            raise InvalidFieldError(message, param=name)
        return int(text)

    @property
    def wish(self) -> Wish:
        """Name what was asked for, so that pressing a button twice does it once."""
        asked = json.dumps([self.request.url.path, dict(self.fields), list(self.chosen)], sort_keys=True)
        scope = f"member:{self.till.settings.mode}:{self.principal.id}"
        return Wish(scope=scope, key=self.key, request_sha=sha256(asked.encode()))

    @property
    def is_part(self) -> bool:
        """Tell whether the page asks for a dialog to show in its midst, or for the drawer beside it."""
        return self.request.headers.get("hx-target", "").endswith(("#dialog", "#drawer"))

    def page(self, template: str, *, status: int = HTTPStatus.OK, **context: object) -> Response:
        """Show a page with everything around it."""
        answer = paper.page(template, self._around() | context, status=status)
        if TOLD in self.request.cookies:
            answer.delete_cookie(TOLD, path=HOME)
        return answer

    def dialog(self, template: str, **context: object) -> Response:
        """Ask something: in the midst of the page, or on a page of its own where there are no scripts."""
        status = int(self.error.status) if self.error else HTTPStatus.OK
        return self.page(template, status=status, **context)

    def done(self, path: str, told: str) -> Response:
        """Go on to a page and say there what was done."""
        url = f"{HOME}{path}"
        if self.is_part:
            answer = Response(status_code=HTTPStatus.OK, headers={"HX-Redirect": url})
        else:
            answer = RedirectResponse(url, HTTPStatus.SEE_OTHER)
        return tell(answer, told, secure=_secure(self.till))

    def _around(self) -> Json:
        """Gather what every page needs."""
        path = self.request.url.path
        places = [place for place in self.places if self.may(place.right)]
        here = [place for place in places if _is_within(path, place)]
        return {
            "desk": self,
            "apart": self.apart,
            "now": self.till.now(),
            "mode": self.till.settings.mode,
            "rail": [(group, [each for each in places if each.group is group]) for group in Group],
            "places": places,
            "here": max(here, key=lambda place: len(place.url), default=None),
            "theme": chosen_look(self.request, "theme"),
            "density": chosen_look(self.request, "density"),
            "told": unquote(self.request.cookies.get(TOLD, ""))[:told_length_max],
            "token": cookie.form_token(self.session, self.till.settings),
            "key": self.key or secrets.token_urlsafe(key_bytes),
            "bare": self.is_part,
            "error": self.error,
            "path": path,
            "shown_at": f"{path}?{self.request.url.query}" if self.request.url.query else path,
            "Right": Right,
        }


@dataclass(frozen=True, slots=True)
class Entrance:
    """Let in whoever is signed in, and answer for everything that may go wrong."""

    till: Till
    places: Sequence[Place]

    def page(self, path: str, show: Show, right: Right = Right.SEE, *, live: bool = False) -> Route:
        """Make the address of a page that changes nothing; a live one says when it can show something newer."""

        async def run(request: Request) -> Response:
            return await self._answer(request, right, _watched(show) if live else show)

        return Route(f"{HOME}{path}", run, methods=["GET"])

    def deed(self, path: str, ask: Show, do: Show, right: Right, *, keyed: bool = True) -> list[Route]:
        """Make the address of a dialog: it asks when it is looked at, and acts when its form is sent.

        Where the form is not right, it is shown again with what is wrong with it. The key of a form makes pressing its
        button twice one wish; what does no harm twice needs none.
        """

        async def run_ask(request: Request) -> Response:
            return await self._answer(request, right, _fresh_first(ask, right))

        async def run_do(request: Request) -> Response:
            return await self._answer(request, right, _asked_again(ask, do, right, keyed=keyed))

        url = f"{HOME}{path}"
        return [Route(url, run_ask, methods=["GET"]), Route(url, run_do, methods=["POST"])]

    async def _answer(self, request: Request, right: Right, show: Show) -> Response:
        answer = await self._shown(request, right, show)
        answer.headers.setdefault("Cache-Control", "no-store")
        return answer

    async def _shown(self, request: Request, right: Right, show: Show) -> Response:
        try:
            desk = await self._seat(request)
        except SessionOverError:
            return to_sign_in(request)
        except SecondFactorRequiredError:
            return RedirectResponse(YOU, HTTPStatus.SEE_OTHER)
        except TillError as error:
            return refusal(self.till, request, error)
        return await _attended(desk, right, show)

    async def _seat(self, request: Request) -> Desk:
        """Find who it is and what they sent."""
        sent = await forms.read(request)
        principal = await caller.member_of(request, sent.token)
        return Desk(
            request=request,
            till=caller.till_of(request),
            session=request.state.session,
            principal=principal,
            places=self.places,
            fields=sent.fields,
            chosen=sent.chosen,
            files=sent.files,
            key=sent.key,
            apart=await read(self.till, is_isolated),
        )


async def _attended(desk: Desk, right: Right, show: Show) -> Response:
    """Show what may be shown; a person gets a page whatever happens."""
    try:
        desk.principal.require(right)
        return await show(desk)
    except StepUpNeededError:
        return to_prove(desk)
    except TillError as error:
        return problem(desk, error)
    except Exception:
        log.exception("unexpected", path=shown_path(desk.request.scope))
        return problem(desk, errors.UnexpectedError())


def _watched(show: Show) -> Show:
    """Note the newest event before anything is read: what happens in between is told twice rather than never."""

    async def run(desk: Desk) -> Response:
        return await show(replace(desk, seq=await newest(desk.till)))

    return run


def _fresh_first(ask: Show, right: Right) -> Show:
    """Ask for the password before the dialog of something dangerous, and not after it was filled in."""

    async def show(desk: Desk) -> Response:
        if HOLDERS[right].fresh:
            desk.principal.require_fresh()
        return await ask(desk)

    return show


def _asked_again(ask: Show, do: Show, right: Right, *, keyed: bool) -> Show:
    """Act, or ask again and say what is wrong."""

    async def show(desk: Desk) -> Response:
        if HOLDERS[right].fresh:
            desk.principal.require_fresh()
        if keyed and not desk.key:
            message = "The form came without its key; load the page again."
            raise InvalidFieldError(message, param=forms.KEY)
        try:
            return await do(desk)
        except StepUpNeededError:
            raise
        except TillError as error:
            # What can be tried again keeps its key, or the next press would do it a second time.
            return await ask(replace(desk, error=error, key=desk.key if error.retryable else ""))

    return show


def problem(desk: Desk, error: TillError) -> Response:
    """Say what went wrong, why, and what to do next."""
    request_id = desk.request.state.request_id
    shown = desk.page("problem.html", status=int(error.status), error=error, request_id=request_id)
    return _waiting(shown, error)


def refusal(till: Till, request: Request, error: TillError) -> Response:
    """Say the same to somebody of whom nobody knows who it is."""
    context = stranger(till, request) | {"error": error, "request_id": request.state.request_id}
    return _waiting(paper.page("stranger_problem.html", context, status=int(error.status)), error)


def _waiting(shown: Response, error: TillError) -> Response:
    """Tell when to come back, where that is known."""
    if error.retry_after_seconds:
        shown.headers["Retry-After"] = str(error.retry_after_seconds)
    return shown


def stranger(till: Till, request: Request) -> Json:
    """Gather what a page needs that is shown to somebody who is not signed in."""
    return {"theme": chosen_look(request, "theme"), "mode": till.settings.mode, "bare": False}


def chosen_look(request: Request, name: str) -> str:
    """Tell which colours, or how many rows, somebody wants to see; the first of each until they say so."""
    cookie_name, values = LOOKS[name]
    wanted = request.cookies.get(cookie_name, "")
    return wanted if wanted in values else values[0]


def tell(answer: Response, told: str, *, secure: bool) -> Response:
    """Say something on the page that comes next, once."""
    answer.set_cookie(
        TOLD,
        quote(told[:told_length_max]),
        max_age=told_seconds,
        path=HOME,
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    return answer


def to_sign_in(request: Request) -> Response:
    """Lead to the sign-in and from there to where somebody wanted to go."""
    path = shown_path(request.scope)
    wanted = f"{path}?{request.url.query}" if request.url.query else path
    known = request.method == "GET" and path != HOME
    url = f"{SIGN_IN}?{urlencode({'next': wanted})}" if known else SIGN_IN
    return _lead(request, url)


def to_prove(desk: Desk) -> Response:
    """Lead to where the password is given again, and from there back to the dialog with what was typed."""
    typed = [(name, value) for name, value in desk.fields.items() if name not in UNSAID]
    query = urlencode([*typed, *((forms.CHOSEN, each) for each in desk.chosen)])
    back = f"{desk.request.url.path}?{query}" if query else desk.request.url.path
    return _lead(desk.request, f"{PROVE}?{urlencode({'next': back})}")


def _lead(request: Request, url: str) -> Response:
    if request.headers.get("hx-request"):
        return Response(headers={"HX-Redirect": url})
    return RedirectResponse(url, HTTPStatus.SEE_OTHER)


def safe_next(wanted: str | None) -> str:
    """Go on to a page of the dashboard and nowhere else."""
    inside = wanted is not None and (wanted == HOME or wanted.startswith((f"{HOME}/", f"{HOME}?")))
    return wanted if inside and wanted and "\\" not in wanted and wanted.isprintable() else HOME


def _is_within(path: str, place: Place) -> bool:
    return path == place.url or (place.path != "" and path.startswith(f"{place.url}/"))


def _secure(till: Till) -> bool:
    return till.settings.public_url.startswith("https://")
