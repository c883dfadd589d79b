"""Errors in Stripe's own shape."""

from http import HTTPStatus

from tillkeeper.sandbox_kit.books import Json

CODES_WITH_DOCS = "https://docs.stripe.com/error-codes#"

# What Stripe calls its objects in "No such …" messages.
NAMES = {"checkout.session": "checkout session", "payment_method": "PaymentMethod"}


class StripeError(Exception):
    """Refuse a request with a status and Stripe's error object.

    `kept` says whether an idempotency key remembers the refusal: not when the request never began to execute.
    `lasting` says that the refusal itself changed the books, as a declined card does.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = HTTPStatus.BAD_REQUEST,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        kept: bool = True,
        lasting: bool = False,
        more: Json | None = None,
    ) -> None:
        """Build the error object."""
        super().__init__(message)
        self.status = int(status)
        self.kept = kept
        self.lasting = lasting
        doc_url = f"{CODES_WITH_DOCS}{code.replace('_', '-')}" if code else None
        fields = {"code": code, "doc_url": doc_url, "message": message, "param": param, "type": kind, **(more or {})}
        self.error = {name: value for name, value in fields.items() if value is not None}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> StripeError:
    """Refuse parameters before anything was executed."""
    return StripeError(message, param=param, code=code, kept=False)


def absent(param: str) -> StripeError:
    """Refuse because a required parameter is not there."""
    return invalid(f"Missing required param: {param}.", param=param, code="parameter_missing")


def unknown(param: str) -> StripeError:
    """Refuse a parameter that this imitation does not take."""
    return invalid(f"Received unknown parameter: {param}", param=param, code="parameter_unknown")


def missing(thing_id: str, *, kind: str, param: str, in_path: bool) -> StripeError:
    """Refuse because the object does not exist: 404 when the address names it, 400 when a parameter does."""
    status = HTTPStatus.NOT_FOUND if in_path else HTTPStatus.BAD_REQUEST
    name = NAMES.get(kind, kind)
    return StripeError(f"No such {name}: '{thing_id}'", status=status, code="resource_missing", param=param)


def unexpected_state(message: str, intent: Json) -> StripeError:
    """Refuse because the payment intent is in a state that does not allow it."""
    return StripeError(message, code="payment_intent_unexpected_state", more={"payment_intent": intent})


def unauthorised(message: str) -> StripeError:
    """Refuse the key."""
    return StripeError(message, status=HTTPStatus.UNAUTHORIZED, kept=False)
