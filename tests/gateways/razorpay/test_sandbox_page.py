"""The hosted pages: without a script, in Razorpay's flow."""

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

SHOP = "https://shop.example/done?cart=7"


def open_link(sandbox: Any, **more: Any) -> tuple[str, str]:
    link = sandbox.link(callback_url=SHOP, callback_method="get", reference_id="ref 1", **more)
    return link["id"], link["short_url"]


def press(sandbox: Any, url: str, **form: str) -> httpx2.Response:
    answer: httpx2.Response = sandbox.http.post(url, data=form)
    return answer


def told(answer: httpx2.Response) -> str:
    return unescape(re.sub(r"<[^>]+>", " ", answer.text))


def test_the_page_says_what_is_paid_and_lets_no_script_run(sandbox: Any) -> None:
    _, url = open_link(sandbox, description="120 credits", amount=1_234_500)
    page = sandbox.http.get(url)
    assert page.status_code == 200
    for expected in ("Tillkeeper Demo Shop", "₹12,345.00", "120 credits", "ref 1", "no real money moves", "UPI"):
        assert expected in told(page)
    assert "<script" not in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self' https://shop.example" in policy


def test_paying_leads_back_to_the_merchant_with_razorpays_signature(sandbox: Any) -> None:
    link, url = open_link(sandbox)
    answer = press(sandbox, url, act="pay", method="netbanking", copies="2")
    assert answer.status_code == 303
    target = urlsplit(answer.headers["location"])
    brought = {name: values[0] for name, values in parse_qs(target.query).items()}
    assert (target.netloc, brought["cart"], brought["razorpay_payment_link_id"]) == ("shop.example", "7", link)
    assert (brought["razorpay_payment_link_status"], brought["razorpay_payment_link_reference_id"]) == ("paid", "ref 1")
    payment = sandbox.sdk.payment.fetch(brought["razorpay_payment_id"])
    assert (payment["status"], payment["method"]) == ("captured", "netbanking")
    assert "Already paid" in told(sandbox.http.get(url))
    assert press(sandbox, url, act="pay").headers["location"] == f"/razorpay/l/{link}"
    assert len(sandbox.sdk.order.payments(payment["order_id"])["items"]) == 1


def test_a_declined_payment_says_why_and_may_be_tried_again(sandbox: Any) -> None:
    link, url = open_link(sandbox)
    answer = press(sandbox, url, act="decline", code="insufficient_funds")
    assert answer.headers["location"] == f"/razorpay/l/{link}"
    assert "insufficient account balance" in told(sandbox.http.get(url))
    assert press(sandbox, url, act="pay").headers["location"].startswith("https://shop.example/")


def test_the_bank_asks_and_the_answer_decides(sandbox: Any) -> None:
    link, url = open_link(sandbox)
    for outcome in ("fail", "complete"):
        bank = press(sandbox, url, act="authenticate", method="card").headers["location"]
        assert bank.startswith("/razorpay/bank/pay_")
        page = sandbox.http.get(f"{sandbox.url}{bank}")
        assert "Confirm it is you" in told(page)
        answer = press(sandbox, f"{sandbox.url}{bank.partition('?')[0]}", outcome=outcome)
        expected = f"/razorpay/l/{link}" if outcome == "fail" else "https://shop.example/"
        assert answer.headers["location"].startswith(expected)
    assert "nothing to confirm" in told(sandbox.http.get(f"{sandbox.url}{bank}"))


def test_closing_the_tab_leaves_the_link_open(sandbox: Any) -> None:
    link, url = open_link(sandbox)
    assert press(sandbox, url, act="abandon").headers["location"] == SHOP
    assert "You left the checkout" in told(press(sandbox, sandbox.link()["short_url"], act="abandon"))
    assert sandbox.sdk.payment_link.fetch(link)["status"] == "created"
    assert sandbox.books()["orders"] == []


def test_an_ended_link_says_so_and_takes_nothing(sandbox: Any) -> None:
    link, url = open_link(sandbox)
    sandbox.sdk.payment_link.cancel(link)
    assert "was cancelled" in told(sandbox.http.get(url))
    other = sandbox.link()
    sandbox.act(f"links/{other['id']}/expire")
    assert "has expired" in told(sandbox.http.get(other["short_url"]))
    press(sandbox, url, act="pay")
    assert sandbox.books()["orders"] == []


def test_an_embedded_checkout_hands_what_proves_the_payment_to_the_shop(sandbox: Any) -> None:
    order = sandbox.order(receipt="receipt 1")["id"]
    address = f"{sandbox.url}/razorpay/checkout/{order}"
    page = sandbox.http.get(address, params={"callback_url": SHOP})
    assert "frame-ancestors *" in page.headers["content-security-policy"]
    assert "form-action 'self' https://shop.example" in page.headers["content-security-policy"]
    paid = press(sandbox, address, act="pay", callback_url=SHOP)
    assert "Payment successful" in told(paid)
    fields = dict(re.findall(r'name="(razorpay_\w+)" value="([^"]*)"', paid.text))
    assert sandbox.sdk.utility.verify_payment_signature(fields)
    assert 'action="https://shop.example/done?cart=7"' in paid.text
    again = told(sandbox.http.get(address))
    assert "Already paid" in again


def test_an_embedded_checkout_goes_by_the_bank_and_back_into_its_frame(sandbox: Any) -> None:
    order = sandbox.order()["id"]
    address = f"{sandbox.url}/razorpay/checkout/{order}"
    bank = press(sandbox, address, act="authenticate", method="card", callback_url=SHOP).headers["location"]
    page = sandbox.http.get(f"{sandbox.url}{bank}")
    assert "frame-ancestors *" in page.headers["content-security-policy"]
    assert f'value="{SHOP}"' in page.text
    failed = press(sandbox, f"{sandbox.url}{bank.partition('?')[0]}", outcome="fail", callback_url=SHOP)
    assert failed.headers["location"].startswith(f"/razorpay/checkout/{order}?callback_url=")
    bare = press(sandbox, address, act="pay")
    assert "razorpay_signature" in told(bare)


def test_only_web_addresses_are_led_to(sandbox: Any) -> None:
    address = f"{sandbox.url}/razorpay/checkout/{sandbox.order()['id']}"
    for bad in ("javascript:alert(1)", "shop", "//shop.example"):
        page = sandbox.http.get(address, params={"callback_url": bad})
        assert f'"{bad}' not in page.text
    assert "<form" not in press(sandbox, address, act="pay", callback_url="javascript:alert(1)").text


def test_what_is_not_there_is_a_plain_404_page(sandbox: Any) -> None:
    for path in ("l/plink_AAAAAAAAAAAAAA", "l/x", "checkout/order_AAAAAAAAAAAAAA", "bank/pay_AAAAAAAAAAAAAA"):
        page = sandbox.http.get(f"{sandbox.url}/razorpay/{path}")
        assert (page.status_code, "There is no such checkout" in told(page)) == (404, True)
    _, url = open_link(sandbox)
    for form in ({"act": "steal"}, {"act": "decline", "code": "x"}, {"act": "pay", "method": "cash"}):
        assert press(sandbox, url, **form).status_code == 404
