"""What nobody should send, and slips of the finger: each is answered by a page that says what is wrong."""

import asyncio
import html
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.dashboard.conftest import ORIGIN, Seat, window, words
from tests.flows.asking import CAREFUL, rule
from tests.flows.merchant import merchant_of

from tillkeeper.kernel import ids
from tillkeeper.web import cookie
from tillkeeper.web.app import build

REQUEST = re.compile(r"request_[0-9a-z]{26}")
FARTHEST = "9999-12-31"
BEFORE_TIME = "0001-01-01T00:00:00+14:00"


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/inbox", {"from": BEFORE_TIME}),
        ("/inbox", {"to": FARTHEST}),
        ("/inbox/replay", {"from": BEFORE_TIME}),
        ("/payments", {"to": FARTHEST}),
        ("/ledger", {"as_of": BEFORE_TIME}),
        ("/reconciliation", {"day": "10000-01-01"}),
        ("/customers/user", {"name": "ana", "before": "9223372036854775808"}),
        ("/audit", {"cursor": "9223372036854775808"}),
    ],
)
async def test_a_moment_or_number_beyond_all_bounds_is_explained(
    shop: Any, desk_of: Any, path: str, query: dict[str, str]
) -> None:
    await shop.opened()
    answer = await (await desk_of("admin")).get(path, **query)
    assert answer.status_code == 422, words(answer.text)


async def test_a_query_that_is_no_text_is_a_page_that_says_so(shop: Any, desk_of: Any) -> None:
    token = (await desk_of("viewer")).http.cookies[cookie.NAME]
    headers = [(b"host", b"till.test"), (b"cookie", f"{cookie.NAME}={token}".encode())]
    scope = {"type": "http", "method": "GET", "path": "/admin/payments", "query_string": b"user=\xff"}
    about = {"scheme": "http", "server": ("till.test", 80), "client": ("127.0.0.1", 1), "headers": headers}
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    await build(shop.till)(scope | about, receive, send)
    assert (sent[0]["status"], "cannot be read" in words(sent[1]["body"].decode())) == (422, True)


@pytest.mark.parametrize("headers", [{"Host": "["}, {"Origin": "http://["}, {"Origin": "http://till.test:port"}])
async def test_a_form_with_headers_that_no_browser_sends_is_refused(desk_of: Any, headers: dict[str, str]) -> None:
    desk: Seat = await desk_of("admin")
    hidden = await desk.hidden("/settings/packages/add")
    answer = await desk.http.post("/admin/settings/packages/add", data=hidden, headers=ORIGIN | headers)
    assert 400 <= answer.status_code < 500, answer.text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/admin/nowhere", 404, "not_found"),
        ("POST", "/admin/payments", 405, "method_not_allowed"),
        ("GET", "/admin/payments/%00", 400, "malformed_json"),
        ("GET", "/admin/payments?user=4242424242424242", 422, "card_data_not_accepted"),
        ("GET", f"/admin/payments?user={'x' * 9000}", 413, "too_large"),
    ],
)
async def test_what_never_reaches_a_page_is_answered_by_one(
    shop: Any, method: str, path: str, status: int, code: str
) -> None:
    async with window(shop.till) as http:
        answer = await http.request(method, path, headers=ORIGIN)
        assert answer.headers["content-type"].startswith("text/html")
        assert (answer.status_code, f"/docs/errors/{code}" in answer.text) == (status, True)
        assert REQUEST.search(answer.text)
        api = await http.get("/api/v1/nowhere")
        assert api.headers["content-type"] == "application/problem+json"


