"""The way to Stripe: its SDK's requests, carried by us, and how each of them can end."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import httpx2
import stripe

from tillkeeper.gateway import (
    Absent,
    Accepted,
    Declined,
    GatewayUnavailableError,
    Outcome,
    PayloadUnreadableError,
    PlaceGoneError,
    Refused,
    Unknown,
)
from tillkeeper.gateways.stripe import webhook
from tillkeeper.kernel import outside, trust
from tillkeeper.kernel.db import assert_no_transaction

connect_timeout_seconds = 10
total_timeout_seconds = 30
connections_max = 100
page_size = 100
pages_max = 50
UNREADABLE = (
    *(LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError),
    PayloadUnreadableError,
)
"""What reading an answer can end in when it is not what was promised; the call may have been executed all the same."""
GONE = ("resource_missing", "starting_after")
"""What a list says, and of which parameter, that is to begin behind something that is not there."""
REPLY_LOST = frozenset({"idempotency_key_in_use", "lock_timeout"})
HTTP_TOO_MANY = 429
HTTP_CONFLICT = 409
HTTP_SERVER_ERROR = 500

T = TypeVar("T")

stripe.enable_telemetry = False  # the SDK would keep a file of its own on this machine


class NoAnswerError(stripe.APIConnectionError):
    """Report a call to which no answer came."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, should_retry=False)  # type: ignore[no-untyped-call]  # the SDK leaves it untyped


class NotSentError(NoAnswerError):
    """Report a call that never reached Stripe."""


class Wire(stripe.HTTPClient):
    """Carry the SDK's requests, and tell "never sent" from "no answer": only the first may go elsewhere.

    The SDK keeps the key that it was given, so each request is signed anew with the one that is good now.
    """

    name = "httpx2"

    def __init__(self, key: Callable[[], str]) -> None:
        super().__init__()
        self._key = key
        self._http = httpx2.AsyncClient(
            timeout=httpx2.Timeout(
                total_timeout_seconds, connect=connect_timeout_seconds, pool=connect_timeout_seconds
            ),
            limits=httpx2.Limits(max_connections=connections_max),
            follow_redirects=False,
            trust_env=False,
            verify=trust.authorities(),
        )

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send one request."""
        signed = {**headers, "Authorization": f"Bearer {self._key()}"}
        outside.leave()
        try:
            async with asyncio.timeout(total_timeout_seconds):
                answer = await self._http.request(method.upper(), url, headers=signed, content=post_data or None)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise NotSentError(type(error).__name__) from error
        except (httpx2.HTTPError, TimeoutError) as error:
            raise NoAnswerError(type(error).__name__) from error
        return answer.content, answer.status_code, answer.headers

    async def sleep_async(self, secs: Any) -> None:
        """Wait between retries; there are none."""
        await asyncio.sleep(secs)

    async def close_async(self) -> None:
        """Close connections."""
        await self._http.aclose()


async def tell(call: Callable[[], Awaitable[Any]], read: Callable[[webhook.Object], Accepted]) -> Outcome:
    """Make a call and sort its end: what is not certainly refused before execution is unknown."""
    assert_no_transaction()
    try:
        return read((await call()).to_dict())
    except NotSentError as error:
        return Refused(reason=f"Stripe could not be reached: {error.user_message}")
    except stripe.CardError as error:
        return Declined(code=_decline_code(error), message=error.user_message or "The card was declined.", card=True)
    except stripe.StripeError as error:
        return _failed(error)
    except UNREADABLE as error:
        return Unknown(reason=f"Stripe's answer cannot be read: {type(error).__name__}.")


async def search(
    read_page: Callable[[Any], Awaitable[Any]],
    wanted: dict[str, Any],
    fits: Callable[[webhook.Object], bool],
    read: Callable[[webhook.Object], Accepted],
) -> Outcome | Absent:
    """Go through a list, newest first, for the one object that fits."""
    assert_no_transaction()
    params = wanted | {"limit": page_size}
    try:
        for _ in range(pages_max):
            page = (await read_page(params)).to_dict()
            for each in page["data"]:
                if fits(each):
                    return read(each)
            if not page["has_more"]:
                return Absent()
            params["starting_after"] = page["data"][-1]["id"]
    except stripe.StripeError as error:
        return Unknown(reason=f"Stripe could not be asked: {type(error).__name__}")
    except UNREADABLE as error:
        return Unknown(reason=f"Stripe's answer cannot be read: {type(error).__name__}.")
    return Unknown(reason=f"Stripe's list is longer than {pages_max} pages")


async def read_all(
    read_page: Callable[[Any], Awaitable[Any]], wanted: dict[str, Any], read: Callable[[webhook.Object], T]
) -> list[T]:
    """Read a list to its end, oldest first; raises GatewayUnavailableError."""
    assert_no_transaction()
    params, found = wanted | {"limit": page_size}, list[T]()
    try:
        while True:
            page = (await read_page(params)).to_dict()
            found.extend(read(each) for each in page["data"])
            if not page["has_more"]:
                return found[::-1]
            params["starting_after"] = page["data"][-1]["id"]
    except (stripe.StripeError, *UNREADABLE) as error:
        message = f"Stripe's list cannot be read: {type(error).__name__}."
        raise GatewayUnavailableError(message) from error


async def page(
    client: stripe.StripeClient, path: str, wanted: dict[str, Any], fields: tuple[str, ...]
) -> tuple[list[webhook.Object], bool]:
    """Read one page of a list, whose entries all have the named fields, and whether more follow.

    It is read as it came: the SDK would make objects of a hundred entries with their sources, from which we would make
    plain values again. Raises GatewayUnavailableError; PlaceGoneError when what it is to begin behind is not there any
    more, as events are not after a month.
    """
    assert_no_transaction()
    try:
        answer = (await client.raw_request_async("get", path, **wanted)).data
        found, more = answer["data"], answer["has_more"]
        if not all(each[field] is not None for each in found for field in fields) or (more and not found):
            raise ValueError
    except (stripe.StripeError, *UNREADABLE) as error:
        message = f"Stripe's list cannot be read: {type(error).__name__}."
        gone = isinstance(error, stripe.InvalidRequestError) and (error.code, error.param) == GONE
        raise (PlaceGoneError if gone else GatewayUnavailableError)(message) from error
    return found, bool(more)


def _failed(error: stripe.StripeError) -> Outcome:
    status = error.http_status or 0
    code = error.code or getattr(error.error, "code", None) or type(error).__name__
    reason = f"Stripe answered {status} {code}"
    if isinstance(error, stripe.IdempotencyError | stripe.APIConnectionError) or code in REPLY_LOST:
        return Unknown(reason=reason)
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError) or status == HTTP_TOO_MANY:
        return Refused(reason=reason)
    if (
        isinstance(error, stripe.InvalidRequestError)
        and status not in {0, HTTP_CONFLICT}
        and status < HTTP_SERVER_ERROR
    ):
        return Declined(code=code, message=error.user_message or "Stripe refused the request.")
    return Unknown(reason=reason)


def _decline_code(error: stripe.CardError) -> str:
    return str(getattr(error.error, "decline_code", None) or error.code or "card_declined")
