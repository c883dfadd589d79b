"""Every route lets in whom its row says, and nobody else; a route without a row is a mistake."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import jwt
import pytest
from starlette.routing import BaseRoute, Mount
from tests.web.access_table import CALLERS, IN, TABLE, May
from tests.web.conftest import Front, token

from tillkeeper.access import KeyKind
from tillkeeper.flows.authorize import issue
from tillkeeper.kernel import clock

ABSENT = "01h455vb4pex5vsknk084sn02q"
VALUES = {"user": "ana", "code": "forbidden", "account:path": "deferred:EUR", "step": "daily", "gateway": "nobody"}
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


async def test_every_route_has_a_row_and_every_row_has_a_route(front: Front) -> None:
    assert served(front) == TABLE.keys()


def test_every_row_speaks_of_every_caller() -> None:
    assert {len(may.value) for may in May} == {len(CALLERS)}


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("route", [route for route in TABLE if not route.startswith("MOUNT")])
async def test_a_route_lets_in_whom_its_row_says(
    front: Front, callers: dict[str, str], route: str, caller: str
) -> None:
    method = route.partition(" ")[0]
    content: object = {} if method in {"POST", "PUT", "PATCH"} else b""
    more = {"Content-Type": "application/json"} if method in {"PUT", "PATCH"} else {}
    answer = await front.call(method, address(route), content, key=callers[caller], **more)
    expected = TABLE[route].value[CALLERS.index(caller)]
    found = str(answer.status_code) if answer.status_code in {401, 403} else IN
    assert found == expected, answer.text
    assert answer.status_code < 500, answer.text


async def test_a_caller_who_is_not_let_in_is_not_told_whether_a_thing_exists(
    front: Front, callers: dict[str, str]
) -> None:
    there = (await front.call("GET", "/api/v1/admin/keys?limit=1", key=callers["admin"])).json()["data"][0]["id"]
    for caller in ("anonymous", "own user", "write"):
        answers = [
            (await front.call("POST", f"/api/v1/admin/keys/{id_}/revoke", {}, key=callers[caller])).json()
            for id_ in (there, f"key_{ABSENT}")
        ]
        assert answers[0] | {"request_id": ""} == answers[1] | {"request_id": ""}
