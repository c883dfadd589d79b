"""Errors in PayPal's own shape."""

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from types import MappingProxyType

from tillkeeper.sandbox_kit.books import Json

ID = "id"
DOCS = "https://developer.paypal.com/docs/api/orders/v2/#error-"

NAMES: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        400: (
            "INVALID_REQUEST",
            "Request is not well-formed, syntactically incorrect, or violates schema.",
        ),
        401: (
            "AUTHENTICATION_FAILURE",
            "Authentication failed due to missing authorization header, or invalid authentication credentials.",
        ),
        403: ("NOT_AUTHORIZED", "Authorization failed due to insufficient permissions."),
        404: ("RESOURCE_NOT_FOUND", "The specified resource does not exist."),
        409: ("RESOURCE_CONFLICT", "The server has detected a conflict while processing this request."),
        413: ("REQUEST_ENTITY_TOO_LARGE", "The request is larger than what is taken here."),
        415: ("UNSUPPORTED_MEDIA_TYPE", "The server does not support the request payload's media type."),
        422: (
            "UNPROCESSABLE_ENTITY",
            "The requested action could not be performed, semantically incorrect, or failed business validation.",
        ),
        500: ("INTERNAL_SERVER_ERROR", "An internal server error occurred."),
    }
)


class Issue(StrEnum):
    """Name what PayPal finds wrong with a request."""

    ACTION_DOES_NOT_MATCH_INTENT = "ACTION_DOES_NOT_MATCH_INTENT"
    AUTHORIZATION_ALREADY_CAPTURED = "AUTHORIZATION_ALREADY_CAPTURED"
    AUTHORIZATION_EXPIRED = "AUTHORIZATION_EXPIRED"
    AUTHORIZATION_VOIDED = "AUTHORIZATION_VOIDED"
    CANNOT_BE_ZERO_OR_NEGATIVE = "CANNOT_BE_ZERO_OR_NEGATIVE"
    CAPTURE_FULLY_REFUNDED = "CAPTURE_FULLY_REFUNDED"
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
    DECIMALS_NOT_SUPPORTED = "DECIMALS_NOT_SUPPORTED"
    DECIMAL_PRECISION = "DECIMAL_PRECISION"
    DUPLICATE_INVOICE_ID = "DUPLICATE_INVOICE_ID"
    INSTRUMENT_DECLINED = "INSTRUMENT_DECLINED"
    INVALID_CURRENCY_CODE = "INVALID_CURRENCY_CODE"
    INVALID_PARAMETER_SYNTAX = "INVALID_PARAMETER_SYNTAX"
    INVALID_PARAMETER_VALUE = "INVALID_PARAMETER_VALUE"
    INVALID_RESOURCE_ID = "INVALID_RESOURCE_ID"
    INVALID_STRING_LENGTH = "INVALID_STRING_LENGTH"
    MALFORMED_REQUEST_JSON = "MALFORMED_REQUEST_JSON"
    MAX_CAPTURE_AMOUNT_EXCEEDED = "MAX_CAPTURE_AMOUNT_EXCEEDED"
    MISSING_REQUIRED_PARAMETER = "MISSING_REQUIRED_PARAMETER"
    ORDER_ALREADY_AUTHORIZED = "ORDER_ALREADY_AUTHORIZED"
    ORDER_ALREADY_CAPTURED = "ORDER_ALREADY_CAPTURED"
    ORDER_NOT_APPROVED = "ORDER_NOT_APPROVED"
    PAYER_CANNOT_PAY = "PAYER_CANNOT_PAY"
    PAYPAL_REQUEST_ID_REQUIRED = "PAYPAL_REQUEST_ID_REQUIRED"
    PREVIOUSLY_CAPTURED = "PREVIOUSLY_CAPTURED"
    PREVIOUSLY_VOIDED = "PREVIOUSLY_VOIDED"
    PREVIOUS_REQUEST_IN_PROGRESS = "PREVIOUS_REQUEST_IN_PROGRESS"
    REFUND_AMOUNT_EXCEEDED = "REFUND_AMOUNT_EXCEEDED"
    REFUND_CAPTURE_CURRENCY_MISMATCH = "REFUND_CAPTURE_CURRENCY_MISMATCH"
    REFUND_NOT_ALLOWED = "REFUND_NOT_ALLOWED"
    TRANSACTION_REFUSED = "TRANSACTION_REFUSED"


