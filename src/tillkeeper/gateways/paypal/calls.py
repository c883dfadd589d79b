"""The way to PayPal: an access token that is fetched once, every call made once, and how each of them can end."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
import msgspec

from tillkeeper.gateway import Accepted, Declined, Outcome, PayloadUnreadableError, Refused, Unknown
from tillkeeper.kernel import outside, trust
from tillkeeper.kernel.secrets import Secrets

connect_timeout_seconds = 10
total_timeout_seconds = 30
connections_max = 100
token_margin_seconds = 120
"""How long before its end a token is no longer used: a call may take a while, and clocks differ."""
token_lifetime_seconds_max = 86_400
NANOSECONDS = 1_000_000_000
UNREADABLE = (
    *(LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError),
    PayloadUnreadableError,
)
"""What reading an answer can end in when it is not what was promised; the call may have been executed all the same."""
HTTP_OK = 200
HTTP_NO_CONTENT = 204
HTTP_REDIRECT = 300
HTTP_UNAUTHORIZED = 401
HTTP_SERVER_ERROR = 500
REFUSING = frozenset({401, 403, 429})
"""Statuses with which PayPal turns a call away before it looks at what is asked."""
DECIDING = frozenset({400, 404, 422})
"""Statuses with which PayPal says no to what is asked; all others leave open what happened."""
UNDECIDED = frozenset({"DUPLICATE_REQUEST_ID", "ORDER_COMPLETION_IN_PROGRESS", "PREVIOUS_REQUEST_IN_PROGRESS"})
PAYER_DECLINED = frozenset(
    {
        "COMPLIANCE_VIOLATION",
        "DECLINED_DUE_TO_RELATED_TXN",
        "INSTRUMENT_DECLINED",
        "PAYER_ACCOUNT_LOCKED_OR_CLOSED",
        "PAYER_ACCOUNT_RESTRICTED",
        "PAYER_ACTION_REQUIRED",
        "PAYER_CANNOT_PAY",
        "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING",
        "TRANSACTION_BLOCKED_BY_PAYEE",
        "TRANSACTION_LIMIT_EXCEEDED",
        "TRANSACTION_REFUSED",
    }
)
"""Issues about the payer's means of payment: with another one the same order can still be paid."""
NOT_FOUND = frozenset({"INVALID_RESOURCE_ID", "RESOURCE_NOT_FOUND"})
EVENTS = "/v1/notifications/webhooks-events"
VERIFY = "/v1/notifications/verify-webhook-signature"

Object = dict[str, Any]
Form = Mapping[str, tuple[str, bytes, str]]
"""Parts by their names: a file's name, what it holds, and its media type."""
OBJECT = msgspec.json.Decoder(Object)


class NoAnswerError(Exception):
    """Report a call to which no answer came."""


class NotSentError(NoAnswerError):
    """Report a call that PayPal certainly did not execute: it never got there, or there was no token to make it."""


@dataclass(frozen=True, slots=True)
class Token:
    """Hold an access token, and until when it is used, by a clock that never steps back."""

    text: str = field(default="", repr=False)
    until_ns: int = 0
    granted_to: tuple[str, str] = field(default=("", ""), repr=False)
    """The client's credentials: when these are others, so is the token."""


