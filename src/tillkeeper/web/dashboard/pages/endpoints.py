"""The merchant's endpoints, a part of Deliveries: where events are sent, and how that is changed."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from starlette.responses import Response
from starlette.routing import BaseRoute

from tillkeeper.access import Right
from tillkeeper.flows import subscribe
from tillkeeper.flows.press import press
from tillkeeper.flows.read import survey
from tillkeeper.flows.redeliver import recover
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.egress import url_length_max
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.outbox import TYPES
from tillkeeper.reports import webhook_delivery
from tillkeeper.reports import webhook_endpoint as report
from tillkeeper.web.dashboard import button, moments
from tillkeeper.web.dashboard.desk import Desk, Entrance, Json

ALL = "*"
newest_max = 10
description_length_max = 200
SHOWN_ONCE = "Its secret was shown once, when you pressed the button first. If it got lost, rotate it."


def routes(entrance: Entrance) -> list[BaseRoute]:
    """List the addresses."""
    root, keep, reveal = "/deliveries/endpoints", Right.KEEP_ENDPOINTS, Right.REVEAL_SECRETS
    one = f"{root}/{{endpoint}}"
    return [
        *entrance.deed(f"{root}/new", ask_create, do_create, reveal),
        *entrance.deed(f"{one}/change", ask_change, button.once(do_change), keep),
        *entrance.deed(f"{one}/enable", ask_enable, button.once(do_enable), keep),
        *entrance.deed(f"{one}/disable", ask_disable, button.once(do_disable), keep),
        *entrance.deed(f"{one}/rotate", ask_rotate, do_rotate, reveal),
        *entrance.deed(f"{one}/test", ask_test, button.once(do_test), keep),
        *entrance.deed(f"{one}/recover", ask_recover, button.once(do_recover), keep),
        *entrance.deed(f"{one}/delete", ask_delete, button.once(do_delete), keep),
        entrance.page(one, show_one, keep),
    ]


async def show_one(desk: Desk) -> Response:
    """Show an endpoint: whether it takes what it is sent, its secret's age, and its newest deliveries."""
    id_ = _id(desk)

    async def look(tx: Transaction) -> tuple[Json, dict[str, str], Json]:
        newest = webhook_delivery.Filter(endpoint=id_, limit=newest_max)
        return await report.show(tx, id_), await report.secret_days(tx), await webhook_delivery.find(tx, newest)

    endpoint, secrets, newest = await survey(desk.till, look)
    return desk.page(
        "endpoint.html",
        endpoint=endpoint,
        secret_since=secrets.get(endpoint["id"], endpoint["created_at"]),
        newest=newest["data"],
        more=newest["has_more"],
        reveals=desk.may(Right.REVEAL_SECRETS),
    )


async def ask_create(desk: Desk) -> Response:
    """Ask where to send which events."""
    return desk.dialog("endpoint_form.html", endpoint=None, **_typed(desk, {}))


async def do_create(desk: Desk) -> Response:
    """Add an endpoint, and show its secret once."""
    made: list[str] = []

    async def act() -> dict[str, object]:
        id_, secret = await subscribe.subscribe(
            desk.till, url=_url(desk), types=_types(desk), description=_description(desk)
        )
        made.append(secret)
        return {"path": f"/deliveries/endpoints/{ids.text('endpoint', id_)}"}

    path = str((await press(desk.till, desk.wish, act)).body["path"])
    return _shown_once(desk, path, made, "It is told of everything from now on.")


async def ask_change(desk: Desk) -> Response:
    """Ask what is to be different."""
    endpoint = await _endpoint(desk)
    return desk.dialog("endpoint_form.html", endpoint=endpoint, **_typed(desk, endpoint))


async def do_change(desk: Desk) -> tuple[str, str]:
    """Change where an endpoint is and what it is told of."""
    decided = {"url": _url(desk), "types": _types(desk), "description": _description(desk)}
    await subscribe.change(desk.till, _id(desk), **decided)
    return _here(desk), "The endpoint was changed."


async def ask_enable(desk: Desk) -> Response:
    """Say what switching on does."""
    return desk.dialog("endpoint_switch.html", endpoint=await _endpoint(desk), verb="enable")


async def do_enable(desk: Desk) -> tuple[str, str]:
    """Send to an endpoint again."""
    await subscribe.change(desk.till, _id(desk), enabled=True)
    return _here(desk), "It is told of everything from now on. “Recover” sends what it missed."


async def ask_disable(desk: Desk) -> Response:
    """Say what switching off does."""
    return desk.dialog("endpoint_switch.html", endpoint=await _endpoint(desk), verb="disable")


async def do_disable(desk: Desk) -> tuple[str, str]:
    """Send nothing to an endpoint until it is switched on again."""
    await subscribe.change(desk.till, _id(desk), enabled=False)
    return _here(desk), "Nothing is sent there until it is switched on again."


