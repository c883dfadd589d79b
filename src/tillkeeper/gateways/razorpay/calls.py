"""The way to Razorpay: one request at a time, and how each of them can end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx2
import msgspec

from tillkeeper.gateway import Accepted, Declined, Outcome, PayloadUnreadableError, Refused, Unknown
from tillkeeper.gateways.razorpay.entities import Object
from tillkeeper.kernel import outside, trust
from tillkeeper.kernel.secrets import Secrets

connect_timeout_seconds = 10
total_timeout_seconds = 30
connections_max = 100
page_size = 100
pages_max = 1000
UNREADABLE = (
    *(LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError),
    PayloadUnreadableError,
)
"""What reading an answer can end in when it is not what was promised; the call may have been executed all the same."""
TURNED_AWAY = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})
SAID_NO = "BAD_REQUEST_ERROR"
UNTOLD = frozenset({"", "NA"})
AT_WORK = "another payment operation is in progress"
"""How Razorpay says, with the code of a plain no, that something else is under way for this payment: later is fine."""

BODY = msgspec.json.Decoder(Object)


class NotExecutedError(Exception):
    """Report a call that certainly was not executed: it never arrived, or Razorpay turned it away at the door."""


class UnclearError(Exception):
    """Report a call of which nobody can tell whether it was executed."""


class SaidNoError(Exception):
    """Report a call that Razorpay understood and did not execute."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


class Wire:
    """Carry requests, with the key as it is at that moment."""

    def __init__(self, secrets: Secrets, *, base: str) -> None:
        self._secrets = secrets
        self._base = base
        self._http = httpx2.AsyncClient(
            timeout=httpx2.Timeout(
                total_timeout_seconds, connect=connect_timeout_seconds, pool=connect_timeout_seconds
            ),
            limits=httpx2.Limits(max_connections=connections_max),
            follow_redirects=False,
            trust_env=False,
            verify=trust.authorities(),
        )

    async def tell(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        *,
        read: Callable[[Object], Accepted],
        headers: Mapping[str, str] | None = None,
        letter: bytes | None = None,
    ) -> Outcome:
        """Make a call and sort its end: what is not certainly refused before execution is unknown.

        A letter is a PDF that goes along as a file; then the body is texts beside it.
        """
        try:
            return read(await self.ask(method, path, body, headers=headers, letter=letter))
        except NotExecutedError as error:
            return Refused(reason=str(error))
        except SaidNoError as error:
            return Declined(code=error.code, message=error.message)
        except UnclearError as error:
            return Unknown(reason=str(error))
        except UNREADABLE as error:
            return Unknown(reason=f"Razorpay's answer cannot be read: {type(error).__name__}.")

    async def ask(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        *,
        query: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        letter: bytes | None = None,
    ) -> Object:
        """Make a call and read the answer; raises NotExecutedError, SaidNoError or UnclearError."""
        sent: dict[str, Any] = {"headers": {"Content-Type": "application/json", **(headers or {})}}
        if letter is not None:
            sent = {"data": body, "files": {"file": ("letter.pdf", letter, "application/pdf")}}
        elif body is not None:
            sent["content"] = msgspec.json.encode(body)
        auth = (self._secrets.get("RAZORPAY_KEY_ID"), self._secrets.get("RAZORPAY_KEY_SECRET"))
        outside.leave()
        try:
            async with asyncio.timeout(total_timeout_seconds):
                answer = await self._http.request(method, f"{self._base}/v1/{path}", params=query, auth=auth, **sent)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            message = f"Razorpay could not be reached: {type(error).__name__}"
            raise NotExecutedError(message) from error
        except (httpx2.HTTPError, TimeoutError) as error:
            message = f"no answer came from Razorpay: {type(error).__name__}"
            raise UnclearError(message) from error
        return _read(answer.status_code, answer.content)

    async def pages(self, path: str, query: Mapping[str, str | int]) -> AsyncIterator[Object]:
        """Go through a list, newest first; raises what `ask` does, and whatever a strange answer leads to."""
        for page in range(pages_max):
            asked = {**query, "count": page_size, "skip": page * page_size}
            items = (await self.ask("GET", path, query=asked))["items"]
            for item in items:
                yield item
            if len(items) < page_size:
                return
        message = f"Razorpay's list of {path} is longer than {pages_max} pages"
        raise UnclearError(message)

    async def close(self) -> None:
        """Close connections."""
        await self._http.aclose()


def segment(name: str) -> str:
    """Write a name so that it can only be one segment of a path."""
    return quote(name, safe="")


def _read(status: int, content: bytes) -> Object:
    if status in TURNED_AWAY:
        message = f"Razorpay answered {status}"
        raise NotExecutedError(message)
    try:
        body = BODY.decode(content)
        error = body["error"] if status >= HTTPStatus.BAD_REQUEST else {}
        code, description = error.get("code"), error.get("description")
        reason = error.get("reason")
    except (msgspec.DecodeError, UnicodeDecodeError, *UNREADABLE) as problem:
        message = f"Razorpay answered {status}, and not in its own words"
        raise UnclearError(message) from problem
    if status == HTTPStatus.OK:
        return body
    decided = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.CONFLICT
    if decided and code == SAID_NO and isinstance(description, str):
        if AT_WORK in description.lower():
            message = "Razorpay is at work on this payment"
            raise NotExecutedError(message)
        told = reason if isinstance(reason, str) and reason not in UNTOLD else SAID_NO.lower()
        raise SaidNoError(told, description)
    message = f"Razorpay answered {status} {code if isinstance(code, str) else ''}".rstrip()
    raise UnclearError(message)
