"""Checkout sessions: what is sold, until when, and where the customer goes afterwards."""

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from tillkeeper.gateways.stripe.sandbox import blanks, customers, events, lists
from tillkeeper.gateways.stripe.sandbox.act import Act, new_id
from tillkeeper.gateways.stripe.sandbox.currencies import checked_amount, checked_currency
from tillkeeper.gateways.stripe.sandbox.form import Params
from tillkeeper.gateways.stripe.sandbox.refusals import StripeError, absent, invalid
from tillkeeper.sandbox_kit.books import Json
from tillkeeper.sandbox_kit.stand import token

expiry_least_seconds = 30 * 60
expiry_most_seconds = 24 * 3600
line_items_max = 100
quantity_max = 999_999
session_id_length = 58
secret_length = 48
reference_length_max = 200

SESSION_ID = "{CHECKOUT_SESSION_ID}"
METHOD_TYPES = ("card", "us_bank_account")
CAPTURE_METHODS = ("automatic", "automatic_async", "manual")


@dataclass(frozen=True, slots=True)
class Ways:
    """Say how the session is shown and where the customer goes."""

    ui_mode: str
    success_url: str | None
    cancel_url: str | None
    return_url: str | None
    redirect: str


def create(act: Act, params: Params) -> Json:
    """Open a session over line items, in payment mode."""
    mode = params.choice("mode", ("payment", "setup", "subscription"))
    if mode is None:
        raise absent(param="mode")
    if mode != "payment":
        message = f"This sandbox imitates mode=payment only, not mode={mode}."
        raise invalid(message, param="mode")
    ways = _ways(params)
    items, currency = _line_items(act, params)
    intent_data = _intent_data(params)
    session = _session(act, params, ways)
    params.done()
    total = checked_amount(sum(item["amount_total"] for item in items), currency, param="line_items")
    session |= {"amount_subtotal": total, "amount_total": total, "currency": currency}
    act.put(session, due=session["expires_at"])
    private = {"id": f"{session['id']}/private", "object": "checkout.session.private", "created": act.now}
    act.put({**private, "line_items": items, "payment_intent_data": intent_data})
    return session


def retrieve(act: Act, params: Params, session_id: str) -> Json:
    """Show a session."""
    params.done()
    return act.load("checkout.session", session_id)


def listing(act: Act, params: Params) -> Json:
    """List sessions, all or those of one payment intent, customer or status."""
    status = params.choice("status", ("complete", "expired", "open"))
    narrowed = {"payment_intent": params.text("payment_intent"), "customer": params.text("customer"), "status": status}
    where = {name: value for name, value in narrowed.items() if value is not None}
    return lists.page(act, params, lists.Shelf("checkout.session", "/v1/checkout/sessions", where))


def line_items(act: Act, params: Params, session_id: str) -> Json:
    """List what a session sells."""
    params.text("limit")
    params.done()
    act.load("checkout.session", session_id)
    url = f"/v1/checkout/sessions/{session_id}/line_items"
    return {"object": "list", "data": private(act, session_id)["line_items"], "has_more": False, "url": url}


def private(act: Act, session_id: str) -> Json:
    """Recall what a session does not show: its line items and the data for the intent to come."""
    return act.load("checkout.session.private", f"{session_id}/private")


def of_intent(act: Act, intent_id: str) -> Json | None:
    """Find the session that a payment intent belongs to."""
    found = act.change.select("checkout.session", where={"payment_intent": intent_id}, limit=1)
    return found[0] if found else None


def complete(act: Act, session: Json, *, paid: bool) -> Json:
    """Close a session whose customer has paid, or authorised the payment."""
    details = {**(session["customer_details"] or {}), "name": "Sandbox Customer"}
    done = act.put(
        {
            **session,
            "status": "complete",
            "payment_status": "paid" if paid else "unpaid",
            "customer_details": {**_customer_details(session["customer_email"] or "customer@example.com"), **details},
            "url": None,
        }
    )
    events.emit(act, "checkout.session.completed", done)
    return done


def landing(session: Json, url: str | None) -> str:
    """Write the session's id into a return address, wherever it asks for it."""
    return (url or "").replace(SESSION_ID, session["id"])


def _ways(params: Params) -> Ways:
    ui_mode = params.choice("ui_mode", ("hosted_page", "embedded_page", "elements", "form")) or "hosted_page"
    redirect = params.choice("redirect_on_completion", ("always", "if_required", "never")) or "always"
    ways = Ways(ui_mode, _url(params, "success_url"), _url(params, "cancel_url"), _url(params, "return_url"), redirect)
    if ui_mode not in {"hosted_page", "embedded_page"}:
        message = f"This sandbox imitates ui_mode=hosted_page and embedded_page, not {ui_mode}."
        raise invalid(message, param="ui_mode")
    if ui_mode == "hosted_page":
        if ways.success_url is None:
            raise absent(param="success_url")
        if ways.return_url is not None:
            message = "`return_url` is only for ui_mode=embedded_page; use `success_url`."
            raise invalid(message, param="return_url")
        return ways
    if ways.success_url or ways.cancel_url:
        message = "`success_url` and `cancel_url` are not for ui_mode=embedded_page; use `return_url`."
        raise invalid(message, param="success_url" if ways.success_url else "cancel_url")
    if ways.return_url is None and redirect != "never":
        raise absent(param="return_url")
    return ways


def _url(params: Params, name: str) -> str | None:
    url = params.text(name)
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        message = "Not a valid URL"
        raise invalid(message, param=name, code="url_invalid")
    return url


