"""A dispute that had ended and goes on, and one about a second capture, decision by decision."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest
from tests.rules.test_dispute_decisions import DUE, FIRST, NAME, STAGES, a_paid, change_of, heard, reversal, said
from tests.rules.test_moves import AT
from tests.rules.test_refund_decisions import a_dispute, a_refund

from tillkeeper.facts import DisputeMoves, DisputeStatus, Notice, Step, Verdict
from tillkeeper.outbox import rules as outbox
from tillkeeper.payments import rules
from tillkeeper.payments.rules.disputes import behind_reversal, decide_dispute, disputed_surplus, take_reversal
from tillkeeper.payments.values import Book, Decision, Dispute, Refund, RefundStatus, Terms

WON, LOST, REVIEW = STAGES.WON, STAGES.LOST, STAGES.UNDER_REVIEW
ENDS = [WON, LOST, STAGES.PREVENTED]
SURPLUS = a_refund(surplus=True, capture="pi_2", amount=300)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("stage", [FIRST, REVIEW])
def test_a_stage_that_is_newer_than_the_end_opens_the_dispute_again(end: DisputeStatus, stage: DisputeStatus) -> None:
    payment, dispute, [*_, decision] = heard(said(FIRST), said(end, minute=5), said(stage, minute=6, withdrawn=300))
    assert (dispute.status, dispute.claimed, payment.disputed, payment.lost) == (stage, 300, 300, 0)
    assert dispute.told_at == AT + timedelta(minutes=6)
    made = change_of(decision)
    assert (made.step, made.event) == (Step.DISPUTE_UPDATED, "dispute.updated")
    assert made.reason == f"dispute opened again: {stage}; €3.00 withdrawn"


def test_a_dispute_that_was_never_closed_is_not_opened_again() -> None:
    _, _, [_, decision] = heard(said(FIRST), said(REVIEW, minute=1))
    assert decision.reason == "dispute under_review"


def test_what_was_lost_is_lost_no_more_while_the_dispute_goes_on() -> None:
    notices = said(FIRST, withdrawn=300), said(LOST, minute=1, withdrawn=300), said(REVIEW, minute=2)
    payment, dispute, [*_, decision] = heard(*notices)
    assert (payment.disputed, payment.lost, dispute.booked_lost, dispute.booked_withdrawn) == (300, 0, 0, 300)
    assert change_of(decision).moves == DisputeMoves(number=3, lost=-300)
    assert change_of(decision).lost_more == -300


@pytest.mark.parametrize(("first", "second"), [(one, other) for one in ENDS for other in ENDS if one is not other])
def test_another_end_that_is_newer_is_the_end(first: DisputeStatus, second: DisputeStatus) -> None:
    _, dispute, [*_, decision] = heard(said(FIRST), said(first, minute=1), said(second, minute=2))
    assert (dispute.status, dispute.closed_at, decision.verdict) == (second, AT, Verdict.APPLIED)
    assert change_of(decision).reason == f"dispute {second}"


@pytest.mark.parametrize(("first", "second"), [(one, other) for one in ENDS for other in ENDS if one is not other])
@pytest.mark.parametrize("minute", [1, None])
def test_another_end_of_the_same_moment_or_of_none_is_for_a_person(
    first: DisputeStatus, second: DisputeStatus, minute: int | None
) -> None:
    other = said(second, minute=1) if minute else said(second, at=None)
    _, dispute, [*_, decision] = heard(said(FIRST), said(first, minute=1), other)
    assert (dispute.status, decision.verdict) == (first, Verdict.QUARANTINED)
    assert decision.reason == f"It says the dispute is {second}, and it was {first} already."


def test_another_end_that_is_older_was_overtaken() -> None:
    _, dispute, [*_, decision] = heard(said(FIRST), said(WON, minute=2), said(LOST, minute=1))
    assert (dispute.status, decision.verdict, decision.change) == (WON, Verdict.KNOWN, None)


def test_an_end_closes_a_dispute_once_however_often_it_is_told() -> None:
    known = a_dispute(LOST, id=NAME, amount=300, claimed=300, closed_at=AT - timedelta(days=1))
    decision = decide_dispute(a_paid(disputed=300, lost=300), [], [known], said(LOST, minute=1), AT)
    assert decision.dispute
    assert decision.dispute.closed_at == AT - timedelta(days=1)


def test_a_dispute_that_was_opened_again_ends_by_what_is_newer_and_remembers_that_it_had_ended() -> None:
    before = said(FIRST), said(WON, minute=1), said(REVIEW, minute=5)
    for minute, status in ((1, REVIEW), (4, REVIEW), (5, LOST), (6, LOST)):
        _, dispute, _ = heard(*before, said(LOST, minute=minute))
        assert (dispute.status, dispute.closed_at) == (status, AT)
    assert heard(*before, said(LOST, at=None))[1].status is LOST


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_in_any_order_of_two_ends_the_newest_one_stands(order: tuple[int, ...]) -> None:
    told = said(FIRST, withdrawn=300), said(WON, minute=2, withdrawn=0), said(REVIEW, minute=4, withdrawn=300)
    stages = *told, said(LOST, minute=6, withdrawn=300)
    notices = [stages[place] for place in order]
    payment, dispute, _ = heard(*(each for notice in notices for each in (notice, notice)))
    assert (dispute.status, dispute.withdrawn, dispute.booked_lost) == (LOST, 300, 300)
    assert (payment.disputed, payment.lost) == (300, 300)


def test_the_second_end_of_a_kind_is_told_under_an_id_of_its_own_and_so_are_its_goods() -> None:
    notices = [said(FIRST, due_at=DUE)]
    notices += [said((LOST, REVIEW)[minute % 2], minute=1 + minute) for minute in range(3)]
    _, _, decisions = heard(*notices)
    changes = [change_of(each) for each in decisions]
    last = f"lost:{DUE.isoformat()}:{(AT + timedelta(minutes=3)).isoformat()}"
    assert [each.occasion for each in changes if each.event == "dispute.lost"] == ["", last]
    [event] = outbox.events(changes[-1], None)
    assert event.occasion == last


def test_what_is_conceded_is_what_the_newest_end_says() -> None:
    stages = said(FIRST), said(WON, minute=1, conceded=40), said(REVIEW, minute=2), said(WON, minute=3)
    payment, dispute, _ = heard(*stages)
    assert (dispute.conceded, dispute.lost, payment.lost) == (0, 0, 0)
    assert heard(said(FIRST), said(WON, minute=2, conceded=40), said(WON, minute=1, conceded=50))[1].conceded == 40
    same = said(FIRST), said(WON, minute=2, conceded=40), said(WON, minute=2, conceded=30)
    assert heard(*same)[1].conceded == 40


def of_second(notice: Notice) -> Notice:
    return replace(notice, references=("other", "pi_2"))


def told(refund: Refund, *notices: Notice) -> tuple[Book, list[Decision]]:
    """Hear of disputes beside a second capture that is on its way back."""
    payment = a_paid()
    references = {("stripe", name): payment.id for name in ("pi_1", "pi_2")}
    book = Book(payments={payment.id: payment}, refunds={refund.id: refund}, references=references)
    decisions = rules.decide(book, notices, Terms(predict_fee=lambda *_: 0), AT)
    for each in decisions:
        if each.refund:
            book.refunds[each.refund.id] = each.refund
        if each.payment:
            book.payments[each.payment.id] = each.payment
        if each.dispute:
            book.disputes[each.dispute.id] = each.dispute
    return book, decisions


def test_a_dispute_about_a_second_capture_claims_nothing_of_the_payment() -> None:
    book, [decision] = told(SURPLUS, of_second(said(FIRST, withdrawn=300, reason="duplicate")))
    [dispute] = book.disputes.values()
    assert (dispute.claimed, dispute.booked_withdrawn, dispute.of_surplus) == (0, 300, True)
    assert book.payments == {a_paid().id: a_paid()}
    assert change_of(decision).reason == "second capture disputed: duplicate; €3.00 withdrawn"
    assert book.refunds[SURPLUS.id] == SURPLUS


def test_a_lost_dispute_ends_the_refund_of_a_second_capture_and_what_was_owed() -> None:
    book, decisions = told(SURPLUS, of_second(said(LOST, withdrawn=320)))
    assert [change_of(each).event for each in decisions] == ["dispute.opened", "refund.failed", "dispute.lost"]
    refund = book.refunds[SURPLUS.id]
    assert (refund.status, refund.error_code) == (RefundStatus.FAILED, "disputed")
    assert change_of(decisions[1]).step is Step.SURPLUS_RETURNED
    assert change_of(decisions[2]).moves == DisputeMoves(number=2, lost=320, owed=300)
    assert book.payments == {a_paid().id: a_paid()}


@pytest.mark.parametrize(
    ("refund", "currency", "owed"),
    [
        (replace(SURPLUS, status=RefundStatus.FAILED), "EUR", 200),
        (replace(SURPLUS, status=RefundStatus.SUCCEEDED), "EUR", 0),
        (replace(SURPLUS, status=RefundStatus.FAILED), "USD", 0),
    ],
)
def test_what_is_lost_of_a_second_capture_was_owed_until_it_went_back(refund: Refund, currency: str, owed: int) -> None:
    _, [_, decision] = told(refund, replace(of_second(said(LOST, withdrawn=200)), currency=currency))
    assert change_of(decision).moves == DisputeMoves(number=2, lost=200, owed=owed)


def test_what_comes_back_of_a_second_capture_is_owed_again() -> None:
    notices = [of_second(said(LOST, withdrawn=300)), of_second(said(WON, minute=1, withdrawn=0))]
    _, [*_, decision] = told(replace(SURPLUS, status=RefundStatus.FAILED), *notices)
    assert change_of(decision).moves == DisputeMoves(number=3, withdrawn=-300, lost=-300, owed=-300)


@pytest.mark.parametrize(("withdrawn", "status"), [(0, RefundStatus.PENDING), (None, RefundStatus.FAILED)])
def test_a_lost_dispute_about_a_second_capture_ends_its_refund_unless_nothing_was_taken(
    withdrawn: int | None, status: RefundStatus
) -> None:
    book, _ = told(SURPLUS, of_second(said(LOST, withdrawn=withdrawn)))
    assert book.refunds[SURPLUS.id].status is status


def test_a_part_that_was_conceded_of_a_second_capture_ends_its_refund_and_nothing_conceded_does_not() -> None:
    for conceded, status in ((0, RefundStatus.PENDING), (1, RefundStatus.FAILED)):
        book, _ = told(SURPLUS, of_second(said(WON, conceded=conceded)))
        assert book.refunds[SURPLUS.id].status is status


def test_a_second_capture_is_known_by_its_payment_its_gateway_and_its_name() -> None:
    notice = of_second(said(FIRST))
    assert disputed_surplus(a_paid(), [a_refund(), SURPLUS], notice) is SURPLUS
    strangers = [
        replace(SURPLUS, gateway="square"),
        replace(SURPLUS, payment=NAME),
        replace(SURPLUS, capture="pi_3"),
        replace(SURPLUS, surplus=False),
    ]
    for other in strangers:
        assert disputed_surplus(a_paid(), [other], notice) is None


OF_SURPLUS = a_dispute(REVIEW, claimed=0)


@pytest.mark.parametrize(
    ("dispute", "is_of_surplus"),
    [
        (OF_SURPLUS, True),
        (replace(OF_SURPLUS, status=FIRST), True),
        (replace(OF_SURPLUS, claimed=1), False),
        (replace(OF_SURPLUS, status=LOST), True),
        (replace(OF_SURPLUS, status=LOST, withdrawn=1), True),
        (replace(OF_SURPLUS, status=LOST, withdrawn=0), False),
        (replace(OF_SURPLUS, status=STAGES.WARNING), False),
        (replace(OF_SURPLUS, status=WON), False),
    ],
)
def test_a_dispute_that_wants_money_and_claims_none_of_the_payment_is_about_a_second_capture(
    dispute: Dispute, *, is_of_surplus: bool
) -> None:
    assert dispute.of_surplus is is_of_surplus


def test_a_refund_waits_for_a_dispute_about_its_own_capture_only() -> None:
    assert rules.is_taken_back(a_paid(), SURPLUS, [OF_SURPLUS])
    assert not rules.is_taken_back(a_paid(), SURPLUS, [a_dispute(REVIEW)])
    assert not rules.is_taken_back(a_paid(), SURPLUS, [replace(OF_SURPLUS, gateway="square")])
    assert not rules.is_taken_back(a_paid(), a_refund(), [OF_SURPLUS])
    other_was_lost = [replace(OF_SURPLUS, status=LOST, withdrawn=900)]
    assert not rules.is_taken_back(a_paid(), SURPLUS, other_was_lost)
    assert not rules.is_taken_back(a_paid(), a_refund(), other_was_lost)
    assert rules.is_taken_back(a_paid(), replace(SURPLUS, status=RefundStatus.FAILED), [])


def test_a_dispute_about_a_second_capture_keeps_no_refund_of_the_payment_out() -> None:
    decision = rules.reserve_refund(a_paid(), 100, refund=NAME, unused=None, reason=None, now=AT, disputes=[OF_SURPLUS])
    assert decision.verdict is Verdict.APPLIED


def test_a_reversal_belongs_to_a_dispute_about_the_same_capture() -> None:
    own = a_dispute(FIRST)
    assert behind_reversal(a_paid(), [own, OF_SURPLUS], reversal()) is own
    assert behind_reversal(a_paid(), [own, OF_SURPLUS], reversal(), surplus=SURPLUS) is OF_SURPLUS
    assert behind_reversal(a_paid(), [OF_SURPLUS], reversal()) is None


def test_a_reversal_of_a_disputed_second_capture_claims_nothing_of_the_payment() -> None:
    decision = take_reversal(a_paid(), OF_SURPLUS, reversal(), AT, surplus=SURPLUS)
    assert decision.dispute
    assert (decision.dispute.withdrawn, decision.dispute.claimed, decision.payment) == (300, 0, a_paid())
