"""Test cards by Stripe's own names, what an issuer says about each, and a bank account to debit."""

from dataclasses import dataclass

from tillkeeper.gateways.stripe.sandbox.act import Act, new_id
from tillkeeper.gateways.stripe.sandbox.form import Params
from tillkeeper.gateways.stripe.sandbox.refusals import missing
from tillkeeper.sandbox_kit.books import Json


@dataclass(frozen=True, slots=True)
class Card:
    """Hold a test card; `code` and `decline_code` are set when its issuer declines, `delayed` when it is no card."""

    last4: str
    brand: str = "visa"
    code: str | None = None
    decline_code: str | None = None
    network_code: str | None = None
    message: str = ""
    authenticate: bool = False
    delayed: bool = False


GENERIC = "Your card was declined."
GOOD = Card("4242")
ASKS = Card("3220", authenticate=True)
DEBIT = Card("6789", delayed=True)
ACCOUNT = {
    "account_holder_type": "individual",
    "account_type": "checking",
    "bank_name": "SANDBOX BANK",
    "fingerprint": "SandboxAccount01",
    "last4": DEBIT.last4,
    "routing_number": "110000000",
}

DECLINES = {
    "generic_decline": Card("0002", "visa", "card_declined", "generic_decline", "05", GENERIC),
    "insufficient_funds": Card(
        "9995", "visa", "card_declined", "insufficient_funds", "51", "Your card has insufficient funds."
    ),
    "lost_card": Card("9987", "visa", "card_declined", "lost_card", "41", GENERIC),
    "stolen_card": Card("9979", "visa", "card_declined", "stolen_card", "43", GENERIC),
    "expired_card": Card("0069", "visa", "expired_card", "expired_card", "54", "Your card has expired."),
    "incorrect_cvc": Card(
        "0127", "visa", "incorrect_cvc", "incorrect_cvc", "N7", "Your card's security code is incorrect."
    ),
    "processing_error": Card(
        "0119",
        "visa",
        "processing_error",
        "processing_error",
        "96",
        "An error occurred while processing your card. Try again in a little bit.",
    ),
}

TOKENS = {
    "pm_card_visa": GOOD,
    "pm_card_mastercard": Card("4444", "mastercard"),
    "pm_card_amex": Card("8431", "amex"),
    "pm_card_chargeDeclined": DECLINES["generic_decline"],
    "pm_card_visa_chargeDeclined": DECLINES["generic_decline"],
    "pm_card_chargeDeclinedInsufficientFunds": DECLINES["insufficient_funds"],
    "pm_card_visa_chargeDeclinedInsufficientFunds": DECLINES["insufficient_funds"],
    "pm_card_chargeDeclinedLostCard": DECLINES["lost_card"],
    "pm_card_chargeDeclinedStolenCard": DECLINES["stolen_card"],
    "pm_card_chargeDeclinedExpiredCard": DECLINES["expired_card"],
    "pm_card_chargeDeclinedIncorrectCvc": DECLINES["incorrect_cvc"],
    "pm_card_chargeDeclinedProcessingError": DECLINES["processing_error"],
    "pm_card_authenticationRequired": ASKS,
    "pm_card_threeDSecure2Required": ASKS,
}

ALL = {card.last4: card for card in (*TOKENS.values(), *DECLINES.values())}
NO_ADDRESS = {"city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None}
EXPIRES = {"exp_month": 12, "exp_year": 2034}


def billing_details(email: str | None, name: str | None = None) -> Json:
    """Build the billing details of a payment method or charge."""
    return {"address": dict(NO_ADDRESS), "email": email, "name": name, "phone": None, "tax_id": None}


def method(act: Act, card: Card, *, customer: str | None, billing: Json) -> Json:
    """Store the payment method that a customer's card or account becomes."""
    return act.put(
        {
            "id": new_id("pm"),
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": billing,
            **(_account() if card.delayed else _card(card)),
            "created": act.now,
            "customer": customer,
            "customer_account": None,
            "livemode": False,
            "metadata": {},
        }
    )


def chosen(act: Act, name: str, *, customer: str | None) -> tuple[Card, Json]:
    """Find the card behind a payment method's id or test name."""
    if name in TOKENS:
        card = TOKENS[name]
        return card, method(act, card, customer=customer, billing=billing_details(None))
    found = act.change.find("payment_method", name)
    if found is None or found["type"] != "card":
        raise missing(name, kind="payment_method", param="payment_method", in_path=False)
    return ALL[found["card"]["last4"]], found


def retrieve(act: Act, params: Params, method_id: str) -> Json:
    """Show a payment method."""
    params.done()
    return act.load("payment_method", method_id)


def charge_details(card: Card, amount: int, *, authenticated: bool, capture_before: int | None) -> Json:
    """Tell how a charge was paid, as far as Stripe tells."""
    if card.delayed:
        account = {**ACCOUNT, "expected_debit_date": None, "mandate": None, "payment_reference": None}
        return {"type": "us_bank_account", "us_bank_account": account}
    three_d_secure = {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": "5d0d1d0e-9d1f-4c38-9d0c-5f1c1c6d5a01",
        "version": "2.2.0",
    }
    details = {
        "amount_authorized": None if card.code else amount,
        "authorization_code": None if card.code else "123456",
        "brand": card.brand,
        "checks": _checks(card),
        "country": "US",
        **EXPIRES,
        "extended_authorization": {"status": "disabled"},
        "fingerprint": f"Sandbox{card.last4}Fingerprint"[:16],
        "funding": "credit",
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "last4": card.last4,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card.brand,
        "network_token": {"used": False},
        "network_transaction_id": "104102978678771",
        "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
        "regulated_status": "unregulated",
        "three_d_secure": three_d_secure if authenticated else None,
        "transaction_link_id": None,
        "wallet": None,
    }
    if capture_before is not None:
        details["capture_before"] = capture_before
    return {"card": details, "type": "card"}


def _card(card: Card) -> Json:
    shown = {
        "brand": card.brand,
        "checks": _checks(card),
        "country": "US",
        "display_brand": card.brand,
        **EXPIRES,
        "fingerprint": f"Sandbox{card.last4}Fingerprint"[:16],
        "funding": "credit",
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
    return {"type": "card", "card": shown}


def _account() -> Json:
    networks = {"preferred": "ach", "supported": ["ach"]}
    shown = {**ACCOUNT, "financial_connections_account": None, "networks": networks, "status_details": None}
    return {"type": "us_bank_account", "us_bank_account": shown}


def _checks(card: Card) -> Json:
    cvc = "fail" if card.code == "incorrect_cvc" else "pass"
    return {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": cvc}
