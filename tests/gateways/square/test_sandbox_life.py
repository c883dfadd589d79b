"""The whole life of a payment, driven by Square's own client."""

import base64
import hmac
from hashlib import sha256
from typing import Any

import pytest
from square.core.api_error import ApiError

PURCHASE = ["order.created", "payment.created", "payment.updated", "order.updated", "payment.updated"]
REFUND = ["refund.created", "order.created", "payment.updated", "refund.updated", "refund.updated", "order.updated"]


def refused(error: Any) -> tuple[int, str, str]:
    """Read what Square's client was refused with."""
    [told] = error.value.body["errors"]
    return error.value.status_code, told["category"], told["code"]


def give_back(house: Any, payment: str, amount: int, **more: Any) -> Any:
    money: Any = {"amount": amount, "currency": "USD"}
    key = more.pop("key", f"refund-{amount}")
    return house.client.refunds.refund_payment(
        idempotency_key=key, amount_money=money, payment_id=payment, **more
    ).refund


def test_a_link_is_opened_paid_and_leads_back_with_what_square_appends(house: Any) -> None:
    link = house.link(note="payment_x")
    assert house.client.orders.get(order_id=link.order_id).order.state == "DRAFT"
    payment = house.act(f"links/{link.id}/pay")
    assert (payment["status"], payment["note"], payment["order_id"]) == ("COMPLETED", "payment_x", link.order_id)
    order = house.client.orders.get(order_id=link.order_id).order
    assert (order.state, [tender.payment_id for tender in order.tenders]) == ("OPEN", [payment["id"]])
    page = house.http.get(link.url)
    back = f"https://shop.example/done?shop=1&amp;transactionId={payment['id']}&amp;orderId={link.order_id}"
    assert back in page.text


def test_one_payment_with_a_refund_makes_about_a_dozen_webhooks_in_squares_order(house: Any, until: Any) -> None:
    payment = house.paid()
    give_back(house, payment, 500)
    until(lambda: house.events().count("refund.updated") == 2)
    assert house.events() == [*PURCHASE, *REFUND]
    until(lambda: len(house.receiver.letters) == len(house.events()))
    for letter in house.receiver.letters:
        signed = house.secrets["SQUARE_WEBHOOK_URL"].encode() + letter.body
        digest = hmac.new(house.secrets["SQUARE_WEBHOOK_SIGNATURE_KEY"].encode(), signed, sha256).digest()
        assert letter.headers["x-square-hmacsha256-signature"] == base64.b64encode(digest).decode()


def test_versions_of_an_object_are_told_apart_by_the_time_of_their_update(house: Any, until: Any) -> None:
    house.paid()
    until(lambda: len(house.receiver.letters) == len(PURCHASE))
    payments = [
        letter.event["data"]["object"]["payment"]
        for letter in house.receiver.letters
        if letter.event["type"].startswith("payment.")
    ]
    by_time = sorted(payments, key=lambda payment: payment["updated_at"])
    assert [payment["status"] for payment in by_time] == ["APPROVED", "COMPLETED", "COMPLETED"]
    assert len({payment["updated_at"] for payment in payments}) == 3
    assert "processing_fee" in by_time[-1]
    assert "processing_fee" not in by_time[-2]


def test_a_declined_link_stays_open_for_another_card(house: Any) -> None:
    link = house.link()
    failed = house.act(f"links/{link.id}/decline", {"code": "CVV_FAILURE"})
    assert failed["status"] == "FAILED"
    assert failed["card_details"]["errors"][0]["code"] == "CVV_FAILURE"
    order = house.client.orders.get(order_id=link.order_id).order
    assert (order.state, [tender.payment_id for tender in order.tenders]) == ("DRAFT", [failed["id"]])
    assert house.act(f"links/{link.id}/pay")["status"] == "COMPLETED"
    answer = house.http.post(f"{house.url}/_control/square/links/{link.id}/pay")
    assert answer.status_code == 400


def test_a_deleted_link_is_gone_and_its_order_canceled(house: Any) -> None:
    link = house.link()
    deleted = house.client.checkout.payment_links.delete(id=link.id)
    assert (deleted.id, deleted.cancelled_order_id) == (link.id, link.order_id)
    assert house.client.orders.get(order_id=link.order_id).order.state == "CANCELED"
    for call in (house.client.checkout.payment_links.get, house.client.checkout.payment_links.delete):
        with pytest.raises(ApiError) as error:
            call(id=link.id)
        assert refused(error) == (404, "INVALID_REQUEST_ERROR", "NOT_FOUND")
    assert [other.id for other in house.client.checkout.payment_links.list()] == []


