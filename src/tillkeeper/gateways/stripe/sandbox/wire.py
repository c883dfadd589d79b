"""The wire: keys, versions, idempotency and errors, around every endpoint."""

import base64
import binascii
import hashlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tillkeeper.gateways.stripe.sandbox import expansion, form
from tillkeeper.gateways.stripe.sandbox.act import Act, new_id
from tillkeeper.gateways.stripe.sandbox.events import API_VERSION
from tillkeeper.gateways.stripe.sandbox.form import Params
from tillkeeper.gateways.stripe.sandbox.refusals import StripeError, invalid, missing, unauthorised
from tillkeeper.sandbox_kit import faults, mishaps
from tillkeeper.sandbox_kit.books import Answer, Change, Entry, Json
from tillkeeper.sandbox_kit.mishaps import Fate
from tillkeeper.sandbox_kit.stand import Desk

body_bytes_max = 1_048_576
key_length_max = 255
key_shown_characters = 8
LOGS = "https://dashboard.stripe.com/test/logs/"

Perform = Callable[..., Json]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ask:
    """Hold one request as it came, before anything is believed about it."""

    method: str
    route: str
    path: str
    raw: str
    steps: tuple[str, ...]
    request: str
    key: str | None
    authorization: str
    version: str | None

    @property
    def fingerprint(self) -> str:
        """Tell whether two requests ask the same thing."""
        asked = msgspec.json.encode(form.parse(self.raw), order="deterministic")
        return hashlib.sha256(f"{self.path}\n".encode() + asked).hexdigest()


@dataclass(frozen=True, slots=True)
class Reply:
    """Hold an answer before its headers are written."""

    status: int
    body: bytes
    original: str | None = None


@dataclass(slots=True)
class Wire:
    """Answer API requests for one desk."""

    desk: Desk
    busy: set[str] = field(default_factory=set)

    async def answer(self, request: Request, route: str, perform: Perform) -> Response:
        """Take a request through the checks that every endpoint shares, and answer it."""
        ask = await _read(request, route)
        fate = self._fate(ask)
        key = ask.key if ask.method == "POST" else None
        if key is not None and key in self.busy:
            return self._respond(ask, self._refuse(ask, _in_use(key)))
        if key is not None:
            self.busy.add(key)
        try:
            await fate.delay()
            if fate.meets(faults.ERROR_BEFORE):
                fate.count(faults.ERROR_BEFORE)
                return self._respond(ask, self._refuse(ask, _broken()))
            answer = self._respond(ask, self._perform(ask, perform, fate))
        finally:
            if key is not None:
                self.busy.discard(key)
        return await fate.hand_over(request, answer)

    def _fate(self, ask: Ask) -> Fate:
        call = {"method": ask.method, "path": ask.path, "subject": f"{ask.route} {ask.request}"}
        return mishaps.draw(self.desk.books, self.desk.gateway, **call)

    def _perform(self, ask: Ask, perform: Perform, fate: Fate) -> Reply:
        try:
            check_key(ask.authorization, self.desk.secrets["STRIPE_SECRET_KEY"])
            _check(ask)
            with self.desk.books.change(self.desk.gateway) as change:
                reply = self._once(ask, perform, change, fate)
                change.log(_entry(ask, reply))
                return reply
        except StripeError as refusal:
            return self._refuse(ask, refusal)
        except Exception:
            logger.exception("The Stripe sandbox failed on %s %s.", ask.method, ask.path)
            message = "The sandbox itself failed; its log says why. Nothing was changed."
            failure = StripeError(message, status=HTTPStatus.INTERNAL_SERVER_ERROR, kind="api_error")
            return self._refuse(ask, failure)

    def _once(self, ask: Ask, perform: Perform, change: Change, fate: Fate) -> Reply:
        act = Act(self.desk, change, self.desk.now(), request=ask.request, idempotency_key=ask.key)
        if ask.key is None or ask.method != "POST":
            return _carry_out(act, ask, perform, fate)[0]
        known = change.answered(ask.key, now=act.now)
        if known is None:
            reply, kept = _carry_out(act, ask, perform, fate)
            if kept:
                answer = Answer(ask.fingerprint, ask.request, reply.status, reply.body, act.now)
                change.remember(ask.key, answer)
            return reply
        if known.fingerprint != ask.fingerprint:
            raise _other_parameters(ask.key)
        return Reply(known.status, known.body, original=known.request)

    def _refuse(self, ask: Ask, refusal: StripeError) -> Reply:
        reply = Reply(refusal.status, _error_body(refusal, ask))
        with self.desk.books.change(self.desk.gateway) as change:
            change.log(_entry(ask, reply))
        return reply

    def _respond(self, ask: Ask, reply: Reply) -> Response:
        headers = {"Request-Id": ask.request, "Stripe-Version": API_VERSION}
        if ask.key is not None and ask.method == "POST":
            headers["Idempotency-Key"] = ask.key
        if reply.original is not None:
            headers |= {"Idempotent-Replayed": "true", "Original-Request": reply.original}
        return Response(reply.body, reply.status, headers, media_type="application/json")


