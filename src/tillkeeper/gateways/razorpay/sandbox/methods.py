"""Ways to pay that a customer has in the sandbox, and what can go wrong with each."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tillkeeper.gateways.razorpay.sandbox.act import new_id
from tillkeeper.sandbox_kit.books import Json

VPA = "success@razorpay"
NO_METHOD: Mapping[str, object] = MappingProxyType({"card_id": None, "bank": None, "wallet": None, "vpa": None})


@dataclass(frozen=True, slots=True)
class Failure:
    """Hold why a payment failed, in Razorpay's words."""

    reason: str
    description: str
    source: str = "bank"
    step: str = "payment_authorization"
    code: str = "BAD_REQUEST_ERROR"


FAILURES = {
    failure.reason: failure
    for failure in (
        Failure("payment_failed", "Payment failed"),
        Failure(
            "insufficient_funds",
            "Your payment could not be completed due to insufficient account balance. Try again with another account.",
            source="customer",
        ),
        Failure("card_declined", "Your payment was declined by the bank. Try another card.", source="issuer_bank"),
        Failure(
            "incorrect_otp",
            "Payment processing failed because of incorrect OTP",
            source="customer",
            step="payment_authentication",
        ),
        Failure(
            "payment_cancelled",
            "You may have cancelled the payment or there was a delay in response from the UPI app.",
            source="customer",
            step="payment_authentication",
        ),
        Failure(
            "payment_timed_out",
            "Payment was unsuccessful as you could not complete it in time.",
            source="customer",
            step="payment_authentication",
        ),
        Failure(
            "gateway_technical_error",
            "Your payment could not be completed due to a temporary technical issue.",
            source="gateway",
            code="GATEWAY_ERROR",
        ),
    )
}


def paid_with(method: str) -> Json:
    """Tell how a payment was made, in the fields that Razorpay has for this method."""
    return {"method": method, **NO_METHOD, **METHODS[method]()}


def reference(method: str) -> Json:
    """Make the bank's own reference of a payment that was authorised."""
    return dict(ACQUIRERS[method])


def no_reference(method: str) -> Json:
    """Show the bank's reference of a payment that was not authorised: there is none."""
    return dict.fromkeys(ACQUIRERS[method])


def card(card_id: str) -> Json:
    """Show the card behind a payment."""
    return {
        "id": card_id,
        "entity": "card",
        "name": "Sandbox Customer",
        "last4": "1111",
        "network": "Visa",
        "type": "debit",
        "issuer": None,
        "international": False,
        "emi": False,
        "sub_type": "consumer",
    }


def _card() -> Json:
    return {"card_id": new_id("card")}


def _upi() -> Json:
    return {"vpa": VPA, "upi": {"payer_account_type": "bank_account", "vpa": VPA, "flow": "intent"}}


def _netbanking() -> Json:
    return {"bank": "HDFC"}


def _wallet() -> Json:
    return {"wallet": "airtelmoney"}


METHODS = {"upi": _upi, "card": _card, "netbanking": _netbanking, "wallet": _wallet}
ACQUIRERS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "card": {"auth_code": "828553", "rrn": "322206890934"},
        "upi": {"rrn": "267567962619", "upi_transaction_id": "F5B66C7C07CA6FEAD77E956DC2FC7ABE"},
        "netbanking": {"bank_transaction_id": "6951370"},
        "wallet": {"transaction_id": "7951370"},
    }
)
