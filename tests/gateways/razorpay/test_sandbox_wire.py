"""The wire of the imitation: keys, strictness, idempotency of refunds, paging, faults."""

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

KEY = {"X-Refund-Idempotency": "refund_key_1"}


def told(answer: httpx2.Response) -> str:
    description: str = answer.json()["error"]["description"]
    return description


def test_a_key_is_needed_and_a_live_one_is_refused(sandbox: Any) -> None:
    assert sandbox.api("GET", "orders", auth=None).status_code == 401
    live = sandbox.api("GET", "orders", auth=("rzp_live_x", "y"))
    assert (live.status_code, "live" in told(live)) == (401, True)
    for header in ("Basic !!!", f"Basic {base64.b64encode(bytes([255])).decode()}", "Bearer x"):
        assert sandbox.api("GET", "orders", auth=None, headers={"Authorization": header}).status_code == 401


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("orders", {"currency": "INR"}, "The amount field is required."),
        ("orders", {"amount": 5000}, "The currency field is required."),
        ("orders", {"amount": "5000", "currency": "INR"}, "The amount must be an integer."),
        ("orders", {"amount": True, "currency": "INR"}, "The amount must be an integer."),
        ("orders", {"amount": 5000.0, "currency": "INR"}, "The amount must be an integer."),
        ("orders", {"amount": 99, "currency": "INR"}, "The amount must be at least INR 1.00"),
        ("orders", {"amount": 0, "currency": "JPY"}, "The amount must be at least JPY 1"),
        ("orders", {"amount": 10**15, "currency": "INR"}, "Amount exceeds maximum amount allowed."),
        ("orders", {"amount": 295_991, "currency": "KWD"}, "The amount in KWD must end in 0."),
        ("orders", {"amount": 5000, "currency": "inr"}, "Currency is not supported"),
        ("orders", {"amount": 5000, "currency": "INR", "extra": 1}, "extra is/are not required"),
        ("orders", {"amount": 5000, "currency": "INR", "receipt": "x" * 41}, "greater than 40 characters"),
        ("orders", {"amount": 5000, "currency": "INR", "notes": {"a": "x" * 257}}, "greater than 256 characters"),
        ("orders", {"amount": 5000, "currency": "INR", "notes": {str(i): "" for i in range(16)}}, "more than 15"),
        ("orders", {"amount": 5000, "currency": "INR", "notes": "text"}, "The notes must be key-value pairs."),
        ("orders", {"amount": 5000, "currency": "INR", "payment": {"capture": "later"}}, "selected capture is invalid"),
        (
            "orders",
            {"amount": 5000, "currency": "INR", "payment": {"capture": "manual", "more": 1}},
            "more is/are not required",
        ),
        ("payment_links", {"amount": 5000, "expire_by": 1_700_000_000}, "at least 15 minutes after current time"),
        ("payment_links", {"amount": 5000, "expire_by": 4_000_000_000}, "within six months"),
        ("payment_links", {"amount": 5000, "reference_id": "x" * 41}, "greater than 40 characters"),
        ("payment_links", {"amount": 5000, "callback_url": "shop"}, "The callback_url format is invalid."),
        ("payment_links", {"amount": 5000, "callback_url": "https://shop.example"}, "value get"),
        ("payment_links", {"amount": 5000, "accept_partial": True}, "paid in full"),
    ],
)
def test_what_razorpay_does_not_take_is_refused_with_its_reason(
    sandbox: Any, path: str, body: object, says: str
) -> None:
    answer = sandbox.api("POST", path, body)
    assert answer.status_code == 400
    assert says in told(answer)
    assert (sandbox.books()["orders"], sandbox.books()["links"]) == ([], 0)


def test_a_body_that_is_no_json_object_is_refused(sandbox: Any) -> None:
    for content in (b"{", b"[]", b"null", b"\xff", b"[" * 100_000):
        answer = sandbox.http.post(
            f"{sandbox.url}/razorpay/v1/orders",
            content=content,
            auth=("rzp_test_SandboxForTests", "key secret of the sandbox"),
        )
        assert answer.status_code == 400


def test_the_same_refund_key_gives_money_back_once(sandbox: Any) -> None:
    payment = sandbox.paid()
    path, body = f"payments/{payment['id']}/refund", {"amount": 1000, "notes": {"a": "b"}}
    answers = [sandbox.api("POST", path, body, headers=KEY) for _ in range(3)]
    assert {answer.content for answer in answers} == {answers[0].content}
    # The order of keys in the body does not matter.
    again = sandbox.api("POST", path, {"notes": {"a": "b"}, "amount": 1000}, headers=KEY)
    assert again.json()["id"] == answers[0].json()["id"]
    other = sandbox.api("POST", path, {"amount": 1001}, headers=KEY)
    assert (other.status_code, told(other)) == (
        400,
        "Different request with the same idempotency key has already been processed.",
    )
    assert sandbox.books()["orders"][0]["refunded"] == 1000
    assert sandbox.books()["calls"]["POST /v1/payments/{id}/refund"]["replayed"] == 3


