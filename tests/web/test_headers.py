"""What every answer tells a browser, and what a browser that somebody prepared is worth."""

import json
import re
from typing import Any

import httpx2
import pytest
from starlette.types import Receive, Scope, Send
from tests.web.conftest import Front
from tests.web.people import SESSION, hire

from tillkeeper.access.staff import Role
from tillkeeper.web import cookie
from tillkeeper.web.shell import Shell


@pytest.mark.parametrize(
    "path",
    [
        *("/health", "/status", "/openapi.json", "/docs", "/docs/errors/not_found", "/nowhere"),
        *("/api/v1/packages", "/api/v1/payments", "/api/v1/payments/x", "/admin", "/admin/sign-in", "/admin/nowhere"),
    ],
)
async def test_every_answer_is_framed_by_nobody_and_read_as_what_it_is(front: Front, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = await front.http.request(method, path)
        said = answer.headers
        assert said["x-content-type-options"] == "nosniff", (method, answer.status_code)
        assert said["referrer-policy"] in {"no-referrer", "same-origin"}
        policy = said["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "base-uri 'none'" in policy
        assert re.match(r"default-src '(none|self)';", policy)
        assert not re.search(r"(default|script)-src [^;]*unsafe", policy)
        if not said.get("content-type", "").startswith("text/html"):
            assert policy.startswith("default-src 'none'") or answer.status_code in {303, 307}
        assert "server" not in said
        assert "x-powered-by" not in said


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/health", "application/json"),
        ("/api/v1/packages", "application/json"),
        ("/api/v1/nowhere", "application/problem+json"),
        ("/api/v1/reports/daily?format=csv", "text/csv; charset=utf-8"),
        ("/openapi.json", "application/json"),
        ("/docs", "text/html; charset=utf-8"),
        ("/docs/images/way.svg", "image/svg+xml"),
        ("/static/desk.js", "text/javascript; charset=utf-8"),
        ("/static/desk.css", "text/css; charset=utf-8"),
        ("/admin/sign-in", "text/html; charset=utf-8"),
    ],
)
async def test_an_answer_says_what_it_is_and_text_in_which_letters(front: Front, path: str, kind: str) -> None:
    answer = await front.call("GET", path, key="read")
    assert answer.headers["content-type"] == kind, answer.text[:200]


async def test_folders_are_not_listed_and_nothing_is_traced(front: Front) -> None:
    for path in ("/static/", "/static/fonts", "/static/fonts/", "/docs/images/", "/docs/decisions/"):
        assert (await front.call("GET", path, key="")).status_code == 404, path
    for path in ("/health", "/api/v1/payments", "/admin/sign-in", "/static/desk.js"):
        answer = await front.http.request("TRACE", path, headers={"X-Told": "what came"})
        assert (answer.status_code, "what came" in answer.text) == (405, False), path


async def test_a_cookie_that_somebody_planted_before_the_sign_in_opens_nothing_after_it(front: Front) -> None:
    finn = await hire(front, "finn.planted@example.com", role=Role.FINANCE)
    planted = "p" * 43
    wish = {"email": finn.email, "password": finn.password}
    answer = await front.call(
        "POST", SESSION, wish, key="", Cookie=f"{cookie.NAME}={planted}", Origin="http://till.test"
    )
    assert answer.status_code == 201
    given = answer.headers["set-cookie"].partition("=")[2].partition(";")[0]
    assert given != planted
    told = [
        (await front.call("GET", SESSION, key="", Cookie=f"{cookie.NAME}={token}")).status_code
        for token in (planted, given)
    ]
    assert told == [401, 200]


async def test_each_sign_in_begins_another_session(front: Front) -> None:
    finn = await hire(front, "finn.twice@example.com", role=Role.FINANCE)
    first, second = await finn.enter(), await finn.enter()
    assert first.token != second.token
    assert first.form_token != second.form_token


async def after_an_accident(front: Front, path: str) -> httpx2.Response:
    """Call what breaks in the middle."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        message = f"the inside of {scope['path']}, {receive} and {send}"
        raise RuntimeError(message)

    app: Any = front.app
    shell = Shell(broken, app._app._app.state.answer)
    transport = httpx2.ASGITransport(app=shell)
    async with httpx2.AsyncClient(transport=transport, base_url="http://till.test") as http:
        return await http.get(path)


@pytest.mark.parametrize("path", ["/api/v1/payments", "/admin"])
async def test_an_accident_says_that_it_was_one_and_nothing_of_its_inside(front: Front, path: str) -> None:
    answer = await after_an_accident(front, path)
    assert answer.status_code == 500
    assert answer.headers["request-id"] in answer.text
    assert "the inside" not in answer.text
    assert "Traceback" not in answer.text
    assert "RuntimeError" not in answer.text


@pytest.mark.usefixtures("own_log")
async def test_the_log_tells_of_an_accident_and_of_who_was_turned_away(
    front: Front, capfd: pytest.CaptureFixture[str]
) -> None:
    answers = [
        await after_an_accident(front, "/admin"),
        await front.call("POST", "/api/v1/payments", {}, key="read"),
        await front.call("POST", "/api/v1/payments", {}, key="revoked"),
    ]
    forged = await front.call("POST", "/webhooks/stripe", b"{}", key="")
    await front.call("GET", "/made%0A%7B%22event%22:%22up%22%7D%0D%0A", key="")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    *told, broken = [(line["request_id"], line["status"]) for line in lines if line["event"] == "request"]
    assert (broken[1], [line for line in lines if line["event"] == "up"]) == (404, []), "each line is one of ours"
    assert told == [(answer.headers["request-id"], answer.status_code) for answer in answers]
    assert [status for _, status in told] == [500, 403, 401]
    [refused] = [line for line in lines if line["event"] == "webhook_refused"]
    assert (forged.status_code, refused["request_id"]) == (400, forged.headers["request-id"])
    [accident] = [line for line in lines if line["event"] == "unexpected"]
    assert (accident["level"], "the inside of /admin" in str(accident)) == ("error", True)
    assert [line["timestamp"] for line in lines if not line["timestamp"].endswith("Z")] == []
