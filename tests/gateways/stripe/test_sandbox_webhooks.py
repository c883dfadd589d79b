"""Webhooks of the imitated Stripe: signed, repeated, retried, held and reordered."""

from typing import Any

import pytest
import stripe

EVENTS_OF_A_PAYMENT = 5


def test_stripes_own_library_accepts_the_signature_and_notices_a_changed_byte(
    sandbox: Any, secret: str, until: Any
) -> None:
    sandbox.paid()
    until(lambda: len(sandbox.receiver.letters) == EVENTS_OF_A_PAYMENT)
    for letter in sandbox.receiver.letters:
        signature = letter.headers["stripe-signature"]
        event = stripe.Webhook.construct_event(letter.body, signature, secret)
        assert event.id == letter.event["id"]
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(letter.body + b" ", signature, secret)


def test_an_event_names_the_request_that_caused_it(sandbox: Any) -> None:
    created = sandbox.post("payment_intents", "amount=1000&currency=eur", key="k1")
    event = sandbox.get("events").json()["data"][0]
    assert event["request"] == {"id": created.headers["request-id"], "idempotency_key": "k1"}
    sandbox.paid()
    assert sandbox.get("events").json()["data"][0]["request"] == {"id": None, "idempotency_key": None}


def test_a_payment_can_be_announced_fifty_times_in_the_same_bytes(sandbox: Any, until: Any) -> None:
    session = sandbox.session()
    sandbox.control("POST", f"stripe/sessions/{session.id}/pay", {"copies": 50})
    until(lambda: len(sandbox.receiver.letters) == 50 * EVENTS_OF_A_PAYMENT)
    assert len({letter.body for letter in sandbox.receiver.letters}) == EVENTS_OF_A_PAYMENT


def test_the_dial_sets_how_often_every_event_is_sent(sandbox: Any, until: Any) -> None:
    sandbox.control("PUT", "faults", {"webhook_copies": 3, "webhook_shuffle": True})
    sandbox.paid()
    until(lambda: len(sandbox.receiver.letters) == 3 * EVENTS_OF_A_PAYMENT)


def test_a_refused_webhook_is_sent_again_until_it_is_taken(sandbox: Any, until: Any) -> None:
    sandbox.receiver.statuses = [500, 302, 404]
    sandbox.post("payment_intents", "amount=1000&currency=eur")
    until(lambda: len(sandbox.receiver.letters) == 4)
    assert len({letter.body for letter in sandbox.receiver.letters}) == 1
    until(lambda: sandbox.control("GET", "webhooks")["data"][0]["state"] == "delivered")
    delivery = sandbox.control("GET", "webhooks")["data"][0]
    assert (delivery["attempts"], delivery["last_status"]) == (4, 200)
    assert delivery["type"] == "payment_intent.created"
    assert delivery["url"].endswith("/webhooks/stripe")


def test_held_webhooks_wait_for_their_release(sandbox: Any, until: Any) -> None:
    sandbox.control("PUT", "faults", {"webhooks_held": True})
    sandbox.paid()
    states = {delivery["state"] for delivery in sandbox.control("GET", "webhooks")["data"]}
    assert (states, sandbox.receiver.letters) == ({"held"}, [])
    assert sandbox.control("POST", "webhooks/release") == {"released": EVENTS_OF_A_PAYMENT}
    until(lambda: len(sandbox.receiver.letters) == EVENTS_OF_A_PAYMENT)

    sandbox.paid()
    assert sandbox.control("PUT", "faults", {"webhooks_held": False})["webhooks_held"] is False
    until(lambda: len(sandbox.receiver.letters) == 2 * EVENTS_OF_A_PAYMENT)


def test_a_late_webhook_is_not_due_before_its_delay(sandbox: Any, until: Any) -> None:
    sandbox.control("PUT", "faults", {"webhook_delay_ms": 600})
    sandbox.post("payment_intents", "amount=1000&currency=eur")
    sandbox.control("PUT", "faults", {"webhook_delay_ms": 0})
    sandbox.post("customers", "")
    until(lambda: len(sandbox.receiver.letters) == 2)
    assert sandbox.receiver.types() == ["customer.created", "payment_intent.created"]


def test_an_old_event_can_be_sent_again(sandbox: Any, until: Any) -> None:
    sandbox.post("customers", "")
    until(lambda: len(sandbox.receiver.letters) == 1)
    event = sandbox.receiver.letters[0].event["id"]
    sandbox.control("POST", "webhooks/resend", {"event": event, "copies": 2})
    until(lambda: len(sandbox.receiver.letters) == 3)
    assert len({letter.body for letter in sandbox.receiver.letters}) == 1
    answer = sandbox.http.post(f"{sandbox.url}/_control/webhooks/resend", json={"event": "evt_none"})
    assert answer.status_code == 404
