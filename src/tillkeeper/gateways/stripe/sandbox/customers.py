"""Customers."""

from tillkeeper.gateways.stripe.sandbox import events, lists
from tillkeeper.gateways.stripe.sandbox.act import Act, new_id
from tillkeeper.gateways.stripe.sandbox.form import Params
from tillkeeper.sandbox_kit.books import Json
from tillkeeper.sandbox_kit.stand import token

email_length_max = 512
invoice_prefix_length = 8


def create(act: Act, params: Params) -> Json:
    """Create a customer."""
    email = params.text("email", length_max=email_length_max)
    name, phone, description = params.text("name"), params.text("phone"), params.text("description")
    metadata = params.metadata()
    params.done()
    customer = act.put(
        {
            "id": new_id("cus"),
            "object": "customer",
            "address": None,
            "balance": 0,
            "business_name": None,
            "created": act.now,
            "currency": None,
            "customer_account": None,
            "default_source": None,
            "delinquent": False,
            "description": description,
            "discount": None,
            "email": email,
            "individual_name": None,
            "invoice_prefix": token(invoice_prefix_length).upper(),
            "invoice_settings": {
                "custom_fields": None,
                "default_payment_method": None,
                "footer": None,
                "rendering_options": None,
            },
            "livemode": False,
            "metadata": metadata,
            "name": name,
            "next_invoice_sequence": 1,
            "phone": phone,
            "preferred_locales": [],
            "shipping": None,
            "tax_exempt": "none",
            "test_clock": None,
        }
    )
    events.emit(act, "customer.created", customer)
    return customer


def retrieve(act: Act, params: Params, customer_id: str) -> Json:
    """Show a customer."""
    params.done()
    return act.load("customer", customer_id)


def listing(act: Act, params: Params) -> Json:
    """List customers, all or those with one e-mail address."""
    email = params.text("email")
    where = {"email": email} if email else {}
    return lists.page(act, params, lists.Shelf("customer", "/v1/customers", where))


def checked(act: Act, customer_id: str | None) -> str | None:
    """Accept the id of a customer that exists."""
    if customer_id is not None:
        act.load("customer", customer_id, param="customer", in_path=False)
    return customer_id
