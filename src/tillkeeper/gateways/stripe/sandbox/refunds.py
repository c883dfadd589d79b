"""Refunds: never more than what is left of a charge."""

from tillkeeper.gateways.stripe.sandbox import balance, charges, disputes, events, lists
from tillkeeper.gateways.stripe.sandbox.act import Act, new_id
from tillkeeper.gateways.stripe.sandbox.currencies import written
from tillkeeper.gateways.stripe.sandbox.form import Params
from tillkeeper.gateways.stripe.sandbox.refusals import StripeError, absent, invalid
from tillkeeper.sandbox_kit.books import Json
from tillkeeper.sandbox_kit.stand import token

REASONS = ("duplicate", "fraudulent", "requested_by_customer")
reference_length = 16


def create(act: Act, params: Params) -> Json:
    """Refund a charge, or the charge of a payment intent, in full or in part."""
    intent_id, charge_id = params.text("payment_intent"), params.text("charge")
    amount = params.integer("amount")
    reason = params.choice("reason", REASONS)
    metadata = params.metadata()
    params.done()
    if amount is not None and amount < 1:
        message = "This value must be greater than or equal to 1."
        raise invalid(message, param="amount", code="parameter_invalid_integer")
    charge = _charge(act, intent_id, charge_id)
    return give_back(act, charge, amount=amount, reason=reason, metadata=metadata)


def give_back(act: Act, charge: Json, *, amount: int | None, reason: str | None, metadata: Json) -> Json:
    """Give money back, debit the merchant, and say so."""
    wanted = _allowed(act, charge, amount)
    refund = record(act, charge, wanted, reason=reason, metadata=metadata)
    kind = "refund" if charges.by_card(charge) else "payment_refund"
    transaction = balance.enter(act, kind, refund, -wanted)
    refund = act.put({**refund, "balance_transaction": transaction["id"]})
    before = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    refunded = charge["amount_refunded"] + wanted
    charge = act.put({**charge, "amount_refunded": refunded, "refunded": refunded == charge["amount_captured"]})
    events.emit(act, "refund.created", refund)
    events.emit(act, "charge.refunded", charge, before=before)
    _announce_reference(act, refund)
    return refund


def record(act: Act, charge: Json, amount: int, *, reason: str | None, metadata: Json) -> Json:
    """Store a refund of part of a charge; the money is the caller's to move."""
    return act.put(
        {
            "id": new_id("re"),
            "object": "refund",
            "amount": amount,
            "balance_transaction": None,
            "charge": charge["id"],
            "created": act.now,
            "currency": charge["currency"],
            "customer": charge["customer"],
            "customer_account": None,
            "destination_details": {
                "card": {
                    "reference_status": "pending",
                    "reference_type": "acquirer_reference_number",
                    "type": "refund",
                },
                "type": "card",
            },
            "metadata": metadata,
            "payment_intent": charge["payment_intent"],
            "payment_method": charge["payment_method"],
            "reason": reason,
            "receipt_number": None,
            "source_transfer_reversal": None,
            "status": "succeeded",
            "transfer_reversal": None,
        }
    )


def fail(act: Act, refund_id: str) -> Json:
    """Let a refund fail after it had succeeded, as happens when the customer's account is closed."""
    refund = act.load("refund", refund_id)
    if refund["status"] != "succeeded" or refund["balance_transaction"] is None:
        message = f"Only a succeeded refund can fail; this one has a status of {refund['status']}."
        raise StripeError(message)
    charge = act.load("charge", refund["charge"])
    transaction = balance.enter(act, "refund_failure", refund, refund["amount"])
    failed = act.put(
        {
            **refund,
            "status": "failed",
            "failure_reason": "expired_or_canceled_card",
            "failure_balance_transaction": transaction["id"],
        }
    )
    before = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    charge = act.put({**charge, "amount_refunded": charge["amount_refunded"] - refund["amount"], "refunded": False})
    events.emit(act, "refund.updated", failed, before={"status": "succeeded"})
    events.emit(act, "refund.failed", failed)
    events.emit(act, "charge.updated", charge, before=before)
    return failed


def retrieve(act: Act, params: Params, refund_id: str) -> Json:
    """Show a refund."""
    params.done()
    return act.load("refund", refund_id)


def listing(act: Act, params: Params) -> Json:
    """List refunds, all or those of one charge or payment intent."""
    narrowed = {name: params.text(name) for name in ("payment_intent", "charge")}
    where = {name: value for name, value in narrowed.items() if value is not None}
    return lists.page(act, params, lists.Shelf("refund", "/v1/refunds", where))


def _charge(act: Act, intent_id: str | None, charge_id: str | None) -> Json:
    if charge_id is not None:
        charge = act.load("charge", charge_id, param="charge", in_path=False)
        if intent_id not in {None, charge["payment_intent"]}:
            message = "The charge and the payment_intent that you passed do not belong together."
            raise StripeError(message, param="payment_intent")
        return charge
    if intent_id is None:
        raise absent(param="charge")
    intent = act.load("payment_intent", intent_id, param="payment_intent", in_path=False)
    if intent["status"] != "succeeded" or intent["latest_charge"] is None:
        message = f"This PaymentIntent ({intent_id}) does not have a successful charge to refund."
        raise StripeError(message, param="payment_intent")
    return act.load("charge", intent["latest_charge"])


def _allowed(act: Act, charge: Json, amount: int | None) -> int:
    if not charge["captured"] or charge["status"] != "succeeded":
        message = f"Charge {charge['id']} has not been captured, so there is nothing to refund."
        raise StripeError(message, param="charge")
    if disputes.blocks_refund(act, charge):
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise StripeError(message, code="charge_disputed")
    left = charges.remaining(charge)
    if left == 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise StripeError(message, code="charge_already_refunded")
    wanted = left if amount is None else amount
    if wanted > left:
        asked, rest = written(wanted, charge["currency"]), written(left, charge["currency"])
        message = f"Refund amount ({asked}) is greater than unrefunded amount on charge ({rest})"
        raise StripeError(message, param="amount")
    return wanted


def _announce_reference(act: Act, refund: Json) -> None:
    card = {
        **refund["destination_details"]["card"],
        "reference": token(reference_length).upper(),
        "reference_status": "available",
    }
    updated = act.put({**refund, "destination_details": {"card": card, "type": "card"}})
    events.emit(act, "refund.updated", updated, before={"destination_details": refund["destination_details"]})
