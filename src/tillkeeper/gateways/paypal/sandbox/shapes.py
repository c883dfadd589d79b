"""How objects look on the wire, in full or as little as PayPal tells without `Prefer: return=representation`."""

from collections.abc import Callable, Mapping, Sequence

from tillkeeper.gateways.paypal.sandbox import money
from tillkeeper.gateways.paypal.sandbox.act import Act, moment
from tillkeeper.sandbox_kit.books import Json

PAYER = {
    "name": {"given_name": "Sandbox", "surname": "Customer"},
    "email_address": "customer@example.com",
    "payer_id": "SANDBXPAYER22",
    "address": {"country_code": "US"},
}
MERCHANT_ID = "MERCHANTSAND2"
MERCHANT_EMAIL = "merchant@example.com"
MINIMAL = ("id", "status", "links")
DISPUTE_SUMMARY = (
    "dispute_id",
    "create_time",
    "update_time",
    "reason",
    "status",
    "dispute_amount",
    "dispute_life_cycle_stage",
    "dispute_channel",
)
PROTECTION = {"status": "ELIGIBLE", "dispute_categories": ["ITEM_NOT_RECEIVED", "UNAUTHORIZED_TRANSACTION"]}


def show(act: Act, thing: Json, *, minimal: bool = False) -> Json:
    """Write an object as the API answers it."""
    shape = SHAPES[thing["object"]](act, thing)
    return {name: shape[name] for name in MINIMAL if name in shape} if minimal else shape


def order(act: Act, thing: Json) -> Json:
    """Write an order, with the payments that were made for it."""
    source = {"paypal": _wallet(thing)} if thing["source"] is not None or thing["payer"] else None
    return _present(
        {
            "id": thing["id"],
            "intent": thing["intent"],
            "status": thing["status"],
            "payment_source": source,
            "purchase_units": [_unit(act, thing)],
            "payer": PAYER if thing["payer"] else None,
            "create_time": moment(thing["created"]),
            "update_time": moment(thing["updated"]),
            "links": _order_links(act, thing),
        }
    )


def capture(act: Act, thing: Json) -> Json:
    """Write a capture."""
    currency, related = thing["currency"], {"order_id": thing["order"]}
    up = ("checkout/orders", thing["order"])
    if thing["authorization"]:
        related["authorization_id"] = thing["authorization"]
        up = ("payments/authorizations", thing["authorization"])
    return _present(
        {
            "id": thing["id"],
            "amount": money.written(thing["amount"], currency),
            "final_capture": thing["final"],
            "disbursement_mode": "INSTANT",
            "seller_protection": PROTECTION,
            "seller_receivable_breakdown": _receivable(thing),
            "invoice_id": thing["invoice_id"],
            "custom_id": thing["custom_id"],
            "status": thing["status"],
            "status_details": {"reason": thing["reason"]} if thing["reason"] else None,
            "supplementary_data": {"related_ids": related},
            "payee": {"email_address": MERCHANT_EMAIL, "merchant_id": MERCHANT_ID},
            "create_time": moment(thing["created"]),
            "update_time": moment(thing["updated"]),
            "links": [
                _link(act, f"v2/payments/captures/{thing['id']}", "self"),
                _link(act, f"v2/payments/captures/{thing['id']}/refund", "refund", "POST"),
                _link(act, f"v2/{up[0]}/{up[1]}", "up"),
            ],
        }
    )


def authorization(act: Act, thing: Json) -> Json:
    """Write an authorisation."""
    place = f"v2/payments/authorizations/{thing['id']}"
    return _present(
        {
            "id": thing["id"],
            "amount": money.written(thing["amount"], thing["currency"]),
            "seller_protection": PROTECTION,
            "invoice_id": thing["invoice_id"],
            "custom_id": thing["custom_id"],
            "status": thing["status"],
            "supplementary_data": {"related_ids": {"order_id": thing["order"]}},
            "payee": {"email_address": MERCHANT_EMAIL, "merchant_id": MERCHANT_ID},
            "expiration_time": moment(thing["expires"]),
            "create_time": moment(thing["created"]),
            "update_time": moment(thing["updated"]),
            "links": [
                _link(act, place, "self"),
                _link(act, f"{place}/capture", "capture", "POST"),
                _link(act, f"{place}/void", "void", "POST"),
                _link(act, f"v2/checkout/orders/{thing['order']}", "up"),
            ],
        }
    )


def refund(act: Act, thing: Json) -> Json:
    """Write a refund; PayPal keeps its fee."""
    currency = thing["currency"]
    amount = money.written(thing["amount"], currency)
    return _present(
        {
            "id": thing["id"],
            "amount": amount,
            "seller_payable_breakdown": {
                "gross_amount": amount,
                "paypal_fee": money.written(0, currency),
                "net_amount": amount,
                "total_refunded_amount": money.written(thing["refunded_by_then"], currency),
            },
            "invoice_id": thing["invoice_id"],
            "custom_id": thing["custom_id"],
            "note_to_payer": thing["note"],
            "status": thing["status"],
            "create_time": moment(thing["created"]),
            "update_time": moment(thing["updated"]),
            "links": [
                _link(act, f"v2/payments/refunds/{thing['id']}", "self"),
                _link(act, f"v2/payments/captures/{thing['capture']}", "up"),
            ],
        }
    )


