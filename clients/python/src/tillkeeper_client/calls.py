"""One call of the API: what is sent, and what is done about the answer, the same for both clients."""

import json
import random
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import httpx2

from tillkeeper_client.errors import ApiError, ConnectionFailedError, TillkeeperError, refusal

VERSION = "0.1.0"
retries_max = 3
pause_seconds = 0.5
pause_seconds_max = 8.0
retry_after_seconds_max = 60
IDEMPOTENT = frozenset({"GET", "PUT", "PATCH", "DELETE"})
NOT_DONE = frozenset({HTTPStatus.TOO_MANY_REQUESTS})
"""Answers after which any call may be repeated: it was turned away before it began."""
PASSING = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})
"""Answers, perhaps of a proxy, after which a call may be repeated that is safe to repeat."""


class Omitted(Enum):
    """Tell what was left out from what is null."""

    OMITTED = "omitted"


OMITTED: Final = Omitted.OMITTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Hold a call; one that moves money or goods has a `key`, which stays the same however often it is sent."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    file: bytes | None = None
    key: str | None = None

    @property
    def repeatable(self) -> bool:
        """Tell whether it may be sent again although it may have been carried out."""
        return self.key is not None or self.method in IDEMPOTENT

    def parts(self, api_key: str) -> dict[str, Any]:
        """Write down what is sent."""
        headers = {"Authorization": f"Bearer {api_key}", "User-Agent": f"tillkeeper-client/{VERSION}"}
        if self.key is not None:
            headers["Idempotency-Key"] = self.key
        content = self.file
        if content is not None:
            headers["Content-Type"] = "text/csv"
        elif self.body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(self.body, default=written).encode()
        query = {name: written(value) for name, value in self.query.items() if value is not None}
        return {"method": self.method, "url": self.path, "params": query, "headers": headers, "content": content}


def given(**fields: Any) -> dict[str, Any]:
    """Keep what was said; a word that Python keeps for itself has an underscore after it here."""
    return {name.rstrip("_"): value for name, value in fields.items() if value is not OMITTED}


def in_path(text: str) -> str:
    """Write a part of an address, in which a slash is no border."""
    return quote(text, safe=":")


def new_key() -> str:
    """Make a key for one intent."""
    return secrets.token_hex(16)


def written(value: Any) -> Any:
    """Write moments and days as the API reads them."""
    if isinstance(value, datetime):
        return value.astimezone().isoformat()
    return value.isoformat() if isinstance(value, date) else value


def pause(tried: int, error: TillkeeperError) -> float:
    """Tell how long to wait before the next try, in seconds; what the server asks for comes first."""
    if isinstance(error, ApiError) and error.retry_after_seconds is not None:
        return error.retry_after_seconds
    longest: float = min(pause_seconds_max, pause_seconds * 2**tried)
    return longest * random.uniform(0.5, 1)  # noqa: S311 (spreads retries)


def may_repeat(call: Call, tried: int, retries: int, error: TillkeeperError) -> bool:
    """Decide whether to send a call again."""
    if tried >= retries:
        return False
    if not isinstance(error, ApiError):
        return call.repeatable or isinstance(error.__cause__, httpx2.ConnectError)
    if (error.retry_after_seconds or 0) > retry_after_seconds_max:
        return False
    return error.status in NOT_DONE or (call.repeatable and (error.retryable or error.status in PASSING))


def failed(answer: httpx2.Response) -> ApiError | None:
    """Read an answer that is a refusal; None for any other."""
    if answer.is_success:
        return None
    try:
        told = answer.json()
    except ValueError:
        told = {}
    wait = answer.headers.get("retry-after", "")
    seconds = int(wait) if wait.isdecimal() else None
    told = told if isinstance(told, dict) else {}
    told = {"request_id": answer.headers.get("request-id"), "detail": f"HTTP {answer.status_code}"} | told
    return refusal(answer.status_code, told, retry_after_seconds=seconds)


def cut_off(error: httpx2.HTTPError, call: Call) -> ConnectionFailedError:
    """Make the error of a call without an answer."""
    told = ConnectionFailedError(f"{call.method} {call.path}: no answer came ({type(error).__name__}).")
    told.__cause__ = error
    return told
