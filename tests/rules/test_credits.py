"""Credits beside purchases: given, taken and ended in any order, they never make money out of nothing."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules.test_ledger_recipes import DEBT, DEFERRED, ISSUER, USER, WALLET, lines, net
from tests.rules.test_wallet import AT, World, lot_of

from tillkeeper.facts import Earned
from tillkeeper.fulfilment.wallet import FREE, rules
from tillkeeper.fulfilment.wallet.rules import InsufficientCreditsError
from tillkeeper.fulfilment.wallet.values import Claims, Lot, Purse
from tillkeeper.kernel import ids
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError
from tillkeeper.ledger import recipes

MADE = UUID("01900000-0000-7000-8000-000000000004")
LATER = AT + timedelta(days=1)


def gift_of(units: int, **more: object) -> Lot:
    lot = lot_of(units, 0)
    return replace(lot, payment=None, currency=FREE, **more)  # type: ignore[arg-type]


@dataclass
class Bounty(World):
    """A world in which credits also come and go by hand and by time."""

    lapsed: int = 0
    paid: int = 0
    free: set[UUID] = field(default_factory=set)

    def buy(self, units: int, amount: int) -> None:
        super().buy(units, amount)
        self.paid += amount

    def give(self, units: int, *, lasting: bool) -> None:
        lot = gift_of(units, expires_at=None if lasting else LATER)
        self.free.add(lot.id)
        self.refunds[lot.id], self.revoked[lot.id] = [], 0
        self.disputes[lot.id], self.lost[lot.id] = [], 0
        self.purse, _, earned = rules.grant(self.purse, lot, kind="bonus", reason="x")
        assert earned == ()

    def due(self, lot_id: UUID, refunded: int) -> tuple[int, Claims]:
        return (0, Claims()) if lot_id in self.free else super().due(lot_id, refunded)

    def take(self, units: int) -> None:
        self.purse, earned = rules.take(self.purse, units, source=ids.new(), reason="x", at=AT)
        self._earn(earned)

    def end(self) -> None:
        before = self.purse.balance
        self.purse, lost = rules.lapse(self.purse, at=LATER)
        assert before - self.purse.balance == sum(each.units for each in lost)
        self._earn(tuple(each.earned for each in lost))

    def forgive(self, units: int) -> None:
        owed = self.purse.debt
        self.purse, forgiven = rules.write_off(self.purse, units)
        assert (forgiven, self.purse.debt) == (units, owed - units)

    def check(self) -> None:
        super().check()
        assert all(not (lot.recognised or lot.returned or lot.lost) for lot in self.purse.lots if lot.id in self.free)


def play(world: Bounty, data: st.DataObject) -> None:
    bought = [lot for lot in world.refunds if lot not in world.free]
    verbs = ["buy", "give", "give", "end"] + ["spend", "take"] * bool(world.purse.balance)
    verbs += ["refund", "dispute", "decide"] * bool(bought) + ["forgive"] * bool(world.purse.debt)
    match data.draw(st.sampled_from(verbs)):
        case "buy":
            world.buy(data.draw(st.integers(1, 20)), data.draw(st.integers(1, 100)))
        case "give":
            world.give(data.draw(st.integers(1, 20)), lasting=data.draw(st.booleans()))
        case "end":
            world.end()
        case "spend":
            world.spend(data.draw(st.integers(1, world.purse.balance)))
        case "take":
            world.take(data.draw(st.integers(1, world.purse.balance)))
        case "forgive":
            world.forgive(data.draw(st.integers(1, world.purse.debt)))
        case verb:
            _go_back(world, bought[data.draw(st.integers(0, len(bought) - 1))], verb, data)


def _go_back(world: Bounty, lot: UUID, verb: str, data: st.DataObject) -> None:
    amount, disputes = world.lot(lot).amount, world.disputes[lot]
    left = amount - world.refunded(lot)
    if verb == "refund" and left:
        world.refund(lot, data.draw(st.integers(1, left)))
    elif verb == "dispute":
        world.dispute(lot, data.draw(st.integers(1, 2 * amount)))
    elif verb == "decide" and disputes:
        world.decide(lot, data.draw(st.integers(0, len(disputes) - 1)), lost=data.draw(st.booleans()))


@given(st.data())
def test_whatever_is_given_taken_and_ended_a_purse_is_the_sum_of_its_lots(data: st.DataObject) -> None:
    world = Bounty()
    for _ in range(data.draw(st.integers(1, 14))):
        play(world, data)
        world.check()
    for lot, disputes in world.disputes.items():
        while disputes:
            world.decide(lot, 0, lost=False)
    if world.purse.balance:
        world.take(world.purse.balance)
    assert world.earned + sum(lot.returned + lot.lost for lot in world.purse.lots) == world.paid


def test_what_was_not_paid_is_taken_first() -> None:
    purse, _, _ = rules.grant(Purse(user=USER), lot_of(10, 100))
    purse, _, _ = rules.grant(purse, gift_of(5), kind="bonus")
    purse, earned = rules.take(purse, 5, source=MADE, reason="x", at=AT)
    assert earned == ()
    _, earned = rules.take(purse, 3, source=MADE, reason="x", at=AT)
    assert earned == (Earned(currency="EUR", amount=30),)


def test_taking_more_than_there_is_is_refused_whole() -> None:
    with pytest.raises(InsufficientCreditsError):
        rules.take(Purse(user=USER), 1, source=MADE, reason="x", at=AT)


def test_only_what_is_over_ends_and_only_what_is_left_of_it() -> None:
    purse, _, _ = rules.grant(Purse(user=USER), gift_of(5, expires_at=LATER), kind="bonus")
    purse, _, _ = rules.grant(purse, gift_of(7, expires_at=LATER + timedelta(seconds=1)), kind="bonus")
    purse, _ = rules.spend(purse, 2, source=MADE, reason="x", at=AT)
    purse, lost = rules.lapse(purse, at=LATER)
    assert ([each.units for each in lost], purse.balance) == ([3], 7)
    assert rules.lapse(purse, at=LATER) == (purse, [])


def test_credits_that_ended_leave_their_source_in_the_history() -> None:
    lot = lot_of(5, 100, expires_at=LATER)
    purse, _, _ = rules.grant(Purse(user=USER), lot)
    purse, [lost] = rules.lapse(purse, at=LATER)
    assert (purse.entries[-1].source, lost.lot, lost.earned.amount) == (lot.payment, lot.id, 100)


def test_only_what_is_owed_can_be_forgiven() -> None:
    assert rules.write_off(Purse(user=USER, debt=5), None) == (Purse(user=USER), 5)
    with pytest.raises(InvalidStateError):
        rules.write_off(Purse(user=USER), None)
    for units in (0, -1, 6):
        with pytest.raises(InvalidFieldError):
            rules.write_off(Purse(user=USER, debt=5), units)


def test_a_gift_is_booked_without_money_and_repays_debt() -> None:
    given_ = recipes.credits_given(MADE, kind="bonus", user=USER, units=50, debt_repaid=20, at=AT)
    assert lines(given_) == [(ISSUER, WALLET, "CRD", 50), (WALLET, DEBT, "CRD", 20)]
    assert given_.key == ("adjustment", str(MADE), "bonus")


def test_what_is_taken_or_ends_turns_its_money_into_breakage() -> None:
    earned = Earned(currency="EUR", amount=30)
    taken = recipes.credits_taken(MADE, user=USER, units=3, earned=[earned], at=AT)
    ended = recipes.credits_expired(MADE, user=USER, units=3, earned=earned, at=AT)
    assert lines(taken) == lines(ended) == [(WALLET, ISSUER, "CRD", 3), (DEFERRED, "breakage:EUR", "EUR", 30)]
    assert ended.key == ("lot", str(MADE), "expire:2026-11-20T12:00:00+00:00")


def test_what_cost_nothing_ends_without_money() -> None:
    nothing = Earned(currency=FREE, amount=0)
    assert lines(recipes.credits_expired(MADE, user=USER, units=3, earned=nothing, at=AT)) == [
        (WALLET, ISSUER, "CRD", 3)
    ]


def test_a_debt_that_was_forgiven_was_never_taken_back() -> None:
    split = recipes.RefundSplit(currency="EUR", earned=1, user=USER, to_debt=40)
    [owed] = recipes.refund_requested(MADE, split=split, at=AT, goods_at=AT)
    forgiven = recipes.debt_written_off(MADE, user=USER, units=40, at=AT)
    assert lines(forgiven) == [(ISSUER, DEBT, "CRD", 40)]
    sums = net(owed, forgiven)
    assert (sums[DEBT], sums[ISSUER]) == (0, 0)