def test_deleting_a_paid_link_cancels_nothing(house: Any) -> None:
    link = house.link()
    house.act(f"links/{link.id}/pay")
    assert house.client.checkout.payment_links.delete(id=link.id).cancelled_order_id is None
    assert house.client.orders.get(order_id=link.order_id).order.state == "OPEN"


def test_an_authorised_payment_is_made_smaller_and_completed_once(house: Any) -> None:
    payment = house.charge(amount=900, autocomplete=False, reference_id="payment_x")
    assert (payment.status, payment.delay_action, payment.delay_duration) == ("APPROVED", "CANCEL", "PT168H")
    money: Any = {"amount": 600, "currency": "USD"}
    change: Any = {"amount_money": money, "version_token": payment.version_token}
    smaller = house.client.payments.update(payment_id=payment.id, idempotency_key="smaller", payment=change).payment
    assert smaller.total_money.amount == 600
    with pytest.raises(ApiError) as stale:
        house.client.payments.complete(
            payment_id=payment.id, version_token=payment.version_token, request_options={"max_retries": 0}
        )
    assert refused(stale) == (409, "INVALID_REQUEST_ERROR", "CONFLICT")
    done = house.client.payments.complete(payment_id=payment.id, version_token=smaller.version_token).payment
    assert (done.status, done.total_money.amount) == ("COMPLETED", 600)
    with pytest.raises(ApiError) as again:
        house.client.payments.complete(payment_id=payment.id)
    assert refused(again) == (400, "INVALID_REQUEST_ERROR", "BAD_REQUEST")
    line = house.line(payment.id)
    assert (line["amount"], line["captured"], line["captures"]) == (900, 600, 1)


def test_more_than_was_approved_cannot_be_taken(house: Any) -> None:
    payment = house.charge(amount=900, autocomplete=False)
    change: Any = {"amount_money": {"amount": 901, "currency": "USD"}}
    with pytest.raises(ApiError) as error:
        house.client.payments.update(payment_id=payment.id, idempotency_key="more", payment=change)
    assert refused(error) == (400, "INVALID_REQUEST_ERROR", "AMOUNT_TOO_HIGH")


def test_an_authorised_payment_is_let_go_by_id_by_key_or_by_time(house: Any) -> None:
    by_id, by_time = house.charge(autocomplete=False), house.charge(autocomplete=False)
    by_key = house.charge(autocomplete=False, idempotency_key="the-key")
    house.client.payments.cancel(payment_id=by_id.id)
    house.client.payments.cancel_by_idempotency_key(idempotency_key="the-key")
    house.act(f"payments/{by_time.id}/lapse")
    for payment in (by_id, by_key, by_time):
        assert house.client.payments.get(payment_id=payment.id).payment.status == "CANCELED"
        assert house.line(payment.id)["captured"] == 0
    house.client.payments.cancel_by_idempotency_key(idempotency_key="nobody-used-this-key")


def test_an_authorisation_may_be_completed_by_square_when_its_time_is_over(house: Any, until: Any) -> None:
    payment = house.charge(autocomplete=False, delay_duration="PT2H", delay_action="COMPLETE")
    house.control("PUT", "faults", {"clock_ahead_seconds": 3 * 3600})
    until(lambda: house.client.payments.get(payment_id=payment.id).payment.status == "COMPLETED")


def test_a_refund_is_pending_at_first_and_done_a_moment_later(house: Any, until: Any) -> None:
    payment = house.paid()
    refund = give_back(house, payment, 500, reason="refund_x of payment_x")
    assert (refund.status, refund.reason) == ("PENDING", "refund_x of payment_x")
    until(lambda: house.client.refunds.get(refund_id=refund.id).refund.status == "COMPLETED")
    shown = house.client.payments.get(payment_id=payment).payment
    assert (shown.refunded_money.amount, shown.refund_ids) == (500, [refund.id])
    assert house.line(payment)["refunded"] == 500


def test_refunds_stop_at_what_was_paid(house: Any) -> None:
    payment = house.paid(amount=1000)
    give_back(house, payment, 600)
    with pytest.raises(ApiError) as error:
        give_back(house, payment, 401)
    assert refused(error) == (400, "REFUND_ERROR", "REFUND_AMOUNT_INVALID")
    give_back(house, payment, 400)
    assert (house.line(payment)["refunded"], house.line(payment)["refunds"]) == (1000, 2)


