"""Whom a notice is about as it comes in, and what a fee that it tells corrects."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.rules.test_captures import LET_GO, TERMS, told
from tests.rules.test_moves import AT, a_payment

from tillkeeper.facts import EXPIRED, DisputeFacts, DisputeStatus, Notice, NoticeKind, Step, Verdict
from tillkeeper.kernel import ids
from tillkeeper.payments import rules
from tillkeeper.payments.rules.moves import change
from tillkeeper.payments.rules.steps import decide_fee
from tillkeeper.payments.values import Book, Decision, Payment, Status

VISA = "4242 4242 4242 4242"
PAID = a_payment(Status.SUCCEEDED, captured=1000, reference="pi_1", fee=100, fee_tax=0)


def test_what_a_gateway_says_in_words_is_masked_and_what_it_calls_things_is_not() -> None:
    dispute = DisputeFacts(id=VISA, status=DisputeStatus.LOST, reason=f"not mine: {VISA}")
    notice = replace(told(NoticeKind.PAYMENT_FAILED, 100), code=VISA, message=VISA, references=(VISA,), dispute=dispute)
    for words in (notice.code, notice.message, dispute.reason):
        assert words
        assert VISA not in words
    assert (notice.references, dispute.id) == ((VISA,), VISA)


@pytest.mark.parametrize("currency", ["4242424242424242", "eur", "", "EURO", "EUR ", 978], ids=str)
def test_what_is_no_code_of_a_currency_is_no_notice(currency: Any) -> None:
    with pytest.raises(ValueError, match="no code of three letters"):
        replace(told(NoticeKind.PAYMENT_CAPTURED, 100), currency=currency).check()


def test_a_fee_with_its_tax_corrects_both_and_names_both_in_its_occasion() -> None:
    payment = replace(PAID, fee_tax=5)
    decision = decide_fee(payment, told(NoticeKind.PAYMENT_FEE, 130, tax=20), AT)
    moved = replace(payment, fee=130, fee_tax=20, fee_final=True, fee_told_at=AT)
    made = change(payment, moved, reason=decision.reason, step=Step.FEE_CHANGED, at=AT)
    assert decision.payment == moved
    assert decision.change == replace(made, fee=30, fee_tax=15, occasion="100:130:5:20")


def test_a_figure_of_a_fee_that_is_older_than_the_one_we_know_changes_nothing() -> None:
    known = replace(PAID, fee_final=True, fee_told_at=AT)
    notice = told(NoticeKind.PAYMENT_FEE, 130, occurred_at=AT - timedelta(seconds=1))
    decision = decide_fee(known, notice, AT)
    assert (decision.verdict, decision.change) == (Verdict.KNOWN, None)


def test_a_fee_that_returns_to_an_earlier_figure_is_another_occasion_each_time() -> None:
    payment, occasions = PAID, set[str]()
    for step, amount in enumerate([130, 100, 130, 100, 130]):
        at = AT + timedelta(minutes=step)
        decision = decide_fee(payment, told(NoticeKind.PAYMENT_FEE, amount, occurred_at=at), at)
        assert decision.change
        assert decision.payment
        payment = decision.payment
        occasions.add(decision.change.occasion)
    assert (payment.fee, payment.fee_told_at, len(occasions)) == (130, AT + timedelta(minutes=4), 5)


def test_the_fee_of_a_payment_from_another_system_is_in_its_books() -> None:
    payment, notice = replace(PAID, imported=True), told(NoticeKind.PAYMENT_FEE, 130)
    decision = decide_fee(payment, notice, AT)
    assert (decision.verdict, decision.change) == (Verdict.KNOWN, None)
    assert (decision.payment, decision.notice) == (payment, notice)


@pytest.mark.parametrize(
    "other",
    [{"currency": "USD"}, {"references": ("pi_2",)}, {"gateway": "square"}],
    ids=["currency", "name", "gateway"],
)
def test_a_fee_of_something_else_corrects_nothing(other: dict[str, object]) -> None:
    notice = told(NoticeKind.PAYMENT_FEE, 130, **other)
    decision = decide_fee(PAID, notice, AT)
    assert (decision.verdict, decision.change) == (Verdict.KNOWN, None)
    assert (decision.payment, decision.notice) == (PAID, notice)


@pytest.mark.parametrize(("amount", "change_"), [(100, None), (None, None), (130, 30)])
def test_a_fee_that_is_known_is_corrected_only_by_another(amount: int | None, change_: int | None) -> None:
    decision = decide_fee(replace(PAID, fee_final=True), told(NoticeKind.PAYMENT_FEE, amount), AT)
    assert (decision.change and decision.change.fee) == change_


def test_a_fee_that_is_not_told_is_asked_for_and_changes_no_payment() -> None:
    decision = decide_fee(PAID, told(NoticeKind.PAYMENT_FEE), AT)
    assert (decision.verdict, decision.payment) == (Verdict.APPLIED, None)
    assert decision.change
    assert decision.change.step is Step.FEE_UNTOLD


def decided(payment: Payment, notice: Notice, **more: Any) -> Decision:
    """Decide about a notice as one does that comes in."""
    book = Book(**{"payments": {payment.id: payment}, "refunds": {}, "references": {}} | more)
    return rules.decide(book, [replace(notice, payment=payment.id)], TERMS, AT)[0]


def test_a_card_that_is_let_go_leaves_the_checkout_open_whichever_way_it_is_told() -> None:
    payment = a_payment(Status.REQUIRES_CAPTURE, authorized_at=AT, reference="pi_1", expires_at=AT + timedelta(1))
    moved = decided(payment, LET_GO).payment
    assert moved
    assert (moved.status, moved.reference) == (Status.REQUIRES_ACTION, None)


def test_a_payment_is_found_by_whichever_of_its_names_is_known() -> None:
    payment = a_payment()
    book = Book(payments={payment.id: payment}, refunds={}, references={("stripe", "cs_1"): payment.id})
    [decision] = rules.decide(book, [told(NoticeKind.PAYMENT_PENDING)], TERMS, AT)
    assert decision.payment
    assert decision.payment.id == payment.id


@pytest.mark.parametrize(("by_hand", "status"), [(True, Status.CANCELED), (False, Status.EXPIRED)])
def test_a_checkout_that_somebody_ended_is_canceled_though_the_gateway_calls_it_expired(
    *, by_hand: bool, status: Status
) -> None:
    payment = a_payment()
    ended = told(NoticeKind.PAYMENT_CANCELED, code=EXPIRED)
    moved = decided(payment, ended, canceling=frozenset({payment.id} if by_hand else ())).payment
    assert moved
    assert moved.status is status


@pytest.mark.parametrize(
    ("kind", "status"),
    [(NoticeKind.PAYMENT_PENDING, Status.REQUIRES_ACTION), (NoticeKind.PAYMENT_CANCELED, Status.CANCELED)],
)
def test_a_failure_that_is_known_keeps_a_payment_from_waiting_and_not_from_its_end(
    kind: NoticeKind, status: Status
) -> None:
    payment = a_payment()
    notice = told(kind, attempt="ch_1")
    moved = decided(payment, notice, references={("stripe", "failed:ch_1"): payment.id}).payment
    assert moved
    assert moved.status is status


@pytest.mark.parametrize(
    ("currency", "verdict"), [(None, Verdict.APPLIED), ("EUR", Verdict.APPLIED), ("USD", Verdict.QUARANTINED)]
)
def test_what_is_told_without_a_currency_is_in_that_of_the_payment(currency: str | None, verdict: Verdict) -> None:
    assert decided(a_payment(), told(NoticeKind.PAYMENT_PENDING, currency=currency)).verdict is verdict


def test_a_fee_that_is_not_told_has_no_payment_whose_day_could_bound_it() -> None:
    asked = decided(PAID, told(NoticeKind.PAYMENT_FEE, occurred_at=AT - timedelta(days=1))).change
    assert asked
    assert asked.step is Step.FEE_UNTOLD


ONE_CENT = replace(a_payment(Status.SUCCEEDED), captured=1, reference="pi_1")


@pytest.mark.parametrize(
    ("payment", "notice", "surplus"),
    [
        (ONE_CENT, told(NoticeKind.PAYMENT_CAPTURED, references=("pi_2",)), True),
        (ONE_CENT, told(NoticeKind.PAYMENT_CAPTURED, gateway="square"), True),
        (ONE_CENT, told(NoticeKind.PAYMENT_CAPTURED), False),
        (ONE_CENT, told(NoticeKind.PAYMENT_AUTHORIZED, references=("pi_2",)), False),
        (replace(ONE_CENT, captured=0), told(NoticeKind.PAYMENT_CAPTURED, references=("pi_2",)), False),
    ],
)
def test_a_second_capture_is_one_of_a_paid_payment_under_another_name(
    payment: Payment, notice: Notice, *, surplus: bool
) -> None:
    book = Book(payments={payment.id: payment}, refunds={}, references={})
    assert rules.may_be_surplus(replace(notice, payment=payment.id), book) is surplus
    assert not rules.may_be_surplus(replace(notice, payment=ids.new()), book)
