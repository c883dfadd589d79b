"""Deliveries: the events that were sent to the merchant's endpoints, and how to send them again."""

import json
from typing import Any
from uuid import UUID

from starlette.responses import Response
from starlette.routing import BaseRoute

from tillkeeper.access import Right
from tillkeeper.flows.read import survey
from tillkeeper.flows.redeliver import resend
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.outbox.deliveries import Status
from tillkeeper.reports import event as events
from tillkeeper.reports import webhook_delivery as report
from tillkeeper.reports import webhook_endpoint
from tillkeeper.web.dashboard import button
from tillkeeper.web.dashboard.desk import Desk, Entrance, Json
from tillkeeper.web.dashboard.lists import Address, rows_per_page
from tillkeeper.web.dashboard.pages import endpoints
from tillkeeper.web.dashboard.rail import Group, Place

PLACE = Place(group=Group.PLUMBING, title="Deliveries", icon="send", path="/deliveries", key="w")
Secrets = dict[str, str]


def routes(entrance: Entrance) -> list[BaseRoute]:
    """List the addresses; those of endpoints come before those of deliveries, whose ids stand in the same place."""
    one = "/deliveries/{delivery}"
    return [
        entrance.page("/deliveries", show_list, live=True),
        *endpoints.routes(entrance),
        *entrance.deed(f"{one}/resend", ask_resend, button.once(do_resend), Right.KEEP_ENDPOINTS),
        entrance.page(one, show_one),
    ]


async def show_list(desk: Desk) -> Response:
    """List endpoints with how they do, and deliveries, newest first."""
    endpoint, event, status = desk.given("endpoint"), desk.given("event"), desk.given("status")
    if status not in {None, *Status}:
        message = f"Choose one of {', '.join(Status)}."
        raise InvalidFieldError(message, param="status")
    wanted = report.Filter(
        endpoint=ids.parse("endpoint", endpoint) if endpoint else None,
        event=ids.parse("event", event) if event else None,
        status=status,
        limit=rows_per_page,
        cursor=desk.given("cursor"),
    )

    async def look(tx: Transaction) -> tuple[Json, Json, Secrets]:
        kept = await webhook_endpoint.find(tx, limit=rows_per_page, cursor=None)
        return await report.find(tx, wanted), kept, await webhook_endpoint.secret_days(tx)

    page, kept, secrets = await survey(desk.till, look)
    return desk.page(
        "deliveries.html",
        page=page,
        endpoints=kept["data"],
        secrets=secrets,
        address=Address(desk.request.url.path, desk.fields),
        fields=desk.fields,
        statuses=[("", "Any state"), *((each.value, each.capitalize()) for each in Status)],
        choices=[("", "Any endpoint"), *((each["id"], each["url"]) for each in kept["data"])],
        keeps=desk.may(Right.KEEP_ENDPOINTS),
        reveals=desk.may(Right.REVEAL_SECRETS),
    )


async def show_one(desk: Desk) -> Response:
    """Show a delivery with every try, and what is sent."""
    id_ = _id(desk)

    async def look(tx: Transaction) -> tuple[Any, Json]:
        delivery: Any = await report.show(tx, id_)
        return delivery, await events.show(tx, ids.parse("event", delivery["event"]))

    delivery, event = await survey(desk.till, look)
    told = {name: event[name] for name in ("type", "timestamp", "data")}
    return desk.page(
        "delivery.html",
        delivery=delivery,
        payment=event["payment"],
        sequence=event["sequence"],
        body=json.dumps(told, indent=2, ensure_ascii=False),
        keeps=desk.may(Right.KEEP_ENDPOINTS),
    )


async def ask_resend(desk: Desk) -> Response:
    """Say what sending again does."""
    id_ = _id(desk)
    return desk.dialog("resend.html", delivery=await survey(desk.till, lambda tx: report.show(tx, id_)))


async def do_resend(desk: Desk) -> tuple[str, str]:
    """Send an event to an endpoint again."""
    await resend(desk.till, _id(desk))
    path = f"/deliveries/{desk.part('delivery')}"
    return path, "It is sent again, with all its tries before it; load this page anew to see what became of it."


def _id(desk: Desk) -> UUID:
    return ids.parse("delivery", desk.part("delivery"))
