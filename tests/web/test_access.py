"""Every route lets in whom its row says, and nobody else; a route without a row is a mistake."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from starlette.routing import BaseRoute, Mount
from tests.web.access_table import CALLERS, IN, ROLES, TABLE, May
from tests.web.conftest import Front, token
from tests.web.people import Browser, browse

from tillkeeper.access import HOLDERS, KeyKind
from tillkeeper.access.limits import Refusals
from tillkeeper.access.staff import Role
from tillkeeper.flows.authorize import issue
from tillkeeper.kernel import clock
from tillkeeper.web.dashboard.rail import HOME

DOCUMENT = Path(__file__).parents[2] / "docs" / "access.md"
ABSENT = "01h455vb4pex5vsknk084sn02q"
VALUES = {"user": "ana", "code": "forbidden", "account:path": "deferred:EUR", "step": "daily", "gateway": "nobody"}
SAFE = ("GET", "MOUNT")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
FORGED = "a secret that nobody here has ever heard of"


def flat(routes: list[BaseRoute]) -> Iterator[BaseRoute]:
    """List routes, also those of routers that were included as they are."""
    for route in routes:
        included = getattr(route, "original_router", None)
        yield from flat(included.routes) if included else [route]


def served(front: Front) -> set[str]:
    """List every route that the application serves."""
    app: Any = front.app
    found: set[str] = set()
    for route in flat(app._app._app.router.routes):
        if getattr(route, "path", "").startswith(HOME):
            continue  # pages have a table of their own: tests/dashboard/test_doors.py
        methods = ["MOUNT"] if isinstance(route, Mount) else sorted(set(METHODS) & getattr(route, "methods", set()))
        found |= {f"{method} {getattr(route, 'path', '')}" for method in methods}
    return found


def address(route: str) -> str:
    """Fill in the places of a route with ids that do not exist."""
    return re.sub(r"{([\w:]+)}", lambda found: VALUES.get(found[1], f"{found[1]}_{ABSENT}"), route.partition(" ")[2])


@pytest.fixture(scope="module")
async def callers(front: Front) -> dict[str, str]:
    """Make what each caller has in hand."""
    keys = {name: (await issue(front.till, name, scopes=[name]))[1] for name in ("read", "write", "admin")}
    for name in ("revoked", "expired"):
        _, keys[name] = await issue(front.till, f"{name} one", scopes=["admin"])
    await front.owner.execute("UPDATE api_key SET revoked_at = now() WHERE name = 'revoked one'")
    await front.owner.execute("UPDATE api_key SET expires_at = now() WHERE name = 'expired one'")
    _, keys["publishable"] = await issue(front.till, "web page", kind=KeyKind.PUBLISHABLE)
    late = int((clock.now() - timedelta(hours=1)).timestamp())
    claims = {"sub": "ana", "exp": int(clock.now().timestamp()) + 3600}
    return keys | {
        "anonymous": "",
        "own user": token("ana", exp=claims["exp"]),
        "other user": token("ben", exp=claims["exp"]),
        "expired token": token("ana", exp=late),
        "forged token": jwt.encode(claims, FORGED, algorithm="HS256"),
    }


@pytest.fixture(autouse=True)
def forgiven(front: Front) -> None:
    """Forget who was refused: these tests knock at one door more often than anybody may."""
    app: Any = front.app
    app._app._app.state.refusals = Refusals()


async def test_every_route_has_a_row_and_every_row_has_a_route(front: Front) -> None:
    assert served(front) == TABLE.keys()


def test_every_row_speaks_of_every_caller() -> None:
    assert {len(may.value) for may in May} == {len(CALLERS)}


@pytest.fixture(scope="module")
async def browsers(front: Front) -> dict[str, Browser]:
    """Sign somebody in for each role, and somebody whose session is over."""
    roles = dict(zip(ROLES, Role, strict=True))
    found = {name: await browse(front, f"{role}@example.com", role=role) for name, role in roles.items()}
    found["over session"] = await browse(front, "over@example.com", role=Role.ADMIN)
    await front.owner.execute(
        "UPDATE staff_session SET seen_at = now() - interval '31 minutes' FROM staff_member"
        " WHERE staff_member.id = member_id AND email = 'over@example.com'"
    )
    return found


async def knock(front: Front, route: str, credentials: str | Browser) -> Any:
    """Call a route with next to nothing in the body."""
    method = route.partition(" ")[0]
    content: object = {} if method in {"POST", "PUT", "PATCH"} else b""
    if isinstance(credentials, Browser):
        return await credentials.call(method, address(route), content)
    return await front.call(method, address(route), content, key=credentials)


@pytest.mark.parametrize("route", [route for route in TABLE if not route.startswith("MOUNT")])
async def test_a_route_lets_in_whom_its_row_says(
    front: Front, callers: dict[str, str], browsers: dict[str, Browser], route: str
) -> None:
    found, told = {}, {}
    if route == "DELETE /api/v1/session":  # or nobody would have one for the routes that come after it
        browsers = browsers | {name: await browsers[name].again() for name in ROLES}
    for caller in CALLERS:
        answer = await knock(front, route, browsers.get(caller) or callers.get(caller, ""))
        found[caller] = str(answer.status_code) if answer.status_code in {401, 403} else IN
        told[caller] = answer.text
        assert answer.status_code < 500, (caller, answer.text)
    assert found == dict(zip(CALLERS, TABLE[route].value, strict=True)), told


@pytest.mark.parametrize(
    "route", [route for route, may in TABLE.items() if may is not May.ANYBODY and route.partition(" ")[0] not in SAFE]
)
async def test_a_browser_changes_nothing_that_its_user_did_not_mean(
    front: Front, browsers: dict[str, Browser], route: str
) -> None:
    boss, other = browsers["administrator"], browsers["viewer"]
    method, before = route.partition(" ")[0], await front.counts()
    forged = [
        {"X_CSRF_Token": ""},
        {"X_CSRF_Token": other.form_token},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ]
    for more in forged:
        answer = await boss.call(method, address(route), {}, **more)
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed"), (more, answer.text)
    assert await front.counts() == before


async def test_a_question_changes_nothing(front: Front, browsers: dict[str, Browser]) -> None:
    boss, before = browsers["administrator"], await front.counts()
    for route in TABLE:
        if route.startswith("GET "):
            assert (await knock(front, route, boss)).status_code < 500
    assert await front.counts() == before


async def test_a_caller_who_is_not_let_in_is_not_told_whether_a_thing_exists(
    front: Front, callers: dict[str, str], browsers: dict[str, Browser]
) -> None:
    there = (await front.call("GET", "/api/v1/admin/keys?limit=1", key=callers["admin"])).json()["data"][0]["id"]
    for caller in ("anonymous", "own user", "write", "developer"):
        answers = []
        for id_ in (there, f"key_{ABSENT}"):
            path = f"/api/v1/admin/keys/{id_}/revoke"
            who = browsers.get(caller)
            answer = await (who.call("POST", path, {}) if who else front.call("POST", path, {}, key=callers[caller]))
            answers.append(answer.json())
        assert answers[0]["status"] in {401, 403}
        assert answers[0] | {"request_id": ""} == answers[1] | {"request_id": ""}


def test_the_table_of_rights_in_the_documents_is_the_one_in_the_program() -> None:
    lines = re.findall(r"^\| `(\w+)` \|(.+)\|$", DOCUMENT.read_text(), re.MULTILINE)
    written = {name: [cell.strip() for cell in cells.split("|")] for name, cells in lines}
    known = {
        right.value: [f"`{holders.scope}`", *("✓" if role in holders.roles else "" for role in Role)]
        for right, holders in HOLDERS.items()
    }
    assert {name: cells[-6:] for name, cells in written.items()} == known


def test_the_rights_that_ask_for_the_password_again_are_named_in_the_documents() -> None:
    lines = re.findall(r"^\| `(\w+)` \|(.+)\|$", DOCUMENT.read_text(), re.MULTILINE)
    marked = {name for name, cells in lines if "(fresh)" in cells}
    assert marked == {right.value for right, holders in HOLDERS.items() if holders.fresh}
