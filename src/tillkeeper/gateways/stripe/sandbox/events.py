"""Events: what happened, in the bytes that the webhook signs."""

import msgspec

from tillkeeper.gateways.stripe.sandbox import lists
from tillkeeper.gateways.stripe.sandbox.act import Act, new_id
from tillkeeper.gateways.stripe.sandbox.form import Params
from tillkeeper.gateways.stripe.sandbox.refusals import invalid
from tillkeeper.sandbox_kit import post
from tillkeeper.sandbox_kit.books import Json

API_VERSION = "2026-10-28.endive"
types_max = 20


def emit(act: Act, kind: str, thing: Json, *, before: Json | None = None) -> None:
    """Record that something happened to an object; `before` holds the attributes that changed, as they were."""
    data: Json = {"object": thing}
    if before is not None:
        data["previous_attributes"] = before
    event: Json = {
        "id": new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": act.now,
        "data": data,
        "livemode": False,
        "pending_webhooks": 1 if act.desk.hooked else 0,
        "request": {"id": act.request, "idempotency_key": act.idempotency_key},
        "type": kind,
    }
    act.put(event)
    # Stripe sends its webhooks indented, which is why only the raw bytes can be checked against the signature.
    body = msgspec.json.format(msgspec.json.encode(event), indent=2)
    act.change.emit(
        post.Event(event["id"], kind, thing["id"], act.now, body), copies=act.copies, hooked=act.desk.hooked
    )


def retrieve(act: Act, params: Params, event_id: str) -> Json:
    """Show an event."""
    params.done()
    return _as_of_now(act, act.load("event", event_id))


def listing(act: Act, params: Params) -> Json:
    """List events, narrowed by type or by whether their webhooks arrived."""
    kinds = params.texts("types")
    kind = params.text("type")
    delivered = params.boolean("delivery_success")
    if kind and kinds:
        message = "You may pass only one of these parameters: type, types."
        raise invalid(message, param="types")
    if len(kinds) > types_max:
        message = f"You may pass at most {types_max} types."
        raise invalid(message, param="types")
    wanted = {kind} if kind else set(kinds)

    missed = [] if delivered is None else post.undelivered(act.change.connection, act.change.gateway)
    unwanted = set(missed) if delivered else set()

    def fits(event: Json) -> bool:
        return (not wanted or event["type"] in wanted) and event["id"] not in unwanted

    shelf = lists.Shelf("event", "/v1/events", ids=missed if delivered is False else None)
    page = lists.page(act, params, shelf, fits=fits if wanted or unwanted else None)
    return {**page, "data": [_as_of_now(act, event) for event in page["data"]]}


def _as_of_now(act: Act, event: Json) -> Json:
    """Count the webhooks that nobody took yet, which for Stripe includes those it has given up."""
    arrived = post.outcome(act.change.connection, act.change.gateway, event["id"]) in {"delivered", "none"}
    return {**event, "pending_webhooks": 0 if arrived else 1}
