"""Disputes, payouts and late outcomes fit Stripe's own types, field by field, on the wire and in webhooks."""

from typing import Any


def play(sandbox: Any) -> None:
    """Cause every object and event that comes after a payment."""
    v1 = sandbox.stripe.v1
    for end in ("win", "lose", "evidence", "close"):
        intent = sandbox.paid(amount=20_000)
        dispute = sandbox.control("POST", "stripe/disputes", {"payment_intent": intent})["id"]
        expand = {"expand": ["charge.balance_transaction", "payment_intent"]}
        v1.disputes.retrieve(dispute, params=expand)
        if end == "evidence":
            v1.disputes.update(
                dispute, params={"evidence": {"uncategorized_text": "delivered"}, "metadata": {"a": "1"}}
            )
        elif end == "close":
            v1.disputes.close(dispute)
        else:
            sandbox.control("POST", f"stripe/disputes/{dispute}/{end}")
    for outcome in ("succeeded", "failed"):
        session = sandbox.session(amount=90_000)
        sandbox.control("POST", f"stripe/sessions/{session.id}/pay_by_debit")
        expand = {"expand": ["payment_intent.latest_charge", "payment_intent.payment_method"]}
        v1.checkout.sessions.retrieve(session.id, params=expand)
        sandbox.control("POST", f"stripe/sessions/{session.id}/settle", {"outcome": outcome})
        v1.checkout.sessions.retrieve(session.id, params=expand)
    expired = sandbox.session()
    v1.checkout.sessions.expire(expired.id)
    sandbox.control("POST", f"stripe/sessions/{expired.id}/late_success")
    v1.checkout.sessions.retrieve(expired.id, params=expand)
    for outcome in ("failed", "paid", "in_transit"):
        sandbox.paid(amount=50_000)
        (payout,) = sandbox.control("POST", "stripe/payouts", {"early": True, "outcome": outcome})["data"]
        v1.payouts.retrieve(
            payout["id"], params={"expand": ["balance_transaction", "failure_balance_transaction.source"]}
        )
        v1.balance_transactions.list(params={"payout": payout["id"], "limit": 100})
    for kind in ("stripe_fee", "tax_fee", "reserve", "adjustment"):
        sandbox.control("POST", "stripe/movements", {"kind": kind, "currency": "usd", "amount": -190})
    sandbox.control("POST", "stripe/conversions", {"from": "gbp", "to": "usd", "rate": "1.3127"})
    sandbox.paid(amount=1_000, currency="gbp")
    sandbox.paid(amount=1_000)
    sandbox.control("POST", "stripe/payouts", {"early": True, "membership": "not_applicable"})
    v1.payouts.list(params={"expand": ["data.balance_transaction"]})
    v1.disputes.list(params={"limit": 100})
    v1.balance_transactions.list(params={"limit": 100, "expand": ["data.source"]})


def test_every_object_and_event_after_a_payment_fits_stripes_own_types(
    sandbox: Any, answers: list[dict[str, Any]], validate: Any, until: Any
) -> None:
    play(sandbox)
    events = sandbox.stripe.v1.events.list(params={"limit": 100}).data
    until(lambda: len(sandbox.receiver.letters) >= len(events))
    letters = [letter.event for letter in sandbox.receiver.letters]
    things = [thing for answer in answers for thing in (answer["data"] if answer["object"] == "list" else [answer])]
    things += letters + [event["data"]["object"] for event in letters]
    # A dispute that stands inside a balance transaction is not in the schema there; look at it by itself.
    things += [thing["source"] for thing in things if isinstance(thing.get("source"), dict)]
    assert {event["type"] for event in letters} >= {
        "charge.dispute.closed",
        "charge.dispute.created",
        "charge.dispute.funds_reinstated",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.updated",
        "charge.pending",
        "checkout.session.async_payment_failed",
        "checkout.session.async_payment_succeeded",
        "payment_intent.processing",
        "payout.created",
        "payout.failed",
        "payout.paid",
        "payout.reconciliation_completed",
    }
    assert {thing["object"] for thing in things} >= {"dispute", "payout", "balance_transaction", "charge"}
    assert [error for thing in things for error in validate(thing)] == []


def test_every_event_is_one_that_stripe_knows(sandbox: Any, oracles: Any) -> None:
    play(sandbox)
    known = (oracles / "specs" / "stripe" / "event_types_2026-10-28.json").read_text()
    assert [kind for kind in set(sandbox.event_types()) if f'"{kind}"' not in known] == []