DESCRIPTIONS: Mapping[Issue, str] = MappingProxyType(
    {
        Issue.ACTION_DOES_NOT_MATCH_INTENT: (
            "Order was created with another intent; use the other of capture and authorize to complete it."
        ),
        Issue.AUTHORIZATION_ALREADY_CAPTURED: "Authorization has already been captured.",
        Issue.AUTHORIZATION_EXPIRED: "An expired authorization cannot be captured.",
        Issue.AUTHORIZATION_VOIDED: "A voided authorization cannot be captured or reauthorized.",
        Issue.CANNOT_BE_ZERO_OR_NEGATIVE: (
            "Must be greater than zero. If the currency supports decimals, only two decimal place precision "
            "is supported."
        ),
        Issue.CAPTURE_FULLY_REFUNDED: "The capture has already been fully refunded",
        Issue.CURRENCY_MISMATCH: "The currency must be that of what it belongs to.",
        Issue.DECIMALS_NOT_SUPPORTED: "Currency does not support decimals.",
        Issue.DECIMAL_PRECISION: "If the currency supports decimals, only two decimal place precision is supported.",
        Issue.DUPLICATE_INVOICE_ID: (
            "Duplicate Invoice ID detected. To avoid a potential duplicate transaction your account setting "
            "requires that Invoice Id be unique for each transaction."
        ),
        Issue.INSTRUMENT_DECLINED: (
            "The instrument presented was either declined by the processor or bank, or it can't be used for "
            "this payment."
        ),
        Issue.INVALID_CURRENCY_CODE: "Currency code is invalid or is not currently supported.",
        Issue.INVALID_PARAMETER_SYNTAX: "The value of a field does not conform to the expected format.",
        Issue.INVALID_PARAMETER_VALUE: "The value of a field is invalid.",
        Issue.INVALID_RESOURCE_ID: "Specified resource ID does not exist. Please check the resource ID and try again.",
        Issue.INVALID_STRING_LENGTH: "The value of a field is either too short or too long.",
        Issue.MALFORMED_REQUEST_JSON: "The request JSON is not well formed.",
        Issue.MAX_CAPTURE_AMOUNT_EXCEEDED: "Capture amount exceeds allowable limit.",
        Issue.MISSING_REQUIRED_PARAMETER: "A required field / parameter is missing.",
        Issue.ORDER_ALREADY_AUTHORIZED: (
            "Order already authorized. If 'intent=AUTHORIZE' only one authorization per order is allowed."
        ),
        Issue.ORDER_ALREADY_CAPTURED: (
            "Order already captured. If 'intent=CAPTURE' only one capture per order is allowed."
        ),
        Issue.ORDER_NOT_APPROVED: "Payer has not yet approved the Order for payment.",
        Issue.PAYER_CANNOT_PAY: "Payer cannot pay for this transaction.",
        Issue.PAYPAL_REQUEST_ID_REQUIRED: "A PayPal-Request-Id is required if you are trying to process payment for an"
        " Order.",
        Issue.PREVIOUSLY_CAPTURED: "Authorization has been previously captured and hence cannot be voided.",
        Issue.PREVIOUSLY_VOIDED: "Authorization has been previously voided and hence cannot be voided again.",
        Issue.PREVIOUS_REQUEST_IN_PROGRESS: "A previous request on this resource is currently in progress.",
        Issue.REFUND_AMOUNT_EXCEEDED: (
            "The refund amount must be less than or equal to the capture amount that has not yet been refunded."
        ),
        Issue.REFUND_CAPTURE_CURRENCY_MISMATCH: "Refund must be in the same currency as the capture",
        Issue.REFUND_NOT_ALLOWED: "Capture cannot be refunded.",
        Issue.TRANSACTION_REFUSED: "The request was refused.",
    }
)


class PayPalError(Exception):
    """Refuse a request with a status and PayPal's error object; `lasting` says that the refusal changed the books."""

    def __init__(
        self,
        status: int,
        details: list[Json] | None = None,
        *,
        name: str | None = None,
        message: str | None = None,
        links: list[Json] | None = None,
        lasting: bool = False,
    ) -> None:
        """Build the error object."""
        usual_name, usual_message = NAMES[status]
        super().__init__(message or usual_message)
        self.status = int(status)
        self.lasting = lasting
        self.error: Json = {"name": name or usual_name, "message": message or usual_message}
        if details:
            self.error["details"] = details
        issue = details[0]["issue"] if details else self.error["name"]
        self.error["links"] = [{"href": f"{DOCS}{issue}", "rel": "information_link", "method": "GET"}, *(links or [])]


def malformed(issue: Issue, field: str, *, value: str | None = None, location: str = "body") -> PayPalError:
    """Refuse a parameter that is absent or written wrongly."""
    detail = {"field": field, "location": location, "issue": issue, "description": DESCRIPTIONS[issue]}
    return PayPalError(HTTPStatus.BAD_REQUEST, [detail if value is None else {**detail, "value": value}])


def impossible(issue: Issue, *, field: str | None = None, value: str | None = None) -> PayPalError:
    """Refuse what is understood and cannot be done."""
    detail = {"issue": issue, "description": DESCRIPTIONS[issue]}
    told = {name: text for name, text in (("field", field), ("value", value)) if text is not None}
    return PayPalError(HTTPStatus.UNPROCESSABLE_ENTITY, [told | detail])


def missing(field: str, value: str) -> PayPalError:
    """Refuse because the object does not exist."""
    issue = Issue.INVALID_RESOURCE_ID
    detail = {"field": field, "location": "path", "issue": issue, "value": value, "description": DESCRIPTIONS[issue]}
    return PayPalError(HTTPStatus.NOT_FOUND, [detail])
