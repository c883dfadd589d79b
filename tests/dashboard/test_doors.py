"""Who gets in, how they prove it, and that nothing is done which nobody meant."""

import html
import re
from dataclasses import replace
from typing import Any

import pytest
from starlette.routing import Route
from tests.dashboard.conftest import ORIGIN, Seat, window, words
from tests.flows.asking import CAREFUL, rule
from tests.web.people import code_of

from tillkeeper.access.staff import Role
from tillkeeper.flows.employ import disable, employ
from tillkeeper.web import cookie, dashboard

ABSENT = "01h455vb4pex5vsknk084sn02q"
OPEN = {"/admin/sign-in"}
ENDLESS = "/admin/live"
"""A stream, which tests/dashboard/test_live.py reads."""
FIELD = re.compile(r'<input id="[\w-]+" name="(\w+)" type="(\w+)" value="[^"]*" autocomplete="([\w-]+)"')


def addresses(shop: Any) -> list[tuple[str, str]]:
    """List every address of the dashboard, with ids that do not exist."""
    found = [route for route in dashboard.routes(shop.till) if isinstance(route, Route)]
    return [
        (method, re.sub(r"{(\w+)(:\w+)?}", lambda name: f"{name[1]}_{ABSENT}", route.path))
        for route in found
        for method in sorted((route.methods or set()) - {"HEAD"})
        if route.path not in OPEN
    ]


async def enter(shop: Any, email: str, password: str, **more: str) -> Any:
    """Fill in the sign-in as somebody at a browser does."""
    async with window(shop.till) as http:
        return await http.post("/admin/sign-in", data={"email": email, "password": password} | more, headers=ORIGIN)


async def test_a_stranger_is_led_to_the_sign_in_from_every_page(shop: Any) -> None:
    async with window(shop.till) as http:
        for method, path in addresses(shop):
            answer = await http.request(method, path, headers=ORIGIN)
            assert answer.status_code == 303, (method, path, answer.status_code)
            assert answer.headers["location"].startswith("/admin/sign-in"), path


async def test_no_form_does_anything_without_its_token_or_from_another_site(shop: Any, desk_of: Any) -> None:
    desk: Seat = await desk_of("admin")
    token = (await desk.hidden("/you"))["token"]
    for method, path in addresses(shop):
        if method == "POST":
            bare = await desk.http.post(path, data={"key": "k"}, headers=ORIGIN)
            wrong = await desk.http.post(path, data={"key": "k", "token": "x" * 64}, headers=ORIGIN)
            foreign = await desk.http.post(
                path, data={"key": "k", "token": token}, headers={"Origin": "https://evil.test"}
            )
            assert [bare.status_code, wrong.status_code, foreign.status_code] == [403] * 3, path
    assert (await desk.get("/you")).status_code == 200, "and is still signed in"


async def test_every_page_keeps_foreign_things_out(shop: Any, desk_of: Any) -> None:
    desk: Seat = await desk_of("admin")
    for method, path in addresses(shop):
        if method == "GET" and path != ENDLESS:
            answer = await desk.http.get(path)
            assert answer.status_code < 500, (path, words(answer.text)[:300])
            if answer.headers.get("content-type", "").startswith("text/html"):
                assert "default-src 'self'; object-src 'none'" in answer.headers["content-security-policy"], path
                assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|hx-on", answer.text), path


async def test_somebody_signs_in_and_goes_on_to_where_they_wanted(shop: Any) -> None:
    _, password = await employ(shop.till, "finn@example.com", role=Role.FINANCE)
    answer = await enter(shop, "finn@example.com", password, next="/admin/payments?status=failed")
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/payments?status=failed")
    assert "HttpOnly" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.test", "//evil.test", "/shop", "/admin\\evil", "/administer", "javascript:1", ""]
)
async def test_nobody_is_led_elsewhere_by_the_sign_in(shop: Any, elsewhere: str) -> None:
    _, password = await employ(shop.till, "finn@example.com", role=Role.FINANCE)
    answer = await enter(shop, "finn@example.com", password, next=elsewhere)
    assert answer.headers["location"] == "/admin"


async def test_a_wrong_password_is_told_without_saying_what_was_wrong(shop: Any) -> None:
    await employ(shop.till, "finn@example.com", role=Role.FINANCE)
    said = [words((await enter(shop, email, "wrong")).text) for email in ("finn@example.com", "nobody@example.com")]
    assert "This did not work" in said[0]
    assert said[0].replace("finn", "nobody") == said[1]


async def test_a_new_password_is_taken_exactly_as_it_was_typed(shop: Any, desk_of: Any) -> None:
    desk: Seat = await desk_of("viewer")
    new = "  Spaces around belong to it "
    hidden = await desk.hidden("/you/password")
    changed = await desk.send("/you/password", hidden, password=desk.password, new_password=new)
    assert "Your password was changed" in await desk.told(changed)
    assert [(await enter(shop, desk.email, each)).status_code for each in (new.strip(), new)] == [401, 303]


