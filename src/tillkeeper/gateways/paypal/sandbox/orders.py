"""Orders: what a payer approves, and the merchant then captures or authorises."""

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from types import MappingProxyType

from tillkeeper.gateways.paypal.sandbox import captures, events, shapes
from tillkeeper.gateways.paypal.sandbox.act import Act, new_id
from tillkeeper.gateways.paypal.sandbox.answers import Answered
from tillkeeper.gateways.paypal.sandbox.fields import Fields
from tillkeeper.gateways.paypal.sandbox.refusals import (
    DESCRIPTIONS,
    ID,
    Issue,
    PayPalError,
    impossible,
    malformed,
    missing,
)
from tillkeeper.sandbox_kit.books import Json

approve_within_seconds = 3 * 3600
capture_within_seconds = 3 * 86_400
authorization_lapses_after_seconds = 29 * 86_400
reference_length_max = 256
label_length_max = 127
descriptor_length_max = 22
INTENTS = ("CAPTURE", "AUTHORIZE")
OPEN = ("CREATED", "PAYER_ACTION_REQUIRED")

GOOD = "good"
# What an approved instrument comes to when the merchant captures: refused with an issue, or a capture in this state.
REFUSALS: Mapping[str, Issue] = MappingProxyType(
    {
        "instrument_declined": Issue.INSTRUMENT_DECLINED,
        "payer_cannot_pay": Issue.PAYER_CANNOT_PAY,
        "transaction_refused": Issue.TRANSACTION_REFUSED,
    }
)
STATES: Mapping[str, tuple[str, str | None]] = MappingProxyType(
    {
        GOOD: ("COMPLETED", None),
        "capture_declined": ("DECLINED", None),
        "echeck": ("PENDING", "ECHECK"),
        "review": ("PENDING", "PENDING_REVIEW"),
    }
)


def create(act: Act, fields: Fields) -> Answered:
    """Open an order."""
    intent = fields.choice("intent", INTENTS)
    units = fields.groups("purchase_units")
    if intent is None or not units:
        raise malformed(Issue.MISSING_REQUIRED_PARAMETER, "/purchase_units" if intent else "/intent")
    if len(units) > 1:
        raise malformed(Issue.INVALID_PARAMETER_VALUE, "/purchase_units")
    source = fields.group("payment_source")
    if source is not None and act.key is None:
        raise malformed(Issue.PAYPAL_REQUEST_ID_REQUIRED, "PayPal-Request-Id", location="header")
    context = _context(fields, source)
    order = act.put(
        {
            "id": new_id(),
            "object": "order",
            "created": act.now,
            "intent": intent,
            "status": "CREATED" if source is None else "PAYER_ACTION_REQUIRED",
            "unit": _unit(units[0]),
            "source": None if source is None else context,
            "context": context,
            "payer": False,
            "instrument": GOOD,
            "captures": [],
            "authorizations": [],
            "refunds": [],
        },
        due=act.now + approve_within_seconds,
    )
    # An order that names how it is paid is complete in itself and answered 200, as PayPal does.
    return Answered(HTTPStatus.CREATED if source is None else HTTPStatus.OK, order, again=HTTPStatus.OK)


def retrieve(act: Act, fields: Fields, order_id: str) -> Answered:
    """Show an order."""
    del fields
    return Answered(HTTPStatus.OK, known(act, order_id))


def capture(act: Act, fields: Fields, order_id: str) -> Answered:
    """Take the money that the payer approved."""
    del fields
    order = _payable(act, order_id, "CAPTURE")
    act = _as_pressed(act, order)
    unit = order["unit"]
    state, reason = STATES[order["instrument"]]
    order = {**order, "status": "COMPLETED"}
    made = captures.record(act, order, unit["amount"], state=state, reason=reason)
    order = act.put({**order, "captures": [made["id"]]})
    captures.announce(act, made)
    if state == "COMPLETED":
        complete(act, order)
    return Answered(HTTPStatus.CREATED, order, again=HTTPStatus.OK)


