"""Every page and every deed lets in whom its row says, and nobody is shown a way to what would be refused."""

import html
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.routing import Match, Route
from tests.dashboard.access_table import OPEN, ROLES, TABLE, Row
from tests.dashboard.conftest import ORIGIN, words
from tests.dashboard.stocked import STALE, Stocked, Visitor, stocked

from tillkeeper.kernel import ids
from tillkeeper.ops.embedded_postgres import Databases
from tillkeeper.web import dashboard

ENDLESS = "/admin/live"
"""A stream, which tests/dashboard/test_live.py reads."""
NO_PAGE = {ENDLESS, "/admin/payments/export.csv", "/admin/payments/export.jsonl", "/admin/audit/export.csv"}
offers_min = 50
OWN = {"/admin/sign-out", "/admin/look", "/admin/prove", "/admin/you/factor"}
"""What everybody does for themselves; a second factor asks for the password when its button is pressed."""
GOES_ON = {"/admin/sign-out", "/admin/look"}
"""Addresses that show nothing themselves, and lead home."""
ABOUT = {
    "/admin/customers/user": "?name=ana",
    "/admin/ledger/statement": "?account=wallet:ana",
    "/admin/payments/refund-many": "?chosen={payment}",
    "/admin/payments/sync-many": "?chosen={payment}",
}
FILLED = {
    "key": "a key",
    "name": "ana",
    "reason": "because",
    "note": "because",
    "amount": "1",
    "kind": "bonus",
    "step": "confirmed",
    "typed": "ana",
    "side": "block",
    "trait": "user",
    "value": "1",
    "fact": "amount",
    "operator": "more_than",
    "score": "1",
    "id": "something_new",
    "title": "Something new",
    "quantity": "1",
    "prices": "EUR 1.00",
    "email": "new@example.com",
    "role": "admin",
    "good_for": "admin",
    "url": "http://127.0.0.1:1024/new",
    "chosen": "*",
    "grace_hours": "1",
    "since": "2026-01-01",
    "gateway": "stripe",
    "source": "stripe",
    "active": "yes",
    "priority": "1",
    "reason_code": "other",
    "share_min_bps": "0%",
    "share_max_bps": "1%",
}
"""What would do most deeds, were they not refused."""
WAYS = re.compile(r'(?:href|hx-get|hx-post|action|formaction)="(/admin[^"]*)"')
DEEDS = [path for path, row in TABLE.items() if row.act is not None]


@pytest.fixture(scope="module")
async def at(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stocked]:
    """Open one shop for all tests of this file: none of them may change it."""
    async with stocked(databases, tmp_path_factory.mktemp("stocked")) as made:
        yield made


@pytest.fixture(autouse=True)
async def forgiven(at: Stocked) -> None:
    at.forgive()


def served(at: Stocked) -> list[Route]:
    """List every route of the dashboard."""
    return [route for route in dashboard.routes(at.shop.till) if isinstance(route, Route)]


def address(at: Stocked, path: str) -> str:
    """Put ids of things that exist in their places, and name in the query what a page is about."""
    parts = dict(at.parts)
    if path.startswith("/admin/audit/"):
        parts["entry"] = parts["audit"]
    about = next((query for start, query in ABOUT.items() if path.startswith(start)), "")
    return f"{path}{about}".format(**parts)


async def send(visitor: Visitor, url: str, fields: dict[str, str], **headers: str) -> Any:
    """Send a form from a page of ours, unless headers say otherwise."""
    given = {name: value for name, value in (ORIGIN | headers).items() if value}
    return await visitor.http.post(url, data=fields, headers=given)


async def test_every_address_has_a_row_and_every_row_has_an_address(at: Stocked) -> None:
    found = {(route.path, method) for route in served(at) for method in (route.methods or set()) - {"HEAD"}}
    rows = {(path, "GET") for path in TABLE} | {(path, "POST") for path in DEEDS}
    assert {each for each in found if each[0] not in OPEN} == rows


@pytest.mark.parametrize("path", [path for path in TABLE if path != ENDLESS])
async def test_a_page_is_shown_to_whom_its_row_says(at: Stocked, path: str) -> None:
    row, seen = TABLE[path], {}
    for role in ROLES:
        answer = await at.look(role, address(at, path))
        assert answer.status_code == (200 if path not in GOES_ON else 303) or role not in row.see, words(answer.text)
        assert answer.status_code == 403 or role in row.see, f"{role} sees it"
        seen[role] = answer.status_code != 403
    assert seen == {role: role in row.see for role in ROLES}


