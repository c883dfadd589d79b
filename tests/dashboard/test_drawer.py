"""The developers' drawer: what it offers exists, it follows every page, and it tells nobody more than the API does."""

import html
import json
import re
import shlex
from typing import Any

import pytest
import typer
from starlette.routing import Route
from tests.flows.conftest import uuid_of
from tests.flows.merchant import merchant_of
from tests.flows.receiver import receiving

from tillkeeper.cli.main import app as commands
from tillkeeper.flows.refund import RefundWish, refund
from tillkeeper.idempotency import Wish
from tillkeeper.web import app, dashboard
from tillkeeper.web.dashboard import PAGES, equivalents
from tillkeeper.web.dashboard.equivalents import TABLE, Equivalent

PLACE = re.compile(r"{\w+}")
HOSTILE = "$(reboot)'\"><script>alert(1)</script>"


def filled(template: str) -> str:
    """Make the parts of an address alike, whatever they are called."""
    return PLACE.sub("{}", template)


def name_of(row: Equivalent) -> str:
    return row.page or "overview"


async def test_every_page_of_the_table_is_a_page_of_the_dashboard(shop: Any) -> None:
    routes = [route for route in dashboard.routes(shop.till) if isinstance(route, Route)]
    pages = {filled(route.path) for route in routes if route.methods == {"GET", "HEAD"}}
    assert {filled(f"/admin{row.page}") for row in TABLE} - pages == set()


def test_every_place_of_the_rail_has_a_row_of_its_own() -> None:
    assert {page.PLACE.path for page in PAGES} - {row.page for row in TABLE} == set()


@pytest.mark.parametrize("row", [row for row in TABLE if row.api], ids=name_of)
def test_every_request_is_in_the_description_of_the_api_with_what_it_is_narrowed_down_by(row: Equivalent) -> None:
    path, _, query = f"{equivalents.API}{row.api}".partition("?")
    described = {filled(each): item for each, item in app.described().openapi()["paths"].items()}
    known = {each["name"] for each in described[filled(path)]["get"].get("parameters", []) if each["in"] == "query"}
    assert {part.partition("=")[0] for part in query.split("&") if part} | set(row.filters) <= known


@pytest.mark.parametrize("row", [row for row in TABLE if row.cli], ids=name_of)
def test_every_command_exists_with_its_options_and_arguments(row: Equivalent) -> None:
    for at, written in enumerate(row.cli):
        words = shlex.split(written.replace("{", "").replace("}", ""))
        command: Any = typer.main.get_command(commands)
        context = typer.Context(command)
        while hasattr(command, "commands"):
            command = command.get_command(context, words.pop(0))
            assert command, written
        options = [f"--{name}" for name in row.filters] if at == 0 else []
        known = {name for each in command.params for name in each.opts}
        assert {word for word in [*words, *options] if word.startswith("--")} <= known, written
        needed = [each for each in command.params if each.param_type_name == "argument" and each.required]
        assert len(needed) <= len(words), written


@pytest.mark.parametrize("path", [page.PLACE.url for page in PAGES])
async def test_every_place_of_the_rail_is_answered_as_the_api_does(shop: Any, desk_of: Any, path: str) -> None:
    await shop.paid()
    answer = await (await desk_of("admin")).get("/drawer", of=path)
    assert answer.status_code == 200, answer.text
    spoken = equivalents.of(path.removeprefix("/admin"), {})
    if spoken.api:
        assert html.escape(spoken.api) in answer.text
        assert '<span class="badge success">200</span>' in answer.text


