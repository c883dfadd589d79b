"""Disputes on the imitated Stripe: opened by a bank, answered through the API, won, lost or left unanswered."""

from typing import Any

import pytest
import stripe

OPENED = ["charge.dispute.created", "charge.dispute.funds_withdrawn"]


def opened(sandbox: Any, *, amount: int = 10_000, **wish: object) -> Any:
    """Pay, let the bank take it back, and return the dispute."""
    intent = sandbox.paid(amount=amount)
    dispute = sandbox.control("POST", "stripe/disputes", {"payment_intent": intent, **wish})
    return sandbox.stripe.v1.disputes.retrieve(dispute["id"])


def line(sandbox: Any) -> dict[str, Any]:
    found: dict[str, Any] = sandbox.control("GET", "books/stripe")["payment_intents"][0]
    return found


def total(sandbox: Any) -> dict[str, int]:
    found: dict[str, int] = sandbox.control("GET", "books/stripe")["totals"]["usd"]
    return found


def test_a_dispute_takes_the_amount_and_a_fee_of_15(sandbox: Any) -> None:
    dispute = opened(sandbox, reason="product_not_received")
    assert (dispute.amount, dispute.status, dispute.reason) == (10_000, "needs_response", "product_not_received")
    (withdrawn,) = dispute.balance_transactions
    assert (withdrawn.type, withdrawn.reporting_category) == ("adjustment", "dispute")
    assert (withdrawn.amount, withdrawn.fee, withdrawn.net) == (-10_000, 1_500, -11_500)
    assert sandbox.stripe.v1.charges.retrieve(dispute.charge).disputed is True
    assert sandbox.event_types()[-2:] == OPENED
    assert {name: line(sandbox)[name] for name in ("captured", "disputed", "disputes", "dispute_fee", "fee")} == {
        "captured": 10_000,
        "disputed": 10_000,
        "disputes": 1,
        "dispute_fee": 1_500,
        "fee": 320,
    }
    assert total(sandbox)["net"] == total(sandbox)["balance"] == -1_820


def test_a_won_dispute_gives_the_amount_back_and_keeps_the_fee(sandbox: Any) -> None:
    dispute = opened(sandbox)
    sandbox.control("POST", f"stripe/disputes/{dispute.id}/win")
    won = sandbox.stripe.v1.disputes.retrieve(dispute.id)
    assert (won.status, [entry.net for entry in won.balance_transactions]) == ("won", [-11_500, 10_000])
    assert sandbox.event_types()[-2:] == ["charge.dispute.closed", "charge.dispute.funds_reinstated"]
    assert (line(sandbox)["disputed"], line(sandbox)["dispute_fee"]) == (0, 1_500)
    assert total(sandbox)["net"] == total(sandbox)["balance"] == 10_000 - 320 - 1_500


def test_a_lost_dispute_keeps_the_money_and_is_over(sandbox: Any) -> None:
    dispute = opened(sandbox)
    sandbox.control("POST", f"stripe/disputes/{dispute.id}/lose")
    assert sandbox.stripe.v1.disputes.retrieve(dispute.id).status == "lost"
    assert sandbox.event_types()[-1] == "charge.dispute.closed"
    assert line(sandbox)["disputed"] == 10_000
    answer = sandbox.http.post(f"{sandbox.url}/_control/stripe/disputes/{dispute.id}/win")
    assert (answer.status_code, "status of lost" in answer.text) == (400, True)


def test_evidence_is_staged_and_then_handed_in_once(sandbox: Any) -> None:
    dispute = opened(sandbox)
    v1 = sandbox.stripe.v1
    staged = v1.disputes.update(
        dispute.id, params={"evidence": {"product_description": "120 credits"}, "submit": False, "metadata": {"a": "1"}}
    )
    assert (staged.status, staged.evidence.product_description) == ("needs_response", "120 credits")
    assert (staged.evidence_details.has_evidence, staged.evidence_details.submission_count) == (True, 0)
    assert staged.metadata.to_dict() == {"a": "1"}

    handed_in = v1.disputes.update(dispute.id, params={"evidence": {"customer_purchase_ip": "192.0.2.1"}})
    assert (handed_in.status, handed_in.evidence_details.submission_count) == ("under_review", 1)
    assert handed_in.evidence.product_description == "120 credits"
    assert sandbox.event_types()[-2:] == ["charge.dispute.updated"] * 2
    before = sandbox.get("events").json()["data"][0]["data"]["previous_attributes"]
    assert before["status"] == "needs_response"
    with pytest.raises(stripe.InvalidRequestError, match="status of under_review"):
        v1.disputes.update(dispute.id, params={"evidence": {"uncategorized_text": "more"}})
    sandbox.control("POST", f"stripe/disputes/{dispute.id}/win")


