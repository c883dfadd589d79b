"""The page on which a payer approves, used as a browser without JavaScript would use it."""

from typing import Any

import httpx2
import pytest

PAYER = "PayerID=SANDBXPAYER22"


def page_of(order: Any) -> str:
    links = {link["rel"]: link["href"] for link in order["links"]}
    return str(links.get("payer-action") or links["approve"])


def press(sandbox: Any, order: Any, **fields: str) -> str:
    answer: httpx2.Response = sandbox.http.post(page_of(order), data=fields)
    assert answer.status_code == 303
    return answer.headers["location"]


def status(sandbox: Any, order: Any) -> str:
    return str(sandbox.get(f"/v2/checkout/orders/{order['id']}").json()["status"])


@pytest.mark.parametrize(
    ("currency", "value", "shown"),
    [("USD", "12.00", "$12.00"), ("JPY", "1200", "¥1,200"), ("HUF", "1200", "HUF 1,200.00")],
)
def test_the_page_shows_what_is_bought_and_for_how_much(sandbox: Any, currency: str, value: str, shown: str) -> None:
    order = sandbox.order(currency=currency, value=value, description="120 credits")
    page = sandbox.http.get(page_of(order))
    assert page.status_code == 200
    assert f"Pay {shown}" in page.text
    assert "120 credits" in page.text
    assert "no real money moves" in page.text
    assert "script" not in page.text


def test_paying_leads_back_with_the_token_and_the_payer_and_takes_no_money_yet(sandbox: Any, until: Any) -> None:
    order = sandbox.order()
    onward = press(sandbox, order, act="pay", copies="3")
    assert onward == f"https://shop.example/done?token={order['id']}&{PAYER}"
    assert status(sandbox, order) == "APPROVED"
    assert [line["captured"] for line in sandbox.lines()] == [0]
    until(lambda: sandbox.receiver.types().count("CHECKOUT.ORDER.APPROVED") == 3)


def test_what_the_capture_tells_is_sent_as_often_as_the_payer_pressed_for(sandbox: Any, until: Any) -> None:
    order = sandbox.order()
    press(sandbox, order, act="pay", copies="3")
    assert sandbox.post(f"/v2/checkout/orders/{order['id']}/capture").status_code == 201
    until(lambda: sandbox.receiver.types().count("PAYMENT.CAPTURE.COMPLETED") == 3)


def test_pressing_pay_twice_approves_once(sandbox: Any) -> None:
    order = sandbox.order()
    press(sandbox, order, act="pay")
    assert press(sandbox, order, act="pay") == f"/paypal/checkoutnow?token={order['id']}"
    assert "Already approved" in sandbox.http.get(page_of(order)).text
    sandbox.post(f"/v2/checkout/orders/{order['id']}/capture")
    assert "Already paid" in sandbox.http.get(page_of(order)).text
    assert sandbox.event_types().count("CHECKOUT.ORDER.APPROVED") == 1


def test_a_payer_whose_way_to_pay_was_declined_is_asked_for_another(sandbox: Any) -> None:
    order = sandbox.order()
    assert press(sandbox, order, act="decline", code="instrument_declined").startswith("https://shop.example/done")
    assert sandbox.post(f"/v2/checkout/orders/{order['id']}/capture").status_code == 422
    assert "was declined. Choose another" in sandbox.http.get(page_of(order)).text
    press(sandbox, order, act="pay")
    assert sandbox.post(f"/v2/checkout/orders/{order['id']}/capture").status_code == 201


def test_paying_slowly_leaves_the_capture_pending(sandbox: Any) -> None:
    order = sandbox.order()
    press(sandbox, order, act="pay_slowly", kind="review")
    made = sandbox.post(f"/v2/checkout/orders/{order['id']}/capture").json()
    assert made["purchase_units"][0]["payments"]["captures"][0]["status"] == "PENDING"


def test_cancelling_leads_back_and_leaves_the_order_open(sandbox: Any) -> None:
    order = sandbox.order()
    assert press(sandbox, order, act="abandon") == f"https://shop.example/cart?a=1&token={order['id']}"
    assert status(sandbox, order) == "CREATED"
    assert sandbox.event_types() == []


def test_an_order_that_lapsed_or_never_was_is_told_apart_from_an_open_one(sandbox: Any) -> None:
    order = sandbox.order()
    sandbox.act(f"orders/{order['id']}/expire")
    for url in (page_of(order), f"{sandbox.api}/checkoutnow?token=NONE", f"{sandbox.api}/checkoutnow"):
        page = sandbox.http.get(url)
        assert (page.status_code, "There is no such order" in page.text) == (404, True)
    assert press(sandbox, order, act="pay") == f"/paypal/checkoutnow?token={order['id']}"
    assert sandbox.http.post(page_of(order), data={"act": "steal"}).status_code == 404


def test_the_same_page_works_within_the_shops_own_and_leads_out_of_it(sandbox: Any) -> None:
    order = sandbox.order(intent="AUTHORIZE")
    place = f"{sandbox.api}/embedded/{order['id']}"
    page = sandbox.http.get(place)
    assert "frame-ancestors *" in page.headers["content-security-policy"]
    assert 'formtarget="_top"' in page.text
    assert "Agree and hold" in page.text
    onward = sandbox.http.post(place, data={"act": "pay"}).headers["location"]
    assert onward.startswith("https://shop.example/done?token=")
    assert "frame-ancestors 'none'" in sandbox.http.get(page_of(order)).headers["content-security-policy"]


def test_what_a_shop_wrote_cannot_break_the_page(sandbox: Any) -> None:
    order = sandbox.order(description="<script>alert(1)</script>", custom_id='"><b>')
    page = sandbox.http.get(page_of(order)).text
    assert "<script>" not in page
    assert '"><b>' not in page