def check_key(authorization: str, key: str) -> None:
    """Refuse unless the request carries the sandbox's own secret key, as Bearer or as Basic user."""
    given = _given_key(authorization)
    if not given:
        message = (
            "You did not provide an API key. You need to provide your API key in the Authorization header,"
            " using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
        raise unauthorised(message)
    if given.startswith(("sk_live", "rk_live")):
        message = "This is a sandbox: it refuses live keys. Use the sandbox's test key."
        raise unauthorised(message)
    if not secrets.compare_digest(given.encode(), key.encode()):
        message = f"Invalid API Key provided: {given[:key_shown_characters]}****"
        raise unauthorised(message)


async def _read(request: Request, route: str) -> Ask:
    body = await request.body()
    raw = request.url.query if request.method == "GET" else body.decode("latin-1")
    return Ask(
        method=request.method,
        route=route,
        path=request.url.path.removeprefix(request.scope.get("root_path", "")),
        raw=raw,
        steps=tuple(request.path_params.values()),
        request=new_id("req"),
        key=request.headers.get("idempotency-key") or None,
        authorization=request.headers.get("authorization", ""),
        version=request.headers.get("stripe-version"),
    )


def _check(ask: Ask) -> None:
    if len(ask.raw) > body_bytes_max:
        message = f"The request is larger than {body_bytes_max} bytes."
        raise StripeError(message, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, kept=False)
    if ask.version not in {None, API_VERSION}:
        message = f"Invalid Stripe API version: {ask.version}. This sandbox imitates {API_VERSION} only."
        raise invalid(message)
    if ask.key is not None and len(ask.key) > key_length_max:
        message = f"Idempotency keys must be at most {key_length_max} characters."
        raise invalid(message)


def _carry_out(act: Act, ask: Ask, perform: Perform, fate: Fate) -> tuple[Reply, bool]:
    """Run the endpoint; also say whether the idempotency key remembers the reply."""
    try:
        params = Params(form.parse(ask.raw))
        paths = params.texts("expand")
        with act.change.undoable():
            done = _run(act, params, ask, perform)
            if isinstance(done, StripeError):
                return Reply(done.status, _error_body(done, ask)), done.kept
            shown = expansion.expand(act, done, paths)
        if ask.method == "GET":
            shown = _found(act, shown)
    except StripeError as refusal:
        return Reply(refusal.status, _error_body(refusal, ask)), refusal.kept
    if fate.meets(faults.ERROR_AFTER):
        fate.count(faults.ERROR_AFTER)
        return Reply(HTTPStatus.INTERNAL_SERVER_ERROR, _error_body(_broken(), ask)), True
    return Reply(HTTPStatus.OK, msgspec.json.encode(shown)), True


def _found(act: Act, thing: Json) -> Json:
    """Leave out what replicas do not show yet; a look-up that names it finds nothing."""
    if thing["object"] == "list":
        return {**thing, "data": [item for item in thing["data"] if not act.change.hidden(item["id"])]}
    if act.change.hidden(thing["id"]):
        raise missing(thing["id"], kind=thing["object"], param="id", in_path=True)
    return thing


def _run(act: Act, params: Params, ask: Ask, perform: Perform) -> Json | StripeError:
    """Hand back a lasting refusal instead of raising it, so that what it changed stays."""
    try:
        return perform(act, params, *ask.steps)
    except StripeError as refusal:
        if refusal.lasting:
            return refusal
        raise


def _error_body(refusal: StripeError, ask: Ask) -> bytes:
    url = f"{LOGS}{ask.request}"
    return msgspec.json.encode({"error": {**refusal.error, "request_log_url": url}})


def _entry(ask: Ask, reply: Reply) -> Entry:
    return Entry(
        ask.method,
        ask.route,
        ask.path,
        reply.status,
        ask.request,
        key=ask.key,
        replayed=reply.original is not None,
    )


def _given_key(authorization: str) -> str:
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def _broken() -> StripeError:
    message = "An unknown error occurred, as the fault dial of this sandbox asked for."
    return StripeError(message, status=HTTPStatus.INTERNAL_SERVER_ERROR, kind="api_error", kept=False)


def _in_use(key: str) -> StripeError:
    message = (
        f"There is currently another in-progress request using this Idempotent Key: {key}."
        " This may indicate that you submitted a request again before the first one finished. Wait and try again."
    )
    return StripeError(message, status=HTTPStatus.CONFLICT, kind="idempotency_error", code="idempotency_key_in_use")


def _other_parameters(key: str) -> StripeError:
    message = (
        "Keys for idempotent requests can only be used with the same parameters they were first used with."
        f" Try using a key other than '{key}' if you meant to execute a different request."
    )
    return StripeError(message, kind="idempotency_error")