async def ask_rotate(desk: Desk) -> Response:
    """Ask for how long the old secret signs as well."""
    hours = desk.given("grace_hours") or str(subscribe.grace_hours)
    most = subscribe.grace_hours_max
    return desk.dialog("endpoint_rotate.html", endpoint=await _endpoint(desk), hours=hours, most=most)


async def do_rotate(desk: Desk) -> Response:
    """Give an endpoint a new secret, and show it once."""
    made: list[str] = []
    hours = desk.number("grace_hours")
    if hours is None or not 0 <= hours <= subscribe.grace_hours_max:
        message = f"The old secret signs for 0 to {subscribe.grace_hours_max} hours more."
        raise InvalidFieldError(message, param="grace_hours")

    async def act() -> dict[str, object]:
        made.append(await subscribe.rotate(desk.till, _id(desk), grace=timedelta(hours=hours)))
        return {"path": _here(desk)}

    path = str((await press(desk.till, desk.wish, act)).body["path"])
    said = f"The old secret signs as well for {hours} hours." if hours else "The old secret signs no more."
    return _shown_once(desk, path, made, said)


async def ask_test(desk: Desk) -> Response:
    """Say what a test sends."""
    return desk.dialog("endpoint_test.html", endpoint=await _endpoint(desk))


async def do_test(desk: Desk) -> tuple[str, str]:
    """Send an event that means nothing, and say what came of it."""
    _, reply = await subscribe.try_out(desk.till, _id(desk))
    answer = f"answered {reply.status}" if reply.status else f"did not answer: {reply.error}"
    verdict = "Taken" if reply.delivered else "Not taken"
    return _here(desk), f"{verdict}: it {answer}, after {reply.latency_ms:,} ms."


async def ask_recover(desk: Desk) -> Response:
    """Ask since when what was missed is to be sent."""
    since = desk.given("since") or f"{desk.till.now() - timedelta(days=1):%Y-%m-%dT%H:%M}"
    return desk.dialog("endpoint_recover.html", endpoint=await _endpoint(desk), since=since)


async def do_recover(desk: Desk) -> tuple[str, str]:
    """Send every event since a moment that the endpoint has not taken."""
    desk.need("since")
    since = moments.typed(desk, "since")
    assert since, "the field is filled in"
    count = await recover(desk.till, _id(desk), since=since)
    said = "1 event is" if count == 1 else f"{count:,} events are"
    return _here(desk), f"{said} gone through; those that it wants and has not taken are sent now."


async def ask_delete(desk: Desk) -> Response:
    """Say what goes away with an endpoint."""
    return desk.dialog("endpoint_delete.html", endpoint=await _endpoint(desk))


async def do_delete(desk: Desk) -> tuple[str, str]:
    """Take an endpoint away."""
    await subscribe.unsubscribe(desk.till, _id(desk))
    return "/deliveries", "The endpoint is gone; the log of its deliveries stays."


def _shown_once(desk: Desk, path: str, made: list[str], said: str) -> Response:
    if not made:
        return desk.done(path, SHOWN_ONCE)
    return desk.dialog(
        "secret.html",
        asked="The secret of the endpoint",
        label="Secret",
        advice=f"Give it to the receiver, which verifies signatures with it. {said}",
        secret=made[0],
        back=f"/admin{path}",
    )


def _typed(desk: Desk, endpoint: Any) -> Json:
    """Fill the form with what was typed, or with what is."""
    chosen = set(desk.chosen) if desk.fields else set(endpoint.get("types", (ALL,)))
    named = {name: desk.fields.get(name, endpoint.get(name) or "") for name in ("url", "description")}
    return named | {
        "everything": ALL in chosen,
        "types": [(name, name in chosen) for name in TYPES],
        "all": ALL,
        "longest": {"url": url_length_max, "description": description_length_max},
    }


def _url(desk: Desk) -> str:
    return _within(desk.need("url"), "url", url_length_max)


def _description(desk: Desk) -> str | None:
    text = desk.given("description")
    return _within(text, "description", description_length_max) if text else None


def _within(text: str, name: str, longest: int) -> str:
    if len(text) > longest:
        message = f"“{name}” has at most {longest} characters."
        raise InvalidFieldError(message, param=name)
    return text


def _types(desk: Desk) -> tuple[str, ...]:
    """Read what to tell of; everything includes the rest. Raises InvalidFieldError for nothing."""
    if not desk.chosen:
        message = "Choose at least one type of event, or everything."
        raise InvalidFieldError(message, param="types")
    return (ALL,) if ALL in desk.chosen else tuple(desk.chosen)


def _here(desk: Desk) -> str:
    return f"/deliveries/endpoints/{desk.part('endpoint')}"


def _id(desk: Desk) -> UUID:
    return ids.parse("endpoint", desk.part("endpoint"))


async def _endpoint(desk: Desk) -> Any:
    id_ = _id(desk)
    return await survey(desk.till, lambda tx: report.show(tx, id_))
