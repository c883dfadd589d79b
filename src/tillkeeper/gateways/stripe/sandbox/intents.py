"""Payment intents: the endpoints."""

from http import HTTPStatus

from tillkeeper.gateways.stripe.sandbox import blanks, cards, customers, events, lists, payments, sessions
from tillkeeper.gateways.stripe.sandbox.act import Act, new_id
from tillkeeper.gateways.stripe.sandbox.charges import Swipe
from tillkeeper.gateways.stripe.sandbox.currencies import checked_amount, checked_currency
from tillkeeper.gateways.stripe.sandbox.form import Params
from tillkeeper.gateways.stripe.sandbox.refusals import StripeError, invalid, unexpected_state
from tillkeeper.sandbox_kit.books import Json
from tillkeeper.sandbox_kit.stand import token

CAPTURE_METHODS = ("automatic", "automatic_async", "manual")
CANCELLATION_REASONS = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")
FUTURE_USAGES = ("off_session", "on_session")
descriptor_length_max = 22
secret_length = 25


def create(act: Act, params: Params) -> Json:
    """Create an intent, and confirm it at once when asked to."""
    amount = params.needed_integer("amount")
    currency = checked_currency(params.needed_text("currency"), param="currency")
    intent = _intent(act, amount=checked_amount(amount, currency, param="amount"), currency=currency)
    intent |= _settings(act, params, intent)
    automatic = _automatic(params)
    types = params.texts("payment_method_types")
    confirm, method = params.boolean("confirm"), params.text("payment_method")
    return_url = params.text("return_url")
    for ignored in ("off_session", "error_on_requires_action", "use_stripe_sdk"):
        params.boolean(ignored)
    params.done()
    if types and automatic:
        message = "You may only specify one of these parameters: automatic_payment_methods, payment_method_types."
        raise invalid(message, param="payment_method_types")
    # Without a list of types, intents take whatever the dashboard allows, which here is cards.
    intent["automatic_payment_methods"] = None if types else automatic or {"allow_redirects": "always", "enabled": True}
    intent["payment_method_types"] = _cards_only(types or ["card"])
    return _open(act, intent, method=method, confirm=bool(confirm), return_url=return_url)


def retrieve(act: Act, params: Params, intent_id: str) -> Json:
    """Show an intent."""
    params.text("client_secret")
    params.done()
    return act.load("payment_intent", intent_id, param="intent")


def listing(act: Act, params: Params) -> Json:
    """List intents, all or those of one customer."""
    customer = params.text("customer")
    where = {"customer": customer} if customer else {}
    return lists.page(act, params, lists.Shelf("payment_intent", "/v1/payment_intents", where))


def update(act: Act, params: Params, intent_id: str) -> Json:
    """Change what may still be changed."""
    intent = act.load("payment_intent", intent_id, param="intent")
    amount, currency = params.integer("amount"), params.text("currency")
    changed = {**intent, **_settings(act, params, intent)}
    method = params.text("payment_method")
    params.done()
    if amount is not None or currency is not None or method is not None:
        payments.checked_status(intent, payments.PAYABLE, doing="updated")
        changed["currency"] = checked_currency(currency or intent["currency"], param="currency")
        changed["amount"] = checked_amount(
            intent["amount"] if amount is None else amount, changed["currency"], param="amount"
        )
    if method is not None:
        changed["payment_method"] = cards.chosen(act, method, customer=intent["customer"])[1]["id"]
        changed["status"] = "requires_confirmation"
    return act.put(changed)


def confirm(act: Act, params: Params, intent_id: str) -> Json:
    """Try to pay."""
    intent = act.load("payment_intent", intent_id, param="intent")
    method, return_url = params.text("payment_method"), params.text("return_url")
    for ignored in ("off_session", "error_on_requires_action", "use_stripe_sdk"):
        params.boolean(ignored)
    params.done()
    _not_of_checkout(act, intent)
    return _confirm(act, intent, method=method, return_url=return_url)


def capture(act: Act, params: Params, intent_id: str) -> Json:
    """Take what was authorised."""
    intent = act.load("payment_intent", intent_id, param="intent")
    amount = params.integer("amount_to_capture")
    params.boolean("final_capture")
    metadata = params.metadata(intent["metadata"])
    params.done()
    return payments.capture(act, {**intent, "metadata": metadata}, amount)


