"""What is written down of a dispute, field by field, and of money that a gateway took before it named one."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from tests.rules.test_moves import AT, a_payment
from tests.rules.test_refund_decisions import a_dispute, a_refund

from tillkeeper.facts import Change, DisputeFacts, DisputeMoves, DisputeStatus, Notice, NoticeKind, Step, Verdict
from tillkeeper.kernel import ids
from tillkeeper.payments import rules
from tillkeeper.payments.rules.disputes import behind_reversal, decide_dispute, take_reversal
from tillkeeper.payments.values import Book, Decision, Dispute, Payment, Refund, RefundStatus, Status, Terms

NAME = ids.derive(UUID(int=7), "dispute", "stripe", "dp_1")
DUE = AT + timedelta(days=7)
STAGES = DisputeStatus
FIRST = STAGES.NEEDS_RESPONSE


def a_paid(**other: int) -> Payment:
    return a_payment(Status.SUCCEEDED, captured=1000, reference="pi_1", **other)


def said(status: DisputeStatus, *, amount: int | None = 300, minute: int = 0, **facts: object) -> Notice:
    told = DisputeFacts(id="dp_1", status=status, at=AT + timedelta(minutes=minute))
    return Notice(
        kind=NoticeKind.DISPUTE_UPDATED,
        gateway="stripe",
        references=("pi_1",),
        amount=amount,
        currency="EUR",
        dispute=replace(told, **facts),  # type: ignore[arg-type]
    )


def heard(*notices: Notice, payment: Payment | None = None) -> tuple[Payment, Dispute, list[Decision]]:
    """Hear of one dispute, one notice after the other."""
    payment, decisions = payment or a_paid(), list[Decision]()
    dispute: Dispute | None = None
    for notice in notices:
        known = [dispute] if dispute else []
        decision = decide_dispute(payment, [], known, notice, AT)
        payment, dispute = decision.payment or payment, decision.dispute or dispute
        decisions.append(decision)
    assert dispute
    return payment, dispute, decisions


def change_of(decision: Decision) -> Change:
    assert decision.change
    return decision.change


def test_a_dispute_is_opened_with_all_that_the_gateway_says_of_it() -> None:
    payment, dispute, [decision] = heard(said(FIRST, reason="fraudulent", due_at=DUE, withdrawn=300, fee=15))
    assert dispute == Dispute(
        id=NAME,
        payment=UUID(int=7),
        gateway="stripe",
        reference="dp_1",
        status=FIRST,
        amount=300,
        currency="EUR",
        reason="fraudulent",
        due_at=DUE,
        withdrawn=300,
        fee=15,
        opened_at=AT,
        told_at=AT,
        money_at=AT,
        claimed=300,
        steps=1,
        booked_withdrawn=300,
        booked_fee=15,
    )
    assert payment == a_paid(disputed=300)
    made = change_of(decision)
    assert (made.step, made.event, made.reason) == (
        Step.DISPUTE_OPENED,
        "dispute.opened",
        "disputed: fraudulent; €3.00 withdrawn, €0.15 fee",
    )
    assert made.moves == DisputeMoves(number=1, withdrawn=300, fee=15)
    assert made.claimed_total == 300
    assert (made.dispute, made.amount, made.gateway, made.currency) == (NAME, 300, "stripe", "EUR")
    assert decision.verdict is Verdict.APPLIED


def test_a_dispute_is_booked_where_and_in_what_it_is_told() -> None:
    made = change_of(decide_dispute(a_paid(), [], [], replace(said(FIRST), gateway="square", currency="USD"), AT))
    assert (made.gateway, made.currency) == ("square", "USD")


def test_a_dispute_without_a_moment_is_told_now() -> None:
    _, dispute, _ = heard(said(FIRST, at=None, fee=15))
    assert (dispute.told_at, dispute.money_at) == (AT, AT)


def test_a_dispute_without_figures_has_none() -> None:
    _, dispute, [decision] = heard(said(FIRST))
    assert (dispute.withdrawn, dispute.fee, dispute.money_at) == (None, None, None)
    assert decision.reason == "disputed: no reason given"


@pytest.mark.parametrize("nothing", [{"amount": None}, {"amount": 0}, {"currency": None}])
def test_a_dispute_of_nobody_knows_how_much_is_for_a_person(nothing: dict[str, Any]) -> None:
    notice = replace(said(FIRST), **nothing)
    decision = decide_dispute(a_paid(), [], [], notice, AT)
    assert (decision.verdict, decision.dispute, decision.notice) == (Verdict.QUARANTINED, None, notice)


@pytest.mark.parametrize(
    ("end", "step", "event", "disputed", "lost"),
    [
        (STAGES.WON, Step.DISPUTE_WON, "dispute.won", 0, 0),
        (STAGES.LOST, Step.DISPUTE_LOST, "dispute.lost", 300, 300),
        (STAGES.PREVENTED, Step.DISPUTE_UPDATED, "dispute.updated", 0, 0),
    ],
)
def test_a_dispute_ends_as_the_gateway_says(
    end: DisputeStatus, step: Step, event: str, disputed: int, lost: int
) -> None:
    payment, dispute, [_, decision] = heard(said(FIRST), said(end, minute=1))
    assert (dispute.status, dispute.closed_at) == (end, AT)
    assert (payment.disputed, payment.lost) == (disputed, lost)
    made = change_of(decision)
    assert (made.step, made.event, made.lost_more) == (step, event, lost)


@pytest.mark.parametrize("end", [STAGES.WON, STAGES.LOST, STAGES.PREVENTED])
@pytest.mark.parametrize("minute", [1, 5, 9])
def test_an_end_is_an_end_whenever_the_gateway_dates_it(end: DisputeStatus, minute: int) -> None:
    _, dispute, _ = heard(said(STAGES.UNDER_REVIEW, minute=5), said(end, minute=minute))
    assert dispute.status is end


@pytest.mark.parametrize("late", [FIRST, STAGES.UNDER_REVIEW])
@pytest.mark.parametrize("at", [AT, AT + timedelta(minutes=5), None])
def test_an_earlier_stage_that_is_told_after_the_end_contradicts_nothing(
    late: DisputeStatus, at: datetime | None
) -> None:
    _, dispute, decisions = heard(said(FIRST), said(STAGES.LOST, minute=5), said(late, at=at))
    assert dispute.status is STAGES.LOST
    assert decisions[-1].verdict is not Verdict.QUARANTINED


def test_what_was_taken_and_came_home_is_said_in_money() -> None:
    taken, back = said(FIRST, withdrawn=300, fee=15), said(STAGES.WON, minute=1, withdrawn=0, fee=5)
    _, dispute, [_, decision] = heard(taken, back)
    assert decision.reason == "dispute won; €3.00 came back, €0.10 of the fee came back"
    assert change_of(decision).moves == DisputeMoves(number=2, withdrawn=-300, fee=-10)
    assert (dispute.booked_withdrawn, dispute.booked_fee) == (0, 5)


def test_only_money_that_moved_is_told_to_the_books_and_to_nobody_else() -> None:
    _, _, [_, decision] = heard(said(FIRST), said(FIRST, minute=1, withdrawn=300))
    made = change_of(decision)
    assert (made.step, made.event, made.moves) == (
        Step.DISPUTE_UPDATED,
        None,
        DisputeMoves(number=2, withdrawn=300),
    )


def test_a_cent_that_moved_is_told() -> None:
    _, _, [decision] = heard(said(FIRST, withdrawn=1, fee=0))
    assert decision.reason == "disputed: no reason given; €0.01 withdrawn"


def test_a_fee_alone_is_told_to_the_books() -> None:
    _, _, [_, decision] = heard(said(FIRST), said(FIRST, minute=1, fee=15))
    assert change_of(decision).moves == DisputeMoves(number=2, fee=15)


def test_figures_of_an_earlier_moment_replace_none_of_a_later_one_whatever_their_stage() -> None:
    for stage, amount in ((STAGES.UNDER_REVIEW, 100), (FIRST, 400)):
        older = said(stage, minute=1, withdrawn=amount, fee=5)
        _, dispute, _ = heard(said(FIRST, minute=5, withdrawn=300, fee=15), older)
        assert (dispute.withdrawn, dispute.fee) == (300, 15)


def test_what_is_said_of_one_dispute_changes_no_other_of_the_payment() -> None:
    _, first, _ = heard(said(FIRST))
    decision = decide_dispute(a_paid(disputed=300), [], [first], said(FIRST, id="dp_2"), AT)
    assert decision.dispute
    assert decision.dispute.reference == "dp_2"
    assert change_of(decision).step is Step.DISPUTE_OPENED


@pytest.mark.parametrize(
    ("end", "first"), [(STAGES.PREVENTED, STAGES.WARNING), (STAGES.WON, FIRST), (STAGES.LOST, FIRST)]
)
def test_a_dispute_of_which_the_end_is_told_first_begins_where_such_an_end_comes_from(
    end: DisputeStatus, first: DisputeStatus
) -> None:
    _, dispute, _ = heard(said(end))
    assert dispute.status is first


def test_an_end_that_is_told_again_with_other_money_does_not_happen_twice() -> None:
    lost = said(STAGES.LOST, minute=1, withdrawn=300)
    _, _, [*_, decision] = heard(said(FIRST), lost, said(STAGES.LOST, minute=2, withdrawn=200))
    made = change_of(decision)
    assert (made.step, made.event, made.moves and made.moves.withdrawn) == (Step.DISPUTE_UPDATED, None, -100)


def test_a_stage_without_a_moment_goes_by_rank_and_dates_nothing() -> None:
    review = said(STAGES.UNDER_REVIEW, at=None)
    _, dispute, _ = heard(said(FIRST, minute=-5), review, said(FIRST, at=None))
    assert (dispute.status, dispute.told_at) == (STAGES.UNDER_REVIEW, AT - timedelta(minutes=5))


def test_a_stage_that_is_told_again_is_known_and_counts_no_step() -> None:
    _, dispute, [_, decision] = heard(said(FIRST), said(FIRST))
    assert (decision.verdict, decision.change, dispute.steps) == (Verdict.KNOWN, None, 1)


def test_a_new_last_day_is_told_on_with_what_makes_it_another_occasion() -> None:
    _, dispute, [_, decision] = heard(said(FIRST), said(FIRST, minute=1, due_at=DUE))
    made = change_of(decision)
    assert (dispute.due_at, made.event) == (DUE, "dispute.updated")
    assert made.occasion == f"needs_response:{DUE.isoformat()}:{(AT + timedelta(minutes=1)).isoformat()}"


def test_an_end_happens_once_and_needs_no_occasion() -> None:
    _, _, [_, decision] = heard(said(FIRST), said(STAGES.LOST, minute=1))
    assert change_of(decision).occasion == ""


def test_what_the_customer_keeps_of_a_dispute_that_was_won_stays_lost() -> None:
    payment, dispute, _ = heard(said(FIRST), said(STAGES.WON, minute=1, conceded=40))
    assert (dispute.conceded, payment.disputed, payment.lost) == (40, 40, 40)


@pytest.mark.parametrize("order", list(permutations(range(2))))
def test_of_two_stages_that_are_told_in_one_second_the_later_one_says_the_last_day(order: tuple[int, ...]) -> None:
    stages = [said(FIRST, due_at=DUE, reason="old"), said(STAGES.UNDER_REVIEW, due_at=DUE + timedelta(1), reason="new")]
    _, dispute, _ = heard(*(stages[place] for place in order))
    assert (dispute.status, dispute.due_at, dispute.reason) == (STAGES.UNDER_REVIEW, DUE + timedelta(1), "new")


@pytest.mark.parametrize(("told", "kept"), [(-1, "known"), (1, "news")])
def test_what_is_older_fills_in_and_does_not_replace(told: int, kept: str) -> None:
    first = said(FIRST, minute=5, reason="known")
    _, dispute, _ = heard(first, said(FIRST, minute=5 + told, reason="news", due_at=DUE))
    assert (dispute.reason, dispute.due_at) == (kept, DUE)
    assert dispute.told_at == AT + timedelta(minutes=max(5, 5 + told))


def test_a_stage_that_goes_on_has_no_end_yet() -> None:
    _, dispute, _ = heard(said(FIRST), said(STAGES.UNDER_REVIEW, minute=1))
    assert (dispute.status, dispute.closed_at) == (STAGES.UNDER_REVIEW, None)


def test_a_fee_alone_dates_the_figures() -> None:
    assert heard(said(FIRST, fee=15))[1].money_at == AT


def test_a_stage_that_is_told_again_with_a_reason_is_remembered_with_it() -> None:
    _, dispute, [_, decision] = heard(said(FIRST), said(FIRST, reason="fraudulent"))
    assert (decision.verdict, decision.change, dispute.reason) == (Verdict.APPLIED, None, "fraudulent")


@pytest.mark.parametrize("order", list(permutations(range(2))))
def test_of_a_warning_and_a_dispute_that_are_told_in_one_second_it_is_a_dispute(order: tuple[int, ...]) -> None:
    stages = [said(STAGES.WARNING), said(FIRST)]
    assert heard(*(stages[place] for place in order))[1].status is FIRST


@pytest.mark.parametrize("order", list(permutations(range(2))))
def test_of_two_stages_that_are_told_in_one_second_the_later_one_says_the_figures(order: tuple[int, ...]) -> None:
    stages = [said(FIRST, withdrawn=300), said(STAGES.UNDER_REVIEW, withdrawn=100)]
    assert heard(*(stages[place] for place in order))[1].withdrawn == 100


@pytest.mark.parametrize("order", list(permutations((100, 300))))
@pytest.mark.parametrize(("stage", "counts"), [(FIRST, 300), (STAGES.WON, 100)])
def test_of_two_figures_of_one_second_the_larger_counts_until_the_end_and_then_the_smaller(
    order: tuple[int, ...], stage: DisputeStatus, counts: int
) -> None:
    _, dispute, _ = heard(said(FIRST, minute=-1), *(said(stage, withdrawn=amount) for amount in order))
    assert dispute.withdrawn == counts


def test_of_two_reasons_of_one_second_the_last_counts() -> None:
    assert heard(said(FIRST, reason="old"), said(FIRST, reason="new"))[1].reason == "new"


def test_what_is_conceded_after_the_end_is_lost_all_the_same() -> None:
    won, more = said(STAGES.WON, minute=1), said(STAGES.WON, minute=2, conceded=40)
    payment, _, [*_, decision] = heard(said(FIRST), won, more)
    assert (payment.lost, change_of(decision).lost_more) == (40, 40)


def test_what_names_no_dispute_is_for_a_person() -> None:
    decision = decide_dispute(a_paid(), [], [], replace(said(FIRST), dispute=None), AT)
    assert (decision.verdict, decision.payment) == (Verdict.QUARANTINED, None)


def test_a_dispute_in_another_currency_claims_all_of_the_payment_and_nothing_once_it_is_won() -> None:
    abroad = [replace(said(stage, minute=stage is not FIRST), currency="USD") for stage in (FIRST, STAGES.WON)]
    assert heard(abroad[0])[0].disputed == 1000
    assert heard(*abroad)[0].disputed == 0


def test_what_is_newer_and_says_less_takes_nothing_away() -> None:
    _, dispute, _ = heard(said(FIRST, reason="known", withdrawn=300, fee=15), said(FIRST, minute=1, fee=20))
    assert (dispute.reason, dispute.withdrawn, dispute.fee) == ("known", 300, 20)


REVERSAL = a_refund(status=RefundStatus.SUCCEEDED, origin="gateway", reference="re_1", reversal=True, reason=None)


@pytest.mark.parametrize(
    ("refund", "undone"),
    [
        (REVERSAL, True),
        (replace(REVERSAL, status=RefundStatus.FAILED), False),
        (replace(REVERSAL, reversal=False), False),
        (replace(REVERSAL, payment=UUID(int=8)), False),
        (replace(REVERSAL, gateway="square"), False),
    ],
)
def test_a_reversal_makes_room_for_the_dispute_behind_it(refund: Refund, *, undone: bool) -> None:
    payment = a_paid(refunded=300, tax_refunded=60)
    decision = decide_dispute(payment, [refund], [], said(STAGES.LOST), AT)
    assert (decision.refund is not None) is undone
    assert change_of(decision).step is (Step.REFUND_FAILED if undone else Step.DISPUTE_OPENED)


def test_money_that_was_reversed_is_that_of_the_dispute_and_counted_once() -> None:
    payment = a_paid(refunded=300, tax_refunded=60)
    book = Book(payments={payment.id: payment}, refunds={REVERSAL.id: REVERSAL}, references={})
    notice = replace(said(STAGES.LOST), payment=payment.id)
    decisions = rules.decide(book, [notice], Terms(predict_fee=lambda *_: 0), AT)
    assert [change_of(each).event for each in decisions] == ["refund.failed", "dispute.opened", "dispute.lost"]
    ended = decisions[-1]
    assert ended.payment == a_paid(disputed=300, lost=300)
    assert ended.dispute
    assert (ended.dispute.withdrawn, ended.dispute.booked_lost) == (300, 300)


def test_a_reversal_that_one_dispute_has_taken_over_is_not_that_of_another() -> None:
    undone = replace(REVERSAL, status=RefundStatus.FAILED, error_code="disputed", settled_at=AT - timedelta(days=1))
    for refund, withdrawn in ((undone, None), (replace(undone, settled_at=AT), 300)):
        decision = decide_dispute(a_paid(), [refund], [], said(FIRST), AT)
        assert decision.dispute
        assert decision.dispute.withdrawn == withdrawn
    failed = replace(undone, settled_at=AT, error_code="other")
    assert (dispute := decide_dispute(a_paid(), [failed], [], said(FIRST), AT).dispute)
    assert dispute.withdrawn is None


@pytest.mark.parametrize(
    ("known", "told", "minute", "undone"),
    [
        (FIRST, FIRST, 1, True),
        (STAGES.LOST, STAGES.LOST, 1, True),
        (STAGES.WON, STAGES.WON, 2, False),
        (STAGES.WON, STAGES.PREVENTED, 2, False),
        (STAGES.PREVENTED, STAGES.PREVENTED, 2, False),
        (STAGES.WON, FIRST, 0, False),
        (STAGES.WON, STAGES.LOST, 0, False),
        (STAGES.WON, FIRST, 1, True),
        (STAGES.PREVENTED, STAGES.LOST, 1, True),
    ],
)
def test_a_dispute_that_is_over_takes_no_reversal_over_until_it_goes_on(
    known: DisputeStatus, told: DisputeStatus, minute: int, *, undone: bool
) -> None:
    dispute = a_dispute(known, id=NAME, amount=300, claimed=0, closed_at=AT)
    decision = decide_dispute(a_paid(refunded=300), [REVERSAL], [dispute], said(told, minute=minute), AT)
    assert (decision.refund is not None) is undone


def test_a_case_that_was_prevented_before_it_was_heard_of_takes_no_reversal_over() -> None:
    assert decide_dispute(a_paid(refunded=300), [REVERSAL], [], said(STAGES.PREVENTED), AT).refund is None


def test_a_dispute_that_goes_on_learns_from_a_reversal_only_what_it_was_not_told() -> None:
    undone = replace(REVERSAL, status=RefundStatus.FAILED, error_code="disputed", settled_at=AT)
    won = a_dispute(STAGES.WON, id=NAME, amount=300, claimed=0, withdrawn=0, closed_at=AT)
    for told, withdrawn in ((None, 300), (0, 0), (200, 200)):
        dispute = decide_dispute(a_paid(), [undone], [won], said(FIRST, minute=1, withdrawn=told), AT).dispute
        assert dispute
        assert dispute.withdrawn == withdrawn
    held = replace(won, withdrawn=250, booked_withdrawn=250)
    assert (dispute := decide_dispute(a_paid(), [undone], [held], said(FIRST, minute=1), AT).dispute)
    assert dispute.withdrawn == 250


def reversal(amount: int | None = 300) -> Notice:
    return replace(said(FIRST), kind=NoticeKind.REFUND_SUCCEEDED, dispute=None, amount=amount, reversal=True)


def test_money_that_a_gateway_takes_back_belongs_to_the_dispute_that_lacks_it() -> None:
    told, untold = a_dispute(FIRST, withdrawn=5), a_dispute(FIRST, reference="dp_2")
    strangers = [a_dispute(FIRST, gateway="square"), a_dispute(FIRST, payment=UUID(int=8))]
    assert behind_reversal(a_paid(), [*strangers, told, untold], reversal()) is untold
    assert behind_reversal(a_paid(), [*strangers, told], reversal()) is told
    assert behind_reversal(a_paid(), strangers, reversal()) is None
    assert behind_reversal(a_paid(), [untold], replace(reversal(), reversal=False)) is None


def test_money_that_a_gateway_takes_back_belongs_to_the_newest_dispute_that_goes_on() -> None:
    first, second = a_dispute(FIRST), a_dispute(STAGES.UNDER_REVIEW, opened_at=AT + timedelta(days=1))
    untold, told = a_dispute(STAGES.LOST, opened_at=AT + timedelta(days=2)), a_dispute(STAGES.LOST, withdrawn=300)
    asked = a_dispute(STAGES.WARNING, claimed=0)
    for all_of_them in ([told, first, second, untold], [untold, second, first, told]):
        assert behind_reversal(a_paid(), all_of_them, reversal()) is second
    assert behind_reversal(a_paid(), [told, untold], reversal()) is untold
    assert behind_reversal(a_paid(), [told], reversal()) is told
    assert behind_reversal(a_paid(), [asked], reversal()) is asked


@pytest.mark.parametrize(
    "over", [a_dispute(STAGES.WON), a_dispute(STAGES.PREVENTED), a_dispute(STAGES.LOST, withdrawn=0)]
)
def test_money_that_a_gateway_takes_back_belongs_to_no_dispute_for_which_it_holds_nothing(over: Dispute) -> None:
    assert behind_reversal(a_paid(), [over], reversal()) is None


def test_a_reversal_says_anew_what_a_dispute_took_that_had_come_home_with_its_end() -> None:
    reopened = a_dispute(FIRST, withdrawn=0, claimed=300, closed_at=AT)
    for known, withdrawn in ((reopened, 300), (replace(reopened, withdrawn=5, booked_withdrawn=5), 5)):
        decision = take_reversal(a_paid(disputed=300), known, reversal(), AT)
        assert decision.dispute
        assert decision.dispute.withdrawn == withdrawn


@pytest.mark.parametrize(
    ("known", "amount", "withdrawn"),
    [(None, 300, 300), (200, 300, 200), (0, 300, 0), (None, None, None), (None, 0, None)],
)
def test_a_reversal_says_what_a_dispute_took_where_that_was_not_said(
    known: int | None, amount: int | None, withdrawn: int | None
) -> None:
    dispute = a_dispute(FIRST, withdrawn=known, booked_withdrawn=known or 0, amount=300, claimed=300)
    decision = take_reversal(a_paid(disputed=300), dispute, reversal(amount), AT)
    assert decision.dispute
    assert decision.dispute.withdrawn == withdrawn


def test_a_refund_of_the_gateways_own_is_that_of_the_dispute_it_belongs_to() -> None:
    payment, dispute = a_paid(disputed=300), a_dispute(FIRST, amount=300, claimed=300)
    book = Book(payments={payment.id: payment}, refunds={}, references={}, disputes={dispute.id: dispute})
    notice = replace(reversal(), payment=payment.id)
    [decision] = rules.decide(book, [notice], Terms(predict_fee=lambda *_: 0), AT)
    assert decision.dispute
    assert (decision.dispute.withdrawn, decision.refund, decision.notice) == (300, None, notice)


def test_a_dispute_is_a_day_old_where_the_gateway_says_so() -> None:
    yesterday: datetime = AT - timedelta(days=1)
    _, dispute, _ = heard(said(FIRST, at=yesterday, withdrawn=1))
    assert (dispute.told_at, dispute.money_at, dispute.opened_at) == (yesterday, yesterday, AT)