async def test_a_button_pressed_again_while_the_first_press_is_at_work_does_it_once(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    desk: Seat = await desk_of("admin")
    path = f"/payments/{payment['id']}/refund"
    hidden = await desk.hidden(path)
    shop.line.gate = asyncio.Event()
    shop.line.called.clear()
    first = asyncio.create_task(desk.send(path, hidden, amount="1.00"))
    await shop.line.called.wait()
    second = await desk.send(path, hidden, amount="1.00")
    shop.line.gate.set()
    assert (await first).status_code == 303
    assert (second.status_code, f'value="{hidden["key"]}"' in second.text) == (409, True)
    again = await desk.send(path, hidden, amount="1.00")
    assert again.status_code == 303
    assert await shop.count("refund") == 1


async def test_a_form_that_was_wrong_gets_a_new_key(shop: Any, desk_of: Any) -> None:
    payment = await shop.paid()
    desk: Seat = await desk_of("admin")
    path = f"/payments/{payment['id']}/refund"
    hidden = await desk.hidden(path)
    wrong = await desk.send(path, hidden, amount="many")
    assert (wrong.status_code, hidden["key"] in wrong.text) == (422, False)


async def test_the_key_of_a_form_is_never_taken_from_an_address(desk_of: Any) -> None:
    desk: Seat = await desk_of("admin")
    assert 'value="chosen-by-others"' not in (await desk.get("/settings/packages/add", key="chosen-by-others")).text


async def test_the_secret_of_a_second_factor_never_stands_in_an_address(desk_of: Any) -> None:
    desk: Seat = await desk_of("admin")
    offered = await desk.send("/you/factor", await desk.hidden("/you"))
    secret = re.findall(r'name="secret" value="(\w+)"', offered.text)[0]
    late: Seat = await desk_of("admin", minutes=11)
    asked = await late.send("/you/factor", await late.hidden("/you"), secret=secret, code="123456")
    assert asked.headers["location"].startswith("/admin/prove")
    assert (secret in asked.headers["location"], "123456" in asked.headers["location"]) == (False, False)
    assert 'value="of-others"' not in (await desk.get("/you/factor", secret="of-others")).text


async def test_what_was_ticked_is_still_ticked_once_the_password_was_given_again(desk_of: Any) -> None:
    late: Seat = await desk_of("admin", minutes=11)
    hidden = await late.hidden("/you")
    sent = {"url": "https://shop.example/hook", "chosen": ["payment.succeeded", "refund.succeeded"], "key": "k"}
    asked = await late.http.post("/admin/deliveries/endpoints/new", data=hidden | sent, headers=ORIGIN)
    [back] = parse_qs(urlsplit(asked.headers["location"]).query)["next"]
    assert parse_qs(urlsplit(back).query)["chosen"] == ["payment.succeeded", "refund.succeeded"]


async def test_who_must_set_up_a_second_factor_can_prove_it_first(shop: Any, desk_of: Any) -> None:
    desk: Seat = await desk_of("admin", minutes=11)
    settings = shop.till.settings.model_copy(update={"second_factor_roles": "admin"})
    object.__setattr__(shop.till, "settings", settings)
    async with window(shop.till) as http:
        http.cookies = desk.http.cookies
        assert (await http.get("/admin/payments")).headers["location"] == "/admin/you"
        assert (await http.get("/admin/prove")).status_code == 200


async def test_numbers_of_two_fields_are_no_card_number_together(desk_of: Any) -> None:
    desk: Seat = await desk_of("admin")
    answer = await desk.get("/payments", gateway="42424242", user="42424242")
    assert answer.status_code != 422 or "card" not in words(answer.text).lower()


async def test_a_card_number_in_any_of_several_ticked_rows_is_refused(desk_of: Any) -> None:
    desk: Seat = await desk_of("admin")
    hidden = await desk.hidden("/deliveries/endpoints/new")
    sent = {"url": "https://shop.example/", "chosen": ["4242424242424242", "*"]}
    answer = await desk.http.post("/admin/deliveries/endpoints/new", data=hidden | sent, headers=ORIGIN)
    assert "card_data_not_accepted" in answer.text


async def test_the_statement_of_an_account_with_a_strange_name_is_taken_away_whole(shop: Any, desk_of: Any) -> None:
    await shop.paid(user="a?b/../c#d é")
    desk: Seat = await desk_of("viewer")
    page = await desk.get("/ledger/statement", account="wallet:a?b/../c#d é")
    assert page.status_code == 200, words(page.text)
    [link] = [html.unescape(each) for each in re.findall(r'href="([^"]*format=csv[^"]*)"', page.text)]
    taken = await desk.http.get(link)
    assert (taken.status_code, "120" in taken.text) == (200, True)


async def test_who_may_not_keep_endpoints_is_not_told_of_those_that_were_sent_nothing(shop: Any, desk_of: Any) -> None:
    endpoint, _ = await merchant_of(shop.till, shop.owner).subscribe("http://127.0.0.1:1024/hidden")
    shown = ids.text("endpoint", endpoint)
    viewer: Seat = await desk_of("viewer")
    assert "/hidden" not in (await viewer.get("/deliveries")).text
    assert (await viewer.get("/deliveries", endpoint=shown)).status_code == 200
    assert "/hidden" in (await (await desk_of("developer")).get("/deliveries")).text
    found = await viewer.get("/search", q=shown)
    assert (found.status_code, f"/endpoints/{shown}" in found.text) == (200, False)
    led = await (await desk_of("developer")).get("/search", q=shown)
    assert led.headers["location"].endswith(shown)


@pytest.mark.parametrize("deed", ["block", "allow"])
async def test_nobody_is_put_on_a_list_until_a_day_that_is_over(shop: Any, desk_of: Any, deed: str) -> None:
    await shop.opened()
    desk: Seat = await desk_of("support")
    path = f"/customers/user/{deed}"
    hidden = await desk.hidden(f"{path}?name=ana")
    answer = await desk.send(path, hidden, name="ana", reason="thief", expires="2020-01-01")
    assert (answer.status_code, await shop.count("risk_list")) == (422, 0)
    assert "day to come" in words(answer.text)


async def test_nothing_that_the_dashboard_answers_is_kept_by_a_cache(shop: Any, desk_of: Any) -> None:
    desk: Seat = await desk_of("admin")
    answers = [
        await desk.get(path) for path in ("", "/payments/export.csv", "/audit/export.csv", "/customers?name=ana")
    ]
    answers += [await desk.post("/settings/packages/add"), await desk.get("/nowhere")]
    async with window(shop.till) as http:
        answers += [await http.get("/admin", headers={"HX-Request": "true"}), await http.get("/admin/sign-in")]
    assert [answer.headers.get("cache-control") for answer in answers] == ["no-store"] * len(answers)


async def test_people_are_told_what_to_do_at_a_page_and_not_at_the_api(shop: Any, desk_of: Any) -> None:
    await rule(shop, CAREFUL)
    desk: Seat = await desk_of("viewer")
    refused = await desk.get("/audit")
    forged = await desk.send("/look", {"token": "x"}, theme="dark")
    for answer, advice in ((refused, "Ask an administrator"), (forged, "load it again")):
        assert advice in words(answer.text)
        assert not re.search(r"X-CSRF|scope|/api/v1", words(answer.text))
