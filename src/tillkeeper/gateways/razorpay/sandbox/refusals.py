"""Errors in Razorpay's own shape."""

from http import HTTPStatus

from tillkeeper.sandbox_kit.books import Json

NOT_AVAILABLE = "NA"


class RazorpayError(Exception):
    """Refuse a request with a status and Razorpay's error object."""

    def __init__(
        self,
        description: str,
        *,
        status: int = HTTPStatus.BAD_REQUEST,
        code: str = "BAD_REQUEST_ERROR",
        field: str | None = None,
        placed: bool = True,
    ) -> None:
        """Build the error object; `placed` says whether Razorpay tells where in a payment's life it happened."""
        super().__init__(description)
        self.status = int(status)
        self.error: Json = {
            "code": code,
            "description": description,
            "source": "business" if placed else NOT_AVAILABLE,
            "step": "payment_initiation" if placed else NOT_AVAILABLE,
            "reason": "input_validation_failed" if placed else NOT_AVAILABLE,
            "metadata": {},
        }
        if field is not None:
            self.error["field"] = field


def invalid(description: str, *, field: str | None = None) -> RazorpayError:
    """Refuse what was asked before anything was executed."""
    return RazorpayError(description, field=field)


def absent(field: str) -> RazorpayError:
    """Refuse because a field that must be there is not."""
    return invalid(f"The {field.replace('_', ' ')} field is required.", field=field)


def unwanted(fields: list[str]) -> RazorpayError:
    """Refuse fields that this call does not take."""
    return invalid(f"{', '.join(fields)} is/are not required and should not be sent", field=fields[0])


def missing() -> RazorpayError:
    """Refuse because there is nothing with this id."""
    return invalid("The id provided does not exist")


def unauthorised(description: str) -> RazorpayError:
    """Refuse the key."""
    return RazorpayError(description, status=HTTPStatus.UNAUTHORIZED, placed=False)


def lost() -> RazorpayError:
    """Refuse an address that nobody answers at."""
    return RazorpayError("The requested URL was not found on the server.", placed=False)


def key_refused(description: str, *, status: int = HTTPStatus.BAD_REQUEST) -> RazorpayError:
    """Refuse an idempotency key."""
    return RazorpayError(description, status=status, placed=False)


def at_work() -> RazorpayError:
    """Refuse because something else is being done to the same payment."""
    message = (
        "Request failed because another payment operation is in progress, such as a refund or a capture of the same"
        " payment. Wait a few seconds and try again."
    )
    return RazorpayError(message, placed=False)


def broken(description: str) -> RazorpayError:
    """Answer that Razorpay itself failed."""
    return RazorpayError(description, status=HTTPStatus.INTERNAL_SERVER_ERROR, code="SERVER_ERROR", placed=False)