def cancel(act: Act, params: Params, intent_id: str) -> Json:
    """Cancel an intent that has not taken money."""
    intent = act.load("payment_intent", intent_id, param="intent")
    reason = params.choice("cancellation_reason", CANCELLATION_REASONS)
    params.done()
    if intent["status"] in payments.PAYABLE:
        _not_of_checkout(act, intent)
    return payments.cancel(act, intent, reason)


def for_session(act: Act, session: Json) -> Json:
    """Create the intent behind a session, when its customer first tries to pay."""
    data = sessions.private(act, session["id"])["payment_intent_data"]
    given = {name: value for name, value in data.items() if value is not None}
    intent = _intent(act, amount=session["amount_total"], currency=session["currency"])
    intent |= {"customer": session["customer"], "payment_method_types": session["payment_method_types"], **given}
    act.put(intent)
    act.put({**session, "payment_intent": intent["id"]}, due=session["expires_at"])
    events.emit(act, "payment_intent.created", intent)
    return intent


def _intent(act: Act, *, amount: int, currency: str) -> Json:
    intent_id = new_id("pi")
    return {
        **blanks.INTENT,
        "id": intent_id,
        "object": "payment_intent",
        "amount": amount,
        "created": act.now,
        "currency": currency,
        "client_secret": f"{intent_id}_secret_{token(secret_length)}",
        "status": "requires_payment_method",
    }


def _settings(act: Act, params: Params, before: Json) -> Json:
    """Take the parameters that create and update share; what was not sent stays."""
    taken = {
        "capture_method": params.choice("capture_method", CAPTURE_METHODS),
        "customer": customers.checked(act, params.text("customer")),
        "description": params.text("description"),
        "receipt_email": params.text("receipt_email"),
        "setup_future_usage": params.choice("setup_future_usage", FUTURE_USAGES),
        "statement_descriptor": params.text("statement_descriptor", length_max=descriptor_length_max),
        "statement_descriptor_suffix": params.text("statement_descriptor_suffix", length_max=descriptor_length_max),
        "transfer_group": params.text("transfer_group"),
    }
    kept = {name: value if params.has(name) else before[name] for name, value in taken.items()}
    return {**kept, "metadata": params.metadata(before["metadata"])}


def _automatic(params: Params) -> Json | None:
    group = params.group("automatic_payment_methods")
    if group is None:
        return None
    redirects = group.choice("allow_redirects", ("always", "never")) or "always"
    return {"allow_redirects": redirects, "enabled": True} if group.boolean("enabled") else None


def _cards_only(types: list[str]) -> list[str]:
    for name in types:
        if name != "card":
            message = f"This sandbox imitates cards only, not the payment method type {name!r}."
            raise invalid(message, param="payment_method_types")
    return types


def _open(act: Act, intent: Json, *, method: str | None, confirm: bool, return_url: str | None) -> Json:
    if method is not None:
        _, chosen = cards.chosen(act, method, customer=intent["customer"])
        intent = {**intent, "payment_method": chosen["id"], "status": "requires_confirmation"}
    act.put(intent)
    events.emit(act, "payment_intent.created", intent)
    return _confirm(act, intent, method=None, return_url=return_url) if confirm else intent


def _confirm(act: Act, intent: Json, *, method: str | None, return_url: str | None) -> Json:
    payments.checked_status(intent, payments.PAYABLE, doing="confirmed")
    name = method or intent["payment_method"]
    if name is None:
        message = (
            "You cannot confirm this PaymentIntent because it's missing a payment method."
            " Update the PaymentIntent with a payment method and then confirm it again."
        )
        raise unexpected_state(message, intent)
    card, chosen = cards.chosen(act, name, customer=intent["customer"])
    after = payments.attempt(act, intent, Swipe(card, chosen), return_url=return_url)
    error = after["last_payment_error"]
    if error is None:
        return after
    told = {name: value for name, value in error.items() if name not in {"message", "type", "code", "doc_url"}}
    raise StripeError(
        error["message"],
        status=HTTPStatus.PAYMENT_REQUIRED,
        kind="card_error",
        code=error["code"],
        lasting=True,
        more={**told, "payment_intent": after},
    )


def _not_of_checkout(act: Act, intent: Json) -> None:
    if sessions.of_intent(act, intent["id"]) is not None:
        message = (
            "You cannot perform this action on PaymentIntents created by Checkout. Expire the Checkout Session instead."
        )
        raise unexpected_state(message, intent)
