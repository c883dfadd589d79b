"""The two lists: who is never held up, and who never pays."""

from typing import Any

from starlette.responses import Response

from tillkeeper.flows.guard import Listing, put_on_list, take_off_list
from tillkeeper.flows.read import survey
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidFieldError
from tillkeeper.reports import risk as report
from tillkeeper.risk import Side, Trait
from tillkeeper.web.dashboard import days
from tillkeeper.web.dashboard.desk import Desk, Json
from tillkeeper.web.dashboard.lists import Address, rows_per_page
from tillkeeper.web.dashboard.pages.risk.words import SIDES, TRAITS

text_length_max = 200


async def show(desk: Desk) -> Response:
    """List who is on the lists, newest first."""
    side = _side(desk) if desk.given("side") else None
    cursor = desk.given("cursor")
    page: Any = await survey(desk.till, lambda tx: report.lists(tx, side, limit=rows_per_page, cursor=cursor))
    return desk.page(
        "risk_lists.html",
        page=page,
        address=Address(desk.request.url.path, desk.fields),
        fields=desk.fields,
        sides=[("", "Both lists"), *SIDES.items()],
        traits=TRAITS,
    )


async def ask_add(desk: Desk) -> Response:
    """Ask whom to trust or to block, and why."""
    return desk.dialog("risk_list_add.html", sides=SIDES.items(), traits=TRAITS.items(), fields=desk.fields)


async def do_add(desk: Desk) -> Response:
    """Write somebody on a list."""
    listing = Listing(
        side=_side(desk),
        trait=_trait(desk),
        value=_text(desk, "value"),
        note=_text(desk, "note"),
        expires_at=days.end_of(desk, "until"),
    )
    await put_on_list(desk.till, listing)
    verb = "blocked" if listing.side is Side.BLOCK else "trusted"
    return desk.done("/risk/lists", f"{listing.value} is {verb} from now on.")


async def ask_remove(desk: Desk) -> Response:
    """Say what taking somebody off a list does."""
    return desk.dialog("risk_list_remove.html", entry=await _entry(desk), traits=TRAITS)


async def do_remove(desk: Desk) -> Response:
    """Take somebody off a list."""
    entry = await _entry(desk)
    await take_off_list(desk.till, ids.parse("entry", desk.part("entry")))
    return desk.done("/risk/lists", f"{entry['value']} is off the list.")


async def _entry(desk: Desk) -> Json:
    id_ = ids.parse("entry", desk.part("entry"))
    found: Json = await survey(desk.till, lambda tx: report.entry(tx, id_))
    return found


def _side(desk: Desk) -> Side:
    try:
        return Side(desk.need("side"))
    except ValueError as error:
        message = "A list is “allow” or “block”."
        raise InvalidFieldError(message, param="side") from error


def _trait(desk: Desk) -> Trait:
    try:
        return Trait(desk.need("trait"))
    except ValueError as error:
        message = "Somebody is known by “user”, “address” or “fingerprint”."
        raise InvalidFieldError(message, param="trait") from error


def _text(desk: Desk, name: str) -> str:
    text = desk.need(name)
    if len(text) > text_length_max:
        message = f"“{name}” has at most {text_length_max} characters."
        raise InvalidFieldError(message, param=name)
    return text
