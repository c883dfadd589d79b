"""Events: what happened, in the bytes that the webhook signs."""

import msgspec

from tillkeeper.gateways.square.sandbox import account, lists
from tillkeeper.gateways.square.sandbox.act import Act, new_uuid, stamp
from tillkeeper.gateways.square.sandbox.body import Params
from tillkeeper.sandbox_kit import post
from tillkeeper.sandbox_kit.books import Json

API_VERSION = "2026-09-16"
searchable_seconds = 28 * 86_400
TYPES = (
    "customer.created",
    "dispute.created",
    "dispute.evidence.created",
    "dispute.state.updated",
    "order.created",
    "order.updated",
    "payment.created",
    "payment.updated",
    "payout.failed",
    "payout.paid",
    "payout.sent",
    "refund.created",
    "refund.updated",
)
LOCATED = ("dispute", "payout")


def emit(act: Act, kind: str, thing: Json) -> None:
    """Record that something happened to an object."""
    _emit(act, kind, thing["object"], thing["id"], {thing["object"]: thing["shown"]})


def emit_order(act: Act, kind: str, order: Json) -> None:
    """Record that something happened to an order; its events only point to it."""
    shown, word = order["shown"], kind.replace(".", "_")
    points = {name: shown[name] for name in ("location_id", "state", "version", "created_at")}
    changed = {"updated_at": shown["updated_at"]} if kind == "order.updated" else {}
    _emit(act, kind, word, order["id"], {word: {"order_id": order["id"], **points, **changed}})


def search(act: Act, params: Params) -> Json:
    """Search the events of the last 28 days, from when that was switched on."""
    query = params.group("query") or Params({})
    narrowed = query.group("filter") or Params({})
    kinds = set(narrowed.texts("event_types"))
    narrowed.ignore("merchant_ids", "location_ids")
    created = lists.span(narrowed.group("created_at") or Params({}), begin="start_at", end="end_at")
    order = query.group("sort") or Params({})
    order.choice("field", ("DEFAULT",))
    oldest_first = order.choice("order", ("ASC", "DESC")) == "ASC"
    created["gte"] = max(created.get("gte", 0), act.now - searchable_seconds)
    shelf = lists.Shelf("event", "events", {"searchable": True}, created=created, oldest_first=oldest_first)

    def fits(event: Json) -> bool:
        return not kinds or event["shown"]["type"] in kinds

    page = lists.page(act, params, shelf, fits=fits)
    told = [{"event_id": event["event_id"], "api_version": API_VERSION} for event in page.get("events", [])]
    return {**page, **({"metadata": told} if told else {})}


def enable(act: Act, params: Params) -> Json:
    """Make events searchable from now on."""
    params.done()
    account.put(act, {"events_enabled": True})
    return {}


def disable(act: Act, params: Params) -> Json:
    """Leave events out of the search from now on."""
    params.done()
    account.put(act, {"events_enabled": False})
    return {}


def types(act: Act, params: Params) -> Json:
    """List the types of events."""
    del act
    params.ignore("api_version")
    params.done()
    told = [{"event_type": kind, "api_version_introduced": "2020-02-26", "release_status": "PUBLIC"} for kind in TYPES]
    return {"event_types": list(TYPES), "metadata": told}


def _emit(act: Act, kind: str, word: str, thing_id: str, data: Json) -> None:
    located = {"location_id": account.location(act)} if word in LOCATED else {}
    event: Json = {
        "merchant_id": account.MERCHANT,
        **located,
        "type": kind,
        "event_id": new_uuid(),
        "created_at": stamp(act.now),
        "data": {"type": word, "id": thing_id, "object": data},
    }
    searchable = account.settings(act)["events_enabled"]
    kept = {"id": event["event_id"], "object": "event", "created": act.now, "searchable": searchable, "shown": event}
    act.change.put(kept)
    body = msgspec.json.encode(event)
    act.change.emit(
        post.Event(event["event_id"], kind, thing_id, act.now, body), copies=act.copies, hooked=act.desk.hooked
    )
