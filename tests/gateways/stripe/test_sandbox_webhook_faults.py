"""Faults of webhooks: dropped, wrongly signed, signed long ago, reordered; counted, and told by the event list."""

import time
from typing import Any

import pytest
import stripe

CUSTOMERS = 20


def customers(sandbox: Any, number: int = CUSTOMERS) -> list[str]:
    """Cause one event each."""
    return [sandbox.post("customers", "").json()["id"] for _ in range(number)]


def injected(sandbox: Any, fault: str) -> int:
    count: int = sandbox.control("GET", "injected")["counts"][fault]
    return count


def settled(sandbox: Any) -> bool:
    return not any(delivery["state"] == "due" for delivery in sandbox.control("GET", "webhooks")["data"])


def test_a_dropped_webhook_never_arrives_and_the_event_list_tells(sandbox: Any, until: Any) -> None:
    sandbox.control("PUT", "faults", {"webhook_drop_percent": 40, "seed": 5})
    customers(sandbox)
    until(lambda: settled(sandbox))
    dropped = injected(sandbox, "webhook_drop_percent")
    assert 0 < dropped < CUSTOMERS
    assert len(sandbox.receiver.letters) == CUSTOMERS - dropped

    missed = sandbox.stripe.v1.events.list(params={"delivery_success": False, "limit": 100}).data
    arrived = sandbox.stripe.v1.events.list(params={"delivery_success": True, "limit": 100}).data
    heard = {letter.event["id"] for letter in sandbox.receiver.letters}
    assert (len(missed), {event.pending_webhooks for event in missed}) == (dropped, {1})
    assert {event.id for event in arrived} == heard
    assert heard.isdisjoint(event.id for event in missed)


def test_missed_events_are_paged_narrowed_and_found_until_they_are_delivered(sandbox: Any, until: Any) -> None:
    sandbox.control("PUT", "faults", {"webhook_drop_percent": 100})
    customers(sandbox, 5)
    sandbox.post("payment_intents", "amount=1000&currency=eur")
    query = {"delivery_success": False, "types": ["customer.created"], "created": {"gte": 1}, "limit": 2}
    missed = [event.id for event in sandbox.stripe.v1.events.list(params=query).auto_paging_iter()]
    assert len(missed) == 5

    sandbox.control("POST", "webhooks/resend", {"event": missed[0]})
    until(lambda: [letter.event["id"] for letter in sandbox.receiver.letters] == [missed[0]])
    until(lambda: len(sandbox.stripe.v1.events.list(params={**query, "limit": 100}).data) == 4)
    later = {"delivery_success": False, "created": {"gte": sandbox.get("events").json()["data"][0]["created"] + 1}}
    assert sandbox.stripe.v1.events.list(params=later).data == []


def test_a_wrongly_signed_copy_comes_beside_the_right_one(sandbox: Any, secret: str, until: Any) -> None:
    sandbox.control("PUT", "faults", {"webhook_bad_signature_percent": 100})
    customers(sandbox, 1)
    until(lambda: len(sandbox.receiver.letters) == 2)
    good = 0
    for letter in sandbox.receiver.letters:
        try:
            stripe.Webhook.construct_event(letter.body, letter.headers["stripe-signature"], secret)
            good += 1
        except stripe.SignatureVerificationError:
            continue
    assert (good, injected(sandbox, "webhook_bad_signature_percent")) == (1, 1)


def test_a_copy_signed_long_ago_is_valid_but_old(sandbox: Any, secret: str, until: Any) -> None:
    sandbox.control("PUT", "faults", {"webhook_old_timestamp_percent": 100})
    customers(sandbox, 1)
    until(lambda: len(sandbox.receiver.letters) == 2)
    signatures = [letter.headers["stripe-signature"] for letter in sandbox.receiver.letters]
    old = min(signatures)
    body = sandbox.receiver.letters[0].body
    assert stripe.Webhook.construct_event(body, old, secret, tolerance=4000).type == "customer.created"
    with pytest.raises(stripe.SignatureVerificationError, match="outside the tolerance"):
        stripe.Webhook.construct_event(body, old, secret)
    assert injected(sandbox, "webhook_old_timestamp_percent") == 1


def test_a_spoiled_copy_is_sent_once_and_says_nothing_about_the_event(sandbox: Any, until: Any) -> None:
    sandbox.control("PUT", "faults", {"webhook_drop_percent": 100, "webhook_bad_signature_percent": 100})
    customers(sandbox, 1)
    until(lambda: settled(sandbox))
    spoiled = [delivery for delivery in sandbox.control("GET", "webhooks")["data"] if delivery["spoil"]]
    assert [(copy["state"], copy["attempts"]) for copy in spoiled] == [("delivered", 1)]
    assert len(sandbox.stripe.v1.events.list(params={"delivery_success": False}).data) == 1


def test_signatures_carry_wall_time_unless_they_follow_the_gateways_clock(sandbox: Any, until: Any) -> None:
    sandbox.control("PUT", "faults", {"clock_ahead_seconds": 86_400})
    customers(sandbox, 1)
    until(lambda: len(sandbox.receiver.letters) == 1)
    sandbox.control("PUT", "faults", {"signatures_follow_clock": True})
    customers(sandbox, 1)
    until(lambda: len(sandbox.receiver.letters) == 2)
    now = int(time.time())  # noqa: TID251 - the signature is compared with the receiver's own clock
    times = [int(letter.headers["stripe-signature"][2:].partition(",")[0]) for letter in sandbox.receiver.letters]
    assert [round((at - now) / 3600) for at in times] == [0, 24]
    assert [round((letter.event["created"] - now) / 3600) for letter in sandbox.receiver.letters] == [24, 24]


def test_copies_shuffles_delays_and_holds_are_counted(sandbox: Any, until: Any) -> None:
    wishes = {"webhook_copies": 3, "webhook_shuffle": True, "webhook_delay_ms": 10, "webhooks_held": True}
    sandbox.control("PUT", "faults", wishes)
    customers(sandbox, 2)
    counts = sandbox.control("GET", "injected")["counts"]
    assert {name: counts[name] for name in wishes} == {
        "webhook_copies": 4,
        "webhook_shuffle": 6,
        "webhook_delay_ms": 6,
        "webhooks_held": 6,
    }
    sandbox.control("DELETE", "faults")
    until(lambda: len(sandbox.receiver.letters) == 6)


def test_shuffled_webhooks_arrive_in_another_order(sandbox: Any, until: Any) -> None:
    sandbox.control("PUT", "faults", {"webhook_shuffle": True})
    made = customers(sandbox)
    until(lambda: len(sandbox.receiver.letters) == CUSTOMERS)
    arrived = [letter.event["data"]["object"]["id"] for letter in sandbox.receiver.letters]
    assert sorted(arrived) == sorted(made)
    assert arrived != made
