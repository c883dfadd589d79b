"""Events: what happened, in the bytes that the webhook signs, and the list from which they can be had again."""

import re
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlencode

import msgspec

from tillkeeper.gateways.paypal.sandbox import shapes
from tillkeeper.gateways.paypal.sandbox.act import Act, moment, new_id
from tillkeeper.gateways.paypal.sandbox.answers import Answered
from tillkeeper.gateways.paypal.sandbox.fields import Fields
from tillkeeper.gateways.paypal.sandbox.refusals import Issue, malformed
from tillkeeper.sandbox_kit import post
from tillkeeper.sandbox_kit.books import Json

page_size_usual = 10
page_size_max = 300
chunk_rows = 200
RESOURCE_TYPES = {"order": "checkout-order"}
TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d([.]\d+)?([Zz]|[+-]\d\d:\d\d)")


def emit(act: Act, kind: str, thing: Json, summary: str) -> None:
    """Record that something happened to an object, and owe its webhook."""
    event_id = f"WH-{new_id()}-{new_id()}"
    place = f"{act.api}/v1/notifications/webhooks-events/{event_id}"
    body: Json = {
        "id": event_id,
        "event_version": "1.0",
        "create_time": moment(act.now),
        "resource_type": RESOURCE_TYPES.get(thing["object"], thing["object"]),
        "resource_version": "2.0",
        "event_type": kind,
        "summary": summary,
        "resource": shapes.show(act, thing),
        "links": [
            {"href": place, "rel": "self", "method": "GET"},
            {"href": f"{place}/resend", "rel": "resend", "method": "POST"},
        ],
    }
    act.put({"id": event_id, "object": "event", "created": act.now, "type": kind, "about": thing["id"], "body": body})
    letter = post.Event(event_id, kind, thing["id"], act.now, msgspec.json.encode(body))
    act.change.emit(letter, copies=act.copies, hooked=act.desk.hooked)


def retrieve(act: Act, fields: Fields, event_id: str) -> Answered:
    """Show an event."""
    del fields
    return Answered(HTTPStatus.OK, act.load("event", event_id, field="event_id"))


def resend(act: Act, fields: Fields, event_id: str) -> Answered:
    """Send an event's webhook once more."""
    del fields
    event = act.load("event", event_id, field="event_id")
    if act.desk.hooked:
        act.change.owe(event_id, copies=1)
    return Answered(HTTPStatus.ACCEPTED, event)


def listing(act: Act, fields: Fields) -> Answered:
    """List events, newest first, narrowed by time, type or what they are about."""
    size = fields.count("page_size", usual=page_size_usual, most=page_size_max)
    created = {
        sign: int(instant(fields, name).timestamp())
        for sign, name in (("gte", "start_time"), ("lte", "end_time"))
        if name in fields.tree
    }
    named = {"type": fields.text("event_type"), "about": fields.text("transaction_id")}
    where = {name: value for name, value in named.items() if value is not None}
    after = fields.text("next_event_id")
    older = act.change.place("event", after) if after else None
    found = act.change.select("event", where=where, created=created, older_than=older, limit=size + 1)
    page = found[:size]
    links = [{"href": f"{act.api}/v1/notifications/webhooks-events", "rel": "self", "method": "GET"}]
    if len(found) > size:
        query = urlencode({**fields.tree, "next_event_id": page[-1]["id"]})
        links.append({"href": f"{act.api}/v1/notifications/webhooks-events?{query}", "rel": "next", "method": "GET"})
    return Answered.listing("events", page, {"count": len(page), "links": links})


def instant(fields: Fields, name: str) -> datetime:
    """Take a time that must be there."""
    text = fields.needed(name)
    try:
        return datetime.fromisoformat(text.upper() if TIME.fullmatch(text) else "")
    except ValueError as problem:
        raise malformed(Issue.INVALID_PARAMETER_SYNTAX, name, value=text, location="query") from problem
