"""Proof: what was captured, delivered, absorbed and taken back, and what must always be true, with the SQL of each."""

from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from tillkeeper.access import Right
from tillkeeper.facts import CREDITS
from tillkeeper.flows.read import survey
from tillkeeper.flows.rehearse import copies_sent, rehearse
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction
from tillkeeper.reports import inbox, invariants
from tillkeeper.reports import payment as payments
from tillkeeper.reports import proof as report
from tillkeeper.web import proofs
from tillkeeper.web.dashboard import paper
from tillkeeper.web.dashboard.desk import Desk, Entrance, Json
from tillkeeper.web.dashboard.rail import Group, Place

PLACE = Place(group=Group.BOOKS, title="Proof", icon="shield-check", path="/proof", key="f")
FROM_OUTSIDE = {
    "I2": "Captured, refunded and disputed agree with the gateway’s own books",
    "I8": "Whatever a client was told is done stands in the database",
    "I11": "No card number and no secret stands anywhere it could be read",
}
"""What nobody can see from inside the database: reconciliation looks at the first, the tests at the others."""
choices_max = 10
COUNTED = {
    "arrivals": "Times the webhook arrived",
    "captures": "Times the payment was captured",
    "amount": "Captured",
    "deliveries": "Times goods were delivered",
    "units": "Goods that the buyer holds of it",
    "entries": "Entries in the books",
    "events": "Events for the merchant",
}


def routes(entrance: Entrance) -> list[BaseRoute]:
    """List the addresses."""
    return [
        entrance.page("/proof", show, live=True),
        *entrance.deed("/proof/fire", ask_fire, do_fire, Right.REPLAY, keyed=False),
    ]


async def show(desk: Desk) -> Response:
    """Show the numbers, each with the statement that gave it."""

    async def look(tx: Transaction) -> tuple[Json, Json]:
        return await report.figures(tx), await invariants.latest(tx)

    figures, checks = await survey(desk.till, look)
    return desk.page(
        "proof.html",
        figures=figures,
        newest_max=report.newest_max,
        invariants=_by_name(checks["data"]),
        can_fire=desk.till.settings.mode == "sandbox" and desk.may(Right.REPLAY),
        copies=copies_sent,
        proofs=proofs.read(),
        CREDITS=CREDITS,
    )


async def ask_fire(desk: Desk) -> Response:
    """Ask which webhook is to come again."""
    found: Any = await survey(desk.till, lambda tx: inbox.find(tx, inbox.Filter(status="processed", limit=choices_max)))
    choices = [
        (each["id"], f"{paper.called(each['gateway'])} {each['type']}, arrived {each['arrivals']}×")
        for each in found["data"]
        if each["payment"]
    ]
    return desk.dialog("fire.html", choices=choices, message=desk.given("message"), copies=copies_sent)


async def do_fire(desk: Desk) -> Response:
    """Let a webhook come again, and show that nothing moved."""
    done = await rehearse(desk.till, ids.parse("message", desk.need("message")))
    about = ids.parse("payment", str(done.message["payment"]))
    payment = await survey(desk.till, lambda tx: payments.show(tx, about))
    return desk.page("fired.html", done=done, counted=COUNTED, copies=copies_sent, currency=payment["currency"])


def _by_name(findings: list[Json]) -> list[Json]:
    """Gather both looks at each invariant, and what is looked for."""
    looks: dict[str, dict[str, Json]] = {}
    for each in findings:
        looks.setdefault(each["name"], {})[each["scope"]] = each
    rows = [
        {"name": name, "title": title, "looks": looks.get(name, {}), "proofs": report.proofs(name), "outside": False}
        for name, title in invariants.TITLES.items()
    ]
    rows += [
        {"name": name, "title": title, "looks": {}, "proofs": [], "outside": True}
        for name, title in FROM_OUTSIDE.items()
    ]
    return sorted(rows, key=_number)


def _number(row: Json) -> int:
    """Order by number; what has none comes last."""
    digits = row["name"].removeprefix("I")
    return int(digits) if digits.isdecimal() else len(row["name"]) + len(invariants.TITLES) * 2
