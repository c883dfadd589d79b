"""Gateways: how each does and is used, where it sends its webhooks, and whether new payments are taken at all."""

from decimal import Decimal, InvalidOperation
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from tillkeeper import gateways, routing
from tillkeeper.access import Right
from tillkeeper.flows import maintain
from tillkeeper.flows.read import survey
from tillkeeper.flows.steer import steer
from tillkeeper.kernel.db import Transaction
from tillkeeper.kernel.errors import InvalidFieldError, NotFoundError
from tillkeeper.reports import gateways as report
from tillkeeper.reports import versions
from tillkeeper.routing import Maintenance, Switch
from tillkeeper.web.dashboard import button
from tillkeeper.web.dashboard.desk import Desk, Entrance, Json
from tillkeeper.web.dashboard.rail import Group, Place

PLACE = Place(
    group=Group.PLUMBING, title="Gateways", icon="network", path="/gateways", key="g", right=Right.SEE_GATEWAYS
)
VERBS = {"enable": Switch.ON, "drain": Switch.DRAINING, "disable": Switch.OFF}
TOLD = {
    "enable": "New payments go through {}.",
    "drain": "{} takes no new payments; those it has are finished.",
    "disable": "{} is told nothing any more until it is enabled again.",
}
priority_max = 1_000
basis_points_max = 10_000
percent_points = 100
fee_fixed_max = 1_000_000
reason_length_max = 200


def routes(entrance: Entrance) -> list[BaseRoute]:
    """List the addresses."""
    one = "/gateways/{gateway}"
    return [
        entrance.page("/gateways", show_list, Right.SEE_GATEWAYS),
        *entrance.deed("/gateways/maintenance", ask_maintenance, button.once(do_maintenance), Right.STEER),
        *entrance.deed(f"{one}/config", ask_config, button.once(do_config), Right.STEER),
        *entrance.deed(f"{one}/{{verb}}", ask_switch, button.once(do_switch), Right.STEER),
    ]


async def show_list(desk: Desk) -> Response:
    """Show the gateways in the order in which payments are offered to them, and those that are not configured."""
    till = desk.till

    async def look(tx: Transaction) -> tuple[Json, list[dict[str, object]], Maintenance]:
        shown = await report.show(tx, till.gateways)
        return shown, await versions.show(tx, till.gateways, till.now()), await maintain.state(tx, till)

    shown, seen, maintenance = await survey(till, look)
    return desk.page(
        "gateways.html",
        gateways=[each | _known(desk, each["gateway"]) for each in shown["data"]],
        versions={str(each["gateway"]): each for each in seen},
        failures_max=routing.failures_max,
        maintenance=maintenance,
        by_environment=maintenance.changed_by == "environment",
        absent=[each.name for each in gateways.connectors() if each.name not in till.gateways],
        may=desk.may(Right.STEER),
        on=sum(each["switch"] == Switch.ON for each in shown["data"]),
    )


def _known(desk: Desk, name: str) -> Json:
    """Say of a gateway what no table says."""
    address = f"{desk.till.settings.public_url.rstrip('/')}/webhooks/{name}"
    return {"title": desk.till.gateways[name].title, "address": address}


async def ask_switch(desk: Desk) -> Response:
    """Say what switching a gateway does."""
    verb = _verb(desk)
    here, others = await _one(desk)
    on = [each["gateway"] for each in others if each["switch"] == Switch.ON]
    return desk.dialog("gateway_switch.html", gateway=here, verb=verb, alone=not on)


async def do_switch(desk: Desk) -> tuple[str, str]:
    """Switch a gateway."""
    verb, name = _verb(desk), desk.part("gateway")
    await steer(desk.till, name, switch=VERBS[verb])
    return "/gateways", TOLD[verb].format(desk.till.gateways[name].title)


async def ask_config(desk: Desk) -> Response:
    """Ask for a gateway's place in the order, and the fee to expect of it."""
    here, _ = await _one(desk)
    bps, fixed = here["fee_percentage_bps"], here["fee_fixed"]
    now = {
        "priority": here["priority"],
        "percentage": "" if bps is None else f"{Decimal(bps) / percent_points:f}",
        "fixed": "" if fixed is None else fixed,
    }
    limits = {"priority": priority_max, "fixed": fee_fixed_max}
    return desk.dialog("gateway_config.html", gateway=here, typed=now | dict(desk.fields), limits=limits)


async def do_config(desk: Desk) -> tuple[str, str]:
    """Change a gateway's place in the order, and the fee to expect of it."""
    decided = {
        "priority": _whole(desk, "priority", priority_max),
        "fee_percentage_bps": _basis_points(desk),
        "fee_fixed": _whole(desk, "fixed", fee_fixed_max),
    }
    if decided["priority"] is None:
        desk.need("priority")
    await steer(desk.till, desk.part("gateway"), **decided)
    return "/gateways", "The order and the fee were changed; new payments go by them."


async def ask_maintenance(desk: Desk) -> Response:
    """Say what keeping new payments waiting means, or taking them again."""
    found = await survey(desk.till, lambda tx: maintain.state(tx, desk.till))
    return desk.dialog(
        "maintenance.html",
        maintenance=found,
        by_environment=found.changed_by == "environment",
        reason=desk.given("reason") or "",
        longest=reason_length_max,
    )


async def do_maintenance(desk: Desk) -> tuple[str, str]:
    """Keep new payments waiting, or take them again."""
    active = desk.need("active") == "yes"
    reason = desk.given("reason") if active else None
    if reason and len(reason) > reason_length_max:
        message = f"A reason has at most {reason_length_max} characters."
        raise InvalidFieldError(message, param="reason")
    found = await maintain.maintain(desk.till, active=active, reason=reason)
    if found.active and not active:
        return "/gateways", f"New payments are still kept waiting: {found.reason}."
    return "/gateways", "New payments are kept waiting." if active else "New payments are taken again."


def _verb(desk: Desk) -> str:
    verb = desk.part("verb")
    if verb not in VERBS:
        message = f"A gateway can be told to {', '.join(VERBS)}."
        raise NotFoundError(message)
    return verb


def _whole(desk: Desk, name: str, most: int) -> int | None:
    """Read a whole number from 0 on; raises InvalidFieldError."""
    number = desk.number(name)
    if number is not None and not 0 <= number <= most:
        message = f"“{name}” is a whole number from 0 to {most:,}."
        raise InvalidFieldError(message, param=name)
    return number


def _basis_points(desk: Desk) -> int | None:
    """Read a percentage exactly, in hundredths of a percent; raises InvalidFieldError."""
    text = desk.given("percentage")
    if text is None:
        return None
    try:
        points = Decimal(text) * percent_points
    except InvalidOperation:
        points = Decimal(-1)
    if not points.is_finite() or not 0 <= points <= basis_points_max or points != points.to_integral_value():
        message = "A percentage is 0 to 100 with at most two digits after the point, such as 2.9."
        raise InvalidFieldError(message, param="percentage")
    return int(points)


async def _one(desk: Desk) -> tuple[Any, list[Any]]:
    """Find a gateway, and beside it the others; raises NotFoundError."""
    name = desk.part("gateway")
    if name not in desk.till.gateways:
        message = "No gateway of this name is configured here."
        raise NotFoundError(message)
    shown: Any = await survey(desk.till, lambda tx: report.show(tx, desk.till.gateways))
    [here] = [each | _known(desk, name) for each in shown["data"] if each["gateway"] == name]
    return here, [each for each in shown["data"] if each["gateway"] != name]
