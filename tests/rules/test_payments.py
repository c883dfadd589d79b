"""The transition table and every decision about a payment: whatever comes, in whatever order, however often."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import permutations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillkeeper.facts import EXPIRED, REFUND_KINDS, Change, Notice, NoticeKind, Sale, Step, Verdict
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError
from tillkeeper.payments import rules
from tillkeeper.payments.rules import MOVES, RefundExceedsCapturedError, RefundNotAllowedError
from tillkeeper.payments.values import Book, Decision, Opening, OwnMove, Payment, Refund, RefundStatus, Status

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAYMENT = UUID(int=7)
PRICE = 1000
CREDITS = Sale(package="credits_120", kind="credits", units=120, quantity=1)
PAYMENT_KINDS = [kind for kind in NoticeKind if kind not in REFUND_KINDS]
refunds_at_gateway = 3


def a_payment(status: Status = Status.REQUIRES_ACTION, *, captured: int = 0, manual: bool = False) -> Payment:
    return Payment(
        id=PAYMENT,
        status=status,
        amount=PRICE,
        currency="EUR",
        captured=captured or (PRICE if status is Status.SUCCEEDED else 0),
        refunding=0,
        refunded=0,
        user=UUID(int=1),
        sale=CREDITS,
        gateway="stripe",
        manual_capture=manual,
        reference="cs_1",
    )


def a_notice(kind: NoticeKind, *, amount: int | None = None, refund: int | None = None, code: str = "") -> Notice:
    return Notice(
        kind=kind,
        gateway="stripe",
        references=("pi_1", "cs_1"),
        payment=PAYMENT,
        amount=PRICE if amount is None and kind is NoticeKind.PAYMENT_CAPTURED else amount,
        currency="EUR",
        refund_reference=None if refund is None else f"re_{refund}",
        code=code or None,
    )


def book_of(payment: Payment, *refunds: Refund) -> Book:
    return Book(payments={payment.id: payment}, refunds={each.id: each for each in refunds}, references={})


def decide(payment: Payment, *notices: Notice) -> list[Decision]:
    return rules.decide(book_of(payment), notices, AT)


@dataclass
class World:
    """One payment as it stands after many decisions, some of its messages waiting."""

    payment: Payment = field(default_factory=a_payment)
    refunds: dict[UUID, Refund] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    parked: list[Notice] = field(default_factory=list)

    def hear(self, *notices: Notice) -> None:
        book = Book(payments={PAYMENT: self.payment}, refunds=self.refunds, references={})
        for decision in rules.decide(book, notices, AT):
            if decision.verdict is Verdict.PARKED:
                assert decision.notice
                self.parked.append(decision.notice)
            if decision.payment:
                self.payment = decision.payment
            if decision.refund:
                self.refunds[decision.refund.id] = decision.refund
            if decision.change:
                self.changes.append(decision.change)
        self.check()

    def wake(self) -> None:
        waiting, self.parked = self.parked, []
        self.hear(*waiting)

    def steps(self, step: Step) -> list[Change]:
        return [change for change in self.changes if change.step is step]

    def check(self) -> None:
        payment = self.payment
        succeeded = [each for each in self.refunds.values() if each.status is RefundStatus.SUCCEEDED]
        pending = [each for each in self.refunds.values() if each.status is RefundStatus.PENDING]
        assert payment.refunded == sum(each.amount for each in succeeded) <= payment.captured
        assert payment.refunding == sum(each.amount for each in pending)
        assert len(self.steps(Step.CAPTURED)) == (1 if payment.captured else 0)
        assert payment.captured in {0, PRICE}
        assert not payment.captured or payment.status is Status.SUCCEEDED
        references = [each.reference for each in self.refunds.values()]
        assert len(set(references)) == len(references)


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("kind", PAYMENT_KINDS)
def test_a_notice_that_the_table_does_not_list_changes_nothing(status: Status, kind: NoticeKind) -> None:
    payment = a_payment(status)
    [decision] = decide(payment, a_notice(kind))
    listed = MOVES[kind].get(status)
    if listed is None:
        assert decision.change is None
        assert decision.verdict is Verdict.KNOWN
        assert decision.payment == payment
    else:
        assert decision.payment
        assert decision.payment.status is listed


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("move", OwnMove)
def test_the_answer_to_opening_a_checkout_never_undoes_what_a_webhook_said(status: Status, move: OwnMove) -> None:
    payment = a_payment(status)
    opening = Opening(move=move, references=("cs_2",), next_action={"type": "redirect"}, error_code="x")
    decision = rules.open_checkout(payment, opening, AT)
    listed = MOVES[move].get(status)
    assert decision.payment
    assert decision.payment.status is (listed or status)
    assert (decision.change is None) == (listed is None)
    if listed is None:
        assert decision.payment == payment


def test_the_table_lists_every_move_there_is() -> None:
    assert set(MOVES) == {*OwnMove, *PAYMENT_KINDS}


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.SUCCEEDED])
def test_captured_money_is_a_fact_in_every_state(status: Status) -> None:
    [decision] = decide(a_payment(status), a_notice(NoticeKind.PAYMENT_CAPTURED))
    assert decision.payment
    assert (decision.payment.status, decision.payment.captured) == (Status.SUCCEEDED, PRICE)
    assert decision.change
    assert decision.change.step is Step.CAPTURED


@pytest.mark.parametrize("kind", PAYMENT_KINDS)
def test_nothing_that_comes_after_the_money_takes_it_away(kind: NoticeKind) -> None:
    world = World()
    world.hear(a_notice(NoticeKind.PAYMENT_CAPTURED))
    world.hear(a_notice(kind))
    assert (world.payment.status, world.payment.captured) == (Status.SUCCEEDED, PRICE)
    assert len(world.changes) == 1


NOTICES = st.one_of(
    st.sampled_from(PAYMENT_KINDS).map(a_notice),
    st.builds(
        lambda kind, number: a_notice(kind, refund=number, amount=(number + 1) * 150),
        st.sampled_from(sorted(REFUND_KINDS)),
        st.integers(0, refunds_at_gateway - 1),
    ),
)


@given(st.lists(st.lists(NOTICES, min_size=1, max_size=4), max_size=10), st.sampled_from(sorted(Status)))
def test_whatever_comes_in_whatever_order_the_payment_stays_sound(batches: list[list[Notice]], status: Status) -> None:
    world = World(payment=a_payment(status))
    if status is Status.SUCCEEDED:
        world = World()
        world.hear(a_notice(NoticeKind.PAYMENT_CAPTURED))
    for batch in batches:
        world.hear(*batch)
    world.hear(a_notice(NoticeKind.PAYMENT_CAPTURED))
    world.wake()
    assert world.parked == []
    assert len(world.steps(Step.CAPTURED)) == 1
    requested = {change.refund for change in world.steps(Step.REFUND_REQUESTED)}
    never_made = {id_ for id_, refund in world.refunds.items() if refund.settled_at == refund.created_at}
    assert requested | never_made == set(world.refunds)
    settled = [change.refund for change in world.steps(Step.REFUND_SUCCEEDED)]
    reversed_ = [change.refund for change in world.steps(Step.REFUND_FAILED)]
    assert len(set(settled)) == len(settled)
    assert len(set(reversed_)) == len(reversed_)


def test_every_order_of_a_payments_life_ends_the_same() -> None:
    life = [
        a_notice(NoticeKind.PAYMENT_FAILED, code="lost_card"),
        a_notice(NoticeKind.PAYMENT_PENDING),
        a_notice(NoticeKind.PAYMENT_CAPTURED),
        a_notice(NoticeKind.REFUND_CREATED, refund=1, amount=400),
        a_notice(NoticeKind.REFUND_SUCCEEDED, refund=1, amount=400),
    ]
    ends = set()
    for order in permutations(life):
        world = World()
        for notice in (*order, *order):
            world.hear(notice)
            world.wake()
        ends.add((world.payment.status, world.payment.captured, world.payment.refunded, world.payment.refunding))
        assert len(world.refunds) == 1
    assert ends == {(Status.SUCCEEDED, PRICE, 400, 0)}


@pytest.mark.parametrize("amount", [PRICE - 1, PRICE + 1, 0])
def test_a_capture_of_another_amount_is_quarantined(amount: int) -> None:
    [decision] = decide(a_payment(), a_notice(NoticeKind.PAYMENT_CAPTURED, amount=amount))
    assert (decision.verdict, decision.change, decision.payment) == (Verdict.QUARANTINED, None, None)


def test_a_second_capture_of_another_amount_is_quarantined() -> None:
    [decision] = decide(a_payment(Status.SUCCEEDED), a_notice(NoticeKind.PAYMENT_CAPTURED, amount=PRICE - 1))
    assert decision.verdict is Verdict.QUARANTINED


def test_a_manual_capture_may_take_less_and_never_more() -> None:
    payment = a_payment(Status.REQUIRES_CAPTURE, manual=True)
    [less] = decide(payment, a_notice(NoticeKind.PAYMENT_CAPTURED, amount=PRICE - 1))
    [more] = decide(payment, a_notice(NoticeKind.PAYMENT_CAPTURED, amount=PRICE + 1))
    assert less.payment
    assert (less.payment.captured, more.verdict) == (PRICE - 1, Verdict.QUARANTINED)


@pytest.mark.parametrize("kind", NoticeKind)
def test_a_notice_in_another_currency_or_of_another_gateway_is_quarantined(kind: NoticeKind) -> None:
    notice = a_notice(kind, amount=10)
    strange = (replace(notice, currency="USD"), replace(notice, gateway="square"))
    assert [decision.verdict for decision in decide(a_payment(Status.SUCCEEDED), *strange)] == [
        Verdict.QUARANTINED,
        Verdict.QUARANTINED,
    ]


def test_a_notice_without_our_id_is_found_by_the_gateways() -> None:
    book = Book(payments={PAYMENT: a_payment()}, refunds={}, references={("stripe", "pi_1"): PAYMENT})
    notice = replace(a_notice(NoticeKind.PAYMENT_CAPTURED), payment=None)
    [decision] = rules.decide(book, [notice], AT)
    assert decision.verdict is Verdict.APPLIED


def test_a_notice_about_a_payment_that_is_not_known_waits_under_its_name() -> None:
    other = ids.new()
    strangers = (
        replace(a_notice(NoticeKind.PAYMENT_CAPTURED), payment=other),
        replace(a_notice(NoticeKind.PAYMENT_CAPTURED), payment=None, references=("pi_9",)),
    )
    decisions = rules.decide(Book(payments={}, refunds={}, references={}), strangers, AT)
    assert [(each.verdict, each.waits_for) for each in decisions] == [
        (Verdict.PARKED, str(other)),
        (Verdict.PARKED, "pi_9"),
    ]


def test_a_cancellation_because_of_time_is_an_expiry() -> None:
    [decision] = decide(a_payment(), a_notice(NoticeKind.PAYMENT_CANCELED, code=EXPIRED))
    assert decision.payment
    assert decision.change
    assert (decision.payment.status, decision.change.event) == (Status.EXPIRED, "payment.expired")


@pytest.mark.parametrize("kind", [NoticeKind.PAYMENT_FAILED, NoticeKind.PAYMENT_PENDING])
def test_a_payment_without_money_keeps_the_name_of_its_checkout(kind: NoticeKind) -> None:
    [decision] = decide(a_payment(), a_notice(kind))
    assert decision.payment
    assert decision.payment.reference == "cs_1"


@pytest.mark.parametrize("kind", [NoticeKind.PAYMENT_CAPTURED, NoticeKind.PAYMENT_AUTHORIZED])
def test_a_payment_with_money_takes_the_name_that_the_gateway_gave_the_money(kind: NoticeKind) -> None:
    [decision] = decide(a_payment(), a_notice(kind))
    assert decision.payment
    assert decision.payment.reference == "pi_1"


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.SUCCEEDED])
def test_only_a_succeeded_payment_can_be_refunded(status: Status) -> None:
    with pytest.raises(InvalidStateError):
        reserve(a_payment(status), 1)


@given(st.lists(st.integers(1, PRICE * 2), max_size=10))
def test_refunds_are_reserved_up_to_the_captured_amount_and_never_beyond(wishes: list[int]) -> None:
    payment = a_payment(Status.SUCCEEDED)
    for wish in wishes:
        left = PRICE - payment.refunding
        if wish > left:
            with pytest.raises(RefundExceedsCapturedError):
                reserve(payment, wish)
            continue
        decision = reserve(payment, wish)
        assert decision.payment
        payment = decision.payment
    assert payment.refunding <= PRICE


@pytest.mark.parametrize("amount", [0, -1])
def test_a_refund_is_at_least_one_minor_unit(amount: int) -> None:
    with pytest.raises(InvalidFieldError):
        reserve(a_payment(Status.SUCCEEDED), amount)


def test_a_refund_stops_where_the_goods_were_used() -> None:
    with pytest.raises(RefundNotAllowedError):
        reserve(a_payment(Status.SUCCEEDED), 501, unused=500)
    assert reserve(a_payment(Status.SUCCEEDED), 500, unused=500).refund


def test_a_refund_in_the_dashboard_is_requested_and_settled_at_once() -> None:
    first, second = decide(a_payment(Status.SUCCEEDED), a_notice(NoticeKind.REFUND_SUCCEEDED, refund=1, amount=300))
    assert first.change
    assert second.change
    assert (first.change.step, second.change.step) == (Step.REFUND_REQUESTED, Step.REFUND_SUCCEEDED)
    assert second.payment
    assert (second.payment.refunding, second.payment.refunded) == (0, 300)


def test_a_refund_in_the_dashboard_of_more_than_was_captured_is_quarantined() -> None:
    [decision] = decide(a_payment(Status.SUCCEEDED), a_notice(NoticeKind.REFUND_SUCCEEDED, refund=1, amount=PRICE + 1))
    assert decision.verdict is Verdict.QUARANTINED


def test_a_refund_of_no_told_amount_is_never_taken_for_a_full_one() -> None:
    [decision] = decide(a_payment(Status.SUCCEEDED), a_notice(NoticeKind.REFUND_SUCCEEDED, refund=1))
    assert decision.verdict is Verdict.QUARANTINED


def test_a_refund_of_ours_is_recognised_by_our_id_and_learns_the_gateways() -> None:
    wished = reserve(a_payment(Status.SUCCEEDED), 300)
    assert wished.payment
    assert wished.refund
    notice = replace(a_notice(NoticeKind.REFUND_SUCCEEDED, refund=9, amount=300), refund=wished.refund.id)
    [decision] = rules.decide(book_of(wished.payment, wished.refund), [notice], AT)
    assert decision.refund
    assert (decision.refund.id, decision.refund.reference) == (wished.refund.id, "re_9")


def test_a_refund_that_failed_cannot_come_back_to_life() -> None:
    world = World()
    world.hear(a_notice(NoticeKind.PAYMENT_CAPTURED), a_notice(NoticeKind.REFUND_SUCCEEDED, refund=1, amount=300))
    world.hear(a_notice(NoticeKind.REFUND_FAILED, refund=1, amount=300))
    world.hear(a_notice(NoticeKind.REFUND_SUCCEEDED, refund=1, amount=300))
    assert world.payment.refunded == 0
    [refund] = world.refunds.values()
    assert refund.status is RefundStatus.FAILED


def reserve(payment: Payment, amount: int | None, *, unused: int | None = None) -> Decision:
    return rules.reserve_refund(payment, amount, refund=ids.new(), unused=unused, reason=None, now=AT)
