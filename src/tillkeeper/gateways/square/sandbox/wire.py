"""The wire: tokens, versions, idempotency and errors, around every endpoint."""

import hashlib
import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tillkeeper.gateways.square.sandbox.act import Act, new_id
from tillkeeper.gateways.square.sandbox.body import Params
from tillkeeper.gateways.square.sandbox.events import API_VERSION
from tillkeeper.gateways.square.sandbox.payment_api import key_length_max
from tillkeeper.gateways.square.sandbox.refusals import API, AUTHENTICATION, SquareError, broken, missing
from tillkeeper.sandbox_kit import faults, mishaps
from tillkeeper.sandbox_kit.books import Answer, Change, Entry, Json
from tillkeeper.sandbox_kit.mishaps import Fate
from tillkeeper.sandbox_kit.stand import Desk

body_bytes_max = 1_048_576
VERSION = re.compile(r"20\d\d-\d\d-\d\d")
KEY = "idempotency_key"

Perform = Callable[..., Json]

logger = logging.getLogger(__name__)


class Keyed(Enum):
    """Say whether an endpoint takes an idempotency key."""

    NO = auto()
    MAY = auto()
    MUST = auto()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Name what answers an address; `word` is what the object is called in the answer, if it is one object."""

    method: str
    path: str
    perform: Perform
    word: str | None = None
    keyed: Keyed = Keyed.NO

    @property
    def route(self) -> str:
        """Name it for the log."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Ask:
    """Hold one request as it came, before anything is believed about it."""

    endpoint: Endpoint
    path: str
    raw: bytes
    query: str
    steps: tuple[str, ...]
    request: str
    authorization: str
    version: str | None

    @property
    def from_query(self) -> bool:
        """Say whether the parameters stand in the address."""
        return self.endpoint.method in {"GET", "DELETE"}

    def tree(self) -> Json:
        """Parse the parameters."""
        if self.from_query:
            return dict(parse_qsl(self.query, keep_blank_values=True))
        try:
            parsed = msgspec.json.decode(self.raw) if self.raw.strip() else {}
        except (msgspec.DecodeError, RecursionError) as problem:
            detail = "Invalid JSON body."
            raise SquareError(detail, code="EXPECTED_JSON_BODY") from problem
        if not isinstance(parsed, dict):
            detail = "Expected a JSON object."
            raise SquareError(detail, code="EXPECTED_JSON_BODY")
        return parsed


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

    async def answer(self, request: Request, endpoint: Endpoint) -> Response:
        """Take a request through the checks that every endpoint shares, and answer it."""
        ask = await _read(request, endpoint)
        subject = f"{endpoint.route} {ask.request}"
        fate = mishaps.draw(self.desk.books, self.desk.gateway, method=endpoint.method, path=ask.path, subject=subject)
        key = _key(ask)
        name = f"{endpoint.route} {key}" if key else None
        if name in self.busy:
            return _respond(self._refuse(ask, key, _in_use()))
        self.busy.update({name} if name else ())
        try:
            await fate.delay()
            if fate.meets(faults.ERROR_BEFORE):
                fate.count(faults.ERROR_BEFORE)
                return _respond(self._refuse(ask, key, broken()))
            answer = _respond(self._perform(ask, key, fate))
        finally:
            self.busy.difference_update({name} if name else ())
        return await fate.hand_over(request, answer)

    def _perform(self, ask: Ask, key: str | None, fate: Fate) -> Reply:
        try:
            _check(ask, self.desk.secrets["SQUARE_ACCESS_TOKEN"])
            with self.desk.books.change(self.desk.gateway) as change:
                reply = self._once(ask, key, change, fate)
                change.log(_entry(ask, key, reply))
                return reply
        except SquareError as refusal:
            return self._refuse(ask, key, refusal)
        except Exception:
            logger.exception("The Square sandbox failed on %s %s.", ask.endpoint.method, ask.path)
            detail = "The sandbox itself failed; its log says why. Nothing was changed."
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            failure = SquareError(detail, code="INTERNAL_SERVER_ERROR", category=API, status=status)
            return self._refuse(ask, key, failure)

    def _once(self, ask: Ask, key: str | None, change: Change, fate: Fate) -> Reply:
        act = Act(self.desk, change, self.desk.now(), key=key)
        tree = ask.tree()
        if key is None:
            return _carry_out(act, ask, tree, fate)[0]
        name = f"{ask.endpoint.route} {key}"
        fingerprint = _fingerprint(ask, tree)
        known = change.answered(name, now=act.now)
        if known is None:
            reply, kept = _carry_out(act, ask, tree, fate)
            if kept:
                change.remember(name, Answer(fingerprint, ask.request, reply.status, reply.body, act.now))
            return reply
        if known.fingerprint != fingerprint:
            detail = "The idempotency key can only be retried with the same request data."
            raise SquareError(detail, code="IDEMPOTENCY_KEY_REUSED", field=KEY)
        return Reply(known.status, known.body, replayed=True)

    def _refuse(self, ask: Ask, key: str | None, refusal: SquareError) -> Reply:
        reply = Reply(refusal.status, msgspec.json.encode(refusal.body))
        with self.desk.books.change(self.desk.gateway) as change:
            change.log(_entry(ask, key, reply))
        return reply