async def test_a_password_that_everybody_knows_is_explained_beside_its_field(desk_of: Any) -> None:
    desk: Seat = await desk_of("viewer")
    hidden = await desk.hidden("/you/password")
    answer = await desk.send("/you/password", hidden, password=desk.password, new_password="Qwertyuiop123")
    assert answer.status_code == 422
    assert "So many people have this password" in words(answer.text)
    [field] = re.findall(r'<input[^>]*name="new_password"[^>]*>', answer.text)
    assert 'aria-invalid="true"' in field
    assert "Qwertyuiop123" not in answer.text


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/sign-in", {"password": "current-password"}),
        ("/prove", {"password": "current-password"}),
        ("/you", {"password": "current-password", "new_password": "new-password"}),
    ],
)
async def test_passwords_are_masked_and_may_be_pasted_and_filled_in(
    desk_of: Any, path: str, fields: dict[str, str]
) -> None:
    desk: Seat = await desk_of("viewer")
    page = (await desk.get(path)).text
    found = {name: (kind, fill) for name, kind, fill in FIELD.findall(page) if "password" in name or kind == "password"}
    assert found == {name: ("password", fill) for name, fill in fields.items()}
    assert "readonly" not in page


async def test_every_page_offers_to_sign_out(shop: Any, desk_of: Any) -> None:
    desk: Seat = await desk_of("admin")
    pages = [path for method, path in addresses(shop) if method == "GET" and path != ENDLESS]
    shown = {path: (await desk.http.get(path)).text for path in pages}
    assert [path for path, text in shown.items() if "<html" in text and 'action="/admin/sign-out"' not in text] == []


async def test_a_session_that_is_over_or_of_somebody_who_was_let_go_is_out_at_once(shop: Any, desk_of: Any) -> None:
    desk: Seat = await desk_of("admin")
    assert (await desk.get("/payments")).status_code == 200
    await disable(shop.till, desk.email)
    assert (await desk.get("/payments")).headers["location"].startswith("/admin/sign-in")


async def test_signing_out_ends_the_session(desk_of: Any) -> None:
    desk: Seat = await desk_of("viewer")
    hidden = await desk.hidden("/you")
    assert (await desk.send("/sign-out", {"token": hidden["token"]})).headers["location"] == "/admin/sign-in"
    assert (await desk.get("")).status_code == 303


async def test_a_second_factor_is_set_up_and_asked_for(shop: Any) -> None:
    _, password = await employ(shop.till, "finn@example.com", role=Role.FINANCE)
    entered = await enter(shop, "finn@example.com", password)
    async with window(shop.till) as http:
        http.cookies.set(cookie.NAME, entered.cookies[cookie.NAME])
        desk = Seat(http, "finn@example.com")
        offered = await desk.send("/you/factor", await desk.hidden("/you"))
        secret = re.findall(r'name="secret" value="(\w+)"', offered.text)[0]
        wrong = await desk.send("/you/factor", await desk.hidden("/you"), code="000000", secret=secret)
        assert wrong.status_code == 422
        assert secret in wrong.text, "the secret stays until a code was right"
        used = await desk.send("/you/factor", await desk.hidden("/you"), code=code_of(secret), secret=secret)
        assert "The second factor is in use" in words(used.text)
    asked = await enter(shop, "finn@example.com", password)
    assert 'name="code"' in asked.text
    again = await enter(shop, "finn@example.com", password, code=code_of(secret, later_seconds=30))
    assert again.status_code == 303


async def test_what_is_dangerous_asks_for_the_password_again_and_goes_on_with_what_was_typed(
    shop: Any, desk_of: Any
) -> None:
    await rule(shop, replace(CAREFUL, direct_refunds=True))
    payment = await shop.paid()
    desk: Seat = await desk_of("finance", minutes=11)
    asked = await desk.post(f"/payments/{payment['id']}/refund", amount="1.99", reason="broken")
    assert asked.headers["location"].startswith("/admin/prove?next=")
    page = await desk.http.get(asked.headers["location"])
    proof = html.unescape(re.findall(r'name="next" value="([^"]*)"', page.text)[-1])
    hidden = await desk.hidden("/prove")
    assert (await desk.send("/prove", hidden, next=proof, password="wrong")).status_code == 401
    on = await desk.send("/prove", hidden, next=proof, password=desk.password)
    dialog = await desk.http.get(on.headers["location"])
    assert 'value="1.99"' in dialog.text
    assert 'value="broken"' in dialog.text
    assert (await desk.post(f"/payments/{payment['id']}/refund", amount="1.99")).status_code == 303
    assert await shop.count("refund") == 1


async def test_colours_are_kept(desk_of: Any) -> None:
    desk: Seat = await desk_of("viewer")
    hidden = await desk.hidden("/you")
    for theme in ("dark", "light", "system"):
        answer = await desk.send("/look", {"token": hidden["token"]}, theme=theme, next="/admin/payments")
        assert answer.headers["location"] == "/admin/payments"
        assert f'data-theme="{theme}"' in (await desk.get("")).text
    assert 'data-density="airy"' in (await desk.get("")).text
    await desk.send("/look", {"token": hidden["token"]}, density="dense", next="/admin")
    assert 'data-density="dense"' in (await desk.get("")).text
    await desk.send("/look", {"token": hidden["token"]}, theme='"><script>', next="/admin")
    assert 'data-theme="system"' in (await desk.get("")).text


async def test_colours_are_changed_without_leaving_what_is_looked_at(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    desk: Seat = await desk_of("viewer")
    page = (await desk.get("/customers/user", name="ana")).text
    [back] = re.findall(r'action="/admin/look".*?name="next" value="([^"]*)"', page, re.DOTALL)
    answer = await desk.send("/look", await desk.hidden("/you"), theme="dark", next=html.unescape(back))
    assert answer.headers["location"] == "/admin/customers/user?name=ana"
    assert "ana" in await desk.told(answer)