async def test_the_drawer_of_a_payment_shows_what_the_api_answers(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    desk = await desk_of("viewer")
    path = f"/api/v1/payments/{payment['id']}"
    shown = html.unescape((await desk.get("/drawer", of=f"/admin/payments/{payment['id']}")).text)
    [pre] = re.findall(r'aria-label="Answer of the API">(.*?)</pre>', shown, re.DOTALL)
    assert json.loads(pre) == (await desk.http.get(path)).json()
    assert f'curl -H "Authorization: Bearer $TILL_KEY" "{shop.till.settings.public_url}{path}"' in shown
    for command in ("payments show", "payments sync"):
        assert f"till {command} {payment['id']}" in shown


async def test_the_requests_about_a_payment_stand_with_their_keys_and_how_often_they_came(
    shop: Any, desk_of: Any
) -> None:
    payment = await shop.paid()
    other = await shop.paid()
    for key, about in (("order-7", payment), ("order-8", other)):
        wish = Wish(scope="secret:sandbox", key=key, request_sha=b"x")
        for _ in range(3):
            made = await refund(shop.till, wish, RefundWish(payment=uuid_of(about), amount=10))
        assert made.repeated
    desk = await desk_of("viewer")
    shown = await desk.read("/drawer", of=f"/admin/payments/{payment['id']}")
    assert "order-7" in shown
    assert "replayed 2×" in shown
    assert "order-8" not in shown
    [made_by] = await shop.owner.fetch("SELECT body ->> 'id' AS id FROM idempotency_key WHERE key = 'order-7'")
    about_refund = await desk.read("/drawer", of=f"/admin/refunds/{made_by['id']}")
    assert "order-7" in about_refund
    assert "order-8" in await desk.read("/drawer", of="/admin/refunds"), "a list shows the last of all"


async def test_the_events_about_a_payment_stand_with_their_payload_and_deliveries(shop: Any, desk_of: Any) -> None:
    async with receiving() as door:
        merchant = merchant_of(shop.till, shop.owner)
        await merchant.subscribe(door.url, "payment.succeeded")
        payment = await shop.paid()
        await merchant.send()
    desk = await desk_of("viewer")
    shown = html.unescape((await desk.get("/drawer", of=f"/admin/payments/{payment['id']}")).text)
    assert '"type": "payment.succeeded"' in shown
    [delivery] = set(re.findall(r'href="/admin/deliveries/(delivery_\w+)"', shown))
    assert door.url in shown
    about_delivery = await desk.read("/drawer", of=f"/admin/deliveries/{delivery}")
    assert "Events about this payment" in about_delivery
    assert "Last events" in await desk.read("/drawer")


async def test_the_filters_of_a_list_come_along(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    desk = await desk_of("viewer")
    shown = html.unescape((await desk.get("/drawer", of="/admin/payments?status=failed&user=&cursor=x")).text)
    assert "/api/v1/payments?limit=5&status=failed" in shown
    assert "till payments ls --status failed" in shown
    assert payment["id"] not in shown.partition("dev-cli")[0]


async def test_nobody_is_shown_what_the_api_would_refuse_them(shop: Any, desk_of: Any) -> None:
    await shop.paid()
    desk = await desk_of("viewer")
    for path in ("/admin/audit", "/admin/settings/keys", "/admin/gateways"):
        shown = await desk.read("/drawer", of=path)
        assert "403" in shown
        assert '"code": "forbidden"' in shown


@pytest.mark.parametrize(
    "of",
    [
        *("", "https://evil.example/admin", "//evil.example", "/api/v1/payments", "/admin/nothing/of/ours", "nonsense"),
        *("/admin/drawer?of=/admin/payments", "/admin/payments/payment_01k00000000000000000000000", "/admin/live"),
        *("/admin/customers/user", "/admin/customers/user?name=nobody", "/admin/payments?cursor=x", "/admin/inbox/x"),
    ],
)
async def test_whatever_page_is_named_there_is_a_drawer(desk_of: Any, of: str) -> None:
    shown = await (await desk_of("viewer")).read("/drawer", of=of)
    assert "The same from the API" in shown


async def test_what_an_address_says_means_nothing_to_a_page_nor_to_a_shell(desk_of: Any) -> None:
    desk = await desk_of("viewer")
    for of in (f"/admin/customers/user?name={HOSTILE}", f"/admin/payments?user={HOSTILE}"):
        text = (await desk.get("/drawer", of=of)).text
        assert "<script>alert" not in text
        copied = [html.unescape(command) for command in re.findall(r'data-copy="([^"]*)"', text)]
        [curl] = [each for each in copied if each.startswith("curl")]
        assert "reboot" in curl
        assert re.fullmatch(r'curl -H "Authorization: Bearer \$TILL_KEY" "[^"$`\\]+"', curl)
        assert any(HOSTILE in shlex.split(each) for each in copied if each.startswith("till"))


async def test_the_page_above_speaks_for_a_dialog(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    shown = await (await desk_of("viewer")).read("/drawer", of=f"/admin/payments/{payment['id']}/refund")
    assert f"till payments show {payment['id']}" in shown


async def test_a_page_asks_for_its_drawer_alone_and_gets_no_second_page(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    desk = await desk_of("viewer")
    part = await desk.http.get(
        f"/admin/drawer?of=/admin/payments/{payment['id']}", headers={"HX-Target": "aside#drawer", "HX-Request": "true"}
    )
    assert "<html" not in part.text
    assert 'id="inspector"' in part.text
    page = (await desk.get(f"/payments/{payment['id']}")).text
    assert f'href="/admin/drawer?of=/admin/payments/{payment["id"]}"' in page