def test_a_refund_without_a_key_is_made_as_often_as_it_is_sent(sandbox: Any) -> None:
    payment = sandbox.paid()
    for _ in range(2):
        sandbox.api("POST", f"payments/{payment['id']}/refund", {"amount": 1000})
    assert sandbox.books()["orders"][0]["refunded"] == 2000


@pytest.mark.parametrize(("key", "says"), [("short", "at least 10 characters"), ("with a space!", "alphanumeric")])
def test_a_refund_key_that_razorpay_would_not_take_is_refused(sandbox: Any, key: str, says: str) -> None:
    path = f"payments/{sandbox.paid()['id']}/refund"
    answer = sandbox.api("POST", path, {"amount": 1000}, headers={"X-Refund-Idempotency": key})
    assert (answer.status_code, says in told(answer)) == (400, True)


def test_a_receipt_names_one_refund_of_a_payment_also_when_its_key_is_forgotten(sandbox: Any) -> None:
    payment, other = sandbox.paid(), sandbox.paid()
    sandbox.control("PUT", "faults", {"forget_keys": True})
    path, body = f"payments/{payment['id']}/refund", {"amount": 1000, "receipt": "r 1"}
    assert sandbox.api("POST", path, body, headers=KEY).status_code == 200
    again = sandbox.api("POST", path, body, headers=KEY)
    assert (again.status_code, "Duplicate receipt found" in told(again)) == (400, True)
    assert sandbox.api("POST", path, body | {"receipt": "r 2"}).status_code == 200
    assert sandbox.api("POST", f"payments/{other['id']}/refund", body).status_code == 200


def test_of_different_refunds_of_a_payment_at_once_one_is_told_that_another_is_in_progress(sandbox: Any) -> None:
    payment, other = sandbox.paid(), sandbox.paid()
    sandbox.control("PUT", "faults", {"latency_ms": 500})
    wanted = [(payment, 1000), (payment, 2000), (other, 3000)]
    with ThreadPoolExecutor(3) as crowd:
        asked = [crowd.submit(sandbox.api, "POST", f"payments/{of['id']}/refund", {"amount": a}) for of, a in wanted]
        answers = [each.result() for each in asked]
    assert sorted(answer.status_code for answer in answers) == [200, 200, 400]
    [refused] = [told(answer) for answer in answers if answer.status_code == 400]
    assert "another payment operation is in progress" in refused


def test_a_refund_that_was_refused_may_be_sent_again_with_its_key(sandbox: Any) -> None:
    payment = sandbox.paid()
    path = f"payments/{payment['id']}/refund"
    assert sandbox.api("POST", path, {"amount": 9000}, headers=KEY).status_code == 400
    assert sandbox.api("POST", path, {"amount": 1000}, headers=KEY).status_code == 200


def test_a_refund_key_is_forgotten_after_its_window_by_the_gateways_clock(sandbox: Any) -> None:
    payment = sandbox.paid()
    path, body = f"payments/{payment['id']}/refund", {"amount": 1000}
    sandbox.api("POST", path, body, headers=KEY)
    sandbox.control("PUT", "faults", {"key_window_seconds": 3600, "clock_ahead_seconds": 3500})
    sandbox.api("POST", path, body, headers=KEY)
    assert sandbox.books()["orders"][0]["refunded"] == 1000
    sandbox.control("PUT", "faults", {"clock_ahead_seconds": 3700})
    sandbox.api("POST", path, body, headers=KEY)
    assert sandbox.books()["orders"][0]["refunded"] == 2000
    assert sandbox.control("GET", "injected")["counts"]["key_window_seconds"] == 1


def test_of_refunds_sent_at_once_with_one_key_one_is_made(sandbox: Any) -> None:
    payment = sandbox.paid()
    sandbox.control("PUT", "faults", {"latency_ms": 200})
    path, body = f"payments/{payment['id']}/refund", {"amount": 1000}
    with ThreadPoolExecutor(5) as crowd:
        asked = [crowd.submit(sandbox.api, "POST", path, body, headers=KEY) for _ in range(5)]
        answers = [each.result() for each in asked]
    assert sorted({answer.status_code for answer in answers}) == [200, 409]
    assert {told(answer) for answer in answers if answer.status_code == 409} == {
        "Another request with the same idempotency key is still in progress."
    }
    assert sandbox.books()["orders"][0]["refunded"] == 1000


