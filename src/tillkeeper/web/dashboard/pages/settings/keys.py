"""Keys of programs: made, listed and ended."""

from typing import Any

from starlette.responses import Response

from tillkeeper.access import SCOPES, KeyKind
from tillkeeper.flows.authorize import issue, revoke
from tillkeeper.flows.read import survey
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError
from tillkeeper.reports import key as report
from tillkeeper.web.dashboard import days
from tillkeeper.web.dashboard.desk import Desk, Json
from tillkeeper.web.dashboard.lists import Address, rows_per_page
from tillkeeper.web.dashboard.pages.settings import tabs

PUBLISHABLE = KeyKind.PUBLISHABLE.value
GOOD_FOR = (
    ("write", "Write: open payments and give money back, as your server does"),
    ("read", "Read: see everything, change nothing"),
    ("admin", "Admin: everything, also keys and prices"),
    (PUBLISHABLE, "Publishable: list packages, for anybody to see"),
)


async def show(desk: Desk) -> Response:
    """List keys, newest first."""
    cursor = desk.given("cursor")
    page: Any = await survey(desk.till, lambda tx: report.find(tx, limit=rows_per_page, cursor=cursor))
    now = desk.till.now().isoformat()
    return desk.page(
        "settings_keys.html",
        tabs=tabs.of(desk),
        page=page | {"data": [each | {"state": _state(each, now)} for each in page["data"]]},
        address=Address(desk.request.url.path, desk.fields),
    )


async def ask_add(desk: Desk) -> Response:
    """Ask what a key is for."""
    return desk.dialog("settings_key_add.html", fields=desk.fields, good_for=GOOD_FOR)


async def do_add(desk: Desk) -> Response:
    """Make a key, and show its text once."""
    name, good_for = desk.need("name"), desk.need("good_for")
    if good_for not in {*SCOPES, PUBLISHABLE}:
        message = "Choose what the key is good for."
        raise InvalidFieldError(message, param="good_for")
    kind = KeyKind.PUBLISHABLE if good_for == PUBLISHABLE else KeyKind.SECRET
    scopes = [] if kind is KeyKind.PUBLISHABLE else [good_for]
    until = days.end_of(desk, "until")
    _, text = await issue(desk.till, name, scopes=scopes, kind=kind, expires_at=until, wish=desk.wish)
    return desk.page(
        "secret.html",
        asked=f"The key “{name}” is made",
        secret=text,
        label="Key",
        advice="Put it where your program reads its secrets. If it gets lost, end it and make another.",
        back="/admin/settings/keys",
    )


async def ask_revoke(desk: Desk) -> Response:
    """Say what ending a key does."""
    return desk.dialog("settings_key_revoke.html", api_key=await _known(desk))


async def do_revoke(desk: Desk) -> Response:
    """End a key at once."""
    known = await _known(desk)
    if known["revoked_at"]:
        message = f"The key “{known['name']}” was ended already."
        raise InvalidStateError(message)
    await revoke(desk.till, ids.parse("key", desk.part("api_key")))
    return desk.done("/settings/keys", f"The key “{known['name']}” is ended: the next call with it is refused.")


async def _known(desk: Desk) -> Json:
    id_ = ids.parse("key", desk.part("api_key"))
    found: Json = await survey(desk.till, lambda tx: report.show(tx, id_))
    return found


def _state(key: Json, now: str) -> str:
    if key["revoked_at"]:
        return "revoked"
    return "expired" if key["expires_at"] and key["expires_at"] <= now else "active"
