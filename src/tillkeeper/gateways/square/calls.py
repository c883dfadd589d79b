"""The way to Square: JSON over HTTP, and how each call can end."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import quote

import httpx2
import msgspec

from tillkeeper.gateway import (
    Accepted,
    Declined,
    GatewayUnavailableError,
    Outcome,
    PayloadUnreadableError,
    Refused,
    Unknown,
)
from tillkeeper.gateways.square.webhook import Object
from tillkeeper.kernel import clock, outside, trust

API_VERSION = "2026-09-16"
connect_timeout_seconds = 10
total_timeout_seconds = 30
connections_max = 100
asks_max = 3
asking_seconds_max = 5
"""A question is asked again within this time only: whoever waited long for no answer comes back later."""
HTTP_OK = 200
HTTP_BAD_REQUEST = 400
HTTP_TIMED_OUT = 408
HTTP_CONFLICT = 409
HTTP_TOO_MANY = 429
HTTP_SERVER_ERROR = 500
NOT_ADMITTED = frozenset({401, 403, HTTP_TOO_MANY})
PROVES_NOTHING = frozenset({HTTP_TIMED_OUT, HTTP_CONFLICT})
KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
DOUBTFUL = frozenset({KEY_REUSED, "TEMPORARY_ERROR", "REQUEST_TIMEOUT", "CONFLICT", "GATEWAY_TIMEOUT"})
"""Codes of an answer that leaves open whether the call, or an earlier one with its key, was carried out."""
NOT_NOW = frozenset({"REFUND_ALREADY_PENDING"})
"""Codes of a no that will be a yes once something else is done."""
CARD_CODES = frozenset(
    {"CARD_TOKEN_EXPIRED", "CARD_TOKEN_USED", "SOURCE_EXPIRED", "SOURCE_USED", "INVALID_CARD", "INVALID_CARD_DATA"}
)
UNREADABLE = (
    *(LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError),
    PayloadUnreadableError,
)
"""What reading an answer can end in when it is not what was promised; the call may have been executed all the same."""

Failure: TypeAlias = Declined | Refused | Unknown
Read = Callable[[Object], Accepted]


class Wire:
    """Carry calls, and tell "never sent" from "no answer": only the first may go elsewhere."""

    def __init__(self, base: str, token: Callable[[], str]) -> None:
        self._base = base
        self._token = token
        self._http = httpx2.AsyncClient(
            timeout=httpx2.Timeout(
                total_timeout_seconds, connect=connect_timeout_seconds, pool=connect_timeout_seconds
            ),
            limits=httpx2.Limits(max_connections=connections_max),
            follow_redirects=False,
            trust_env=False,
            verify=trust.authorities(),
        )

    async def call(
        self, method: str, path: str, body: Object | None = None, *, query: Mapping[str, str] | None = None
    ) -> Object | Failure:
        """Make one call, once; an answer that Square gave gladly comes back as it is."""
        headers = {
            "Authorization": f"Bearer {self._token()}",
            "Content-Type": "application/json",
            "Square-Version": API_VERSION,
        }
        content = None if body is None else msgspec.json.encode(body)
        outside.leave()
        try:
            async with asyncio.timeout(total_timeout_seconds):
                answer = await self._http.request(
                    method, f"{self._base}/v2/{path}", params=query, headers=headers, content=content
                )
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            return Refused(reason=f"Square could not be reached: {type(error).__name__}")
        except (httpx2.HTTPError, TimeoutError) as error:
            return Unknown(reason=f"Square did not answer: {type(error).__name__}")
        return _sorted(answer.status_code, answer.content)

    async def ask(
        self, method: str, path: str, body: Object | None = None, *, query: Mapping[str, str] | None = None
    ) -> Object | Failure:
        """Make a call that does no more when it is made again; an answer that is lost at once is asked for again.

        What takes many calls, such as going through a list, would hardly ever end if each lost answer ended it.
        """
        elapsed_ms = clock.timer_ms()
        for _ in range(asks_max - 1):
            answer = await self.call(method, path, body, query=query)
            if not isinstance(answer, Unknown) or elapsed_ms() > asking_seconds_max * 1000:
                return answer
        return await self.call(method, path, body, query=query)

    async def tell(self, read: Read, method: str, path: str, body: Object | None = None) -> Outcome:
        """Make a call and read its answer."""
        answer = await self.call(method, path, body)
        return read_safely(read, answer) if isinstance(answer, dict) else answer

    async def close(self) -> None:
        """Close connections."""
        await self._http.aclose()


def read_safely(read: Read, answer: Object) -> Accepted | Unknown:
    """Read an answer; one that is not what was promised leaves the outcome unknown."""
    try:
        return read(answer)
    except UNREADABLE as error:
        return Unknown(reason=f"Square's answer cannot be read: {type(error).__name__}.")


def segment(name: str) -> str:
    """Write an id as one segment of a path."""
    return quote(name, safe="")


def is_key_reused(answer: object) -> bool:
    """Tell whether Square refused a key because it came with something else before."""
    return isinstance(answer, Unknown) and answer.reason.endswith(KEY_REUSED)


def unavailable(failure: Failure, what: str = "list of events") -> GatewayUnavailableError:
    """Say that Square cannot be read from now."""
    why = failure.code if isinstance(failure, Declined) else failure.reason
    message = f"Square's {what} cannot be read: {why}."
    return GatewayUnavailableError(message)


def _sorted(status: int, content: bytes) -> Object | Failure:
    """Sort an answer by what it proves: what is not certainly refused before execution is unknown."""
    try:
        body: Any = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = None
    if status == HTTP_OK:
        if isinstance(body, dict) and not body.get("errors"):
            return body
        return Unknown(reason="Square answered 200 with something that is no answer")
    error = _first_error(body)
    reason = f"Square answered {status} {error.get('code', '')}".rstrip()
    if status in NOT_ADMITTED:
        return Refused(reason=reason)
    if not error or status in PROVES_NOTHING or not HTTP_BAD_REQUEST <= status < HTTP_SERVER_ERROR:
        return Unknown(reason=reason)
    return _declined(error, reason, body.get("payment"))


def _declined(error: Mapping[str, str], reason: str, payment: object) -> Failure:
    code, category = error["code"], error.get("category", "")
    if code in NOT_NOW:
        return Refused(reason=reason)
    if code in DOUBTFUL or category == "API_ERROR":
        return Unknown(reason=reason)
    card = category == "PAYMENT_METHOD_ERROR" or code in CARD_CODES or error.get("field") == "source_id"
    tried = payment.get("id") if card and isinstance(payment, dict) else None
    message = error.get("detail") or "Square refused the request."
    return Declined(code=code, message=message, card=card, attempt=tried if isinstance(tried, str) else None)


def _first_error(body: object) -> dict[str, str]:
    errors = body.get("errors") if isinstance(body, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict) or not isinstance(first.get("code"), str):
        return {}
    return {name: text for name, text in first.items() if isinstance(text, str)}