def test_an_accepted_dispute_is_lost(sandbox: Any) -> None:
    dispute = opened(sandbox)
    assert sandbox.stripe.v1.disputes.close(dispute.id).status == "lost"
    assert sandbox.event_types()[-1] == "charge.dispute.closed"
    with pytest.raises(stripe.InvalidRequestError, match="could not be closed"):
        sandbox.stripe.v1.disputes.close(dispute.id)


def test_a_dispute_that_nobody_answers_is_lost_when_its_time_is_over(sandbox: Any, until: Any) -> None:
    dispute = opened(sandbox)
    sandbox.control("PUT", "faults", {"clock_ahead_seconds": 10 * 86_400})
    until(lambda: sandbox.stripe.v1.disputes.retrieve(dispute.id).status == "lost")
    assert sandbox.stripe.v1.disputes.retrieve(dispute.id).evidence_details.past_due is True


def test_evidence_after_the_last_day_is_refused(sandbox: Any) -> None:
    dispute = opened(sandbox)
    sandbox.control("PUT", "faults", {"clock_ahead_seconds": 9 * 86_400 + 5})
    with pytest.raises(stripe.InvalidRequestError, match=r"last day|status of lost"):
        sandbox.stripe.v1.disputes.update(dispute.id, params={"evidence": {"uncategorized_text": "late"}})


def test_evidence_in_time_is_not_overtaken_by_the_deadline(sandbox: Any, until: Any) -> None:
    dispute, unanswered = opened(sandbox), opened(sandbox)
    sandbox.stripe.v1.disputes.update(dispute.id, params={"evidence": {"uncategorized_text": "delivered"}})
    sandbox.control("PUT", "faults", {"clock_ahead_seconds": 10 * 86_400})
    until(lambda: sandbox.stripe.v1.disputes.retrieve(unanswered.id).status == "lost")
    assert sandbox.stripe.v1.disputes.retrieve(dispute.id).status == "under_review"


def test_a_disputed_charge_cannot_be_refunded_until_the_dispute_is_won(sandbox: Any) -> None:
    dispute = opened(sandbox)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sandbox.stripe.v1.refunds.create(params={"charge": dispute.charge})
    assert (refused.value.http_status, refused.value.code) == (400, "charge_disputed")
    assert line(sandbox)["refunded"] == 0
    sandbox.control("POST", f"stripe/disputes/{dispute.id}/win")
    assert sandbox.stripe.v1.refunds.create(params={"charge": dispute.charge}).amount == 10_000


def test_a_dispute_takes_what_was_not_refunded_or_all_of_a_refunded_charge(sandbox: Any) -> None:
    for refund, wish, disputed in ((300, {}, 700), (1_000, {}, 1_000), (300, {"amount": 1_000}, 1_000)):
        intent = sandbox.paid(amount=1_000)
        sandbox.stripe.v1.refunds.create(params={"payment_intent": intent, "amount": refund})
        dispute = sandbox.control("POST", "stripe/disputes", {"payment_intent": intent, **wish})
        assert dispute["amount"] == disputed


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({}, "either a payment_intent or a charge"),
        ({"charge": "ch_1", "payment_intent": "pi_1"}, "either a payment_intent or a charge"),
        ({"charge": "ch_none"}, "No such charge"),
        ({"payment_intent": "paid", "amount": 1_201}, "greater than what the charge took"),
        ({"payment_intent": "paid", "reason": "envy"}, "reason is one of"),
        ({"payment_intent": "held"}, "nothing to dispute"),
    ],
)
def test_what_cannot_be_disputed_is_explained(sandbox: Any, wish: dict[str, Any], says: str) -> None:
    known = {"paid": sandbox.paid(), "held": sandbox.paid(payment_intent_data={"capture_method": "manual"})}
    asked = {name: known.get(value, value) for name, value in wish.items()}
    answer = sandbox.http.post(f"{sandbox.url}/_control/stripe/disputes", json=asked)
    assert 400 <= answer.status_code < 500
    assert says in answer.json()["error"]["message"]


def test_disputes_are_listed_by_charge_and_by_intent(sandbox: Any) -> None:
    first, second = opened(sandbox), opened(sandbox)
    listed = sandbox.stripe.v1.disputes.list(params={"charge": first.charge}).data
    assert [dispute.id for dispute in listed] == [first.id]
    listed = sandbox.stripe.v1.disputes.list(params={"payment_intent": second.payment_intent}).data
    assert [dispute.id for dispute in listed] == [second.id]
    answer = sandbox.http.post(f"{sandbox.url}/_control/stripe/disputes", json={"charge": first.charge})
    assert "disputed already" in answer.text
