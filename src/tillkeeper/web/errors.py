"""Errors that only HTTP knows, and the one shape in which every error is answered."""

from http import HTTPStatus

from starlette.responses import JSONResponse

from tillkeeper.access.limits import RateLimitedError, Standing
from tillkeeper.kernel.errors import TillError, problem

PROBLEM_JSON = "application/problem+json"
RATE_HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


class UnknownFieldError(TillError):
    """Report a field that does not exist."""

    code = "unknown_field"
    status = 422
    title = "The request has a field that does not exist"
    category = "invalid_request"
    next_step = "Remove the field named in `param`; /docs lists the fields of this call."


class CardDataError(TillError):
    """Report something that looks like a card number; it is echoed and stored nowhere."""

    code = "card_data_not_accepted"
    status = 422
    title = "Card data is not accepted here"
    category = "invalid_request"
    next_step = "Send the customer to the gateway's checkout page: card numbers never pass through this server."


class TooLargeError(TillError):
    """Report a body over the limit."""

    code = "too_large"
    status = 413
    title = "The request is too large"
    category = "invalid_request"
    next_step = "Send less: the limit is named in `detail`."


class UnsupportedMediaTypeError(TillError):
    """Report a body that is not sent as plain JSON."""

    code = "unsupported_media_type"
    status = 415
    title = "Only application/json is taken here"
    category = "invalid_request"
    next_step = "Send `Content-Type: application/json` and no Content-Encoding."


class IdempotencyKeyMissingError(TillError):
    """Report a call that moves money or goods without a key."""

    code = "idempotency_key_missing"
    status = 400
    title = "This call needs an Idempotency-Key"
    category = "idempotency_error"
    next_step = "Send the header `Idempotency-Key` with 1 to 255 printable characters, new for each new intent."


class MethodNotAllowedError(TillError):
    """Report a method that the address does not know."""

    code = "method_not_allowed"
    status = 405
    title = "This address does not know that method"
    category = "invalid_request"
    next_step = "/docs lists every call with its method."


class UnexpectedError(TillError):
    """Report a bug of ours without saying anything about its insides."""


def answer(error: TillError, request_id: str) -> JSONResponse:
    """Answer with an error in the form of RFC 9457."""
    headers = {"Request-Id": request_id}
    if error.retry_after_seconds:
        headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, RateLimitedError) and error.standing:
        headers |= rate_headers(error.standing)
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(
        problem(error) | {"request_id": request_id},
        status_code=int(error.status),
        media_type=PROBLEM_JSON,
        headers=headers,
    )


def rate_headers(standing: Standing) -> dict[str, str]:
    """Tell what is left of a limit, and in how many seconds it begins anew."""
    told = (standing.limit, standing.remaining, standing.reset_seconds)
    return {name: str(count) for name, count in zip(RATE_HEADERS, told, strict=True)}