def dispute(act: Act, thing: Json) -> Json:
    """Write a dispute."""
    currency = thing["currency"]
    open_still = thing["status"] != "RESOLVED"
    return _present(
        {
            "dispute_id": thing["id"],
            "create_time": moment(thing["created"]),
            "update_time": moment(thing["updated"]),
            "disputed_transactions": [
                _present(
                    {
                        "seller_transaction_id": thing["capture"],
                        "create_time": moment(thing["captured"]),
                        "transaction_status": "COMPLETED",
                        "gross_amount": money.written(thing["gross"], currency),
                        "custom": thing["custom_id"],
                        "buyer": {"name": "Sandbox Customer"},
                        "seller": {"email": MERCHANT_EMAIL, "merchant_id": MERCHANT_ID, "name": "Sandbox Merchant"},
                    }
                )
            ],
            "reason": thing["reason"],
            "status": thing["status"],
            "dispute_amount": money.written(thing["amount"], currency),
            "dispute_outcome": thing["outcome"],
            "money_movements": [
                {
                    "affected_party": "SELLER",
                    "amount": money.written(moved["amount"], currency),
                    "initiated_time": moment(moved["at"]),
                    "type": moved["type"],
                    "reason": moved["reason"],
                }
                for moved in thing["movements"]
            ]
            or None,
            "evidences": [{**each, "source": "SUBMITTED_BY_SELLER"} for each in thing["evidences"]] or None,
            "dispute_life_cycle_stage": thing["stage"],
            "dispute_channel": "INTERNAL",
            "seller_response_due_date": moment(thing["due_by"]) if open_still else None,
            "messages": [
                {"posted_by": "BUYER", "time_posted": moment(thing["created"]), "content": "Opened in the sandbox."}
            ],
            "links": _dispute_links(act, thing),
        }
    )


def _dispute_links(act: Act, thing: Json) -> list[Json]:
    """Say what can be done with a dispute now."""
    place = f"v1/customer/disputes/{thing['id']}"
    links = [_link(act, place, "self")]
    if thing["status"] != "RESOLVED":
        links.append(_link(act, f"{place}/accept-claim", "accept_claim", "POST"))
    if thing["status"] == "WAITING_FOR_SELLER_RESPONSE":
        links.append(_link(act, f"{place}/provide-evidence", "provide_evidence", "POST"))
    return links


def event(act: Act, thing: Json) -> Json:
    """Write an event as its webhook had it."""
    del act
    body: Json = thing["body"]
    return body


Shape = Callable[[Act, Json], Json]
SHAPES: Mapping[str, Shape] = {
    "order": order,
    "capture": capture,
    "authorization": authorization,
    "refund": refund,
    "dispute": dispute,
    "event": event,
}


def _unit(act: Act, thing: Json) -> Json:
    unit = thing["unit"]
    made = {
        "captures": _all(act, "capture", thing["captures"]),
        "authorizations": _all(act, "authorization", thing["authorizations"]),
        "refunds": _all(act, "refund", thing["refunds"]),
    }
    payments = {name: found for name, found in made.items() if found}
    return _present(
        {
            "reference_id": unit["reference_id"],
            "amount": money.written(unit["amount"], unit["currency"]),
            "payee": {"email_address": MERCHANT_EMAIL, "merchant_id": MERCHANT_ID},
            "description": unit["description"],
            "custom_id": unit["custom_id"],
            "invoice_id": unit["invoice_id"],
            "soft_descriptor": unit["soft_descriptor"],
            "payments": payments or None,
        }
    )


def _all(act: Act, kind: str, ids: Sequence[str]) -> list[Json]:
    return [SHAPES[kind](act, act.load(kind, each)) for each in ids]


def _wallet(thing: Json) -> Json:
    if not thing["payer"]:
        return {}
    return {
        "email_address": PAYER["email_address"],
        "account_id": PAYER["payer_id"],
        "account_status": "VERIFIED",
        "name": PAYER["name"],
        "address": PAYER["address"],
    }


def _order_links(act: Act, thing: Json) -> list[Json]:
    place = f"v2/checkout/orders/{thing['id']}"
    links = [_link(act, place, "self")]
    if thing["status"] in {"CREATED", "PAYER_ACTION_REQUIRED"}:
        links.append(approval(act, thing))
    if thing["status"] in {"CREATED", "APPROVED"}:
        verb = "capture" if thing["intent"] == "CAPTURE" else "authorize"
        links.append(_link(act, place, "update", "PATCH"))
        links.append(_link(act, f"{place}/{verb}", verb, "POST"))
    return links


def approval(act: Act, thing: Json) -> Json:
    """Write the link that leads the payer to the order."""
    rel = "approve" if thing["source"] is None else "payer-action"
    return {"href": f"{act.api}/checkoutnow?token={thing['id']}", "rel": rel, "method": "GET"}


def _receivable(thing: Json) -> Json | None:
    if thing["status"] in {"PENDING", "DECLINED", "FAILED"}:
        return None
    currency = thing["currency"]
    return {
        "gross_amount": money.written(thing["amount"], currency),
        "paypal_fee": money.written(thing["fee"], currency),
        "net_amount": money.written(thing["amount"] - thing["fee"], currency),
    }


def _link(act: Act, place: str, rel: str, method: str = "GET") -> Json:
    return {"href": f"{act.api}/{place}", "rel": rel, "method": method}


def _present(shape: Json) -> Json:
    return {name: value for name, value in shape.items() if value is not None}
