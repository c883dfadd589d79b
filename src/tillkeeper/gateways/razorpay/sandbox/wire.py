"""The wire: keys, idempotency and errors, around every endpoint."""

import base64
import binascii
import hashlib
import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tillkeeper.gateways.razorpay.sandbox.act import Act
from tillkeeper.gateways.razorpay.sandbox.fields import Fields, parse
from tillkeeper.gateways.razorpay.sandbox.refusals import (
    RazorpayError,
    at_work,
    broken,
    key_refused,
    missing,
    unauthorised,
)
from tillkeeper.sandbox_kit import faults, mishaps
from tillkeeper.sandbox_kit.books import Answer, Change, Entry, Json
from tillkeeper.sandbox_kit.mishaps import Fate
from tillkeeper.sandbox_kit.stand import Desk, token

KEY_ID, KEY_SECRET = "RAZORPAY_KEY_ID", "RAZORPAY_KEY_SECRET"
MOVES = frozenset({"POST /v1/payments/{id}/capture", "POST /v1/payments/{id}/refund"})
KEY_HEADER = "x-refund-idempotency"
KEY = re.compile(r"[A-Za-z0-9_-]*")
key_length_min = 10
body_bytes_max = 1_048_576
request_id_length = 20

Perform = Callable[..., Json]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ask:
    """Hold one request as it came, before anything is believed about it; only refunds are asked for with a key."""

    method: str
    route: str
    path: str
    query: Json
    raw: bytes
    steps: tuple[str, ...]
    request: str
    key: str | None
    authorization: str

    @property
    def fingerprint(self) -> str:
        """Tell whether two requests ask the same thing."""
        asked = msgspec.json.encode(parse(self.raw), order="deterministic")
        return hashlib.sha256(f"{self.path}\n".encode() + asked).hexdigest()

    @property
    def holds(self) -> frozenset[str]:
        """Name what nobody else may touch meanwhile: the key, and the payment whose money is to move."""
        return frozenset({self.key or "", self.steps[0] if self.route in MOVES else ""} - {""})

    @property
    def fields(self) -> Fields:
        """Read what is asked for."""
        return Fields(self.query, query=True) if self.method == "GET" else Fields(parse(self.raw))


@dataclass(frozen=True, slots=True)
class Reply:
    """Hold an answer before its headers are written."""

    status: int
    body: bytes
    replayed: bool = False


@dataclass(slots=True)
class Wire:
    """Answer API requests for one desk."""

    desk: Desk
    busy: set[str] = field(default_factory=set)

    async def answer(self, request: Request, route: str, perform: Perform, *, keyed: bool) -> Response:
        """Take a request through the checks that every endpoint shares, and answer it."""
        ask = await _read(request, route, keyed=keyed)
        if ask.key is not None and ask.key in self.busy:
            return _respond(self._refuse(ask, _in_progress()))
        if self.busy & ask.holds:
            return _respond(self._refuse(ask, at_work()))
        self.busy |= ask.holds
        try:
            return await self._answer(request, ask, perform)
        finally:
            self.busy -= ask.holds

    async def _answer(self, request: Request, ask: Ask, perform: Perform) -> Response:
        call = {"method": ask.method, "path": ask.path, "subject": f"{ask.route} {ask.request}"}
        fate = mishaps.draw(self.desk.books, self.desk.gateway, **call)
        await fate.delay()
        if fate.meets(faults.ERROR_BEFORE):
            fate.count(faults.ERROR_BEFORE)
            return _respond(self._refuse(ask, _out_of_order()))
        return await fate.hand_over(request, _respond(self._perform(ask, perform, fate)))

    def _perform(self, ask: Ask, perform: Perform, fate: Fate) -> Reply:
        try:
            check_key(ask.authorization, self.desk.secrets[KEY_ID], self.desk.secrets[KEY_SECRET])
            _check(ask)
            with self.desk.books.change(self.desk.gateway) as change:
                reply = self._once(ask, perform, change, fate)
                change.log(_entry(ask, reply))
                return reply
        except RazorpayError as refusal:
            return self._refuse(ask, refusal)
        except Exception:
            logger.exception("The Razorpay sandbox failed on %s %s.", ask.method, ask.path)
            return self._refuse(ask, broken("The sandbox itself failed; its log says why. Nothing was changed."))

    def _once(self, ask: Ask, perform: Perform, change: Change, fate: Fate) -> Reply:
        act = Act(self.desk, change, self.desk.now())
        if ask.key is None:
            return _carry_out(act, ask, perform, fate)
        known = change.answered(ask.key, now=act.now)
        if known is None:
            reply = _carry_out(act, ask, perform, fate)
            if reply.status < HTTPStatus.BAD_REQUEST or fate.meets(faults.ERROR_AFTER):
                answer = Answer(ask.fingerprint, ask.request, reply.status, reply.body, act.now)
                change.remember(ask.key, answer)
            return reply
        if known.fingerprint != ask.fingerprint:
            message = "Different request with the same idempotency key has already been processed."
            raise key_refused(message)
        return Reply(known.status, known.body, replayed=True)

    def _refuse(self, ask: Ask, refusal: RazorpayError) -> Reply:
        reply = Reply(refusal.status, _error_body(refusal))
        with self.desk.books.change(self.desk.gateway) as change:
            change.log(_entry(ask, reply))
        return reply


