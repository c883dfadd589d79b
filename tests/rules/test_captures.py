"""What is written down of money that was taken, once or twice, and of cards that came to nothing."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from tests.rules.test_moves import AT, a_payment

from tillkeeper.facts import EXPIRED, Notice, NoticeKind, Step, Verdict
from tillkeeper.kernel import ids
from tillkeeper.payments.rules.moves import change
from tillkeeper.payments.rules.steps import (
    decide_authorized,
    decide_captured,
    decide_failed,
    decide_let_go,
    decide_step,
)
from tillkeeper.payments.values import Decision, Payment, Refund, RefundStatus, Status, Terms

TERMS = Terms(
    predict_fee=lambda gateway, amount, currency: amount // 10 if (gateway, currency) == ("stripe", "EUR") else 1
)


def told(kind: NoticeKind, amount: int | None = None, **other: object) -> Notice:
    notice = Notice(kind=kind, gateway="stripe", references=("pi_1", "cs_1"), amount=amount, currency="EUR")
    return replace(notice, **other)  # type: ignore[arg-type]


def captured(payment: Payment, amount: int | None = 1000, **other: object) -> Decision:
    return decide_captured(payment, {}, told(NoticeKind.PAYMENT_CAPTURED, amount, **other), TERMS, AT)


def test_money_that_was_taken_is_written_down_with_the_fee_to_expect() -> None:
    payment = a_payment(next_action={"type": "redirect"}, error_code="declined", error_message="No.")
    decision = captured(payment)
    moved = replace(
        payment,
        status=Status.SUCCEEDED,
        reference="pi_1",
        captured=1000,
        captured_at=AT,
        fee=100,
        next_action=None,
        error_code=None,
        error_message=None,
    )
    made = change(payment, moved, reason="captured", step=Step.CAPTURED, at=AT, event="payment.succeeded")
    assert decision.payment == moved
    assert decision.change == replace(made, fee=100)


@pytest.mark.parametrize(
    ("amount", "manual", "verdict"),
    [
        (999, False, Verdict.QUARANTINED),
        (1001, False, Verdict.QUARANTINED),
        (None, False, Verdict.QUARANTINED),
        (1, True, Verdict.APPLIED),
        (999, True, Verdict.APPLIED),
        (1000, True, Verdict.APPLIED),
        (1001, True, Verdict.QUARANTINED),
        (0, True, Verdict.QUARANTINED),
        (None, True, Verdict.QUARANTINED),
    ],
)
def test_only_who_captures_by_hand_may_take_less_and_nobody_more(
    amount: int | None, *, manual: bool, verdict: Verdict
) -> None:
    assert captured(a_payment(manual_capture=manual), amount).verdict is verdict


def test_a_wrong_amount_is_explained_in_money() -> None:
    assert captured(a_payment(), 999).reason == "It says €9.99 was captured; asked were €10.00, captured before €0.00."


@pytest.mark.parametrize(("amount", "verdict"), [(1000, Verdict.KNOWN), (999, Verdict.QUARANTINED)])
def test_the_same_capture_is_known_and_another_amount_of_it_is_not(amount: int, verdict: Verdict) -> None:
    assert captured(a_payment(Status.SUCCEEDED, captured=1000, reference="pi_1"), amount).verdict is verdict


def test_a_part_that_was_captured_is_not_captured_again_with_another_amount() -> None:
    payment = a_payment(Status.SUCCEEDED, manual_capture=True, captured=500, reference="pi_1")
    assert captured(payment, 400).verdict is Verdict.QUARANTINED


@pytest.mark.parametrize(
    ("status", "reason", "withheld"),
    [
        (Status.REQUIRES_ACTION, "captured", None),
        (Status.EXPIRED, "captured, although the payment was expired", "the payment was expired when the money came"),
    ],
)
def test_only_money_that_came_too_late_is_withheld_where_it_is_to_go_back(
    status: Status, reason: str, withheld: str | None
) -> None:
    strict = replace(TERMS, refund_late=True)
    made = decide_captured(a_payment(status), {}, told(NoticeKind.PAYMENT_CAPTURED, 1000), strict, AT).change
    assert made
    assert (made.reason, made.withheld) == (reason, withheld)


SECOND = {"references": ("pi_2",)}


def test_a_second_capture_is_owed_back_under_an_id_that_follows_from_it() -> None:
    payment = a_payment(Status.SUCCEEDED, captured=1000, reference="pi_1")
    decision = captured(payment, 900, **SECOND)
    owed = Refund(
        id=ids.derive(UUID(int=7), "surplus", "stripe", "pi_2"),
        payment=UUID(int=7),
        amount=900,
        currency="EUR",
        status=RefundStatus.PENDING,
        origin="us",
        gateway="stripe",
        reference=None,
        reason="captured a second time",
        created_at=AT,
        surplus=True,
        capture="pi_2",
        fee=90,
    )
    assert (decision.refund, decision.payment) == (owed, payment)
    assert decision.change
    assert (decision.change.event, decision.reason) == ("refund.created", "captured a second time: pi_2 goes back")


@pytest.mark.parametrize("lacking", [{"references": ()}, {"amount": None}, {"currency": None}])
def test_a_second_capture_that_is_told_in_part_is_for_a_person(lacking: dict[str, object]) -> None:
    payment = a_payment(Status.SUCCEEDED, captured=1000, reference="pi_1")
    notice = replace(told(NoticeKind.PAYMENT_CAPTURED, 900, **SECOND), **lacking)  # type: ignore[arg-type]
    decision = decide_captured(payment, {}, notice, TERMS, AT)
    assert (decision.verdict, decision.notice) == (Verdict.QUARANTINED, notice)


def test_a_second_capture_goes_by_the_first_name_that_is_told_and_keeps_its_currency() -> None:
    payment = a_payment(Status.SUCCEEDED, captured=1000, reference="pi_1")
    decision = captured(payment, 900, references=("pi_2", "cs_2"), currency="USD")
    assert decision.refund
    assert decision.change
    assert (decision.refund.capture, decision.change.currency) == ("pi_2", "USD")


def test_money_that_is_set_aside_is_held_under_its_own_name() -> None:
    payment = a_payment(manual_capture=True)
    decision = decide_authorized(payment, told(NoticeKind.PAYMENT_AUTHORIZED), AT)
    moved = replace(payment, status=Status.REQUIRES_CAPTURE, reference="pi_1", authorized_at=AT)
    assert decision.payment == moved
    assert decision.change == change(
        payment, moved, reason="authorised", step=Step.NONE, at=AT, event="payment.authorized"
    )


def test_money_that_another_gateway_sets_aside_first_is_held_there() -> None:
    held = decide_authorized(a_payment(), told(NoticeKind.PAYMENT_AUTHORIZED, gateway="square"), AT).payment
    assert held
    assert (held.status, held.gateway) == (Status.REQUIRES_CAPTURE, "square")


def test_money_that_is_set_aside_elsewhere_after_the_payment_was_paid_is_let_go() -> None:
    payment = a_payment(Status.SUCCEEDED, captured=1000, reference="pi_1")
    made = decide_authorized(payment, told(NoticeKind.PAYMENT_AUTHORIZED, gateway="square"), AT).change
    assert made
    assert (made.step, made.gateway, made.reference) == (Step.AUTHORIZED_IN_VAIN, "square", "pi_1")


def test_a_payment_under_review_waits_for_a_person_once_its_money_is_held() -> None:
    decision = decide_authorized(a_payment(review=True), told(NoticeKind.PAYMENT_AUTHORIZED), AT)
    assert decision.payment
    assert decision.change
    assert (decision.payment.status, decision.change.event) == (Status.IN_REVIEW, "payment.in_review")


def test_a_card_that_was_declined_is_written_down_and_the_payment_goes_on() -> None:
    payment = a_payment()
    notice = told(NoticeKind.PAYMENT_FAILED, code="declined", message="No.", attempt="ch_1")
    decision = decide_failed(payment, notice, AT, known=False)
    assert decision.payment == replace(payment, error_code="declined", error_message="No.")
    assert decision.links == ("pi_1", "cs_1", "failed:ch_1")
    assert decision.change
    assert (decision.change.event, decision.change.occasion) == ("payment.attempt_failed", "ch_1")
    assert decision.reason == "attempt failed: declined"


def test_a_decline_without_a_name_is_told_apart_by_its_notice_and_says_that_no_reason_was_given() -> None:
    notice = told(NoticeKind.PAYMENT_FAILED)
    decision = decide_failed(a_payment(), notice, AT, known=False)
    assert decision.change
    assert (decision.links, decision.change.occasion) == ((), str(notice.id))
    assert decision.reason == "attempt failed: no reason given"


LET_GO = told(NoticeKind.PAYMENT_LET_GO)


@pytest.mark.parametrize(
    ("change_", "by_hand", "status"),
    [
        ({"expires_at": AT + timedelta(seconds=1)}, False, Status.REQUIRES_ACTION),
        ({"expires_at": AT}, False, Status.CANCELED),
        ({"expires_at": None}, False, Status.CANCELED),
        ({"expires_at": AT + timedelta(seconds=1)}, True, Status.CANCELED),
        ({"expires_at": AT + timedelta(seconds=1), "reference": "pi_2"}, False, Status.REQUIRES_CAPTURE),
        ({"expires_at": AT + timedelta(seconds=1), "reference": None}, False, Status.REQUIRES_CAPTURE),
    ],
)
def test_when_its_card_is_let_go_another_may_pay_while_the_checkout_lasts(
    change_: dict[str, object], *, by_hand: bool, status: Status
) -> None:
    payment = replace(a_payment(Status.REQUIRES_CAPTURE, authorized_at=AT, reference="pi_1"), **change_)  # type: ignore[arg-type]
    decision = decide_let_go(payment, LET_GO, AT, by_hand=by_hand)
    assert decision.payment
    assert decision.payment.status is status


def test_a_card_that_was_let_go_leaves_neither_its_name_nor_its_moment() -> None:
    payment = a_payment(Status.REQUIRES_CAPTURE, authorized_at=AT, reference="pi_1", expires_at=AT + timedelta(1))
    decision = decide_let_go(payment, LET_GO, AT, by_hand=False)
    moved = replace(payment, status=Status.REQUIRES_ACTION, reference=None, authorized_at=None)
    reason = "pi_1 was let go; another card may pay"
    assert decision.payment == moved
    assert decision.change == change(payment, moved, reason=reason, step=Step.LET_GO, at=AT)


@pytest.mark.parametrize(
    ("code", "status", "event"),
    [(None, Status.CANCELED, "payment.canceled"), (EXPIRED, Status.EXPIRED, "payment.expired")],
)
def test_a_checkout_that_ended_waits_for_nobody_any_more(code: str | None, status: Status, event: str) -> None:
    payment = a_payment(next_action={"type": "redirect"})
    decision = decide_step(payment, told(NoticeKind.PAYMENT_CANCELED, code=code), AT)
    moved = replace(payment, status=status, next_action=None)
    assert decision.payment == moved
    assert decision.change == change(payment, moved, reason=str(status), step=Step.NONE, at=AT, event=event)


def test_a_payment_that_has_neither_a_name_nor_a_checkout_ends_with_its_card() -> None:
    moved = decide_step(a_payment(reference=None), told(NoticeKind.PAYMENT_CANCELED), AT).payment
    assert moved
    assert moved.status is Status.CANCELED


def test_a_payment_that_is_on_its_way_keeps_what_its_customer_may_still_do() -> None:
    payment = a_payment(next_action={"type": "redirect"})
    decision = decide_step(payment, told(NoticeKind.PAYMENT_PENDING), AT)
    assert decision.payment == replace(payment, status=Status.PROCESSING)


def test_a_payment_that_goes_by_no_name_yet_is_named_by_what_is_on_its_way() -> None:
    payment = a_payment(reference=None, next_action={"type": "redirect"})
    decision = decide_step(payment, told(NoticeKind.PAYMENT_PENDING), AT)
    assert decision.payment == replace(payment, status=Status.PROCESSING, reference="pi_1")


def test_only_a_checkout_that_ended_can_have_expired() -> None:
    moved = decide_step(a_payment(), told(NoticeKind.PAYMENT_PENDING, code=EXPIRED), AT).payment
    assert moved
    assert moved.status is Status.PROCESSING


@pytest.mark.parametrize(
    "payment",
    [
        a_payment(Status.REQUIRES_CAPTURE, reference="pi_2"),
        a_payment(reference=None, next_action={"type": "redirect"}),
    ],
)
def test_an_end_that_names_no_card_is_that_of_the_payment(payment: Payment) -> None:
    moved = decide_step(payment, told(NoticeKind.PAYMENT_CANCELED, references=()), AT).payment
    assert moved
    assert moved.status is Status.CANCELED


def test_what_the_customer_approved_is_said_to_be_approved() -> None:
    decision = decide_step(a_payment(), told(NoticeKind.PAYMENT_APPROVED), AT)
    assert decision.change
    assert (decision.change.step, decision.reason) == (Step.APPROVED, "approved by the customer")


@pytest.mark.parametrize(
    ("payment", "references"),
    [
        (a_payment(Status.REQUIRES_CAPTURE, reference="pi_2"), ("pi_1",)),
        (a_payment(Status.IN_REVIEW, reference="pi_2"), ("pi_1",)),
        (a_payment(reference=None, next_action={"type": "redirect"}), ("pi_1",)),
    ],
)
def test_what_came_to_nothing_with_another_card_ends_no_payment(payment: Payment, references: tuple[str, ...]) -> None:
    notice = told(NoticeKind.PAYMENT_CANCELED, references=references)
    decision = decide_step(payment, notice, AT)
    assert (decision.verdict, decision.payment, decision.notice) == (Verdict.KNOWN, payment, notice)


def test_what_is_on_its_way_already_is_not_told_again() -> None:
    payment = a_payment(Status.PROCESSING)
    decision = decide_step(payment, told(NoticeKind.PAYMENT_PENDING), AT)
    assert (decision.verdict, decision.change) == (Verdict.KNOWN, None)