class Wire:
    """Make calls with the client's credentials."""

    def __init__(self, base: str, secrets: Secrets) -> None:
        self._base = base
        self._secrets = secrets
        self._token = Token()
        self._granting = asyncio.Lock()
        self.http = httpx2.AsyncClient(
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
        read: Callable[[Object], Outcome],
        *,
        body: Object | None = None,
        form: Form | None = None,
        key: str | None = None,
        silence: Accepted | None = None,
    ) -> Outcome:
        """Make a call and sort its end: what is not certainly refused before execution is unknown.

        `silence` is what it means when PayPal answers that it did it and says no more.
        """
        try:
            answer = await self.send(method, path, body=body, form=form, key=key)
        except NotSentError as error:
            return Refused(reason=f"PayPal could not be asked: {error}")
        except NoAnswerError as error:
            return Unknown(reason=f"PayPal gave no answer: {error}")
        if not HTTP_OK <= answer.status_code < HTTP_REDIRECT:
            return _refused(answer)
        if answer.status_code == HTTP_NO_CONTENT and silence is not None:
            return silence
        try:
            return read(OBJECT.decode(answer.content))
        except UNREADABLE as error:
            return Unknown(reason=f"PayPal's answer cannot be read: {type(error).__name__}.")

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: Object | bytes | None = None,
        form: Form | None = None,
        key: str | None = None,
    ) -> httpx2.Response:
        """Make a call; a token that PayPal no longer takes is replaced once. Raises NotSentError or NoAnswerError."""
        self._credentials()  # where they cannot be read nothing leaves
        outside.leave()
        content = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
        headers = {"Prefer": "return=representation"} | ({} if form else {"Content-Type": "application/json"})
        if key is not None:
            headers["PayPal-Request-Id"] = key
        token = await self._current()
        answer = await self._request(method, path, content, headers | _bearer(token), files=form)
        if answer.status_code == HTTP_UNAUTHORIZED:  # turned away before execution, so it is safe to tell again
            token = await self._current(worn=token)
            answer = await self._request(method, path, content, headers | _bearer(token), files=form)
        return answer

    async def close(self) -> None:
        """Close connections."""
        await self.http.aclose()

    async def _current(self, *, worn: Token | None = None) -> Token:
        """Tell a token that can be used; however many calls need a new one, one of them fetches it."""
        async with self._granting:
            credentials = self._credentials()
            over = time.monotonic_ns() >= self._token.until_ns or self._token.granted_to != credentials
            if self._token is worn or over:
                self._token = await self._grant(credentials)
            return self._token

    def _credentials(self) -> tuple[str, str]:
        return self._secrets.get("PAYPAL_CLIENT_ID"), self._secrets.get("PAYPAL_CLIENT_SECRET")

    async def _grant(self, credentials: tuple[str, str]) -> Token:
        """Fetch a token; whatever goes wrong, the call that needs it was not made."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        content = b"grant_type=client_credentials"
        try:
            answer = await self._request("POST", "/v1/oauth2/token", content, headers, auth=credentials)
            if answer.status_code != HTTP_OK:
                message = f"its token service answered {answer.status_code}."
                raise NotSentError(message)
            granted = OBJECT.decode(answer.content)
            text, lifetime = granted["access_token"], int(granted["expires_in"])
            if not isinstance(text, str) or not text.isascii() or not text.isprintable() or not text:
                raise TypeError
        except NoAnswerError as error:
            message = str(error)
            raise NotSentError(message) from error
        except UNREADABLE as error:
            message = "its token cannot be read."
            raise NotSentError(message) from error
        used_seconds = max(min(lifetime, token_lifetime_seconds_max) - token_margin_seconds, 0)
        return Token(text, time.monotonic_ns() + used_seconds * NANOSECONDS, credentials)

    async def _request(
        self,
        method: str,
        path: str,
        content: bytes | None,
        headers: Mapping[str, str],
        **more: Any,
    ) -> httpx2.Response:
        try:
            async with asyncio.timeout(total_timeout_seconds):
                return await self.http.request(
                    method, f"{self._base}{path}", content=content, headers=dict(headers), **more
                )
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise NotSentError(type(error).__name__) from error
        except (httpx2.HTTPError, TimeoutError) as error:
            raise NoAnswerError(type(error).__name__) from error


def is_missing(outcome: object) -> bool:
    """Tell whether PayPal does not know, or does not show yet, what was asked for."""
    return isinstance(outcome, Declined) and outcome.code in NOT_FOUND


def _bearer(token: Token) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.text}"}


def _refused(answer: httpx2.Response) -> Outcome:
    """Sort an answer that is no success by what it proves."""
    status = answer.status_code
    issue, message = _explained(answer.content)
    reason = f"PayPal answered {status} {issue or 'without a reason'}"
    if issue in UNDECIDED:
        return Unknown(reason=reason)
    if status in REFUSING:
        return Refused(reason=reason)
    if status in DECIDING and issue:
        return Declined(code=issue, message=message, card=issue in PAYER_DECLINED)
    return Unknown(reason=reason)


def _explained(content: bytes) -> tuple[str, str]:
    """Read the first issue of an error, or else its name; both are empty when it is no error of PayPal."""
    try:
        error = OBJECT.decode(content)
        first: Object = next(iter(error.get("details") or ()), {})
        issue = first.get("issue") or error["name"]
        message = first.get("description") or error.get("message") or "PayPal refused the request."
    except UNREADABLE:
        return "", ""
    return (issue, message) if isinstance(issue, str) and isinstance(message, str) else ("", "")
