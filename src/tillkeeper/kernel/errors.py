"""The one family of errors that people are meant to read."""

from http import HTTPStatus
from typing import ClassVar

from tillkeeper.kernel import logs


class TillError(Exception):
    """Say what happened in words that are safe to show, with a code that programs can match.

    Subclasses stand beside the code that raises them. `next_step` is what the reader can do about it.
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = HTTPStatus.INTERNAL_SERVER_ERROR
    title: ClassVar[str] = "Something that we did not expect"
    category: ClassVar[str] = "api_error"
    retryable: ClassVar[bool] = False
    retry_after_seconds: int | None = None
    next_step: ClassVar[str] = "Try again; if it stays, send the request id to whoever runs this installation."

    def __init__(self, detail: str = "", *, param: str | None = None, decline_code: str | None = None) -> None:
        self.detail = detail or self.title
        self.param = param
        self.decline_code = decline_code
        super().__init__(self.detail)


class NotFoundError(TillError):
    """Report a thing that is absent, or that belongs to someone else: the two look the same."""

    code = "not_found"
    status = HTTPStatus.NOT_FOUND
    title = "There is no such thing here"
    category = "invalid_request"
    next_step = "Check the id, and that it belongs to this mode and to this user."


class InvalidFieldError(TillError):
    """Report a field whose value cannot be used; `param` names it."""

    code = "invalid_field"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    title = "A field has a value that cannot be used"
    category = "invalid_request"
    next_step = "Correct the field named in `param` and send the request again."


class InvalidStateError(TillError):
    """Report a step that the thing's present state does not allow."""

    code = "invalid_state"
    status = HTTPStatus.CONFLICT
    title = "This cannot be done in the present state"
    category = "invalid_request"
    next_step = "Fetch the object, look at its `status`, and decide again."


class MalformedJsonError(TillError):
    """Report a body that is not JSON as we take it."""

    code = "malformed_json"
    status = HTTPStatus.BAD_REQUEST
    title = "The body is not JSON that can be used"
    category = "invalid_request"
    next_step = "Send one JSON object in UTF-8, each key once, without NaN or Infinity."


class DatabaseUnavailableError(TillError):
    """Report that the database cannot be reached; a repeat with the same key tells what became of the request."""

    code = "database_unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    title = "The database cannot be reached"
    retryable = True
    retry_after_seconds = 2
    next_step = "Send the same request with the same Idempotency-Key again in a few seconds."


def problem(error: TillError) -> dict[str, object]:
    """Describe an error in the members of RFC 9457 and ours, safe to show to whoever asked."""
    described: dict[str, object] = {
        "type": f"/docs/errors/{error.code}",
        "title": error.title,
        "status": int(error.status),
        "detail": logs.mask(error.detail),
        "code": error.code,
        "category": error.category,
        "retryable": error.retryable,
        "next_step": error.next_step,
    }
    if error.param:
        described["param"] = logs.mask(error.param)
    if error.decline_code:
        described["decline_code"] = logs.mask(error.decline_code)
    return described
