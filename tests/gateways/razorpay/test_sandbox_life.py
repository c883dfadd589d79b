"""The official client drives the sandbox through the whole life of a payment."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import razorpay.errors  # type: ignore[import-untyped]  # the official client has no types


def test_a_paid_order_is_captured_less_the_fee_and_its_tax(sandbox: Any) -> None:
    order = sandbox.order(50_000, receipt="receipt 1", notes={"payment": "ours"})
    assert (order["status"], order["amount_due"], order["attempts"]) == ("created", 50_000, 0)
    brought = sandbox.act(f"orders/{order['id']}/pay", method="card")
    payment = sandbox.sdk.payment.fetch(brought["payment"]["id"])
    assert (payment["status"], payment["captured"], payment["method"]) == ("captured", True, "card")
    assert (payment["fee"], payment["tax"], payment["notes"]) == (1180, 180, {"payment": "ours"})
    order = sandbox.sdk.order.fetch(order["id"])
    assert (order["status"], order["amount_paid"], order["amount_due"]) == ("paid", 50_000, 0)
    assert [each["id"] for each in sandbox.sdk.order.payments(order["id"])["items"]] == [payment["id"]]


def test_the_official_client_accepts_what_the_browser_brings_and_refuses_anything_else(sandbox: Any) -> None:
    order, link = sandbox.order(), sandbox.link(reference_id="ref 1")
    brought = sandbox.act(f"orders/{order['id']}/pay")["callback"]
    assert sandbox.sdk.utility.verify_payment_signature(brought)
    with pytest.raises(razorpay.errors.SignatureVerificationError):
        sandbox.sdk.utility.verify_payment_signature(brought | {"razorpay_payment_id": "pay_other"})
    returned = sandbox.act(f"links/{link['id']}/pay")["callback"]
    asked = {name.removeprefix("razorpay_") if "link" in name else name: value for name, value in returned.items()}
    assert sandbox.sdk.utility.verify_payment_link_signature(asked)
    with pytest.raises(razorpay.errors.SignatureVerificationError):
        sandbox.sdk.utility.verify_payment_link_signature(asked | {"payment_link_status": "created"})


def test_a_link_is_paid_once_and_shows_its_payment(sandbox: Any) -> None:
    link = sandbox.link(reference_id="attempt 1", notes={"payment": "ours"}, description="120 credits")
    assert (link["status"], link["payments"], link["reference_id"]) == ("created", None, "attempt 1")
    payment = sandbox.act(f"links/{link['id']}/pay")["payment"]
    assert payment["description"] == f"#{link['id'].removeprefix('plink_')}"
    shown = sandbox.sdk.payment_link.fetch(link["id"])
    assert (shown["status"], shown["amount_paid"]) == ("paid", 5000)
    assert [line["payment_id"] for line in shown["payments"]] == [payment["id"]]
    order = sandbox.sdk.order.fetch(payment["order_id"])
    assert (order["receipt"], order["notes"]) == ("attempt 1", {"payment": "ours"})
    refused = sandbox.http.post(f"{sandbox.url}/_control/razorpay/links/{link['id']}/pay", json={})
    assert (refused.status_code, refused.json()["error"]["description"]) == (400, "This payment link is paid.")


def test_links_and_orders_are_found_by_our_name_for_them(sandbox: Any) -> None:
    link, order = sandbox.link(reference_id="ref 1"), sandbox.order(receipt="ref 1")
    sandbox.link(), sandbox.order()
    found = sandbox.sdk.payment_link.all({"reference_id": "ref 1"})
    assert [each["id"] for each in found["payment_links"]] == [link["id"]]
    assert [each["id"] for each in sandbox.sdk.order.all({"receipt": "ref 1"})["items"]] == [order["id"]]
    assert sandbox.sdk.order.all({"receipt": "ref 2"})["items"] == []
    assert len(sandbox.sdk.order.all()["items"]) == 2


def test_a_reference_id_is_used_up_for_ever(sandbox: Any) -> None:
    link = sandbox.link(reference_id="ref 1")
    sandbox.sdk.payment_link.cancel(link["id"])
    with pytest.raises(razorpay.errors.BadRequestError, match="reference_id: ref 1 already exists"):
        sandbox.link(reference_id="ref 1")


def test_a_cancelled_link_cannot_be_paid_and_a_paid_one_cannot_be_cancelled(sandbox: Any) -> None:
    first, second = sandbox.link(), sandbox.link()
    assert sandbox.sdk.payment_link.cancel(first["id"])["status"] == "cancelled"
    with pytest.raises(razorpay.errors.BadRequestError, match="cannot cancel or expire an expired link"):
        sandbox.sdk.payment_link.cancel(first["id"])
    sandbox.act(f"links/{second['id']}/pay")
    with pytest.raises(razorpay.errors.BadRequestError, match="already paid"):
        sandbox.sdk.payment_link.cancel(second["id"])


def test_failed_attempts_leave_the_order_open(sandbox: Any) -> None:
    order = sandbox.order()
    failed = sandbox.act(f"orders/{order['id']}/decline", code="insufficient_funds")["payment"]
    assert (failed["status"], failed["error_code"], failed["error_reason"]) == (
        "failed",
        "BAD_REQUEST_ERROR",
        "insufficient_funds",
    )
    order = sandbox.sdk.order.fetch(order["id"])
    assert (order["status"], order["attempts"]) == ("attempted", 1)
    sandbox.act(f"orders/{order['id']}/authenticate", outcome="fail")
    sandbox.act(f"orders/{order['id']}/authenticate", outcome="complete")
    found = sandbox.sdk.order.payments(order["id"])["items"]
    assert [each["status"] for each in found] == ["captured", "failed", "failed"]
    assert sandbox.sdk.order.fetch(order["id"])["status"] == "paid"


def test_manual_capture_takes_exactly_what_was_authorised_and_only_once(sandbox: Any) -> None:
    order = sandbox.order(payment={"capture": "manual", "capture_options": {"refund_speed": "normal"}})
    payment = sandbox.act(f"orders/{order['id']}/pay")["payment"]
    assert (payment["status"], payment["captured"], payment["fee"]) == ("authorized", False, None)
    assert [each["id"] for each in sandbox.sdk.order.all({"authorized": 1})["items"]] == [order["id"]]
    with pytest.raises(razorpay.errors.BadRequestError, match="equal to the amount authorized"):
        sandbox.sdk.payment.capture(payment["id"], 4999, {"currency": "INR"})
    with pytest.raises(razorpay.errors.BadRequestError, match="should be captured"):
        sandbox.sdk.payment.refund(payment["id"], {"amount": 100})
    assert sandbox.sdk.payment.capture(payment["id"], 5000, {"currency": "INR"})["status"] == "captured"
    with pytest.raises(razorpay.errors.BadRequestError, match="already been captured"):
        sandbox.sdk.payment.capture(payment["id"], 5000, {"currency": "INR"})


def test_the_old_way_to_ask_for_manual_capture_works_too(sandbox: Any) -> None:
    assert sandbox.paid(payment_capture=0)["status"] == "authorized"
    assert sandbox.paid(payment_capture=1)["status"] == "captured"


def test_an_authorised_payment_that_nobody_captures_is_given_back_after_three_days(sandbox: Any, until: Any) -> None:
    payment = sandbox.paid(payment_capture=False)
    sandbox.control("PUT", "faults", {"clock_ahead_seconds": 3 * 86_400 + 60})
    until(lambda: sandbox.sdk.payment.fetch(payment["id"])["status"] == "refunded")
    shown = sandbox.sdk.payment.fetch(payment["id"])
    assert (shown["captured"], shown["amount_refunded"], shown["refund_status"]) == (False, 5000, "full")
    [refund] = sandbox.sdk.payment.fetch_multiple_refund(payment["id"])["items"]
    assert refund["status"] == "processed"
    [line] = sandbox.books()["orders"]
    assert (line["captured"], line["refunded"], line["captures"]) == (0, 0, 0)


def test_a_failed_payment_may_turn_out_to_have_succeeded(sandbox: Any) -> None:
    order = sandbox.order()
    failed = sandbox.act(f"orders/{order['id']}/time_out")["payment"]
    assert failed["status"] == "failed"
    late = sandbox.act(f"orders/{order['id']}/late_success")["payment"]
    assert (late["id"], late["status"], late["error_code"]) == (failed["id"], "captured", None)


def test_a_late_success_beside_a_paid_order_is_authorised_and_never_captured(sandbox: Any) -> None:
    order = sandbox.order()
    failed = sandbox.act(f"orders/{order['id']}/time_out")["payment"]
    sandbox.act(f"orders/{order['id']}/pay")
    late = sandbox.act(f"orders/{order['id']}/late_success")["payment"]
    assert (late["id"], late["status"]) == (failed["id"], "authorized")
    with pytest.raises(razorpay.errors.BadRequestError, match="order is already paid"):
        sandbox.sdk.payment.capture(late["id"], 5000, {"currency": "INR"})


def test_a_success_after_the_automatic_period_waits_for_the_merchant(sandbox: Any) -> None:
    options = {"automatic_expiry_period": 12, "manual_expiry_period": 120, "refund_speed": "normal"}
    order = sandbox.order(payment={"capture": "automatic", "capture_options": options})
    sandbox.act(f"orders/{order['id']}/time_out")
    sandbox.control("PUT", "faults", {"clock_ahead_seconds": 13 * 60})
    late = sandbox.act(f"orders/{order['id']}/late_success")["payment"]
    assert late["status"] == "authorized"
    assert sandbox.sdk.payment.capture(late["id"], 5000, {"currency": "INR"})["status"] == "captured"


def test_money_comes_after_a_link_has_ended(sandbox: Any) -> None:
    link = sandbox.link()
    sandbox.act(f"links/{link['id']}/time_out")
    sandbox.sdk.payment_link.cancel(link["id"])
    late = sandbox.act(f"links/{link['id']}/late_success")["payment"]
    assert late["status"] == "captured"
    assert sandbox.sdk.payment_link.fetch(link["id"])["status"] == "cancelled"


def test_refunds_are_pending_at_first_and_never_more_than_is_left(sandbox: Any) -> None:
    payment = sandbox.paid()
    part = sandbox.sdk.payment.refund(payment["id"], {"amount": 2000, "notes": {"refund": "ours"}})
    assert (part["status"], part["notes"]) == ("pending", {"refund": "ours"})
    assert sandbox.sdk.refund.fetch(part["id"])["status"] == "processed"
    shown = sandbox.sdk.payment.fetch(payment["id"])
    assert (shown["status"], shown["amount_refunded"], shown["refund_status"]) == ("captured", 2000, "partial")
    with pytest.raises(razorpay.errors.BadRequestError, match="greater than the refund payment amount"):
        sandbox.sdk.payment.refund(payment["id"], {"amount": 3001})
    with pytest.raises(razorpay.errors.BadRequestError, match="greater than amount captured"):
        sandbox.sdk.payment.refund(payment["id"], {"amount": 5001})
    rest = sandbox.sdk.payment.refund(payment["id"], {})
    assert rest["amount"] == 3000
    shown = sandbox.sdk.payment.fetch(payment["id"])
    assert (shown["status"], shown["refund_status"], shown["captured"]) == ("refunded", "full", True)
    with pytest.raises(razorpay.errors.BadRequestError, match="fully refunded already"):
        sandbox.sdk.payment.refund(payment["id"], {})
    assert sandbox.sdk.payment.fetch_refund_id(payment["id"], part["id"])["id"] == part["id"]
    assert len(sandbox.sdk.refund.all()["items"]) == 2


def test_a_refund_fails_later_and_can_be_made_again(sandbox: Any) -> None:
    payment = sandbox.paid()
    sandbox.act("refunds/hold", held=True)
    refund = sandbox.sdk.payment.refund(payment["id"], {})
    assert sandbox.sdk.refund.fetch(refund["id"])["status"] == "pending"
    sandbox.act(f"refunds/{refund['id']}/fail")
    shown = sandbox.sdk.payment.fetch(payment["id"])
    assert (shown["status"], shown["amount_refunded"], shown["refund_status"]) == ("captured", 0, None)
    sandbox.act("refunds/hold", held=False)
    sandbox.act("refunds", payment=payment["id"], amount=100)
    [line] = sandbox.books()["orders"]
    assert (line["refunded"], line["refunds"]) == (100, 1)


def test_a_lost_dispute_takes_the_money_and_a_won_one_does_not(sandbox: Any) -> None:
    first, second = sandbox.paid(), sandbox.paid()
    lost = sandbox.act("disputes", payment=first["id"], amount=1500)
    assert (lost["status"], lost["amount_deducted"], lost["phase"]) == ("open", 0, "chargeback")
    with pytest.raises(razorpay.errors.BadRequestError, match="under dispute"):
        sandbox.sdk.payment.refund(first["id"], {})
    assert sandbox.sdk.dispute.accept(lost["id"])["amount_deducted"] == 1500
    won = sandbox.act("disputes", payment=second["id"])
    draft = sandbox.sdk.dispute.contest(won["id"], {"summary": "goods delivered", "action": "draft"})
    assert (draft["status"], draft["evidence"]["summary"]) == ("open", "goods delivered")
    with pytest.raises(razorpay.errors.BadRequestError, match="document"):
        sandbox.sdk.dispute.contest(won["id"], {"summary": "goods delivered", "action": "submit"})
    with pytest.raises(razorpay.errors.BadRequestError, match="does not exist"):
        sandbox.sdk.dispute.contest(won["id"], {"shipping_proof": ["doc_AAAAAAAAAAAAAA"], "action": "submit"})
    letter = ("letter.pdf", b"%PDF-1.4", "application/pdf")
    proof = sandbox.sdk.document.create({"purpose": "dispute_evidence", "file": letter})
    assert (proof["entity"], proof["size"]) == ("document", 8)
    sent = sandbox.sdk.dispute.contest(won["id"], {"shipping_proof": [proof["id"]], "action": "submit"})
    assert (sent["status"], sent["evidence"]["shipping_proof"]) == ("under_review", [proof["id"]])
    assert sent["evidence"]["submitted_at"]
    sandbox.act(f"disputes/{won['id']}/win")
    assert sandbox.sdk.dispute.fetch(won["id"])["amount_deducted"] == 0
    assert {each["status"] for each in sandbox.sdk.dispute.all()["items"]} == {"lost", "won"}
    assert [line["disputed"] for line in sandbox.books()["orders"]] == [1500, 0]


def test_a_dispute_that_nobody_answers_is_lost_and_a_mere_question_is_closed(sandbox: Any, until: Any) -> None:
    claim = sandbox.act("disputes", payment=sandbox.paid()["id"])
    question = sandbox.act("disputes", payment=sandbox.paid()["id"], phase="fraud")
    sandbox.control("PUT", "faults", {"clock_ahead_seconds": 7 * 86_400 + 60})
    until(lambda: sandbox.sdk.dispute.fetch(claim["id"])["status"] == "lost")
    until(lambda: sandbox.sdk.dispute.fetch(question["id"])["status"] == "closed")


def test_a_dispute_is_neither_contested_nor_accepted_when_it_is_too_late(sandbox: Any) -> None:
    dispute = sandbox.act("disputes", payment=sandbox.paid()["id"])
    sandbox.act(f"disputes/{dispute['id']}/review")
    with pytest.raises(razorpay.errors.BadRequestError, match="under_review"):
        sandbox.sdk.dispute.accept(dispute["id"])
    late = sandbox.act("disputes", payment=sandbox.paid()["id"])
    sandbox.control("PUT", "faults", {"clock_ahead_seconds": 7 * 86_400 + 60})
    with pytest.raises(razorpay.errors.BadRequestError, match=r"last day|lost"):
        sandbox.sdk.dispute.contest(late["id"], {"summary": "goods delivered", "action": "draft"})


def test_a_settlement_run_pays_out_what_its_report_lists(sandbox: Any) -> None:
    payment = sandbox.paid(amount=100_000, receipt="receipt 1")
    sandbox.sdk.payment.refund(payment["id"], {"amount": 20_000})
    dispute = sandbox.act("disputes", payment=sandbox.paid()["id"])
    sandbox.act(f"disputes/{dispute['id']}/lose")
    assert sandbox.act("settlements")["items"] == []
    [settlement] = sandbox.act("settlements", early=True)["items"]
    assert (settlement["status"], settlement["amount"]) == ("processed", 100_000 - 2360 - 20_000 - 118)
    assert sandbox.sdk.settlement.fetch(settlement["id"])["utr"] == settlement["utr"]
    lines = _report(sandbox, settlement)
    assert sum(line["credit"] - line["debit"] for line in lines) == settlement["amount"]
    assert {(line["type"], line["settlement_utr"]) for line in lines} == {
        (kind, settlement["utr"]) for kind in ("payment", "refund", "adjustment")
    }
    [charge] = [line for line in lines if line["entity_id"] == payment["id"]]
    assert (charge["fee"], charge["tax"], charge["order_receipt"]) == (2360, 360, "receipt 1")
    totals = sandbox.books()["totals"]["INR"]
    assert (totals["settled"], totals["balance"]) == (settlement["amount"], 0)


def _report(sandbox: Any, settlement: dict[str, Any]) -> Any:
    """Ask for the month and the day of a settlement, whatever the day is in India."""
    india = timezone(timedelta(hours=5, minutes=30))
    at = datetime.fromtimestamp(settlement["created_at"], india)
    month = {"year": at.year, "month": at.month, "count": 1000}
    found = sandbox.sdk.settlement.report(month)
    assert sandbox.sdk.settlement.report(month | {"day": at.day}) == found
    assert sandbox.sdk.settlement.report(month | {"year": at.year - 1})["items"] == []
    return found["items"]


def test_a_settlement_that_came_back_is_owed_again(sandbox: Any) -> None:
    sandbox.paid(amount=100_000)
    [settlement] = sandbox.act("settlements", early=True, outcome="failed")["items"]
    assert settlement["status"] == "failed"
    assert sandbox.books()["totals"]["INR"]["balance"] == settlement["amount"]
    [again] = sandbox.act("settlements", early=True)["items"]
    assert again["amount"] == settlement["amount"]


def test_a_link_expires_by_the_gateways_clock(sandbox: Any, until: Any) -> None:
    link = sandbox.link(expire_by=sandbox.link()["created_at"] + 20 * 60)
    sandbox.control("PUT", "faults", {"clock_ahead_seconds": 21 * 60})
    until(lambda: sandbox.sdk.payment_link.fetch(link["id"])["status"] == "expired")
    assert sandbox.sdk.payment_link.fetch(link["id"])["expired_at"] > 0
