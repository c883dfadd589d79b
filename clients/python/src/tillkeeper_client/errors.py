"""What a call can end in other than an answer: each refusal of the API as an error that programs can tell apart."""

from collections.abc import Mapping
from typing import Any


class TillkeeperError(Exception):
    """Say that a call did not end in an answer; `idempotency_key` repeats it without doing it twice."""

    idempotency_key: str | None = None


class ConnectionFailedError(TillkeeperError):
    """Report that no answer came, so nobody knows whether the call had an effect.

    Repeat it with the `idempotency_key` of this error: what was done then is answered, and not done again.
    """


class ApiError(TillkeeperError):
    """Report what the API answered: `code` never changes, `detail` is for people, `request_id` finds it in the log."""

    def __init__(self, status: int, told: Mapping[str, Any], *, retry_after_seconds: int | None = None) -> None:
        self.status = status
        self.code: str = told.get("code", "unknown")
        self.title: str = told.get("title", "")
        self.detail: str = told.get("detail", "")
        self.next_step: str = told.get("next_step", "")
        self.param: str | None = told.get("param")
        self.decline_code: str | None = told.get("decline_code")
        self.payment: str | None = told.get("payment")
        self.retryable: bool = told.get("retryable", False)
        self.request_id: str | None = told.get("request_id")
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"{self.code}: {self.detail} ({self.request_id})")


class InvalidRequestError(ApiError):
    """Report a request that cannot be taken as it is."""


class AuthenticationError(ApiError):
    """Report a key or token that opens nothing."""


class PaymentRefusedError(ApiError):
    """Report a payment that was declined or turned away, or a wallet with too few credits."""


class PermissionDeniedError(ApiError):
    """Report something that this caller may not do."""


class NotFoundError(ApiError):
    """Report something that is absent, or that belongs to somebody else."""


class ConflictError(ApiError):
    """Report what the present state of things does not allow."""


class RateLimitedError(ApiError):
    """Report too many calls in too short a time."""


class ServerError(ApiError):
    """Report that the other side is in trouble."""


BY_STATUS: dict[int, type[ApiError]] = {
    401: AuthenticationError,
    402: PaymentRefusedError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    429: RateLimitedError,
}
SERVER_ERRORS_FROM = 500


def refusal(status: int, told: Mapping[str, Any], *, retry_after_seconds: int | None) -> ApiError:
    """Make the error of an answer."""
    other = ServerError if status >= SERVER_ERRORS_FROM else InvalidRequestError
    return BY_STATUS.get(status, other)(status, told, retry_after_seconds=retry_after_seconds)
