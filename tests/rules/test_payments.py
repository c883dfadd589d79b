"""The transition table and every decision about a payment: whatever comes, in whatever order, however often."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from types import MappingProxyType
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillkeeper.facts import (
    DISPUTE_KINDS,
    EXPIRED,
    PAYOUT_KINDS,
    REFUND_KINDS,
    Change,
    DisputeFacts,
    DisputeStatus,
    Notice,
    NoticeKind,
    Sale,
    Step,
    Verdict,
)
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError
from tillkeeper.payments import rules
from tillkeeper.payments.rules import MOVES, PaymentDisputedError, RefundExceedsCapturedError, RefundNotAllowedError
from tillkeeper.payments.values import (
    Book,
    Decision,
    Dispute,
    Opening,
    OwnMove,
    Payment,
    Refund,
    RefundStatus,
    Status,
    Terms,
)

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAYMENT = UUID(int=7)
PRICE = 1000
CREDITS = Sale(package="credits_120", kind="credits", units=120, quantity=1)
PAYMENT_KINDS = [
    kind
    for kind in NoticeKind
    if kind not in REFUND_KINDS | DISPUTE_KINDS | PAYOUT_KINDS and kind is not NoticeKind.PAYMENT_FEE
]
FEE = 59
refunds_at_gateway = 3
TERMS = Terms(predict_fee=lambda _gateway, _amount, _currency: FEE)
REFUND_LATE = replace(TERMS, refund_late=True)


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
        created_at=AT - timedelta(hours=1),
        expires_at=AT + timedelta(hours=1),
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
    return rules.decide(book_of(payment), notices, TERMS, AT)


@dataclass
class World:
    """One payment as it stands after many decisions, some of its messages waiting."""

    payment: Payment = field(default_factory=a_payment)
    refunds: dict[UUID, Refund] = field(default_factory=dict)
    disputes: dict[UUID, Dispute] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    parked: list[Notice] = field(default_factory=list)

    def hear(self, *notices: Notice) -> None:
        references = {("stripe", name): PAYMENT for name in ("pi_1", "cs_1")}
        book = Book(
            payments={PAYMENT: self.payment}, refunds=self.refunds, references=references, disputes=self.disputes
        )
        for decision in rules.decide(book, notices, TERMS, AT):
            if decision.verdict is Verdict.PARKED:
                assert decision.notice
                self.parked.append(decision.notice)
            if decision.payment:
                self.payment = decision.payment
            if decision.refund:
                self.refunds[decision.refund.id] = decision.refund
            if decision.dispute:
                self.disputes[decision.dispute.id] = decision.dispute
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
        own = [each for each in self.refunds.values() if not each.surplus]
        succeeded = [each for each in own if each.status is RefundStatus.SUCCEEDED]
        pending = [each for each in own if each.status is RefundStatus.PENDING]
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
        heard = kind is NoticeKind.PAYMENT_AUTHORIZED  # when it was authorised is noted, whatever it is now
        assert decision.verdict is (Verdict.APPLIED if heard else Verdict.KNOWN)
        assert decision.payment == replace(payment, authorized_at=AT if heard else None)
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
    assert {change.after for change in world.changes} == {Status.SUCCEEDED}


NOTICES = st.one_of(
    st.sampled_from(PAYMENT_KINDS).map(a_notice),
    st.builds(
        lambda kind, number: a_notice(kind, refund=number, amount=(number + 1) * PRICE * 2 // 5),
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


@pytest.mark.parametrize(
    ("said", "dated"),
    [
        (AT - timedelta(minutes=5), AT - timedelta(minutes=5)),
        (AT + timedelta(minutes=5), AT),  # the gateway's clock is ahead
        (AT - timedelta(days=5), AT - timedelta(hours=1)),  # the payment was begun an hour ago
        (None, AT),
    ],
)
def test_a_fact_is_dated_by_its_gateway_but_never_ahead_of_us_or_before_its_payment(
    said: datetime | None, dated: datetime
) -> None:
    [decision] = decide(a_payment(), replace(a_notice(NoticeKind.PAYMENT_CAPTURED), occurred_at=said))
    assert decision.change
    assert (decision.change.effective_at, decision.change.at) == (dated, AT)


def test_a_refund_of_ours_goes_out_after_it_was_asked_for_and_one_of_the_dashboard_when_the_gateway_says() -> None:
    earlier, payment = AT - timedelta(minutes=5), a_payment(Status.SUCCEEDED)
    asked = rules.reserve_refund(payment, 10, refund=UUID(int=9), unused=None, reason=None, now=AT)
    assert asked.refund
    assert asked.payment
    sent = replace(a_notice(NoticeKind.REFUND_SUCCEEDED, amount=10), refund=UUID(int=9), occurred_at=earlier)
    [ours] = rules.decide(book_of(asked.payment, asked.refund), [sent], TERMS, AT + timedelta(hours=1))
    assert ours.change
    assert ours.change.effective_at == AT
    for theirs in decide(payment, replace(sent, refund=None, refund_reference="re_1")):
        assert theirs.change
        assert theirs.change.effective_at == earlier


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


@pytest.mark.parametrize("kind", sorted({*REFUND_KINDS, *PAYMENT_KINDS} - {NoticeKind.PAYMENT_CAPTURED}))
def test_a_notice_in_another_currency_is_quarantined(kind: NoticeKind) -> None:
    [decision] = decide(a_payment(Status.SUCCEEDED), replace(a_notice(kind, amount=10), currency="USD"))
    assert decision.verdict is Verdict.QUARANTINED


@pytest.mark.parametrize("kind", sorted(REFUND_KINDS))
def test_a_refund_at_another_gateway_is_quarantined(kind: NoticeKind) -> None:
    [decision] = decide(a_payment(Status.SUCCEEDED), replace(a_notice(kind, amount=10, refund=1), gateway="square"))
    assert decision.verdict is Verdict.QUARANTINED


@pytest.mark.parametrize(
    "kind",
    [NoticeKind.PAYMENT_FAILED, NoticeKind.PAYMENT_PENDING, NoticeKind.PAYMENT_CANCELED, NoticeKind.PAYMENT_APPROVED],
)
def test_what_became_of_a_try_at_another_gateway_changes_nothing(kind: NoticeKind) -> None:
    [decision] = decide(a_payment(), replace(a_notice(kind), gateway="square"))
    assert (decision.verdict, decision.change) == (Verdict.KNOWN, None)


def test_money_that_another_gateway_took_first_pays_the_payment_there() -> None:
    [decision] = decide(a_payment(), replace(a_notice(NoticeKind.PAYMENT_CAPTURED), gateway="square"))
    assert decision.payment
    assert (decision.payment.status, decision.payment.gateway) == (Status.SUCCEEDED, "square")
    assert decision.change
    assert decision.change.gateway == "square"


@pytest.mark.parametrize("gateway", ["stripe", "square"])
def test_a_second_capture_goes_back_once_and_leaves_the_payment_as_it_is(gateway: str) -> None:
    world = World()
    second = replace(
        a_notice(NoticeKind.PAYMENT_CAPTURED), gateway=gateway, references=("pi_2",), amount=PRICE + 5, currency="USD"
    )
    world.hear(a_notice(NoticeKind.PAYMENT_CAPTURED), second, second)
    world.hear(second)
    [surplus] = world.refunds.values()
    assert (surplus.surplus, surplus.capture, surplus.gateway) == (True, "pi_2", gateway)
    assert (surplus.amount, surplus.currency, surplus.status) == (PRICE + 5, "USD", RefundStatus.PENDING)
    [change] = world.steps(Step.SURPLUS_CAPTURED)
    assert (change.amount, change.gateway, change.fee, change.refund) == (PRICE + 5, gateway, FEE, surplus.id)
    assert (world.payment.refunding, world.payment.refunded, world.payment.captured) == (0, 0, PRICE)


def test_the_refund_of_a_second_capture_is_no_refund_of_the_payment() -> None:
    world = World()
    world.hear(
        a_notice(NoticeKind.PAYMENT_CAPTURED), replace(a_notice(NoticeKind.PAYMENT_CAPTURED), references=("pi_2",))
    )
    [surplus] = world.refunds.values()
    told = replace(a_notice(NoticeKind.REFUND_SUCCEEDED, refund=1, amount=PRICE), references=("pi_2",))
    world.hear(replace(told, refund=surplus.id), told)
    assert len(world.steps(Step.SURPLUS_REFUNDED)) == 1
    assert (world.payment.refunding, world.payment.refunded) == (0, 0)


def test_a_second_capture_that_somebody_refunds_in_the_dashboard_is_settled_by_that() -> None:
    world = World()
    world.hear(
        a_notice(NoticeKind.PAYMENT_CAPTURED), replace(a_notice(NoticeKind.PAYMENT_CAPTURED), references=("pi_2",))
    )
    world.hear(replace(a_notice(NoticeKind.REFUND_SUCCEEDED, refund=1, amount=PRICE), references=("pi_2",)))
    [surplus] = world.refunds.values()
    assert (surplus.status, surplus.reference) == (RefundStatus.SUCCEEDED, "re_1")
    assert world.payment.refunded == 0


@pytest.mark.parametrize("status", [Status.EXPIRED, Status.CANCELED, Status.FAILED])
def test_late_money_buys_what_was_sold_or_goes_back_as_was_decided(status: Status) -> None:
    for terms, withheld in ((TERMS, False), (REFUND_LATE, True)):
        [decision] = rules.decide(book_of(a_payment(status)), [a_notice(NoticeKind.PAYMENT_CAPTURED)], terms, AT)
        assert decision.change
        assert decision.change.step is Step.CAPTURED
        assert bool(decision.change.withheld) is withheld


def test_an_authorisation_that_comes_after_the_end_is_let_go() -> None:
    payment = a_payment(Status.EXPIRED)
    [decision] = decide(payment, a_notice(NoticeKind.PAYMENT_AUTHORIZED))
    assert decision.change
    assert (decision.change.step, decision.change.reference) == (Step.AUTHORIZED_IN_VAIN, "pi_1")
    assert decision.payment
    assert decision.payment.status is Status.EXPIRED


def test_an_authorisation_told_after_its_capture_is_told_on_once_and_changes_nothing() -> None:
    world = World()
    late = replace(a_notice(NoticeKind.PAYMENT_AUTHORIZED), references=("auth_1",))
    world.hear(a_notice(NoticeKind.PAYMENT_CAPTURED), late, late)
    world.hear(late)
    assert [change.event for change in world.changes] == ["payment.succeeded", "payment.authorized"]
    assert (world.payment.status, world.payment.reference) == (Status.SUCCEEDED, "pi_1")


@pytest.mark.parametrize(("manual", "step"), [(False, Step.AUTHORIZED), (True, Step.NONE)])
def test_authorised_money_is_captured_by_itself_unless_somebody_wants_to_decide(*, manual: bool, step: Step) -> None:
    [decision] = decide(a_payment(manual=manual), a_notice(NoticeKind.PAYMENT_AUTHORIZED))
    assert decision.change
    assert decision.change.step is step


def test_a_payment_that_the_customer_approved_goes_on_once() -> None:
    world = World()
    world.hear(a_notice(NoticeKind.PAYMENT_APPROVED), a_notice(NoticeKind.PAYMENT_APPROVED))
    assert len(world.steps(Step.APPROVED)) == 1
    assert world.payment.status is Status.PROCESSING


@pytest.mark.parametrize(
    ("kept", "says"),
    [(FEE, "the gateway kept €0.59, as expected"), (FEE + 41, "the gateway kept €1.00; expected were €0.59")],
)
def test_what_a_gateway_kept_is_written_as_money(kept: int, says: str) -> None:
    told = a_notice(NoticeKind.PAYMENT_FEE, amount=kept)
    assert decide(a_payment(), a_notice(NoticeKind.PAYMENT_CAPTURED), told)[1].reason == says


def test_a_fee_that_was_not_told_is_asked_for_and_then_corrects_the_expected_one() -> None:
    world = World()
    world.hear(a_notice(NoticeKind.PAYMENT_FEE))
    assert len(world.parked) == 1
    world.hear(a_notice(NoticeKind.PAYMENT_CAPTURED))
    world.wake()
    assert len(world.steps(Step.FEE_UNTOLD)) == 1
    told = a_notice(NoticeKind.PAYMENT_FEE, amount=FEE + 3)
    world.hear(told, told, a_notice(NoticeKind.PAYMENT_FEE))
    [corrected] = world.steps(Step.FEE_CHANGED)
    assert corrected.fee == 3
    assert (world.payment.fee, world.payment.fee_final) == (FEE + 3, True)
    assert len(world.steps(Step.FEE_UNTOLD)) == 1


def a_dispute(
    status: DisputeStatus = DisputeStatus.NEEDS_RESPONSE, *, minute: int = 0, withdrawn: int | None = None
) -> Notice:
    kinds = {DisputeStatus.WON: NoticeKind.DISPUTE_WON, DisputeStatus.LOST: NoticeKind.DISPUTE_LOST}
    facts = DisputeFacts(
        id="dp_1", status=status, reason="fraudulent", withdrawn=withdrawn, at=AT + timedelta(minutes=minute)
    )
    notice = a_notice(kinds.get(status, NoticeKind.DISPUTE_UPDATED), amount=300)
    return replace(notice, payment=None, references=("pi_1",), dispute=facts)


def disputed(*stages: Notice) -> World:
    world = World()
    world.hear(a_notice(NoticeKind.PAYMENT_CAPTURED))
    for stage in stages:
        world.hear(stage)
    return world


def test_a_dispute_before_its_capture_waits_for_it() -> None:
    world = World()
    world.hear(a_dispute())
    assert len(world.parked) == 1
    world.hear(a_notice(NoticeKind.PAYMENT_CAPTURED))
    world.wake()
    assert world.payment.disputed == 300


@pytest.mark.parametrize(
    ("status", "claimed"),
    [
        (DisputeStatus.WARNING, 0),
        (DisputeStatus.NEEDS_RESPONSE, 300),
        (DisputeStatus.UNDER_REVIEW, 300),
        (DisputeStatus.WON, 0),
        (DisputeStatus.LOST, 300),
        (DisputeStatus.PREVENTED, 0),
    ],
)
def test_a_dispute_claims_money_until_it_is_won_or_prevented(status: DisputeStatus, claimed: int) -> None:
    assert disputed(a_dispute(status)).payment.disputed == claimed


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_what_is_told_in_one_second_goes_by_stage_and_then_by_what_can_have_moved(order: tuple[int, ...]) -> None:
    stages = [
        a_dispute(withdrawn=0),
        a_dispute(withdrawn=300),
        a_dispute(DisputeStatus.WON, withdrawn=300),
        a_dispute(DisputeStatus.WON, withdrawn=0),
    ]
    [dispute] = disputed(*(stages[place] for place in order)).disputes.values()
    assert (dispute.status, dispute.withdrawn, dispute.booked_withdrawn) == (DisputeStatus.WON, 0, 0)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_stage_without_figures_does_not_hide_the_newest_that_were_told(order: tuple[int, ...]) -> None:
    stages = [
        a_dispute(minute=1, withdrawn=0),
        a_dispute(minute=2, withdrawn=300),
        a_dispute(DisputeStatus.UNDER_REVIEW, minute=3),
    ]
    [dispute] = disputed(*(stages[place] for place in order)).disputes.values()
    assert (dispute.status, dispute.withdrawn) == (DisputeStatus.UNDER_REVIEW, 300)


@given(st.data())
def test_in_any_order_of_any_stages_the_steps_of_a_dispute_add_up_to_its_end(data: st.DataObject) -> None:
    told = data.draw(
        st.lists(
            st.builds(
                a_dispute,
                st.sampled_from([each for each in DisputeStatus if each is not DisputeStatus.LOST]),
                minute=st.integers(0, 9),
                withdrawn=st.none() | st.integers(0, 900),
            ),
            min_size=1,
            max_size=8,
        )
    )
    world = disputed(*told)
    [dispute] = world.disputes.values()
    moves = [change.moves for change in world.changes if change.moves]
    assert sum(each.withdrawn for each in moves) == dispute.booked_withdrawn == (dispute.withdrawn or 0)
    assert sum(each.lost for each in moves) == dispute.booked_lost == dispute.lost
    assert [each.number for each in moves] == list(range(1, len(moves) + 1)), "each step has a number of its own"
    assert world.payment.disputed == dispute.claimed
    assert sum(change.lost_more for change in world.changes) == world.payment.lost


def test_a_dispute_in_another_currency_claims_the_whole_payment() -> None:
    world = disputed(replace(a_dispute(), currency="USD"))
    assert world.payment.disputed == PRICE


def test_a_lost_dispute_of_which_nothing_was_taken_claims_nothing() -> None:
    assert disputed(a_dispute(DisputeStatus.LOST, withdrawn=0)).payment.disputed == 0


def test_a_last_day_that_is_told_after_the_end_is_nobodys_news() -> None:
    late = a_dispute(minute=1)
    assert late.dispute
    late = replace(late, dispute=replace(late.dispute, due_at=AT))
    world = disputed(a_dispute(DisputeStatus.LOST, minute=9), late)
    assert [change.event for change in world.changes[1:]] == ["dispute.opened", "dispute.lost"]


def test_an_end_that_is_told_first_opens_the_dispute_too() -> None:
    world = disputed(a_dispute(DisputeStatus.LOST, minute=9), a_dispute(minute=1))
    assert [change.event for change in world.changes[1:]] == ["dispute.opened", "dispute.lost"]


def test_every_order_of_a_disputes_life_ends_the_same() -> None:
    life = [
        a_dispute(minute=1),
        a_dispute(minute=1, withdrawn=300),
        a_dispute(DisputeStatus.UNDER_REVIEW, minute=2, withdrawn=300),
        a_dispute(DisputeStatus.WON, minute=3, withdrawn=0),
    ]
    ends = set()
    for order in permutations(life):
        world = disputed(*order, *order)
        [dispute] = world.disputes.values()
        ends.add((dispute.status, dispute.withdrawn, world.payment.disputed))
        opened_and_won = [change.event for change in world.changes if change.event in {"dispute.opened", "dispute.won"}]
        assert opened_and_won == ["dispute.opened", "dispute.won"]
    assert ends == {(DisputeStatus.WON, 0, 0)}


def test_a_stage_that_is_older_than_the_known_one_changes_nothing() -> None:
    world = disputed(a_dispute(DisputeStatus.UNDER_REVIEW, minute=5), a_dispute(minute=1))
    [dispute] = world.disputes.values()
    assert dispute.status is DisputeStatus.UNDER_REVIEW


def test_a_bank_may_ask_for_more_evidence() -> None:
    world = disputed(a_dispute(DisputeStatus.UNDER_REVIEW, minute=5), a_dispute(minute=9))
    [dispute] = world.disputes.values()
    assert dispute.status is DisputeStatus.NEEDS_RESPONSE


def test_a_stage_that_comes_back_is_told_again_and_under_the_same_ids_when_it_is_heard_again() -> None:
    stages = [
        a_dispute(DisputeStatus.UNDER_REVIEW if minute % 2 else DisputeStatus.NEEDS_RESPONSE, minute=minute)
        for minute in range(6)
    ]
    told = [
        [change.occasion for change in disputed(*stages).changes if change.event == "dispute.updated"] for _ in range(2)
    ]
    assert len(set(told[0])) == 5
    assert told[0] == told[1]


def test_a_dispute_with_two_contradicting_ends_is_quarantined() -> None:
    world = disputed(a_dispute(DisputeStatus.WON, minute=1))
    book = Book(payments={PAYMENT: world.payment}, refunds={}, references={}, disputes=world.disputes)
    notice = replace(a_dispute(DisputeStatus.LOST, minute=1), payment=PAYMENT)
    [decision] = rules.decide(book, [notice], TERMS, AT)
    assert decision.verdict is Verdict.QUARANTINED


def test_a_dispute_may_be_larger_than_the_payment() -> None:
    world = disputed(replace(a_dispute(), amount=PRICE * 2))
    assert world.payment.disputed == PRICE * 2
    assert world.payment.left == 0


@pytest.mark.parametrize("status", [DisputeStatus.NEEDS_RESPONSE, DisputeStatus.UNDER_REVIEW])
def test_a_disputed_payment_is_not_refunded(status: DisputeStatus) -> None:
    world = disputed(a_dispute(status))
    with pytest.raises(PaymentDisputedError):
        reserve(world.payment, 1, disputes=world.disputes)


def test_what_a_lost_dispute_took_cannot_be_refunded_again() -> None:
    world = disputed(a_dispute(DisputeStatus.LOST))
    with pytest.raises(RefundExceedsCapturedError):
        reserve(world.payment, PRICE - 299, disputes=world.disputes)
    assert reserve(world.payment, PRICE - 300, disputes=world.disputes).refund


def test_a_notice_without_our_id_is_found_by_the_gateways() -> None:
    book = Book(payments={PAYMENT: a_payment()}, refunds={}, references={("stripe", "pi_1"): PAYMENT})
    notice = replace(a_notice(NoticeKind.PAYMENT_CAPTURED), payment=None)
    [decision] = rules.decide(book, [notice], TERMS, AT)
    assert decision.verdict is Verdict.APPLIED


def test_a_notice_about_a_payment_that_is_not_known_waits_under_its_name() -> None:
    other = ids.new()
    strangers = (
        replace(a_notice(NoticeKind.PAYMENT_CAPTURED), payment=other),
        replace(a_notice(NoticeKind.PAYMENT_CAPTURED), payment=None, references=("pi_9",)),
    )
    decisions = rules.decide(Book(payments={}, refunds={}, references={}), strangers, TERMS, AT)
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


def test_of_two_promised_refunds_that_cannot_both_come_true_the_second_is_quarantined() -> None:
    world, part = World(), PRICE * 3 // 5
    world.hear(a_notice(NoticeKind.PAYMENT_CAPTURED))
    for number in (1, 2):
        world.hear(a_notice(NoticeKind.REFUND_CREATED, refund=number, amount=part))
    world.hear(a_notice(NoticeKind.REFUND_SUCCEEDED, refund=1, amount=part))
    [second] = rules.decide(
        book_of(world.payment, *world.refunds.values()),
        [a_notice(NoticeKind.REFUND_SUCCEEDED, refund=2, amount=part)],
        TERMS,
        AT,
    )
    assert (second.verdict, second.payment, second.refund) == (Verdict.QUARANTINED, None, None)


def test_of_two_promised_refunds_that_cannot_both_come_true_either_may() -> None:
    world, part = World(), PRICE * 3 // 5
    world.hear(a_notice(NoticeKind.PAYMENT_CAPTURED))
    for number in (1, 2):
        world.hear(a_notice(NoticeKind.REFUND_CREATED, refund=number, amount=part))
    world.hear(a_notice(NoticeKind.REFUND_FAILED, refund=1, amount=part))
    world.hear(a_notice(NoticeKind.REFUND_SUCCEEDED, refund=2, amount=part))
    assert (world.payment.refunding, world.payment.refunded) == (0, part)


def test_a_refund_of_no_told_amount_is_never_taken_for_a_full_one() -> None:
    [decision] = decide(a_payment(Status.SUCCEEDED), a_notice(NoticeKind.REFUND_SUCCEEDED, refund=1))
    assert decision.verdict is Verdict.QUARANTINED


def test_a_refund_of_ours_is_recognised_by_our_id_and_learns_the_gateways() -> None:
    wished = reserve(a_payment(Status.SUCCEEDED), 300)
    assert wished.payment
    assert wished.refund
    notice = replace(a_notice(NoticeKind.REFUND_SUCCEEDED, refund=9, amount=300), refund=wished.refund.id)
    [decision] = rules.decide(book_of(wished.payment, wished.refund), [notice], TERMS, AT)
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


def reserve(
    payment: Payment,
    amount: int | None,
    *,
    unused: int | None = None,
    disputes: Mapping[UUID, Dispute] = MappingProxyType({}),
) -> Decision:
    return rules.reserve_refund(
        payment, amount, refund=ids.new(), unused=unused, reason=None, now=AT, disputes=disputes.values()
    )


def test_the_end_of_another_card_leaves_the_money_that_is_held_alone() -> None:
    held = replace(a_payment(Status.REQUIRES_CAPTURE, manual=True), reference="card_2")
    ended = a_notice(NoticeKind.PAYMENT_CANCELED)
    [other] = decide(held, replace(ended, references=("card_1",)))
    assert (other.verdict, other.change) == (Verdict.KNOWN, None)
    [own] = decide(held, replace(ended, references=("card_2",)))
    assert own.payment
    assert own.payment.status is Status.CANCELED


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("unclear", [True, False])
def test_a_doubt_moves_only_a_checkout_that_was_opened_and_is_not_decided(status: Status, *, unclear: bool) -> None:
    before, after = Status.REQUIRES_ACTION, Status.OUTCOME_UNKNOWN
    opened = replace(a_payment(status), next_action={"type": "client"})
    wanted = {before: after} if unclear else {after: before}
    decision = rules.mark_doubt(opened, unclear=unclear, reason="x", now=AT)
    assert (decision.payment or opened).status is wanted.get(status, status)
    assert rules.mark_doubt(a_payment(status), unclear=unclear, reason="x", now=AT).payment is None


def test_a_checkout_whose_charge_is_in_doubt_is_not_opened_anew() -> None:
    doubted = replace(a_payment(Status.OUTCOME_UNKNOWN), next_action={"type": "client"})
    for move in (OwnMove.OPENED, OwnMove.REFUSED, OwnMove.UNCLEAR):
        decision = rules.open_checkout(doubted, Opening(move=move, references=("cs_1",)), AT)
        assert (decision.verdict, decision.change) == (Verdict.KNOWN, None)


@pytest.mark.parametrize(
    ("status", "disputed", "refunded", "twice"),
    [
        (DisputeStatus.NEEDS_RESPONSE, 1, 1, True),
        (DisputeStatus.UNDER_REVIEW, 1, 1, True),
        (DisputeStatus.LOST, PRICE, 1, True),
        (DisputeStatus.LOST, PRICE - 1, 1, False),
        (DisputeStatus.WON, PRICE, 1, False),
        (DisputeStatus.WARNING, PRICE, 1, False),
    ],
)
def test_a_promised_refund_pays_twice_what_a_bank_claims_or_has_taken(
    status: DisputeStatus, disputed: int, refunded: int, *, twice: bool
) -> None:
    payment = a_payment(Status.SUCCEEDED)
    asked = rules.reserve_refund(payment, refunded, refund=UUID(int=9), unused=None, reason=None, now=AT)
    assert asked.refund
    said = DisputeFacts(id="dp_1", status=DisputeStatus.NEEDS_RESPONSE)
    [opened] = decide(payment, replace(a_notice(NoticeKind.DISPUTE_OPENED, amount=disputed), dispute=said))
    assert opened.dispute
    claims = [replace(opened.dispute, status=status)]
    assert rules.is_taken_back(payment, asked.refund, claims) is twice
    assert not rules.is_taken_back(payment, replace(asked.refund, surplus=True), claims)


def test_a_refund_of_what_a_bank_left_when_it_took_a_part_is_told_to_the_gateway() -> None:
    payment = a_payment(Status.SUCCEEDED, captured=199)
    said = DisputeFacts(id="dp_1", status=DisputeStatus.LOST, withdrawn=40)
    notice = replace(a_notice(NoticeKind.DISPUTE_LOST, amount=199), dispute=said)
    *_, lost = decide(payment, notice)
    assert lost.payment
    assert lost.dispute
    asked = reserve(lost.payment, 159)
    assert asked.refund
    assert not rules.is_taken_back(lost.payment, asked.refund, [lost.dispute])
