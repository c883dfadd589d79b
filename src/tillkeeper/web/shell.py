"""What surrounds every request: its id, its size limit, its log line, and an answer whatever happens."""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tillkeeper.access.limits import Standing
from tillkeeper.kernel import clock, ids, logs, meters, sheets
from tillkeeper.kernel.errors import TillError
from tillkeeper.web import errors, strict

body_bytes_max = 65_536
target_bytes_max = 8_192
"""Path and query together."""
path_shown_max = 512
FILES_TO = "/api/v1/settlements/import"
FILES_AT = "/admin/reconciliation/import"
"""Where whole files are sent: by programs, and by people at a page."""
length_digits_max = 12
log = structlog.get_logger("http")
CORRELATION = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
correlation_length_min = 8
correlation_length_max = 64
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
"""What an answer says to browsers unless it says it itself, as pages do; nothing else is meant to be shown."""


Answer = Callable[[Scope, TillError], ASGIApp]


class Shell:
    """Give each request an id, keep it small, and log it without its query."""

    def __init__(self, app: ASGIApp, answer: Answer) -> None:
        """Put it around an application; `answer` makes the answer to what goes wrong."""
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = ids.text("request", ids.new())
        scope.setdefault("state", {})["request_id"] = request_id
        seen = _Seen(self._answer)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                _complete(MutableHeaders(scope=message), scope["state"])
            await send(message)

        with structlog.contextvars.bound_contextvars(
            request_id=request_id, correlation_id=_correlation(headers, request_id)
        ):
            read_ms = clock.timer_ms()
            try:
                _check_head(scope, headers)
                await self._app(scope, _limited(receive, _bytes_max(scope)), send_with_id)
            except TillError as error:
                await seen.answer(error, scope, receive, send_with_id)
            except Exception:
                log.exception("unexpected", path=shown_path(scope))
                await seen.answer(errors.UnexpectedError(), scope, receive, send_with_id)
            told = {"method": scope["method"], "path": shown_path(scope), "status": seen.status}
            took_ms = read_ms()
            log.info("request", **told, duration_ms=took_ms)
            meters.count(meters.requests, _part(scope["path"]), f"{seen.status // 100}xx", by=took_ms)


def _part(path: str) -> str:
    """Tell who answers at a path: programs ask the API, and people look at pages."""
    return "api" if path.startswith("/api/") else "pages"


def _complete(out: MutableHeaders, state: dict[str, Any]) -> None:
    """Add what every answer tells, and to whom it is known what is left of a limit."""
    out["Request-Id"] = state["request_id"]
    for name, value in SECURITY_HEADERS.items():
        out.setdefault(name, value)
    standing: Standing | None = state.get("standing")
    if standing:
        out.update(errors.rate_headers(standing))


class _Seen:
    """Remember whether an answer has begun."""

    status: int = 0

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def answer(self, error: TillError, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with an error, unless an answer has begun already."""
        if not self.status:
            await self._answer(scope, error)(scope, receive, send)


def is_long(scope: Scope) -> bool:
    """Tell whether an address is longer than any of ours."""
    return len(scope["path"]) + len(scope["query_string"]) > target_bytes_max


def check_target(scope: Scope) -> None:
    """Raise TooLargeError for an address that is longer than any of ours."""
    if is_long(scope):
        message = f"The limit for an address with its query is {target_bytes_max} bytes."
        raise errors.TooLargeError(message)


def shown_path(scope: Scope) -> str:
    """Write a path for the log: masked before it is cut, so that no half of a secret is left."""
    path: str = scope["path"]
    return path if len(path) <= path_shown_max else logs.mask(path)[:path_shown_max]


def _check_head(scope: Scope, headers: Headers) -> None:
    """Refuse what can be refused before the body is read."""
    check_target(scope)
    length, bytes_max = headers.get("content-length", ""), _bytes_max(scope)
    if length.isdecimal() and (len(length) > length_digits_max or int(length) > bytes_max):
        message = f"The limit is {bytes_max} bytes."
        raise errors.TooLargeError(message)
    if headers.get("content-encoding", "identity") != "identity":
        raise errors.UnsupportedMediaTypeError
    strict.check_text(scope["path"])
    query = scope["query_string"].decode("latin-1")
    strict.check_text(query)
    strict.check_text(unquote_plus(query))


def _bytes_max(scope: Scope) -> int:
    return sheets.file_bytes_max if scope["path"] in (FILES_TO, FILES_AT) else body_bytes_max


def _limited(receive: Receive, bytes_max: int) -> Receive:
    """Count what really arrives: the Content-Length may be absent."""
    received = 0

    async def limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > bytes_max:
            message_ = f"The limit is {bytes_max} bytes."
            raise errors.TooLargeError(message_)
        return message

    return limited


def _correlation(headers: Headers, request_id: str) -> str:
    given = headers.get("x-correlation-id", "")
    fits = correlation_length_min <= len(given) <= correlation_length_max and set(given) <= CORRELATION
    return given if fits else request_id
