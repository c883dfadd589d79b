"""Charges: one try to take money from a card."""

from dataclasses import dataclass

from tillkeeper.gateways.stripe.sandbox import balance, blanks, cards, events, lists
from tillkeeper.gateways.stripe.sandbox.act import Act, new_id
from tillkeeper.gateways.stripe.sandbox.cards import Card
from tillkeeper.gateways.stripe.sandbox.form import Params
from tillkeeper.sandbox_kit.books import Json

authorisation_lapses_after_seconds = 7 * 86_400
risk_score = 12
FEE_REMINDER = "charge.fee_reminder"


@dataclass(frozen=True, slots=True)
class Swipe:
    """Hold what an attempt is made with."""

    card: Card
    method: Json
    authenticated: bool = False


def record(act: Act, intent: Json, swipe: Swipe, *, captured: bool) -> Json:
    """Record the attempt and what the issuer said, without touching the balance yet."""
    card, declined = swipe.card, swipe.card.code is not None
    held_until = None if captured or declined else act.now + authorisation_lapses_after_seconds
    charge = {
        **blanks.CHARGE,
        "id": new_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if captured and not declined else 0,
        "billing_details": swipe.method["billing_details"],
        "calculated_statement_descriptor": None if declined else "TILL SANDBOX",
        "captured": captured and not declined,
        "created": act.now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "failure_code": card.code,
        "failure_message": card.message or None,
        "metadata": dict(intent["metadata"]),
        "outcome": _outcome(card),
        "paid": not declined,
        "payment_intent": intent["id"],
        "payment_method": swipe.method["id"],
        "payment_method_details": cards.charge_details(
            card, intent["amount"], authenticated=swipe.authenticated, capture_before=held_until
        ),
        "receipt_email": intent["receipt_email"],
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "failed" if declined else "succeeded",
    }
    return act.put(charge)


def settle(act: Act, charge: Json) -> Json:
    """Credit the merchant with what was captured, less the fee."""
    captured = charge["amount_captured"]
    kind = "charge" if by_card(charge) else "payment"
    transaction = balance.enter(act, kind, charge, captured, fee_amount=None)
    return act.put({**charge, "balance_transaction": transaction["id"]})


def settle_late(act: Act, charge: Json) -> None:
    """Credit the merchant after the charge was announced, as Stripe does when capture is asynchronous."""
    late_seconds = act.change.dial.late_fee_seconds
    if late_seconds:
        act.change.count("late_fee_seconds", charge["id"])
        reminder = {"id": f"{charge['id']}/{FEE_REMINDER}", "object": FEE_REMINDER, "charge": charge["id"]}
        act.put({**reminder, "created": act.now}, due=act.now + late_seconds)
        return
    settled = settle(act, charge)
    events.emit(act, "charge.updated", settled, before={"balance_transaction": None})


def remind(act: Act, reminder: Json) -> None:
    """Credit the merchant now that the fee of a charge is known."""
    act.put(reminder)
    settled = settle(act, act.load("charge", reminder["charge"]))
    events.emit(act, "charge.updated", settled, before={"balance_transaction": None})


def by_card(charge: Json) -> bool:
    """Say whether a charge was made to a card; Stripe calls all others payments."""
    return bool(charge["payment_method_details"]["type"] == "card")


def remaining(charge: Json) -> int:
    """Tell how much of a charge can still be refunded."""
    left: int = charge["amount_captured"] - charge["amount_refunded"]
    return left


def retrieve(act: Act, params: Params, charge_id: str) -> Json:
    """Show a charge."""
    params.done()
    return act.load("charge", charge_id)


def listing(act: Act, params: Params) -> Json:
    """List charges, all or those of one payment intent or customer."""
    narrowed = {name: params.text(name) for name in ("payment_intent", "customer")}
    where = {name: value for name, value in narrowed.items() if value is not None}
    return lists.page(act, params, lists.Shelf("charge", "/v1/charges", where))


def _outcome(card: Card) -> Json:
    if card.code is None:
        told = {"network_status": "approved_by_network", "seller_message": "Payment complete.", "type": "authorized"}
    else:
        told = {
            "network_status": "declined_by_network",
            "seller_message": f"The bank returned the decline code `{card.decline_code}`.",
            "type": "issuer_declined",
        }
    return {
        "advice_code": "try_again_later" if card.code else None,
        "network_advice_code": None,
        "network_decline_code": card.network_code,
        "reason": card.decline_code,
        "risk_level": "normal",
        "risk_score": risk_score,
        **told,
    }
