"""Disputes of the imitated PayPal: what they move, what they cost, and how they end."""

import json
from typing import Any

import pytest

FEE = 1500


def opened(sandbox: Any, **wish: Any) -> Any:
    return sandbox.act("disputes", {"capture": sandbox.captured(value="50.00")["id"], **wish})


def books(sandbox: Any) -> tuple[int, int, int]:
    """Read what was taken for disputes, what they cost, and what stands on the account."""
    [line] = sandbox.lines()
    balance = sandbox.control("GET", "books/paypal")["totals"]["USD"]["balance"]
    return line["disputed"], line["dispute_fee"], balance - (line["captured"] - line["fee"])


def test_a_claim_takes_the_money_at_once_and_a_win_brings_it_back(sandbox: Any) -> None:
    dispute = opened(sandbox, reason="UNAUTHORISED")
    assert (dispute["status"], dispute["dispute_life_cycle_stage"]) == ("WAITING_FOR_SELLER_RESPONSE", "CHARGEBACK")
    assert books(sandbox) == (5000, 0, -5000)
    won = sandbox.act(f"disputes/{dispute['dispute_id']}/win")
    assert won["dispute_outcome"] == {"outcome_code": "RESOLVED_SELLER_FAVOUR"}
    assert books(sandbox) == (0, 0, 0)
    assert sandbox.event_types()[-2:] == ["CUSTOMER.DISPUTE.CREATED", "CUSTOMER.DISPUTE.RESOLVED"]


def test_a_lost_claim_keeps_the_money_and_costs_a_fee(sandbox: Any) -> None:
    dispute = opened(sandbox, amount=2000)
    lost = sandbox.act(f"disputes/{dispute['dispute_id']}/lose")
    assert lost["dispute_outcome"]["amount_refunded"] == {"currency_code": "USD", "value": "20.00"}
    assert books(sandbox) == (2000, FEE, -2000 - FEE)


def test_an_inquiry_takes_nothing_until_it_is_a_claim(sandbox: Any) -> None:
    dispute = opened(sandbox, stage="INQUIRY")
    assert "money_movements" not in dispute
    assert books(sandbox) == (0, 0, 0)
    claim = sandbox.act(f"disputes/{dispute['dispute_id']}/escalate")
    assert claim["dispute_life_cycle_stage"] == "CHARGEBACK"
    assert books(sandbox) == (5000, 0, -5000)
    sandbox.act(f"disputes/{dispute['dispute_id']}/withdraw")
    assert books(sandbox) == (0, 0, 0)


def test_an_inquiry_that_is_lost_takes_the_money_without_a_fee(sandbox: Any) -> None:
    dispute = opened(sandbox, stage="INQUIRY")
    sandbox.act(f"disputes/{dispute['dispute_id']}/lose")
    assert books(sandbox) == (5000, 0, -5000)


def test_a_claim_that_nobody_answers_in_time_is_lost(sandbox: Any, until: Any) -> None:
    opened(sandbox)
    sandbox.control("PUT", "faults", {"clock_ahead_seconds": 10 * 86_400 + 1})
    until(lambda: books(sandbox) == (5000, FEE, -5000 - FEE))


def test_the_merchant_may_accept_a_claim(sandbox: Any) -> None:
    dispute = opened(sandbox)["dispute_id"]
    assert sandbox.post(f"/v1/customer/disputes/{dispute}/accept-claim", {"note": "ok"}).status_code == 200
    shown = sandbox.get(f"/v1/customer/disputes/{dispute}").json()
    assert (shown["status"], shown["dispute_outcome"]["outcome_code"]) == ("RESOLVED", "RESOLVED_BUYER_FAVOUR")
    assert sandbox.post(f"/v1/customer/disputes/{dispute}/accept-claim", {}).status_code == 400


def provide(sandbox: Any, dispute: str, *notes: str) -> Any:
    """Hand in notes as PayPal takes them: JSON as one part of a form."""
    evidences = [{"evidence_type": "OTHER", "notes": note} for note in notes]
    part = ("input.json", json.dumps({"evidences": evidences}).encode(), "application/json")
    url = f"{sandbox.api}/v1/customer/disputes/{dispute}/provide-evidence"
    return sandbox.http.post(url, files={"input": part}, headers={"Authorization": f"Bearer {sandbox.grant()}"})


@pytest.mark.parametrize("stage", ["CHARGEBACK", "INQUIRY"])
def test_notes_are_handed_in_once_and_then_paypal_looks_at_them(sandbox: Any, stage: str) -> None:
    dispute = opened(sandbox, stage=stage)["dispute_id"]
    assert provide(sandbox, dispute).status_code == 400
    assert provide(sandbox, dispute, "x" * 2_001).status_code == 400
    assert provide(sandbox, dispute, "It was delivered.", "And used.").status_code == 200
    shown = sandbox.get(f"/v1/customer/disputes/{dispute}").json()
    assert (shown["status"], [each["notes"] for each in shown["evidences"]]) == (
        "UNDER_REVIEW",
        ["It was delivered.", "And used."],
    )
    assert [link["rel"] for link in shown["links"]] == ["self", "accept_claim"]
    assert provide(sandbox, dispute, "more").status_code == 400


def test_notes_after_the_last_day_are_refused(sandbox: Any) -> None:
    dispute = opened(sandbox)["dispute_id"]
    sandbox.control("PUT", "faults", {"clock_ahead_seconds": 10 * 86_400 + 5})
    assert provide(sandbox, dispute, "late").status_code == 400


@pytest.mark.parametrize("verb", ["win", "lose", "withdraw", "escalate"])
def test_a_dispute_ends_once(sandbox: Any, verb: str) -> None:
    dispute = opened(sandbox)["dispute_id"]
    sandbox.act(f"disputes/{dispute}/win")
    before = books(sandbox)
    answer = sandbox.http.post(f"{sandbox.url}/_control/paypal/disputes/{dispute}/{verb}")
    assert answer.status_code == 400
    assert books(sandbox) == before


def test_disputed_money_cannot_be_refunded_until_the_dispute_is_won(sandbox: Any) -> None:
    dispute = opened(sandbox)
    capture = dispute["disputed_transactions"][0]["seller_transaction_id"]
    refused = sandbox.post(f"/v2/payments/captures/{capture}/refund")
    assert (refused.status_code, refused.json()["details"][0]["issue"]) == (422, "REFUND_NOT_ALLOWED")
    again = sandbox.http.post(f"{sandbox.url}/_control/paypal/disputes", json={"capture": capture})
    assert again.status_code == 422
    sandbox.act(f"disputes/{dispute['dispute_id']}/win")
    assert sandbox.post(f"/v2/payments/captures/{capture}/refund").status_code == 201


def test_disputes_are_listed_page_by_page_and_by_transaction(sandbox: Any) -> None:
    made = [opened(sandbox) for _ in range(3)]
    first = sandbox.get("/v1/customer/disputes?page_size=2").json()
    rest = sandbox.get(first["links"][1]["href"].removeprefix(sandbox.api)).json()
    ids = [dispute["dispute_id"] for dispute in first["items"] + rest["items"]]
    assert ids == [dispute["dispute_id"] for dispute in made[::-1]]
    capture = made[0]["disputed_transactions"][0]["seller_transaction_id"]
    one = sandbox.get(f"/v1/customer/disputes?disputed_transaction_id={capture}").json()["items"]
    assert [dispute["dispute_id"] for dispute in one] == [made[0]["dispute_id"]]
    assert sandbox.get("/v1/customer/disputes?start_time=2099-01-01T00:00:00Z").json()["items"] == []
