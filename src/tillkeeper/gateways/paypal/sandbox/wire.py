"""The wire: tokens, request ids, mishaps and errors, around every endpoint."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tillkeeper.gateways.paypal.sandbox import fields, shapes, tokens
from tillkeeper.gateways.paypal.sandbox.act import Act
from tillkeeper.gateways.paypal.sandbox.answers import Answered
from tillkeeper.gateways.paypal.sandbox.fields import Fields
from tillkeeper.gateways.paypal.sandbox.refusals import DESCRIPTIONS, ID, Issue, PayPalError, malformed, missing
from tillkeeper.sandbox_kit import faults, mishaps
from tillkeeper.sandbox_kit.books import Answer, Entry, Json
from tillkeeper.sandbox_kit.mishaps import Fate
from tillkeeper.sandbox_kit.stand import Desk, token

body_bytes_max = 1_048_576
key_length_max = 108
debug_id_length = 13
order_key_window_seconds = 6 * 3600
payment_key_window_seconds = 45 * 86_400
ORDERS = "/v2/checkout/orders"

Perform = Callable[..., Answered]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ask:
    """Hold one request as it came, before anything is believed about it."""

    method: str
    route: str
    path: str
    raw: bytes
    query: str
    steps: tuple[str, ...]
    debug_id: str
    key: str | None
    authorization: str
    minimal: bool

    @property
    def fingerprint(self) -> str:
        """Tell whether two requests ask the same thing."""
        asked = msgspec.json.encode(fields.of_body(self.raw).tree, order="deterministic")
        return hashlib.sha256(f"{self.path}\n".encode() + asked).hexdigest()


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

    async def answer(self, request: Request, route: str, perform: Perform) -> Response:
        """Take a request through the checks that every endpoint shares, and answer it."""
        ask = await _read(request, route)
        fate = self._fate(ask)
        if ask.key is not None and ask.key in self.busy:
            return _respond(ask, self._refuse(ask, _in_progress()))
        if ask.key is not None:
            self.busy.add(ask.key)
        try:
            await fate.delay()
            if fate.meets(faults.ERROR_BEFORE):
                fate.count(faults.ERROR_BEFORE)
                return _respond(ask, self._refuse(ask, _broken()))
            answer = _respond(ask, self._perform(ask, perform, fate))
        finally:
            if ask.key is not None:
                self.busy.discard(ask.key)
        return await fate.hand_over(request, answer)

    async def grant(self, request: Request) -> Response:
        """Exchange client credentials for a token."""
        ask = await _read(request, "POST /v1/oauth2/token")
        fate = self._fate(ask)
        await fate.delay()
        if fate.meets(faults.ERROR_BEFORE):
            fate.count(faults.ERROR_BEFORE)
            return _respond(ask, self._refuse(ask, _broken()))
        with self.desk.books.change(self.desk.gateway) as change:
            answer = tokens.grant(Act(self.desk, change, self.desk.now()), ask.authorization, ask.raw)
            change.log(Entry(ask.method, ask.route, ask.path, answer.status_code, ask.debug_id))
        return await fate.hand_over(request, answer)

    def _fate(self, ask: Ask) -> Fate:
        call = {"method": ask.method, "path": ask.path, "subject": f"{ask.route} {ask.debug_id}"}
        return mishaps.draw(self.desk.books, self.desk.gateway, **call)

    def _perform(self, ask: Ask, perform: Perform, fate: Fate) -> Reply:
        try:
            with self.desk.books.change(self.desk.gateway) as change:
                act = Act(self.desk, change, self.desk.now(), key=ask.key, raw=ask.raw)
                tokens.check(act, ask.authorization)
                _check(ask)
                reply = self._once(ask, perform, act, fate)
                change.log(_entry(ask, reply))
                return reply
        except PayPalError as refusal:
            return self._refuse(ask, refusal)
        except Exception:
            logger.exception("The PayPal sandbox failed on %s %s.", ask.method, ask.path)
            return self._refuse(ask, _broken())

    def _once(self, ask: Ask, perform: Perform, act: Act, fate: Fate) -> Reply:
        if ask.key is None:
            return _carry_out(act, ask, perform, fate)
        change = act.change
        window = order_key_window_seconds if ask.path.startswith(ORDERS) else payment_key_window_seconds
        known = change.answered(ask.key, now=act.now, window_seconds=window)
        if known is None:
            return _carry_out(act, ask, perform, fate)
        if known.fingerprint != ask.fingerprint:
            raise _reused()
        return _replay(act, ask, known)

    def _refuse(self, ask: Ask, refusal: PayPalError) -> Reply:
        reply = Reply(refusal.status, _error_body(refusal, ask))
        with self.desk.books.change(self.desk.gateway) as change:
            change.log(_entry(ask, reply))
        return reply


async def _read(request: Request, route: str) -> Ask:
    return Ask(
        method=request.method,
        route=route,
        path=request.url.path.removeprefix(request.scope.get("root_path", "")),
        raw=await request.body(),
        query=request.url.query,
        steps=tuple(request.path_params.values()),
        debug_id=token(debug_id_length).lower(),
        key=(request.headers.get("paypal-request-id") or None) if request.method == "POST" else None,
        authorization=request.headers.get("authorization", ""),
        minimal=request.method == "POST" and "representation" not in request.headers.get("prefer", ""),
    )


def _check(ask: Ask) -> None:
    if len(ask.raw) > body_bytes_max:
        raise PayPalError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    if ask.key is not None and len(ask.key) > key_length_max:
        raise malformed(Issue.INVALID_STRING_LENGTH, "PayPal-Request-Id", location="header")


def _carry_out(act: Act, ask: Ask, perform: Perform, fate: Fate) -> Reply:
    """Run the endpoint; its request id remembers what was made, or that it was understood and refused."""
    taken = fields.of_body(ask.raw) if ask.method == "POST" else fields.of_query(ask.query)
    done = _run(act, taken, ask, perform)
    if isinstance(done, PayPalError):
        if ask.key is not None:
            said = msgspec.json.encode(done.error)
            act.change.remember(ask.key, Answer(ask.fingerprint, ask.debug_id, done.status, said, act.now))
        return Reply(done.status, _error_body(done, ask))
    if ask.key is not None and done.thing is not None:
        made = {"object": done.thing["object"], "id": done.thing["id"]}
        status = done.again or done.status
        act.change.remember(ask.key, Answer(ask.fingerprint, ask.debug_id, status, msgspec.json.encode(made), act.now))
    if fate.meets(faults.ERROR_AFTER):
        fate.count(faults.ERROR_AFTER)
        return Reply(HTTPStatus.INTERNAL_SERVER_ERROR, _error_body(_broken(), ask))
    return _written(act, ask, done)


def _run(act: Act, taken: Fields, ask: Ask, perform: Perform) -> Answered | PayPalError:
    """Hand back what was understood and refused instead of raising it; what a lasting refusal changed stays."""
    try:
        with act.change.undoable():
            return _unless_lasting(perform, act, taken, ask)
    except PayPalError as refusal:
        if refusal.status == HTTPStatus.UNPROCESSABLE_ENTITY:
            return refusal
        raise


def _unless_lasting(perform: Perform, act: Act, taken: Fields, ask: Ask) -> Answered | PayPalError:
    try:
        return perform(act, taken, *ask.steps)
    except PayPalError as refusal:
        if refusal.lasting:
            return refusal
        raise


def _replay(act: Act, ask: Ask, known: Answer) -> Reply:
    """Answer as PayPal does when it was asked before: with what has become of it by now, or with the same no."""
    if known.status >= HTTPStatus.BAD_REQUEST:
        said = {**msgspec.json.decode(known.body), "debug_id": ask.debug_id}
        return Reply(known.status, msgspec.json.encode(said), replayed=True)
    made = msgspec.json.decode(known.body)
    thing = act.load(made["object"], made["id"])
    body = msgspec.json.encode(shapes.show(act, thing, minimal=ask.minimal))
    return Reply(known.status, body, replayed=True)


def _written(act: Act, ask: Ask, done: Answered) -> Reply:
    if done.things is not None:
        name, things = done.things
        found = [_summary(act, each) for each in things if not act.change.hidden(each["id"])]
        return Reply(done.status, msgspec.json.encode({name: found, **done.body}))
    if done.thing is None:
        return Reply(done.status, msgspec.json.encode(done.body))
    if ask.method == "GET" and act.change.hidden(done.thing["id"]):
        # Answered instead of raised, so that the look at it counts.
        absent = missing(ID, done.thing["id"])
        return Reply(absent.status, _error_body(absent, ask))
    if done.silent and ask.minimal:
        return Reply(HTTPStatus.NO_CONTENT, b"")
    minimal = ask.minimal and done.thing["object"] != "event"
    return Reply(done.status, msgspec.json.encode(_shown(act, done.thing, minimal=minimal)))


def _shown(act: Act, thing: Json, *, minimal: bool) -> Json:
    """Write an object; a new order always says how it is paid."""
    shape = shapes.show(act, thing, minimal=minimal)
    if minimal and thing["object"] == "order" and thing["source"] is not None:
        shape["payment_source"] = {"paypal": {}}
    return shape


def _summary(act: Act, thing: Json) -> Json:
    """Write an object as lists show it."""
    shape = shapes.show(act, thing)
    if thing["object"] != "dispute":
        return shape
    return {name: shape[name] for name in (*shapes.DISPUTE_SUMMARY, "links")}


def _respond(ask: Ask, reply: Reply) -> Response:
    headers = {"Paypal-Debug-Id": ask.debug_id}
    media_type = None if reply.status == HTTPStatus.NO_CONTENT else "application/json"
    return Response(reply.body, reply.status, headers, media_type=media_type)


def _error_body(refusal: PayPalError, ask: Ask) -> bytes:
    return msgspec.json.encode({**refusal.error, "debug_id": ask.debug_id})


def _entry(ask: Ask, reply: Reply) -> Entry:
    return Entry(ask.method, ask.route, ask.path, reply.status, ask.debug_id, key=ask.key, replayed=reply.replayed)


def _broken() -> PayPalError:
    message = "An internal server error occurred, as the fault dial of this sandbox asked for."
    return PayPalError(HTTPStatus.INTERNAL_SERVER_ERROR, message=message)


def _in_progress() -> PayPalError:
    issue = Issue.PREVIOUS_REQUEST_IN_PROGRESS
    return PayPalError(HTTPStatus.CONFLICT, [{"issue": issue, "description": DESCRIPTIONS[issue]}])


def _reused() -> PayPalError:
    message = "The value of PayPal-Request-Id header has already been used"
    return PayPalError(HTTPStatus.BAD_REQUEST, name="DUPLICATE_REQUEST_ID", message=message)