def test_lists_are_paged_newest_first_and_narrowed_by_time(sandbox: Any) -> None:
    made = [sandbox.order()["id"] for _ in range(12)][::-1]
    assert [each["id"] for each in sandbox.sdk.order.all()["items"]] == made[:10]
    assert [each["id"] for each in sandbox.sdk.order.all({"count": 5, "skip": 10})["items"]] == made[10:]
    at = sandbox.order()["created_at"]
    assert sandbox.sdk.order.all({"from": at + 60})["items"] == []
    assert sandbox.sdk.order.all({"to": at - 3600})["items"] == []
    assert sandbox.sdk.order.all({"from": at - 3600, "to": at + 60, "count": 100})["count"] == 13
    for bad in ("count=101", "count=x", "skip=-1", "from=5", "strange=1"):
        assert sandbox.api("GET", f"orders?{bad}").status_code == 400


def test_a_new_thing_is_not_found_at_first_when_replicas_lag(sandbox: Any) -> None:
    sandbox.control("PUT", "faults", {"not_found_first": 2})
    order = sandbox.order(receipt="r 1")
    assert sandbox.api("GET", f"orders/{order['id']}").status_code == 400
    assert sandbox.sdk.order.all({"receipt": "r 1"}) == {"entity": "collection", "count": 0, "items": []}
    assert sandbox.sdk.order.all({"receipt": "r 1"})["items"][0]["id"] == order["id"]
    assert sandbox.control("GET", "injected")["counts"]["not_found_first"] == 2


def test_a_lost_reply_was_executed_and_an_error_before_was_not(sandbox: Any) -> None:
    sandbox.control("PUT", "faults", {"lost_reply_percent": 100, "only_methods": ["POST"]})
    with pytest.raises(httpx2.TransportError):
        sandbox.api("POST", "orders", {"amount": 5000, "currency": "INR"})
    sandbox.control("PUT", "faults", {"lost_reply_percent": 0, "error_before_percent": 100})
    assert sandbox.api("POST", "orders", {"amount": 5000, "currency": "INR"}).status_code == 500
    sandbox.control("PUT", "faults", {"error_before_percent": 0, "error_after_percent": 100})
    assert sandbox.api("POST", "orders", {"amount": 5000, "currency": "INR"}).status_code == 500
    assert len(sandbox.books()["orders"]) == 2
    counts = sandbox.control("GET", "injected")["counts"]
    assert [counts[f"{name}_percent"] for name in ("lost_reply", "error_before", "error_after")] == [1, 1, 1]


def test_a_refund_that_was_answered_500_is_not_made_again_for_its_key(sandbox: Any) -> None:
    payment = sandbox.paid()
    path = f"payments/{payment['id']}/refund"
    sandbox.control("PUT", "faults", {"error_after_percent": 100})
    assert sandbox.api("POST", path, {"amount": 1000}, headers=KEY).status_code == 500
    sandbox.control("PUT", "faults", {"error_after_percent": 0})
    assert sandbox.api("POST", path, {"amount": 1000}, headers=KEY).status_code == 500
    assert sandbox.books()["orders"][0]["refunded"] == 1000


def test_the_documentation_lists_every_verb(sandbox: Any) -> None:
    page = sandbox.http.get(f"{sandbox.url}/_control/docs").text
    assert "links/{id}/late_success" in page
    assert "refunds/hold" in page


@pytest.mark.parametrize(
    ("path", "wish"),
    [
        ("links/plink_AAAAAAAAAAAAAA/pay", {}),
        ("links/pay_AAAAAAAAAAAAAA/pay", {}),
        ("payments/pay_AAAAAAAAAAAAAA/lapse", {}),
        ("refunds", {"payment": "pay_AAAAAAAAAAAAAA"}),
    ],
)
def test_a_control_verb_about_nothing_is_refused_plainly(sandbox: Any, path: str, wish: object) -> None:
    answer = sandbox.http.post(f"{sandbox.url}/_control/razorpay/{path}", json=wish)
    assert (answer.status_code, bool(told(answer))) == (400, True)


def test_a_control_verb_takes_only_what_it_knows(sandbox: Any) -> None:
    order = sandbox.order()["id"]
    for wish in ({"strange": 1}, {"method": "cash"}, {"copies": 0}):
        answer = sandbox.http.post(f"{sandbox.url}/_control/razorpay/orders/{order}/pay", json=wish)
        assert answer.status_code == 422
