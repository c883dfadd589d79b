"""What is written down of a refund, field by field, whoever made it and however it ended."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.rules.test_moves import AT, a_payment

from tillkeeper.facts import DisputeStatus, Notice, NoticeKind, Step, Verdict
from tillkeeper.kernel import ids
from tillkeeper.payments import rules
from tillkeeper.payments.rules.refunds import decide_refund, let_go
from tillkeeper.payments.values import GIVEN_UP, Dispute, Payment, Refund, RefundStatus, Status

OURS = UUID(int=30)
FAILED_ = RefundStatus.FAILED
SUCCEEDED, FAILED, CREATED = NoticeKind.REFUND_SUCCEEDED, NoticeKind.REFUND_FAILED, NoticeKind.REFUND_CREATED


def a_paid(**other: int) -> Payment:
    return a_payment(Status.SUCCEEDED, captured=1000, reference="pi_1", **other)


def a_refund(amount: int = 300, **other: object) -> Refund:
    refund = Refund(
        id=OURS,
        payment=UUID(int=7),
        amount=amount,
        currency="EUR",
        status=RefundStatus.PENDING,
        origin="us",
        gateway="stripe",
        reference=None,
        reason="asked",
        created_at=AT,
        tax=60,
    )
    return replace(refund, **other)  # type: ignore[arg-type]


def a_notice(kind: NoticeKind, amount: int | None = 300, **other: object) -> Notice:
    notice = Notice(
        kind=kind, gateway="stripe", references=("pi_1",), amount=amount, currency="EUR", refund_reference="re_1"
    )
    return replace(notice, **other)  # type: ignore[arg-type]


@pytest.mark.parametrize(("asked", "amount", "tax"), [(None, 650, 130), (300, 300, 60), (650, 650, 130)])
def test_a_refund_that_we_ask_for_is_set_aside_with_its_share_of_the_tax(
    asked: int | None, amount: int, tax: int
) -> None:
    payment = a_paid(refunding=150, refunded=100, disputed=100, tax_refunded=50)
    decision = rules.reserve_refund(payment, asked, refund=OURS, unused=None, reason="asked", now=AT)
    assert decision.refund == a_refund(amount, tax=tax)
    assert decision.payment == replace(payment, refunding=150 + amount, tax_refunded=50 + tax)
    made = decision.change
    assert made
    assert (decision.notice, made.at) == (None, AT)
    assert (made.step, made.event, made.reason) == (Step.REFUND_REQUESTED, "refund.created", "refund requested")
    assert (made.refund, made.amount, made.tax) == (OURS, amount, tax)
    assert (made.refunded_total, made.refunded_more, made.currency, made.gateway) == (
        250 + amount,
        amount,
        "EUR",
        "stripe",
    )


@pytest.mark.parametrize("unused", [300, 301])
def test_as_much_as_was_not_used_can_be_refunded(unused: int) -> None:
    assert rules.reserve_refund(a_paid(), 300, refund=OURS, unused=unused, reason=None, now=AT).refund


def test_nothing_is_refunded_of_a_payment_of_which_nothing_is_left() -> None:
    says = r"^€10\.00 was asked for, and €0\.00 of €10\.00 is left to refund\.$"
    with pytest.raises(rules.RefundExceedsCapturedError, match=says):
        rules.reserve_refund(a_paid(refunded=1000), None, refund=OURS, unused=None, reason=None, now=AT)


def test_what_a_bank_is_taking_back_is_named_to_whoever_wants_to_refund_it() -> None:
    disputed = a_dispute(DisputeStatus.NEEDS_RESPONSE, amount=800, reason="fraudulent")
    with pytest.raises(rules.PaymentDisputedError, match=r"^€8\.00 of this payment is disputed \(fraudulent\)\.$"):
        rules.reserve_refund(a_paid(), 100, refund=OURS, unused=None, reason=None, now=AT, disputes=[disputed])


@pytest.mark.parametrize(
    ("reversal", "says"), [(False, "refunded in the gateway's dashboard"), (True, "taken back by the gateway")]
)
def test_a_refund_of_somebody_else_is_taken_in_under_the_gateways_name_for_it(*, reversal: bool, says: str) -> None:
    notice = a_notice(CREATED, 1000, reversal=reversal, occurred_at=AT - timedelta(days=1), code="because")
    decision = decide_refund(a_paid(), [], notice, AT)
    assert decision.refund == a_refund(
        1000,
        id=ids.derive(UUID(int=7), "refund", "stripe", "re_1"),
        origin="gateway",
        reference="re_1",
        reason=None,
        error_code="because",
        reversal=reversal,
        tax=200,
    )
    assert decision.reason == says


def test_two_refunds_for_which_the_gateway_has_no_name_are_two() -> None:
    notice = a_notice(CREATED, refund_reference=None)
    first, second = (decide_refund(a_paid(), [], notice, AT).refund for _ in range(2))
    assert first
    assert second
    assert first.id != second.id


def test_a_refund_of_ours_that_nobody_dates_is_as_old_as_we_hear_of_it() -> None:
    refund = decide_refund(a_paid(), [], a_notice(CREATED, refund=OURS), AT).refund
    assert refund
    assert (refund.origin, refund.created_at) == ("us", AT)


def test_a_refund_that_carries_our_id_is_ours_and_as_old_as_the_gateway_says() -> None:
    before = AT - timedelta(days=1)
    refund = decide_refund(a_paid(), [], a_notice(CREATED, refund=OURS, occurred_at=before), AT).refund
    assert refund
    assert (refund.id, refund.origin, refund.created_at) == (OURS, "us", before)


@pytest.mark.parametrize("amount", [None, 0, 901])
def test_no_more_is_refunded_elsewhere_than_was_captured_and_has_not_gone_back(amount: int | None) -> None:
    decision = decide_refund(a_paid(refunded=100), [], a_notice(SUCCEEDED, amount), AT)
    assert (decision.verdict, decision.payment, decision.refund) == (Verdict.QUARANTINED, None, None)


def test_an_impossible_refund_is_explained_in_money() -> None:
    decision = decide_refund(a_paid(refunded=100), [], a_notice(SUCCEEDED, 901), AT)
    assert decision.reason == "It says €9.01 was refunded; captured are €10.00, refunded €1.00."


def test_all_that_is_left_can_be_refunded_elsewhere() -> None:
    assert decide_refund(a_paid(refunded=100), [], a_notice(SUCCEEDED, 900), AT).verdict is Verdict.APPLIED


def test_a_refund_that_went_through_is_settled_and_counts_as_refunded() -> None:
    payment = a_paid(refunding=300, tax_refunded=60)
    decision = decide_refund(payment, [a_refund()], a_notice(SUCCEEDED, refund=OURS), AT + timedelta(hours=1))
    assert decision.refund == a_refund(
        status=RefundStatus.SUCCEEDED, reference="re_1", settled_at=AT + timedelta(hours=1)
    )
    assert decision.payment == replace(payment, refunding=0, refunded=300)
    made = decision.change
    assert made
    assert (made.step, made.event, made.reason) == (Step.REFUND_SUCCEEDED, "refund.succeeded", "refunded")
    assert (made.refund, made.amount, made.tax, made.was_settled) == (OURS, 300, 60, False)


@pytest.mark.parametrize(
    ("settled", "refunding", "refunded"), [(RefundStatus.PENDING, 300, 0), (RefundStatus.SUCCEEDED, 0, 300)]
)
def test_a_refund_that_fails_gives_everything_back_whether_it_had_gone_through_or_not(
    settled: RefundStatus, refunding: int, refunded: int
) -> None:
    payment = a_paid(refunding=refunding, refunded=refunded, tax_refunded=60)
    known = a_refund(status=settled, reference="re_1")
    decision = decide_refund(payment, [known], a_notice(FAILED, code="closed"), AT)
    assert decision.refund == replace(known, status=RefundStatus.FAILED, error_code="closed", settled_at=AT)
    assert decision.payment == replace(payment, refunding=0, refunded=0, tax_refunded=0)
    made = decision.change
    assert made
    assert (made.step, made.event, made.reason) == (Step.REFUND_FAILED, "refund.failed", "refund failed: closed")
    assert made.was_settled is (settled is RefundStatus.SUCCEEDED)


def test_a_refund_that_failed_without_a_reason_says_so() -> None:
    decision = decide_refund(a_paid(refunding=300), [a_refund(reference="re_1")], a_notice(FAILED), AT)
    assert decision.reason == "refund failed: no reason given"


def test_a_refund_that_failed_unheard_and_of_nobody_knows_how_much_is_nothing() -> None:
    decision = decide_refund(a_paid(), [], a_notice(FAILED, None), AT)
    assert (decision.verdict, decision.refund, decision.payment) == (Verdict.KNOWN, None, None)


def test_a_refund_that_has_a_name_is_known_by_ours_where_none_is_told() -> None:
    known = a_refund(reference="re_1")
    notice = a_notice(SUCCEEDED, refund=OURS, refund_reference=None)
    decision = decide_refund(a_paid(refunding=300), [known], notice, AT)
    assert decision.refund == replace(known, status=RefundStatus.SUCCEEDED, settled_at=AT)


def test_a_refund_of_ours_is_known_by_its_name_where_no_amount_is_told() -> None:
    decision = decide_refund(a_paid(refunding=300), [a_refund()], a_notice(SUCCEEDED, None, refund=OURS), AT)
    assert decision.refund
    assert (decision.refund.status, decision.refund.amount) == (RefundStatus.SUCCEEDED, 300)


def test_a_refund_that_failed_unheard_is_kept_as_failed_and_moves_nothing() -> None:
    decision = decide_refund(a_paid(), [], a_notice(FAILED), AT)
    assert decision.refund
    assert (decision.refund.status, decision.refund.settled_at) == (RefundStatus.FAILED, AT)
    assert (decision.verdict, decision.change, decision.payment) == (Verdict.APPLIED, None, None)


@pytest.mark.parametrize(("before", "verdict"), [(None, Verdict.APPLIED), ("re_1", Verdict.KNOWN)])
def test_what_is_only_on_its_way_settles_nothing_and_may_tell_a_name(before: str | None, verdict: Verdict) -> None:
    known = a_refund(reference=before)
    decision = decide_refund(a_paid(refunding=300), [known], a_notice(CREATED, refund=OURS), AT)
    assert (decision.refund, decision.change) == (a_refund(reference="re_1"), None)
    assert decision.verdict is verdict


@pytest.mark.parametrize(
    "stranger", [{"payment": UUID(int=8)}, {"gateway": "square"}], ids=["another payment", "another gateway"]
)
def test_a_refund_of_another_payment_or_gateway_is_another_refund(stranger: dict[str, Any]) -> None:
    known = a_refund(reference="re_1", **stranger)
    decision = decide_refund(a_paid(), [known], a_notice(SUCCEEDED), AT)
    assert decision.refund
    assert (decision.refund.id, decision.refund.origin) != (known.id, known.origin)


SURPLUS = a_refund(id=UUID(int=31), surplus=True, capture="pi_2", tax=0)
OF_SURPLUS: dict[str, Any] = {"references": ("pi_2",)}


def test_a_surplus_that_is_given_back_in_the_dashboard_is_settled_by_that() -> None:
    decision = decide_refund(a_paid(), [a_refund(status=FAILED_), SURPLUS], a_notice(SUCCEEDED, **OF_SURPLUS), AT)
    assert decision.refund == replace(SURPLUS, status=RefundStatus.SUCCEEDED, reference="re_1", settled_at=AT)
    assert decision.change
    assert (decision.change.step, decision.payment) == (Step.SURPLUS_REFUNDED, a_paid())


def test_a_second_capture_of_that_name_at_another_gateway_is_another_one() -> None:
    elsewhere = replace(SURPLUS, gateway="square")
    decision = decide_refund(a_paid(), [elsewhere], a_notice(SUCCEEDED, **OF_SURPLUS), AT)
    assert decision.refund
    assert (decision.refund.id != SURPLUS.id, decision.refund.surplus) == (True, False)


@pytest.mark.parametrize(
    ("kind", "amount", "surplus", "verdict"),
    [
        (CREATED, 300, SURPLUS, Verdict.KNOWN),
        (FAILED, 300, SURPLUS, Verdict.QUARANTINED),
        (SUCCEEDED, 299, SURPLUS, Verdict.QUARANTINED),
        (SUCCEEDED, 300, replace(SURPLUS, status=RefundStatus.SUCCEEDED, reference="re_9"), Verdict.QUARANTINED),
    ],
)
def test_a_surplus_that_is_given_back_in_another_way_than_ours_is_for_a_person(
    kind: NoticeKind, amount: int, surplus: Refund, verdict: Verdict
) -> None:
    decision = decide_refund(a_paid(), [surplus], a_notice(kind, amount, **OF_SURPLUS), AT)
    assert (decision.verdict, decision.change) == (verdict, None)


def test_a_surplus_that_could_not_be_given_back_is_returned_and_not_the_payments() -> None:
    decision = decide_refund(a_paid(), [replace(SURPLUS, reference="re_1")], a_notice(FAILED, **OF_SURPLUS), AT)
    assert decision.change
    assert (decision.change.step, decision.payment) == (Step.SURPLUS_RETURNED, a_paid())


def test_a_surplus_goes_through_beside_all_that_was_refunded_of_the_payment() -> None:
    elsewhere = replace(SURPLUS, gateway="square", currency="USD", reference="re_1")
    notice = a_notice(SUCCEEDED, gateway="square", currency="USD", **OF_SURPLUS)
    made = decide_refund(a_paid(refunded=1000), [elsewhere], notice, AT).change
    assert made
    assert (made.step, made.gateway, made.currency) == (Step.SURPLUS_REFUNDED, "square", "USD")


def test_a_refund_made_by_hand_that_is_on_its_way_gives_ours_its_name() -> None:
    decision = decide_refund(a_paid(refunding=300), [a_refund()], a_notice(CREATED), AT, given_up=frozenset({OURS}))
    assert (decision.refund, decision.change) == (a_refund(reference="re_1"), None)
    assert decision.verdict is Verdict.APPLIED


def test_a_refund_that_carries_another_id_of_ours_was_not_made_by_hand() -> None:
    notice = a_notice(CREATED, refund=UUID(int=33))
    decision = decide_refund(a_paid(refunding=300), [a_refund()], notice, AT, given_up=frozenset({OURS}))
    assert decision.refund
    assert decision.refund.id == UUID(int=33)


def test_a_refund_made_by_hand_that_failed_says_nothing_of_ours() -> None:
    decision = decide_refund(a_paid(refunding=300), [a_refund()], a_notice(FAILED), AT, given_up=frozenset({OURS}))
    assert decision.refund
    assert decision.refund.id != OURS


@pytest.mark.parametrize(
    ("change", "stands_in"),
    [
        ({}, True),
        ({"surplus": True}, False),
        ({"reference": "re_7"}, False),
        ({"amount": 301}, False),
        ({"status": RefundStatus.SUCCEEDED}, False),
        ({"gateway": "square"}, False),
        ({"id": UUID(int=32)}, False),
    ],
)
def test_a_refund_made_by_hand_stands_in_for_one_of_ours_that_was_given_up(
    change: dict[str, Any], *, stands_in: bool
) -> None:
    lost = a_refund(**change)
    decision = decide_refund(a_paid(refunding=300), [lost], a_notice(SUCCEEDED), AT, given_up=frozenset({OURS}))
    assert decision.refund
    assert (decision.refund.id == lost.id) is stands_in
    assert not stands_in or decision.refund.status is RefundStatus.SUCCEEDED


def test_one_that_a_person_ended_may_fail_as_well() -> None:
    ended = a_refund(status=FAILED_, error_code=GIVEN_UP)
    decision = decide_refund(a_paid(), [ended], a_notice(FAILED, refund=OURS), AT)
    assert decision.refund
    assert (decision.refund.id, decision.change) == (OURS, None)


def test_a_promised_refund_may_fail_where_it_would_have_been_too_much() -> None:
    payment = a_paid(refunding=300, refunded=800)
    decision = decide_refund(payment, [a_refund()], a_notice(FAILED, refund=OURS), AT)
    assert decision.payment
    assert (decision.payment.refunding, decision.payment.refunded) == (0, 800)


def test_one_that_a_person_ended_is_over_when_it_turns_up_after_all() -> None:
    ended = a_refund(status=FAILED_, error_code=GIVEN_UP)
    decision = decide_refund(a_paid(), [ended], a_notice(SUCCEEDED, refund=OURS), AT)
    assert decision.refund
    assert decision.refund.id != OURS


def test_one_that_the_gateway_declined_and_made_all_the_same_is_another_refund() -> None:
    declined = a_refund(status=FAILED_, error_code="bad_request_error")
    decision = decide_refund(a_paid(), [declined], a_notice(SUCCEEDED, refund=OURS), AT)
    assert decision.refund
    assert decision.change
    assert (decision.refund.id != OURS, decision.refund.reference) == (True, "re_1")
    assert decision.payment == a_paid(refunding=300, tax_refunded=60)


def test_one_that_the_gateway_declined_stays_declined_when_it_says_so_itself() -> None:
    declined = a_refund(status=FAILED_, error_code="bad_request_error")
    decision = decide_refund(a_paid(), [declined], a_notice(FAILED, refund=OURS), AT)
    assert (decision.refund, decision.change) == (replace(declined, reference="re_1"), None)


@pytest.mark.parametrize("status", [RefundStatus.PENDING, RefundStatus.SUCCEEDED])
def test_a_refund_that_the_gateway_has_made_stays_when_it_declines_another_try(status: RefundStatus) -> None:
    made = a_refund(status=status, reference="re_1")
    no = a_notice(FAILED, None, refund=OURS, refund_reference=None, references=(), payment=UUID(int=7))
    decision = decide_refund(a_paid(refunded=300), [made], no, AT)
    assert (decision.verdict, decision.refund, decision.change) == (Verdict.KNOWN, made, None)


def test_a_refund_that_a_person_gives_up_fails_though_the_gateway_has_a_name_for_it() -> None:
    no = a_notice(FAILED, None, refund=OURS, refund_reference=None, code=GIVEN_UP)
    decision = decide_refund(a_paid(refunding=300), [a_refund(reference="re_1")], no, AT)
    assert decision.refund
    assert decision.refund.status is FAILED_


def a_dispute(status: DisputeStatus, **other: object) -> Dispute:
    dispute = Dispute(
        id=UUID(int=40),
        payment=UUID(int=7),
        gateway="stripe",
        reference="dp_1",
        status=status,
        amount=800,
        currency="EUR",
        reason=None,
        due_at=None,
        withdrawn=None,
        fee=None,
        opened_at=AT,
        told_at=AT,
        claimed=900,
    )
    return replace(dispute, **other)  # type: ignore[arg-type]


LOST, OPEN, WON = DisputeStatus.LOST, DisputeStatus.UNDER_REVIEW, DisputeStatus.WON


@pytest.mark.parametrize(
    ("disputes", "refunded", "taken_back"),
    [
        ([], 700, False),
        ([a_dispute(OPEN)], 0, True),
        ([a_dispute(WON), a_dispute(OPEN)], 0, True),
        ([a_dispute(OPEN, gateway="square")], 0, False),
        ([a_dispute(WON)], 700, False),
        ([a_dispute(LOST)], 0, True),
        ([a_dispute(LOST, withdrawn=700)], 0, False),
        ([a_dispute(LOST, withdrawn=700)], 1, True),
        ([a_dispute(LOST, withdrawn=900)], 0, True),
        ([a_dispute(LOST, withdrawn=0)], 701, False),
        ([a_dispute(LOST, withdrawn=1)], 700, True),
        ([a_dispute(LOST, currency="USD", withdrawn=1, claimed=701)], 0, True),
        ([a_dispute(LOST, currency="USD", withdrawn=900, claimed=700)], 0, False),
        ([a_dispute(LOST, withdrawn=350), a_dispute(LOST, withdrawn=351)], 0, True),
    ],
)
def test_a_promised_refund_goes_where_no_bank_takes_the_same_money(
    disputes: list[Dispute], refunded: int, *, taken_back: bool
) -> None:
    payment = a_paid(refunding=300, refunded=refunded)
    assert rules.is_taken_back(payment, a_refund(), disputes) is taken_back


def test_a_surplus_goes_back_whatever_a_bank_takes_of_the_payment() -> None:
    assert not rules.is_taken_back(a_paid(), SURPLUS, [a_dispute(OPEN)])


def test_a_refund_that_fits_without_the_reversal_behind_it_is_settled_by_the_dispute() -> None:
    """A gateway that takes money back, and says later that a dispute was why, has taken it once."""
    payment = a_paid(refunded=300, tax_refunded=60)
    reversal = a_refund(status=RefundStatus.SUCCEEDED, origin="gateway", reference="re_1", reversal=True)
    told = let_go(payment, reversal, a_notice(NoticeKind.DISPUTE_LOST, code="other"), AT)
    assert told.payment == a_paid()
    assert told.refund == replace(reversal, status=FAILED_, error_code="disputed", settled_at=AT)
    assert told.reason == "refund failed: disputed"


@pytest.mark.parametrize(("refunded", "verdict"), [(700, Verdict.APPLIED), (701, Verdict.QUARANTINED)])
def test_a_promised_refund_goes_through_up_to_all_that_was_captured(refunded: int, verdict: Verdict) -> None:
    payment = a_paid(refunding=300, refunded=refunded)
    assert decide_refund(payment, [a_refund()], a_notice(SUCCEEDED, refund=OURS), AT).verdict is verdict