def _line_items(act: Act, params: Params) -> tuple[list[Json], str]:
    groups = params.groups("line_items")
    if not groups:
        raise absent(param="line_items")
    if len(groups) > line_items_max:
        message = f"A session takes at most {line_items_max} line items."
        raise invalid(message, param="line_items")
    items = [_line_item(act, group) for group in groups]
    currencies = {item["currency"] for item in items}
    if len(currencies) > 1:
        message = "All line items must be in the same currency."
        raise invalid(message, param="line_items")
    return items, currencies.pop()


def _line_item(act: Act, group: Params) -> Json:
    quantity = group.needed_integer("quantity")
    data = group.group("price_data")
    if data is None:
        raise absent(group.name("price_data"))
    currency = checked_currency(data.needed_text("currency"), param=data.name("currency"))
    unit_amount = data.needed_integer("unit_amount")
    product = data.group("product_data")
    if product is None:
        raise absent(data.name("product_data"))
    name = product.needed_text("name")
    # A line item shows neither of these; the product that carries them is not imitated.
    product.text("description")
    product.texts("images")
    product.metadata()
    if not 1 <= quantity <= quantity_max:
        message = f"This value must be from 1 to {quantity_max}."
        raise invalid(message, param=group.name("quantity"), code="parameter_invalid_integer")
    if unit_amount < 0:
        message = "This value must be greater than or equal to 0."
        raise invalid(message, param=data.name("unit_amount"), code="parameter_invalid_integer")
    return {
        "id": new_id("li"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": unit_amount * quantity,
        "amount_tax": 0,
        "amount_total": unit_amount * quantity,
        "currency": currency,
        "description": name,
        "price": _price(act, currency, unit_amount),
        "quantity": quantity,
    }


def _price(act: Act, currency: str, unit_amount: int) -> Json:
    return {
        "id": new_id("price"),
        "object": "price",
        "active": False,
        "billing_scheme": "per_unit",
        "created": act.now,
        "currency": currency,
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": new_id("prod"),
        "recurring": None,
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time",
        "unit_amount": unit_amount,
        "unit_amount_decimal": str(unit_amount),
    }


def _intent_data(params: Params) -> Json:
    group = params.group("payment_intent_data") or Params({})
    return {
        "capture_method": group.choice("capture_method", CAPTURE_METHODS),
        "description": group.text("description"),
        "metadata": group.metadata(),
        "receipt_email": group.text("receipt_email"),
        "setup_future_usage": group.choice("setup_future_usage", ("off_session", "on_session")),
        "statement_descriptor": group.text("statement_descriptor", length_max=22),
        "statement_descriptor_suffix": group.text("statement_descriptor_suffix", length_max=22),
    }


def _session(act: Act, params: Params, ways: Ways) -> Json:
    session_id = f"cs_test_{token(session_id_length)}"
    hosted = ways.ui_mode == "hosted_page"
    customer = customers.checked(act, params.text("customer"))
    email = params.text("customer_email")
    if customer and email:
        message = "You may only specify one of these parameters: customer, customer_email."
        raise invalid(message, param="customer_email")
    known = act.load("customer", customer)["email"] if customer else email
    return {
        **blanks.SESSION,
        "id": session_id,
        "object": "checkout.session",
        "billing_address_collection": params.choice("billing_address_collection", ("auto", "required")),
        "cancel_url": ways.cancel_url,
        "client_reference_id": params.text("client_reference_id", length_max=reference_length_max),
        "client_secret": None if hosted else f"{session_id}_secret_{token(secret_length)}",
        "created": act.now,
        "currency": None,
        "customer": customer,
        "customer_email": email,
        "customer_creation": params.choice("customer_creation", ("always", "if_required")) or "if_required",
        "customer_details": _customer_details(known) if known else None,
        "expires_at": _expires_at(act, params),
        "locale": params.text("locale", length_max=8),
        "metadata": params.metadata(),
        "payment_method_types": _method_types(params),
        "redirect_on_completion": None if hosted else ways.redirect,
        "return_url": ways.return_url,
        "status": "open",
        "submit_type": params.choice("submit_type", ("auto", "book", "donate", "pay")),
        "success_url": ways.success_url,
        "ui_mode": ways.ui_mode,
        "url": f"{act.desk.public_url}/stripe/pay/{session_id}" if hosted else None,
    }


def _method_types(params: Params) -> list[str]:
    names = params.texts("payment_method_types") or list(METHOD_TYPES)
    for name in names:
        if name not in METHOD_TYPES:
            message = f"This sandbox imitates {' and '.join(METHOD_TYPES)}, not the payment method type {name!r}."
            raise invalid(message, param="payment_method_types")
    return names


def _expires_at(act: Act, params: Params) -> int:
    at = params.integer("expires_at")
    if at is None:
        return act.now + expiry_most_seconds
    if at < act.now + expiry_least_seconds:
        message = "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation."
        raise invalid(message, param="expires_at")
    if at > act.now + expiry_most_seconds:
        message = "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation."
        raise invalid(message, param="expires_at")
    return at


def _customer_details(email: str) -> Json:
    return {
        "address": None,
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": None,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }


def checked_open(session: Json, *, verb: str) -> None:
    """Refuse unless the session is open."""
    if session["status"] != "open":
        message = (
            f'Only Checkout Sessions with a status in ["open"] can be {verb}.'
            f" This Checkout Session has a status of `{session['status']}`."
        )
        raise StripeError(message, status=HTTPStatus.BAD_REQUEST)
