"""Expansion: put an object where its id stands, when `expand[]` asks for it."""

from collections.abc import Mapping, Sequence

from tillkeeper.gateways.stripe.sandbox.act import Act
from tillkeeper.gateways.stripe.sandbox.refusals import invalid
from tillkeeper.sandbox_kit.books import Json

depth_max = 4
paths_max = 20

# Which field of which object holds the id of what.
EXPANDABLE: Mapping[str, Mapping[str, str]] = {
    "checkout.session": {"payment_intent": "payment_intent", "customer": "customer"},
    "payment_intent": {"latest_charge": "charge", "customer": "customer", "payment_method": "payment_method"},
    "charge": {
        "balance_transaction": "balance_transaction",
        "payment_intent": "payment_intent",
        "customer": "customer",
        "failure_balance_transaction": "balance_transaction",
    },
    "refund": {
        "balance_transaction": "balance_transaction",
        "charge": "charge",
        "customer": "customer",
        "payment_intent": "payment_intent",
        "payment_method": "payment_method",
        "failure_balance_transaction": "balance_transaction",
    },
    "payment_method": {"customer": "customer"},
    "dispute": {"charge": "charge", "payment_intent": "payment_intent"},
    "payout": {
        "balance_transaction": "balance_transaction",
        "failure_balance_transaction": "balance_transaction",
        "original_payout": "payout",
        "reversed_by": "payout",
    },
}
SOURCES = {"ch": "charge", "re": "refund", "du": "dispute", "po": "payout"}


def expand(act: Act, thing: Json, paths: Sequence[str]) -> Json:
    """Expand every path, or refuse the ones that Stripe would not expand."""
    if len(paths) > paths_max:
        message = f"You can expand at most {paths_max} properties."
        raise invalid(message, param="expand")
    for path in paths:
        steps = path.split(".")
        if len(steps) > depth_max:
            message = f"You cannot expand more than {depth_max} levels of a property. ({path})"
            raise invalid(message, param="expand")
        thing = _follow(act, thing, steps, path)
    return thing


def _follow(act: Act, thing: Json, steps: Sequence[str], path: str) -> Json:
    first, *rest = steps
    if thing["object"] == "list" and first == "data":
        return {**thing, "data": [_follow(act, item, rest, path) if rest else item for item in thing["data"]]}
    if (thing["object"], first) == ("checkout.session", "line_items"):
        return {**thing, "line_items": _line_items(act, thing)}
    if (thing["object"], first) == ("charge", "refunds"):
        return {**thing, "refunds": _refunds(act, thing)}
    kind = _kind(thing, first)
    if kind is None:
        message = f"This property cannot be expanded ({path})."
        raise invalid(message, param="expand")
    inner = thing[first]
    if isinstance(inner, str):
        inner = act.load(kind, inner)
    if isinstance(inner, dict) and rest:
        inner = _follow(act, inner, rest, path)
    return {**thing, first: inner}


def _kind(thing: Json, field: str) -> str | None:
    if (thing["object"], field) == ("balance_transaction", "source"):
        source = thing["source"] or "po_of_nothing"  # what moved the balance may be no object
        return SOURCES[source.split("_")[0]] if isinstance(source, str) else str(source["object"])
    return EXPANDABLE.get(thing["object"], {}).get(field)


def _line_items(act: Act, session: Json) -> Json:
    private = act.load("checkout.session.private", f"{session['id']}/private")
    url = f"/v1/checkout/sessions/{session['id']}/line_items"
    return {"object": "list", "data": private["line_items"], "has_more": False, "url": url}


def _refunds(act: Act, charge: Json) -> Json:
    found = act.change.select("refund", where={"charge": charge["id"]})
    return {"object": "list", "data": found, "has_more": False, "url": f"/v1/charges/{charge['id']}/refunds"}
