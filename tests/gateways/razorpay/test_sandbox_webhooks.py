"""Webhooks of the imitation: which, in what order, how signed, and how badly on purpose."""

import hashlib
import hmac
import json
from typing import Any


def test_one_purchase_by_link_sends_four_webhooks_in_razorpays_order(sandbox: Any, until: Any) -> None:
    link = sandbox.link()
    sandbox.act(f"links/{link['id']}/pay")
    until(lambda: len(sandbox.receiver.letters) == 4)
    found = sandbox.control("GET", "webhooks")["data"]
    assert [each["type"] for each in found] == [
        "payment.authorized",
        "payment.captured",
        "order.paid",
        "payment_link.paid",
    ]
    by_type = {letter.event["event"]: letter.event["payload"] for letter in sandbox.receiver.letters}
    assert by_type["payment.authorized"]["payment"]["entity"]["status"] == "authorized"
    assert by_type["payment.captured"]["payment"]["entity"]["status"] == "captured"
    assert by_type["payment_link.paid"]["payment_link"]["entity"]["id"] == link["id"]
    assert by_type["order.paid"]["order"]["entity"]["status"] == "paid"


def test_a_webhook_is_signed_over_its_raw_bytes_and_named_in_an_unsigned_header(
    sandbox: Any, until: Any, secrets: dict[str, str]
) -> None:
    sandbox.paid(notes={"back": "https://shop.example/a"})
    until(lambda: len(sandbox.receiver.letters) == 3)
    key = secrets["RAZORPAY_WEBHOOK_SECRET"].encode()
    for letter in sandbox.receiver.letters:
        digest = hmac.new(key, letter.body, hashlib.sha256).hexdigest()
        assert letter.headers["x-razorpay-signature"] == digest
        # PHP escapes slashes, so whoever reads and writes the body again has other bytes.
        assert b"https:\\/\\/shop.example\\/a" in letter.body
        again = json.dumps(letter.event, separators=(",", ":")).encode()
        assert hmac.new(key, again, hashlib.sha256).hexdigest() != digest
        assert sandbox.sdk.utility.verify_webhook_signature(
            letter.body.decode(), digest, secrets["RAZORPAY_WEBHOOK_SECRET"]
        )
    assert len({letter.headers["x-razorpay-event-id"] for letter in sandbox.receiver.letters}) == 3


def test_a_webhook_that_was_not_taken_is_sent_again_under_the_same_id(sandbox: Any, until: Any) -> None:
    sandbox.receiver.statuses = [500, 503]
    sandbox.act(f"orders/{sandbox.order()['id']}/decline")
    until(lambda: len(sandbox.receiver.letters) == 3)
    assert len({(letter.body, letter.headers["x-razorpay-event-id"]) for letter in sandbox.receiver.letters}) == 1


def test_a_webhook_is_sent_as_often_as_asked_and_again_on_demand(sandbox: Any, until: Any) -> None:
    sandbox.act(f"orders/{sandbox.order()['id']}/decline", copies=3)
    until(lambda: len(sandbox.receiver.letters) == 3)
    event = sandbox.receiver.letters[0].headers["x-razorpay-event-id"]
    sandbox.control("POST", "webhooks/resend", {"event": event, "copies": 2})
    until(lambda: len(sandbox.receiver.letters) == 5)


def test_dropped_webhooks_never_come_and_wrongly_signed_ones_do(sandbox: Any, until: Any) -> None:
    sandbox.control("PUT", "faults", {"webhook_drop_percent": 100, "webhook_bad_signature_percent": 100})
    sandbox.act(f"orders/{sandbox.order()['id']}/decline")
    until(lambda: len(sandbox.receiver.letters) == 1)
    [letter] = sandbox.receiver.letters
    secret = b"webhook secret of the sandbox"
    assert letter.headers["x-razorpay-signature"] != hmac.new(secret, letter.body, hashlib.sha256).hexdigest()
    states = sorted((each["state"], each["spoil"]) for each in sandbox.control("GET", "webhooks")["data"])
    assert states[1] == ("given_up", None)


def test_an_uncaptured_payment_goes_back_with_refund_events_that_say_so(sandbox: Any, until: Any) -> None:
    payment = sandbox.paid(payment_capture=False)
    sandbox.act(f"payments/{payment['id']}/lapse")
    until(lambda: "refund.processed" in sandbox.told())
    told = {
        letter.event["event"]: letter.event["payload"]["payment"]["entity"]["captured"]
        for letter in sandbox.receiver.letters
    }
    assert told == {"payment.authorized": False, "refund.created": False, "refund.processed": False}
