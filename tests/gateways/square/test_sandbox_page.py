"""The hosted pages: everything a customer can press, without a script."""

from typing import Any

import pytest


def press(house: Any, url: str, **form: str) -> Any:
    return house.http.post(url, data=form)


def test_the_page_shows_what_is_to_be_paid_and_lets_no_script_run(house: Any) -> None:
    answer = house.http.get(house.link(amount=123_456).url)
    assert answer.status_code == 200
    for shown in ("$1,234.56", "120 credits", "Simulate", "./till trigger pay.decline --gateway square"):
        assert shown in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self' https://shop.example" in policy
    assert "<script" not in answer.text


def test_paying_leads_back_to_the_shop_and_the_page_says_so_afterwards(house: Any) -> None:
    link = house.link()
    answer = press(house, link.url, act="pay")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("https://shop.example/done?shop=1&transactionId=")
    assert "This checkout is paid." in house.http.get(link.url).text
    assert press(house, link.url, act="pay").headers["location"] == f"/square/pay/{link.id}"
    assert sum(line["charges"] for line in house.control("GET", "books/square")["payments"]) == 1


def test_a_declined_card_is_explained_and_another_may_follow(house: Any) -> None:
    link = house.link()
    answer = press(house, link.url, act="decline", code="INSUFFICIENT_FUNDS")
    assert answer.headers["location"] == f"/square/pay/{link.id}"
    assert "INSUFFICIENT_FUNDS" in house.http.get(link.url).text
    assert press(house, link.url, act="pay").headers["location"].startswith("https://shop.example/")


@pytest.mark.parametrize(("outcome", "paid"), [("complete", True), ("fail", False)])
def test_the_bank_asks_and_the_customer_answers(house: Any, outcome: str, paid: bool) -> None:  # noqa: FBT001
    link = house.link()
    answer = press(house, link.url, act="authenticate", copies="2")
    bank = f"{house.url}{answer.headers['location']}"
    assert "Confirm it is you" in house.http.get(bank).text
    after = press(house, bank, outcome=outcome, copies="2").headers["location"]
    assert after.startswith("https://shop.example/") == paid
    assert house.client.orders.get(order_id=link.order_id).order.state == ("OPEN" if paid else "DRAFT")


def test_closing_the_tab_leaves_the_link_open(house: Any) -> None:
    link = house.link()
    assert press(house, link.url, act="abandon").headers["location"] == "https://shop.example/done?shop=1"
    assert house.client.orders.get(order_id=link.order_id).order.state == "DRAFT"


def test_a_bank_payment_is_said_to_be_under_way(house: Any) -> None:
    link = house.link()
    press(house, link.url, act="pay_by_bank")
    assert "under way" in house.http.get(link.url).text


def test_an_ended_link_cannot_be_paid(house: Any) -> None:
    link = house.link()
    house.act(f"links/{link.id}/expire")
    assert "ended by the shop" in house.http.get(link.url).text
    press(house, link.url, act="pay")
    assert house.control("GET", "books/square")["payments"] == []


def test_as_many_webhooks_are_sent_as_the_customer_chose(house: Any, until: Any) -> None:
    link = house.link()
    press(house, link.url, act="pay", copies="3")
    until(lambda: house.receiver.types().count("payment.created") == 3)


@pytest.mark.parametrize("form", [{"act": "steal"}, {"act": "decline", "code": "NONSENSE"}])
def test_what_no_button_says_is_refused(house: Any, form: dict[str, str]) -> None:
    assert press(house, house.link().url, **form).status_code == 404


def test_a_page_that_does_not_exist_says_so(house: Any) -> None:
    answer = house.http.get(f"{house.url}/square/pay/NOTHING")
    assert (answer.status_code, "There is no such checkout" in answer.text) == (404, True)


def test_the_card_form_hands_the_shop_a_nonce_that_pays_once(house: Any) -> None:
    form = f"{house.url}/square/card"
    page = house.http.get(form, params={"return_url": "https://shop.example/pay?id=1"})
    assert "form-action 'self' https://shop.example" in page.headers["content-security-policy"]
    answer = press(house, form, return_url="https://shop.example/pay?id=1", card="ok")
    back, _, nonce = answer.headers["location"].partition("&source_id=")
    assert back == "https://shop.example/pay?id=1"
    assert house.charge(source=nonce.replace("%3A", ":")).status == "COMPLETED"


@pytest.mark.parametrize("url", ["", "javascript:alert(1)", "//x"])
def test_the_card_form_leads_to_shops_only(house: Any, url: str) -> None:
    assert house.http.get(f"{house.url}/square/card", params={"return_url": url}).status_code == 404
    assert press(house, f"{house.url}/square/card", return_url=url, card="ok").status_code == 404
