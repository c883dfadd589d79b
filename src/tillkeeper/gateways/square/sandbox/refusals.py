"""Errors in Square's own shape."""

from http import HTTPStatus

from tillkeeper.sandbox_kit.books import Json

INVALID_REQUEST = "INVALID_REQUEST_ERROR"
PAYMENT_METHOD = "PAYMENT_METHOD_ERROR"
REFUND = "REFUND_ERROR"
AUTHENTICATION = "AUTHENTICATION_ERROR"
API = "API_ERROR"


class SquareError(Exception):
    """Refuse a request with a status and one of Square's errors.

    `lasting` says that the refusal itself changed the books, as a declined card does; an idempotency key then
    remembers it. `more` stands beside the errors in the answer.
    """

    def __init__(
        self,
        detail: str,
        *,
        code: str = "BAD_REQUEST",
        category: str = INVALID_REQUEST,
        status: int = HTTPStatus.BAD_REQUEST,
        field: str | None = None,
        lasting: bool = False,
        more: Json | None = None,
    ) -> None:
        """Build the error."""
        super().__init__(detail)
        self.status = int(status)
        self.lasting = lasting
        error = {"category": category, "code": code, "detail": detail, **({"field": field} if field else {})}
        self.body: Json = {"errors": [error], **(more or {})}


def missing(kind: str, thing_id: str, *, field: str | None = None) -> SquareError:
    """Refuse because the object does not exist."""
    detail = f"Could not find {kind} with id: {thing_id}"
    return SquareError(detail, code="NOT_FOUND", status=HTTPStatus.NOT_FOUND, field=field)


def broken() -> SquareError:
    """Fail as the fault dial asks."""
    detail = "An internal error has occurred, as the fault dial of this sandbox asked for."
    return SquareError(detail, code="INTERNAL_SERVER_ERROR", category=API, status=HTTPStatus.INTERNAL_SERVER_ERROR)
