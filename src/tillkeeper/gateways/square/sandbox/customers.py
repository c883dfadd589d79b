"""Customers."""

from tillkeeper.gateways.square.sandbox import events, lists
from tillkeeper.gateways.square.sandbox.act import Act, new_id
from tillkeeper.gateways.square.sandbox.body import Params
from tillkeeper.gateways.square.sandbox.refusals import SquareError
from tillkeeper.sandbox_kit.books import Json

NAMES = ("given_name", "family_name", "company_name", "email_address", "phone_number")
name_length_max = 300


def create(act: Act, params: Params) -> Json:
    """Create a customer, who has at least one of a few names."""
    texts = {name: params.text(name, most=name_length_max) for name in (*NAMES, "nickname", "reference_id", "note")}
    params.done()
    if not any(texts[name] for name in NAMES):
        detail = f"At least one of {', '.join(NAMES)} is required for a customer."
        raise SquareError(detail, code="BAD_REQUEST")
    email = texts["email_address"]
    if email and "@" not in email[1:-1]:
        detail = f"Expected email_address to be a valid email address: {email}"
        raise SquareError(detail, code="INVALID_EMAIL_ADDRESS", field="email_address")
    shown: Json = {name: text for name, text in texts.items() if text}
    shown |= {"id": new_id().upper(), "creation_source": "THIRD_PARTY", "version": 0}
    customer = act.add("customer", {**shown, "preferences": {"email_unsubscribed": False}})
    events.emit(act, "customer.created", customer)
    return customer


def retrieve(act: Act, params: Params, customer_id: str) -> Json:
    """Show a customer."""
    params.done()
    return act.load("customer", customer_id)


def listing(act: Act, params: Params) -> Json:
    """List customers."""
    params.ignore("sort_field", "count")
    oldest_first = lists.oldest_first(params)
    return lists.page(act, params, lists.Shelf("customer", "customers", oldest_first=oldest_first))


def checked(act: Act, customer_id: str | None, *, field: str) -> str | None:
    """Accept the id of a customer that exists."""
    if customer_id is not None:
        act.load("customer", customer_id, field=field)
    return customer_id