def check_key(authorization: str, key_id: str, key_secret: str) -> None:
    """Refuse unless the request carries the sandbox's own key, as Basic user and password."""
    scheme, _, rest = authorization.partition(" ")
    given = ""
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(rest, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            given = ""
    if not given:
        message = "Please provide your api key for authentication purposes."
        raise unauthorised(message)
    if given.startswith("rzp_live_"):
        message = "This is a sandbox: it refuses live keys. Use the sandbox's test key."
        raise unauthorised(message)
    if not secrets.compare_digest(given.encode(), f"{key_id}:{key_secret}".encode()):
        message = "The api key provided is invalid"
        raise unauthorised(message)


async def _read(request: Request, route: str, *, keyed: bool) -> Ask:
    return Ask(
        method=request.method,
        route=route,
        path=request.url.path.removeprefix(request.scope.get("root_path", "")),
        query=dict(request.query_params),
        raw=await request.body(),
        steps=tuple(request.path_params.values()),
        request=token(request_id_length),
        key=request.headers.get(KEY_HEADER) if keyed else None,
        authorization=request.headers.get("authorization", ""),
    )


def _check(ask: Ask) -> None:
    if len(ask.raw) > body_bytes_max:
        message = f"The request is larger than {body_bytes_max} bytes."
        raise RazorpayError(message, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    if ask.key is None:
        return
    if len(ask.key) < key_length_min:
        message = f"The idempotency key must be at least {key_length_min} characters long."
        raise key_refused(message)
    if not KEY.fullmatch(ask.key):
        message = "The idempotency key must only contain alphanumeric characters, underscores, and hyphens"
        raise key_refused(message)


def _carry_out(act: Act, ask: Ask, perform: Perform, fate: Fate) -> Reply:
    try:
        with act.change.undoable():
            shown = perform(act, ask.fields, *ask.steps)
        if ask.method == "GET":
            shown = _found(act, shown)
    except RazorpayError as refusal:
        return Reply(refusal.status, _error_body(refusal))
    if fate.meets(faults.ERROR_AFTER):
        fate.count(faults.ERROR_AFTER)
        return Reply(HTTPStatus.INTERNAL_SERVER_ERROR, _error_body(_out_of_order()))
    return Reply(HTTPStatus.OK, msgspec.json.encode(shown))


def _found(act: Act, shown: Json) -> Json:
    """Leave out what replicas do not show yet; a look-up that names it finds nothing."""
    name = next((name for name in ("items", "payment_links") if name in shown), None)
    if name is None:
        if act.change.hidden(shown["id"]):
            raise missing()
        return shown
    items = [item for item in shown[name] if not act.change.hidden(item.get("id", ""))]
    return {**shown, name: items} | ({"count": len(items)} if "count" in shown else {})


def _respond(reply: Reply) -> Response:
    return Response(reply.body, reply.status, media_type="application/json")


def _error_body(refusal: RazorpayError) -> bytes:
    return msgspec.json.encode({"error": refusal.error})


def _entry(ask: Ask, reply: Reply) -> Entry:
    return Entry(ask.method, ask.route, ask.path, reply.status, ask.request, key=ask.key, replayed=reply.replayed)


def _out_of_order() -> RazorpayError:
    return broken("The server encountered an error. The incident has been reported to admins.")


def _in_progress() -> RazorpayError:
    message = "Another request with the same idempotency key is still in progress."
    return key_refused(message, status=HTTPStatus.CONFLICT)