@pytest.mark.parametrize("end", ["fail", "reject"])
def test_a_refund_that_comes_back_can_be_made_again(house: Any, end: str) -> None:
    payment = house.paid()
    refund = house.act("refunds", {"payment": payment})
    house.act(f"refunds/{refund['id']}/{end}")
    assert house.client.refunds.get(refund_id=refund["id"]).refund.status == f"{end.upper()}ED"
    assert house.line(payment)["refunded"] == 0
    assert house.client.payments.get(payment_id=payment).payment.refunded_money.amount == 0
    assert give_back(house, payment, 1200).status == "PENDING"


def test_a_refund_can_fail_after_it_was_done(house: Any, until: Any) -> None:
    payment = house.paid()
    refund = give_back(house, payment, 500)
    until(lambda: house.client.refunds.get(refund_id=refund.id).refund.status == "COMPLETED")
    house.act(f"refunds/{refund.id}/fail")
    assert house.events()[-2:] == ["refund.updated", "payment.updated"]
    assert house.line(payment)["refunded"] == 0


def test_an_authorised_payment_cannot_be_refunded(house: Any) -> None:
    payment = house.charge(autocomplete=False)
    with pytest.raises(ApiError) as error:
        give_back(house, payment.id, 100)
    assert refused(error) == (400, "REFUND_ERROR", "REFUND_ERROR_PAYMENT_NEEDS_COMPLETION")


def test_a_dispute_takes_the_money_and_gives_it_back_when_it_is_won(house: Any) -> None:
    payment = house.paid(amount=2000)
    dispute = house.act("disputes", {"payment": payment, "reason": "NOT_RECEIVED"})
    assert (dispute["state"], dispute["reason"]) == ("EVIDENCE_REQUIRED", "NOT_RECEIVED")
    assert house.line(payment)["disputed"] == 2000
    with pytest.raises(ApiError) as error:
        give_back(house, payment, 100)
    assert refused(error) == (400, "REFUND_ERROR", "PAYMENT_NOT_REFUNDABLE_DUE_TO_DISPUTE")
    house.client.disputes.create_evidence_text(
        dispute_id=dispute["id"], idempotency_key="evidence", evidence_text="It was delivered."
    )
    assert house.client.disputes.submit_evidence(dispute_id=dispute["id"]).dispute.state == "PROCESSING"
    house.act(f"disputes/{dispute['id']}/win")
    assert house.client.disputes.get(dispute_id=dispute["id"]).dispute.state == "WON"
    assert house.line(payment)["disputed"] == 0
    assert give_back(house, payment, 100).status == "PENDING"


def test_evidence_after_the_last_day_is_refused_and_evidence_before_does_not_move_that_day(house: Any) -> None:
    dispute = house.act("disputes", {"payment": house.paid()})
    house.control("PUT", "faults", {"clock_ahead_seconds": 13 * 86_400})
    house.client.disputes.create_evidence_text(
        dispute_id=dispute["id"], idempotency_key="early", evidence_text="It was delivered."
    )
    assert house.client.disputes.get(dispute_id=dispute["id"]).dispute.due_at == dispute["due_at"]
    house.control("PUT", "faults", {"clock_ahead_seconds": 14 * 86_400 + 5})
    with pytest.raises(ApiError):
        house.client.disputes.submit_evidence(dispute_id=dispute["id"])


@pytest.mark.parametrize("way", ["lose", "accept", "lapse"])
def test_a_lost_dispute_keeps_the_money(house: Any, until: Any, way: str) -> None:
    payment = house.paid()
    dispute = house.act("disputes", {"payment": payment})["id"]
    if way == "lose":
        house.act(f"disputes/{dispute}/lose")
    elif way == "accept":
        assert house.client.disputes.accept(dispute_id=dispute).dispute.state == "ACCEPTED"
    else:
        house.control("PUT", "faults", {"clock_ahead_seconds": 15 * 86_400})
    until(lambda: house.client.disputes.get(dispute_id=dispute).dispute.state in {"LOST", "ACCEPTED"})
    assert house.line(payment)["disputed"] == 1200


def test_an_inquiry_takes_no_money(house: Any) -> None:
    payment = house.paid()
    dispute = house.act("disputes", {"payment": payment, "inquiry": True})
    assert dispute["state"] == "INQUIRY_EVIDENCE_REQUIRED"
    assert house.line(payment)["disputed"] == 0
    house.act(f"disputes/{dispute['id']}/win")
    assert [each.state for each in house.client.disputes.list()] == ["INQUIRY_CLOSED"]