def authorize(act: Act, fields: Fields, order_id: str) -> Answered:
    """Have the money that the payer approved held."""
    del fields
    order = _payable(act, order_id, "AUTHORIZE")
    act = _as_pressed(act, order)
    unit, lapses = order["unit"], act.now + authorization_lapses_after_seconds
    held = act.put(
        {
            "id": new_id(),
            "object": "authorization",
            "created": act.now,
            "order": order["id"],
            "amount": unit["amount"],
            "currency": unit["currency"],
            "captured": 0,
            "status": "CREATED",
            "expires": lapses,
            "custom_id": unit["custom_id"],
            "invoice_id": unit["invoice_id"],
        },
        due=lapses,
    )
    order = act.put({**order, "status": "COMPLETED", "authorizations": [held["id"]]})
    events.emit(
        act, "PAYMENT.AUTHORIZATION.CREATED", held, f"A payment authorization is created for {price(act, held)}"
    )
    return Answered(HTTPStatus.CREATED, order, again=HTTPStatus.OK)


def approve(act: Act, order: Json, instrument: str = GOOD) -> Json:
    """Let the payer approve an order with an instrument that may turn out to be no good."""
    approved = act.put(
        {**order, "status": "APPROVED", "payer": True, "instrument": instrument, "copies": act.copies}
        | {"course": act.change.course},
        due=act.now + capture_within_seconds,
    )
    events.emit(act, "CHECKOUT.ORDER.APPROVED", approved, "An order has been approved by buyer")
    return approved


def complete(act: Act, order: Json) -> None:
    """Say that an order is completed."""
    events.emit(act, "CHECKOUT.ORDER.COMPLETED", order, "Checkout Order Completed")


def expire(act: Act, order: Json) -> Json:
    """Forget an order that nobody approved or captured in time."""
    return act.put({**order, "status": "VOIDED", "gone": True})


def known(act: Act, order_id: str) -> Json:
    """Load an order that PayPal still knows."""
    order = act.load("order", order_id)
    if order.get("gone"):
        raise missing(ID, order_id)
    return order


def price(act: Act, thing: Json) -> str:
    """Write an amount as summaries do."""
    shown = shapes.show(act, thing)["amount"]
    return f"{shown['value']} {shown['currency_code']}"


def _payable(act: Act, order_id: str, intent: str) -> Json:
    """Load an order that may be captured or authorised now; a declined instrument sends the payer back."""
    order = known(act, order_id)
    if order["intent"] != intent:
        raise impossible(Issue.ACTION_DOES_NOT_MATCH_INTENT)
    if order["status"] == "COMPLETED":
        raise impossible(Issue.ORDER_ALREADY_CAPTURED if intent == "CAPTURE" else Issue.ORDER_ALREADY_AUTHORIZED)
    if order["status"] != "APPROVED":
        raise impossible(Issue.ORDER_NOT_APPROVED)
    captures.claim_invoice(act, order)
    issue = REFUSALS.get(order["instrument"])
    if issue:
        back = act.put({**order, "status": "PAYER_ACTION_REQUIRED"}, due=act.now + approve_within_seconds)
        detail = {"issue": issue, "description": DESCRIPTIONS[issue]}
        raise PayPalError(HTTPStatus.UNPROCESSABLE_ENTITY, [detail], links=[shapes.approval(act, back)], lasting=True)
    return order


def _as_pressed(act: Act, order: Json) -> Act:
    """Send what follows as the payer asked for on the page: to people, this is one payment."""
    act.change.follow(order.get("course", ""))
    return replace(act, copies=order.get("copies"))


def _context(fields: Fields, source: Fields | None) -> Json:
    """Read where the payer goes afterwards, from the wallet's context or from the older application context."""
    wallet = None
    if source is not None:
        wallet = source.group("paypal")
        if wallet is None:
            raise malformed(Issue.MISSING_REQUIRED_PARAMETER, source.place("paypal"))
    group = (wallet and wallet.group("experience_context")) or fields.group("application_context") or Fields({})
    return {
        "return_url": group.address("return_url"),
        "cancel_url": group.address("cancel_url"),
        "brand_name": group.text("brand_name", most=label_length_max),
        "user_action": group.choice("user_action", ("CONTINUE", "PAY_NOW")) or "CONTINUE",
        "shipping_preference": group.choice(
            "shipping_preference", ("GET_FROM_FILE", "NO_SHIPPING", "SET_PROVIDED_ADDRESS")
        ),
    }


def _unit(fields: Fields) -> Json:
    amount, currency = fields.needed_money("amount")
    return {
        "reference_id": fields.text("reference_id", most=reference_length_max) or "default",
        "amount": amount,
        "currency": currency,
        "description": fields.text("description", most=label_length_max),
        "custom_id": fields.text("custom_id", most=label_length_max),
        "invoice_id": fields.text("invoice_id", most=label_length_max),
        "soft_descriptor": fields.text("soft_descriptor", most=descriptor_length_max),
    }
