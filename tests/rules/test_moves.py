"""The transition table, row by row, and what one step says of a payment: written down a second time, from the rules."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tillkeeper.facts import Change, Notice, NoticeKind, Sale, Step, Taxes, Verdict
from tillkeeper.kernel.errors import InvalidStateError
from tillkeeper.payments import rules
from tillkeeper.payments.rules.moves import EVENTS, MOVES, change, dated
from tillkeeper.payments.values import Decision, Opening, OwnMove, Payment, Refund, RefundStatus, Status

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
EARLIER = AT - timedelta(hours=1)
TAXED = Sale(package="credits_120", kind="credits", units=120, quantity=1, tax_bps=2500)
ROWS = {
    OwnMove.OPENED: {"created": "requires_action", "outcome_unknown": "requires_action"},
    OwnMove.UNCLEAR: {"created": "outcome_unknown"},
    OwnMove.REFUSED: {"created": "failed", "outcome_unknown": "failed"},
    OwnMove.DOUBTED: {"requires_action": "outcome_unknown"},
    OwnMove.CLEARED: {"outcome_unknown": "requires_action"},
    NoticeKind.PAYMENT_APPROVED: {
        "created": "processing",
        "requires_action": "processing",
        "outcome_unknown": "processing",
    },
    NoticeKind.PAYMENT_PENDING: {
        "created": "processing",
        "requires_action": "processing",
        "processing": "processing",
        "outcome_unknown": "processing",
    },
    NoticeKind.PAYMENT_AUTHORIZED: {
        "created": "requires_capture",
        "requires_action": "requires_capture",
        "processing": "requires_capture",
        "outcome_unknown": "requires_capture",
    },
    NoticeKind.PAYMENT_FAILED: {
        "created": "requires_action",
        "requires_action": "requires_action",
        "processing": "requires_action",
        "outcome_unknown": "requires_action",
    },
    NoticeKind.PAYMENT_CANCELED: {
        "created": "canceled",
        "requires_action": "canceled",
        "processing": "canceled",
        "outcome_unknown": "canceled",
        "requires_capture": "canceled",
        "in_review": "canceled",
    },
    NoticeKind.PAYMENT_LET_GO: {
        "created": "requires_action",
        "requires_action": "requires_action",
        "processing": "requires_action",
        "outcome_unknown": "requires_action",
        "requires_capture": "requires_action",
        "in_review": "requires_action",
    },
    NoticeKind.PAYMENT_CAPTURED: {
        "created": "succeeded",
        "in_review": "succeeded",
        "requires_action": "succeeded",
        "processing": "succeeded",
        "outcome_unknown": "succeeded",
        "requires_capture": "succeeded",
        "failed": "succeeded",
        "canceled": "succeeded",
        "expired": "succeeded",
    },
}


def a_payment(status: Status = Status.REQUIRES_ACTION, **other: object) -> Payment:
    payment = Payment(
        id=UUID(int=7),
        status=status,
        amount=1000,
        currency="EUR",
        captured=0,
        refunding=0,
        refunded=0,
        user=UUID(int=1),
        sale=TAXED,
        gateway="stripe",
        manual_capture=False,
        reference="cs_1",
        created_at=EARLIER,
    )
    return replace(payment, **other)  # type: ignore[arg-type]


def test_there_is_a_row_for_every_move_that_the_table_knows() -> None:
    assert set(MOVES) == set(ROWS)


@pytest.mark.parametrize("move", sorted(ROWS))
def test_a_row_of_the_table_is_what_was_agreed(move: OwnMove | NoticeKind) -> None:
    assert MOVES[move] == ROWS[move]


def test_a_move_is_told_under_the_name_of_what_it_is() -> None:
    assert EVENTS == {
        OwnMove.OPENED: "payment.requires_action",
        OwnMove.REFUSED: "payment.failed",
        NoticeKind.PAYMENT_AUTHORIZED: "payment.authorized",
        NoticeKind.PAYMENT_FAILED: "payment.attempt_failed",
        NoticeKind.PAYMENT_CANCELED: "payment.canceled",
        NoticeKind.PAYMENT_CAPTURED: "payment.succeeded",
    }


def test_a_change_says_what_was_and_is_and_by_how_much_the_totals_have_moved() -> None:
    before = a_payment(
        Status.SUCCEEDED, captured=1000, refunding=20, refunded=100, disputed=30, lost=10, tax_refunded=24
    )
    after = replace(before, refunding=70, refunded=130, disputed=90, lost=40, tax_refunded=40)
    assert change(before, after, reason="why", step=Step.REFUND_REQUESTED, at=AT, event="refund.created") == Change(
        payment=before.id,
        before="succeeded",
        after="succeeded",
        reason="why",
        step=Step.REFUND_REQUESTED,
        at=AT,
        gateway="stripe",
        currency="EUR",
        user=UUID(int=1),
        sale=TAXED,
        amount=0,
        paid_in="EUR",
        captured_total=1000,
        refunded_total=200,
        refunded_more=80,
        lost_total=40,
        lost_more=30,
        claimed_total=50,
        tax=0,
        taxes=Taxes(captured=200, refunded=40, refunded_more=16, lost=8, lost_more=6),
        event="refund.created",
    )


def test_the_change_of_a_capture_is_about_what_was_captured_and_the_tax_in_it() -> None:
    before = a_payment()
    taken = change(before, replace(before, captured=500), reason="captured", step=Step.CAPTURED, at=AT)
    assert (taken.amount, taken.captured_total, taken.tax, taken.taxes.captured) == (500, 500, 100, 100)


def test_a_payment_of_a_free_amount_has_no_tax() -> None:
    before = a_payment(sale=None)
    assert change(before, replace(before, captured=500), reason="captured", step=Step.CAPTURED, at=AT).tax == 0


def a_dated(*, occurred: datetime | None, refund: Refund | None = None, step: Step = Step.CAPTURED) -> datetime | None:
    payment = a_payment()
    notice = Notice(kind=NoticeKind.PAYMENT_CAPTURED, gateway="stripe", references=(), occurred_at=occurred)
    made = change(payment, payment, reason="", step=step, at=AT)
    decision = dated(
        Decision(verdict=Verdict.APPLIED, reason="", notice=notice, payment=payment, refund=refund, change=made)
    )
    assert decision.change
    return decision.change.occurred_at


A_REFUND = Refund(
    id=UUID(int=3),
    payment=UUID(int=7),
    amount=5,
    currency="EUR",
    status=RefundStatus.PENDING,
    origin="us",
    gateway="stripe",
    reference=None,
    reason=None,
    created_at=AT - timedelta(minutes=10),
)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (AT - timedelta(minutes=1), AT - timedelta(minutes=1)),
        (AT + timedelta(minutes=1), AT),
        (EARLIER - timedelta(minutes=1), EARLIER),
        (None, None),
    ],
)
def test_what_happened_is_dated_by_its_gateway_between_the_beginning_and_now(
    said: datetime | None, kept: datetime | None
) -> None:
    assert a_dated(occurred=said) == kept


@pytest.mark.parametrize(
    ("refund", "step", "earliest"),
    [
        (A_REFUND, Step.REFUND_SUCCEEDED, A_REFUND.created_at),
        (replace(A_REFUND, origin="gateway"), Step.REFUND_SUCCEEDED, EARLIER),
        (A_REFUND, Step.SURPLUS_CAPTURED, EARLIER),
    ],
)
def test_a_refund_that_was_asked_for_here_did_not_happen_before_that(
    refund: Refund, step: Step, earliest: datetime
) -> None:
    assert a_dated(occurred=EARLIER - timedelta(days=1), refund=refund, step=step) == earliest


def test_a_checkout_that_was_opened_waits_for_its_customer_under_the_gateways_name() -> None:
    payment = a_payment(Status.CREATED, reference=None)
    opening = Opening(move=OwnMove.OPENED, references=("cs_9", "pi_9"), next_action={"type": "redirect"})
    decision = rules.open_checkout(payment, opening, AT)
    moved = replace(payment, status=Status.REQUIRES_ACTION, reference="cs_9", next_action={"type": "redirect"})
    made = change(payment, moved, reason="checkout opened", step=Step.NONE, at=AT, event="payment.requires_action")
    assert decision == Decision(
        verdict=Verdict.APPLIED, reason="checkout opened", links=("cs_9", "pi_9"), payment=moved, change=made
    )


def test_a_checkout_that_was_refused_ends_its_payment_and_says_why() -> None:
    payment = a_payment(Status.CREATED, reference=None)
    opening = Opening(move=OwnMove.REFUSED, error_code="currency", error_message="It does not take that.")
    decision = rules.open_checkout(payment, opening, AT)
    moved = replace(payment, status=Status.FAILED, error_code="currency", error_message="It does not take that.")
    assert (decision.payment, decision.reason) == (moved, "It does not take that.")
    assert decision.change
    assert (decision.change.before, decision.change.after) == ("created", "failed")


def test_a_webhook_that_came_before_the_answer_stands_and_only_the_name_is_taken_over() -> None:
    payment = a_payment(Status.SUCCEEDED, captured=1000, reference=None)
    decision = rules.open_checkout(payment, Opening(move=OwnMove.OPENED, references=("cs_9",)), AT)
    assert decision == Decision(
        verdict=Verdict.KNOWN,
        reason="The payment is succeeded already.",
        links=("cs_9",),
        payment=replace(payment, reference="cs_9"),
    )


@pytest.mark.parametrize(
    ("status", "unclear", "after"),
    [(Status.REQUIRES_ACTION, True, Status.OUTCOME_UNKNOWN), (Status.OUTCOME_UNKNOWN, False, Status.REQUIRES_ACTION)],
)
def test_doubt_about_an_open_checkout_comes_and_goes_and_no_goods_or_books_move(
    *, status: Status, unclear: bool, after: Status
) -> None:
    payment = a_payment(status, next_action={"type": "redirect"})
    decision = rules.mark_doubt(payment, unclear=unclear, reason="no answer", now=AT)
    moved = replace(payment, status=after)
    made = change(payment, moved, reason="no answer", step=Step.NONE, at=AT)
    assert decision == Decision(verdict=Verdict.APPLIED, reason="no answer", payment=moved, change=made)


def test_nobody_doubts_a_payment_without_a_checkout() -> None:
    assert rules.mark_doubt(a_payment(), unclear=True, reason="", now=AT).change is None


@pytest.mark.parametrize(
    ("approved", "because", "says", "status"),
    [
        (True, None, "approved by ana", Status.REQUIRES_CAPTURE),
        (True, "known to us", "approved by ana: known to us", Status.REQUIRES_CAPTURE),
        (False, None, "rejected by ana", Status.IN_REVIEW),
    ],
)
def test_what_a_person_decided_is_written_down_with_who_it_was(
    *, approved: bool, because: str | None, says: str, status: Status
) -> None:
    payment = a_payment(Status.IN_REVIEW, review=True)
    decision = rules.rule_on(payment, approved=approved, by="ana", reason=because, now=AT)
    moved = replace(payment, status=status, review=not approved)
    made = change(payment, moved, reason=says, step=Step.NONE, at=AT)
    assert decision == Decision(verdict=Verdict.APPLIED, reason=says, payment=moved, change=made)


def test_a_person_rules_only_on_what_waits_for_that() -> None:
    with pytest.raises(InvalidStateError, match="requires_action; a person rules on one that is in_review"):
        rules.rule_on(a_payment(), approved=True, by="ana", reason=None, now=AT)