def test_a_settlement_run_pays_out_the_sum_of_its_entries(house: Any) -> None:
    payment = house.paid(amount=10_000)
    give_back(house, payment, 1_000)
    [payout] = house.act("payouts", {"outcome": "paid"})["data"]
    fee = 10_000 * 29 // 1000 + 30
    assert (payout["amount_money"]["amount"], payout["status"]) == (9_000 - fee, "PAID")
    entries = list(house.client.payouts.list_entries(payout_id=payout["id"]))
    assert [(each.type, each.net_amount_money.amount) for each in entries] == [
        ("REFUND", -1_000),
        ("CHARGE", 10_000 - fee),
    ]
    assert sum(each.net_amount_money.amount for each in entries) == payout["amount_money"]["amount"]
    totals = house.control("GET", "books/square")["totals"]["USD"]
    assert (totals["paid_out"], totals["balance"]) == (9_000 - fee, 0)
    house.act(f"payouts/{payout['id']}/fail")
    assert house.control("GET", "books/square")["totals"]["USD"]["balance"] == 9_000 - fee
    [again] = house.act("payouts", {"outcome": "sent"})["data"]
    assert again["amount_money"]["amount"] == 9_000 - fee
    assert house.events()[-4:] == ["payout.sent", "payout.paid", "payout.failed", "payout.sent"]


@pytest.mark.parametrize(("outcome", "status"), [("succeeded", "COMPLETED"), ("failed", "FAILED")])
def test_a_bank_payment_takes_days(house: Any, outcome: str, status: str) -> None:
    link = house.link()
    payment = house.act(f"links/{link.id}/pay_by_bank")
    assert payment["status"] == "PENDING"
    assert "bank payment" in house.http.get(link.url).text
    house.act(f"payments/{payment['id']}/settle", {"outcome": outcome})
    assert house.client.payments.get(payment_id=payment["id"]).payment.status == status


def test_money_may_come_although_the_link_was_ended(house: Any) -> None:
    link = house.link()
    house.act(f"links/{link.id}/expire")
    payment = house.act(f"links/{link.id}/late_success")
    assert (payment["status"], payment["order_id"]) == ("COMPLETED", link.order_id)
    failed = house.act(f"links/{house.link().id}/decline")
    assert house.act(f"payments/{failed['id']}/late_success")["status"] == "COMPLETED"


def test_the_fee_may_become_known_late(house: Any, until: Any) -> None:
    house.control("PUT", "faults", {"late_fee_seconds": 3600})
    payment = house.paid(amount=10_000)
    assert house.client.payments.get(payment_id=payment).payment.processing_fee is None
    house.control("PUT", "faults", {"clock_ahead_seconds": 3700})
    until(lambda: house.client.payments.get(payment_id=payment).payment.processing_fee is not None)
    [fee] = house.client.payments.get(payment_id=payment).payment.processing_fee
    assert fee.amount_money.amount == house.line(payment)["fee"] == 320


def test_lists_are_paged_by_a_cursor_in_both_directions(house: Any) -> None:
    made = [house.charge(amount=100 + number).id for number in range(5)]
    assert [each.id for each in house.client.payments.list(limit=2)] == made[::-1]
    assert [each.id for each in house.client.payments.list(limit=2, sort_order="ASC")] == made
    assert [each.id for each in house.client.payments.list(limit=2, total=102)] == [made[2]]
    later = house.client.payments.list(begin_time="2100-01-01T00:00:00Z")
    assert list(later) == []


def test_a_customer_is_made_known_and_named_on_what_they_pay(house: Any) -> None:
    made = house.client.customers.create(idempotency_key="ana", email_address="ana@shop.example").customer
    assert house.client.customers.get(customer_id=made.id).customer.email_address == "ana@shop.example"
    assert house.charge(customer_id=made.id).customer_id == made.id
    with pytest.raises(ApiError) as nameless:
        house.client.customers.create(idempotency_key="nobody", note="x")
    assert refused(nameless)[2] == "BAD_REQUEST"


def test_an_account_can_be_tied_to_one_currency_as_real_ones_are(house: Any) -> None:
    house.act("account", {"currency": "GBP"})
    with pytest.raises(ApiError) as error:
        house.charge()
    assert refused(error) == (400, "INVALID_REQUEST_ERROR", "INVALID_VALUE")
    house.act("account", {})
    assert house.charge().status == "COMPLETED"