async def test_looking_at_every_page_changes_nothing(at: Stocked) -> None:
    before = await at.picture()
    for path in TABLE.keys() - {ENDLESS}:
        answer = await at.visitors["admin"].http.get(address(at, path))
        assert answer.status_code < 500, path
    assert await at.picture() == before


@pytest.mark.parametrize("path", [path for path in DEEDS if path not in OWN])
async def test_a_form_is_taken_from_whom_its_row_says_and_stores_nothing_of_anybody_else(
    at: Stocked, path: str
) -> None:
    row, before = TABLE[path], await at.picture()
    for role in ROLES:
        visitor, held = at.visitors[role], role in (row.act or ())
        fields = {} if held else FILLED  # whoever may act sends next to nothing, or would do it
        answer = await send(visitor, address(at, path), fields | {"token": visitor.form_token})
        assert (answer.status_code == 403) != held, (role, words(answer.text))
        assert held or "may not do that" in words(answer.text)
    assert row.act == frozenset(ROLES) or await at.picture() == before


@pytest.mark.parametrize("path", [path for path in DEEDS if path not in OWN])
async def test_what_is_dangerous_takes_a_password_given_just_now(at: Stocked, path: str) -> None:
    row, before = TABLE[path], await at.picture()
    visitor, url = at.visitors[STALE], address(at, path)
    shown = await visitor.http.get(url)
    sent = await send(visitor, url, {"token": visitor.form_token} | (FILLED if row.fresh else {}))
    proves = [answer.headers.get("location", "").startswith("/admin/prove") for answer in (shown, sent)]
    assert proves == [row.fresh] * 2
    assert not row.fresh or await at.picture() == before


@pytest.mark.parametrize("path", TABLE)
async def test_a_stranger_is_led_to_the_sign_in_and_changes_nothing(at: Stocked, path: str) -> None:
    nobody, before = at.visitors["nobody"], await at.picture()
    answers = [await nobody.http.get(address(at, path))]
    if TABLE[path].act is not None:
        answers += [await send(nobody, address(at, path), FILLED | {"token": "x" * 64})]
    for answer in answers:
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/admin/sign-in")
    assert await at.picture() == before


@pytest.mark.parametrize("path", DEEDS)
async def test_a_form_that_nobody_meant_is_refused_and_changes_nothing(at: Stocked, path: str) -> None:
    boss, other, before = at.visitors["admin"], at.visitors["viewer"], await at.picture()
    own = {"token": boss.form_token}
    forged: list[tuple[dict[str, str], dict[str, str]]] = [
        ({}, {}),
        ({"token": other.form_token}, {}),
        (own, {"Origin": "https://evil.example"}),
        (own, {"Sec-Fetch-Site": "cross-site"}),
    ]
    for fields, headers in forged:
        answer = await send(boss, address(at, path), FILLED | fields, **headers)
        assert (answer.status_code, "csrf_failed" in answer.text) == (403, True), (fields, headers)
    assert await at.picture() == before


@pytest.mark.parametrize("role", ROLES)
async def test_nobody_is_offered_what_would_be_refused(at: Stocked, role: str) -> None:
    pages = [address(at, path) for path, row in TABLE.items() if role in row.see and path not in NO_PAGE]
    for prefix, table, path in (("payment", "payment", "payments"), ("message", "inbox_message", "inbox")):
        rows = await at.shop.owner.fetch(f"SELECT DISTINCT ON (status) id FROM {table} ORDER BY status")
        pages += [f"/admin/{path}/{ids.text(prefix, row['id'])}" for row in rows]
    offered = {(page, way) for page in pages for way in WAYS.findall((await at.look(role, page)).text)}
    routes = served(at)
    found = {way: row_of(routes, way) for _, way in offered}
    assert len(found) > offers_min
    assert [(page, way) for page, way in sorted(offered) if (row := found[way]) and role not in row.see] == []


def row_of(routes: list[Route], way: str) -> Row | None:
    """Find the row of the address to which something leads; none where anybody may knock."""
    scope = {"type": "http", "method": "GET", "path": html.unescape(way).partition("?")[0].partition("#")[0]}
    path = next(route.path for route in routes if route.matches(scope)[0] is not Match.NONE)
    return TABLE.get(path)