async def _read(request: Request, endpoint: Endpoint) -> Ask:
    return Ask(
        endpoint=endpoint,
        path=request.url.path.removeprefix(request.scope.get("root_path", "")),
        raw=await request.body(),
        query=request.url.query,
        steps=tuple(request.path_params.values()),
        request=new_id(),
        authorization=request.headers.get("authorization", ""),
        version=request.headers.get("square-version"),
    )


def _key(ask: Ask) -> str | None:
    """Read the idempotency key, which stands in the body; whether it is right is checked later."""
    if ask.endpoint.keyed is Keyed.NO:
        return None
    try:
        key = ask.tree().get(KEY)
    except SquareError:
        return None
    return key if isinstance(key, str) and key else None


def _check(ask: Ask, token: str) -> None:
    if len(ask.raw) > body_bytes_max:
        detail = f"The request is larger than {body_bytes_max} bytes."
        raise SquareError(detail, code="REQUEST_ENTITY_TOO_LARGE", status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    scheme, _, given = ask.authorization.partition(" ")
    if scheme.lower() != "bearer" or not secrets.compare_digest(given.strip().encode(), token.encode()):
        detail = "This request could not be authorized."
        status = HTTPStatus.UNAUTHORIZED
        raise SquareError(detail, code="UNAUTHORIZED", category=AUTHENTICATION, status=status)
    if ask.version is not None and not VERSION.fullmatch(ask.version):
        detail = "The Square-Version header must have the form YYYY-MM-DD."
        raise SquareError(detail, code="INVALID_SQUARE_VERSION_FORMAT")


def _carry_out(act: Act, ask: Ask, tree: Json, fate: Fate) -> tuple[Reply, bool]:
    """Run the endpoint; also say whether the idempotency key remembers the reply."""
    try:
        params = _params(ask, tree)
        with act.change.undoable():
            done = _run(act, params, ask)
            if isinstance(done, SquareError):
                return Reply(done.status, msgspec.json.encode(done.body)), True
        shown = _shown(act, ask, done)
    except SquareError as refusal:
        return Reply(refusal.status, msgspec.json.encode(refusal.body)), False
    if fate.meets(faults.ERROR_AFTER):
        fate.count(faults.ERROR_AFTER)
        failure = broken()
        return Reply(failure.status, msgspec.json.encode(failure.body)), True
    return Reply(HTTPStatus.OK, msgspec.json.encode(shown)), True


def _params(ask: Ask, tree: Json) -> Params:
    params = Params(tree, query=ask.from_query)
    if ask.endpoint.keyed is Keyed.MUST:
        params.needed_text(KEY, most=key_length_max)
    elif ask.endpoint.keyed is Keyed.MAY:
        params.text(KEY, most=key_length_max)
    return params


def _run(act: Act, params: Params, ask: Ask) -> Json | SquareError:
    """Hand back a lasting refusal instead of raising it, so that what it changed stays."""
    try:
        return ask.endpoint.perform(act, params, *ask.steps)
    except SquareError as refusal:
        if refusal.lasting:
            return refusal
        raise


def _shown(act: Act, ask: Ask, done: Json) -> Json:
    """Show one object under its word; a look-up that names what replicas do not have yet finds nothing."""
    if ask.endpoint.word is None:
        return done
    if ask.endpoint.method == "GET" and act.change.hidden(done["id"]):
        raise missing(done["object"], done["id"])
    return {ask.endpoint.word: done["shown"]}


def _fingerprint(ask: Ask, tree: Json) -> str:
    asked = msgspec.json.encode(tree, order="deterministic")
    return hashlib.sha256(f"{ask.path}\n".encode() + asked).hexdigest()


def _respond(reply: Reply) -> Response:
    return Response(reply.body, reply.status, {"Square-Version": API_VERSION}, media_type="application/json")


def _entry(ask: Ask, key: str | None, reply: Reply) -> Entry:
    endpoint = ask.endpoint
    return Entry(endpoint.method, endpoint.route, ask.path, reply.status, ask.request, key=key, replayed=reply.replayed)


def _in_use() -> SquareError:
    detail = "A request with this idempotency key is being processed. Wait and try again."
    return SquareError(detail, code="CONFLICT", status=HTTPStatus.CONFLICT, field=KEY)
