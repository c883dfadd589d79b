"""Credits and the money behind them, under random purchases, spends, refunds, failed refunds and disputes."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillkeeper.facts import Earned
from tillkeeper.fulfilment import rules as goods_rules
from tillkeeper.fulfilment.wallet import rules
from tillkeeper.fulfilment.wallet.rules import InsufficientCreditsError
from tillkeeper.fulfilment.wallet.values import Claims, Lot, Opening, Purse, Revocation
from tillkeeper.kernel import ids

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
USER = UUID(int=1)


def lot_of(units: int, amount: int, *, minute: int = 0, expires_at: datetime | None = None) -> Lot:
    return Lot(
        id=ids.new(),
        user=USER,
        payment=ids.new(),
        granted=units,
        remaining=units,
        currency="EUR",
        amount=amount,
        created_at=AT + timedelta(minutes=minute),
        expires_at=expires_at,
    )


@dataclass
class World:
    """One user's purse, with what went back of each purchase and what banks claim: the flows' part of the game."""

    purse: Purse = field(default_factory=lambda: Purse(user=USER))
    refunds: dict[UUID, list[tuple[int, Revocation]]] = field(default_factory=dict)
    disputes: dict[UUID, list[int]] = field(default_factory=dict)
    lost: dict[UUID, int] = field(default_factory=dict)
    revoked: dict[UUID, int] = field(default_factory=dict)
    earned: int = 0

    def lot(self, lot: UUID) -> Lot:
        return next(each for each in self.purse.lots if each.id == lot)

    def buy(self, units: int, amount: int) -> None:
        lot = lot_of(units, amount, minute=len(self.refunds))
        self.purse, _, earned = rules.grant(self.purse, lot)
        self.refunds[lot.id], self.revoked[lot.id] = [], 0
        self.disputes[lot.id], self.lost[lot.id] = [], 0
        self._earn(earned)

    def spend(self, units: int) -> None:
        self.purse, earned = rules.spend(self.purse, units, source=ids.new(), reason="x", at=AT)
        self._earn(earned)

    def refunded(self, lot: UUID) -> int:
        return sum(amount for amount, _ in self.refunds[lot])

    def refund(self, lot_id: UUID, amount: int) -> int:
        """Take a refund; return how many credits had been spent already."""
        lot = self.lot(lot_id)
        units, claims = self.due(lot_id, self.refunded(lot_id) + amount)
        self.purse, taken, kept = rules.take_back(
            self.purse, lot, units, money=amount, refund=ids.new(), at=AT, claims=claims
        )
        assert taken.units + taken.from_frozen + taken.to_debt == units
        assert kept.unearned + kept.earned == amount
        self.refunds[lot_id].append((amount, kept))
        self.revoked[lot_id] += units
        self._earn(taken.recognised)
        return max(0, units - lot.remaining - lot.frozen)

    def fail(self, lot_id: UUID, place: int) -> None:
        _, revocation = self.refunds[lot_id].pop(place)
        units, claims = self.due(lot_id, self.refunded(lot_id))
        self.purse, settled = rules.give_back(
            self.purse, self.lot(lot_id), -units, revocation=revocation, at=AT, claims=claims
        )
        self.revoked[lot_id] += units
        self._earn(settled.recognised)

    def due(self, lot_id: UUID, refunded: int) -> tuple[int, Claims]:
        """Work out what is to be revoked more of a purchase, and what banks have to do with it."""
        lot, lost = self.lot(lot_id), self.lost[lot_id]
        back = refunded + lost
        target = goods_rules.revoked_total(lot.granted, refunded=back, captured=lot.amount)
        claimed = back + sum(self.disputes[lot_id])
        frozen = goods_rules.revoked_total(lot.granted, refunded=claimed, captured=lot.amount) - target
        return target - self.revoked[lot_id], Claims(frozen=frozen, lost=lost)

    def dispute(self, lot_id: UUID, amount: int) -> None:
        """Let a bank claim money, which takes no credit away for good."""
        debt = self.purse.debt
        self.disputes[lot_id].append(amount)
        assert self._settle(lot_id) == 0
        assert self.purse.debt == debt, "a claim alone never makes a debt"

    def decide(self, lot_id: UUID, place: int, *, lost: bool) -> None:
        amount = self.disputes[lot_id].pop(place)
        self.lost[lot_id] += amount if lost else 0
        self._settle(lot_id)

    def _settle(self, lot_id: UUID) -> int:
        units, claims = self.due(lot_id, self.refunded(lot_id))
        self.purse, settled = rules.settle(self.purse, self.lot(lot_id), units, source=ids.new(), at=AT, claims=claims)
        self.revoked[lot_id] += units
        self._earn(settled.recognised)
        return units

    def _earn(self, earned: tuple[Earned, ...]) -> None:
        self.earned += sum(part.amount for part in earned)

    def check(self) -> None:
        purse = self.purse
        assert purse.balance == sum(lot.remaining for lot in purse.lots) == sum(e.amount for e in purse.entries)
        assert purse.balance >= 0
        assert purse.debt >= 0
        assert not (purse.debt and purse.balance)
        assert purse.frozen == sum(lot.frozen for lot in purse.lots)
        assert self.earned == sum(lot.recognised for lot in purse.lots)
        for lot in purse.lots:
            assert lot.remaining >= 0
            assert lot.revoked >= 0
            assert lot.remaining + lot.frozen + lot.revoked <= lot.granted
            assert lot.returned >= 0
            assert 0 <= lot.lost <= self.lost[lot.id]
            assert lot.unearned >= 0
            held = lot.remaining + lot.frozen
            assert held or not lot.unearned, "nobody can spend these any more, so no money is owed for them"
            _, claims = self.due(lot.id, self.refunded(lot.id))
            assert lot.frozen == min(claims.frozen, held), "what is left of a lot is frozen as far as a bank claims it"
            assert self.revoked[lot.id] + claims.frozen <= lot.granted


def play(world: World, data: st.DataObject) -> None:
    lots = list(world.refunds)
    verbs = ["buy"] + ["spend"] * bool(world.purse.balance)
    verbs += ["refund", "refund", "fail", "dispute", "win", "lose"] * bool(lots)
    verb = data.draw(st.sampled_from(verbs))
    if verb == "buy":
        world.buy(data.draw(st.integers(1, 20)), data.draw(st.integers(1, 100)))
    elif verb == "spend":
        world.spend(data.draw(st.integers(1, world.purse.balance)))
    else:
        lot = lots[data.draw(st.integers(0, len(lots) - 1))]
        left = world.lot(lot).amount - world.refunded(lot)
        if verb == "refund" and left:
            world.refund(lot, data.draw(st.integers(1, left)))
        elif verb == "fail" and world.refunds[lot]:
            world.fail(lot, data.draw(st.integers(0, len(world.refunds[lot]) - 1)))
        elif verb == "dispute":
            world.dispute(lot, data.draw(st.integers(1, 2 * world.lot(lot).amount)))
        elif verb in {"win", "lose"} and world.disputes[lot]:
            world.decide(lot, data.draw(st.integers(0, len(world.disputes[lot]) - 1)), lost=verb == "lose")


@given(st.data())
def test_whatever_happens_a_purse_is_the_sum_of_its_lots_and_money_is_earned_exactly(data: st.DataObject) -> None:
    world = World()
    for _ in range(data.draw(st.integers(1, 12))):
        play(world, data)
        world.check()


@given(st.data())
def test_money_of_lots_that_are_used_up_is_recognised_or_returned_to_the_last_unit(data: st.DataObject) -> None:
    world = World()
    for _ in range(data.draw(st.integers(1, 10))):
        play(world, data)
    for lot in world.disputes:
        while world.disputes[lot]:
            world.decide(lot, 0, lost=False)
    if world.purse.balance:
        world.spend(world.purse.balance)
    assert [lot.unearned for lot in world.purse.lots] == [0] * len(world.purse.lots)


@given(st.integers(1, 200), st.integers(1, 5_000), st.data())
def test_money_that_goes_back_in_several_ways_takes_the_same_in_any_order(
    units: int, amount: int, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, amount))
    parts = [("refund", cut), ("lose", amount - cut), ("lose", data.draw(st.integers(0, amount)))]
    parts += [("win", data.draw(st.integers(1, 2 * amount)))]
    ends = set()
    for order in (parts, data.draw(st.permutations(parts))):
        world = World()
        world.buy(units, amount)
        [lot] = world.refunds
        for verb, money in order:
            if money and verb == "refund":
                world.refund(lot, money)
            elif money:
                world.dispute(lot, money)
                world.decide(lot, 0, lost=verb == "lose")
        world.check()
        end = world.lot(lot)
        ends.add((world.purse.balance, world.purse.debt, world.purse.frozen, end.returned, end.lost, end.recognised))
    assert len(ends) == 1


def test_a_refund_that_is_told_after_a_lost_dispute_has_the_first_right_to_the_money() -> None:
    world = World()
    world.buy(100, 1_000)
    [lot] = world.refunds
    world.dispute(lot, 1_000)
    world.decide(lot, 0, lost=True)
    assert (world.lot(lot).returned, world.lot(lot).lost) == (0, 1_000)
    world.refund(lot, 400)
    assert (world.lot(lot).returned, world.lot(lot).lost, world.purse.debt) == (400, 600, 0)


def test_credits_that_were_spent_before_a_dispute_are_missed_only_when_it_is_lost() -> None:
    world = World()
    world.buy(100, 1_000)
    [lot] = world.refunds
    world.spend(70)
    world.buy(50, 500)
    world.dispute(lot, 1_000)
    assert (world.purse.balance, world.purse.frozen, world.purse.debt) == (50, 30, 0)
    world.decide(lot, 0, lost=True)
    assert (world.purse.balance, world.purse.frozen, world.purse.debt) == (0, 0, 20)
    assert [(entry.kind, entry.amount) for entry in world.purse.entries[-2:]] == [("freeze", -30), ("revoke", -50)]


def test_credits_that_come_free_repay_a_debt_first() -> None:
    world = World()
    world.buy(100, 1_000)
    [lot] = world.refunds
    world.dispute(lot, 1_000)
    world.purse = replace(world.purse, debt=30)
    world.decide(lot, 0, lost=False)
    assert (world.purse.balance, world.purse.frozen, world.purse.debt) == (70, 0, 0)


@given(st.integers(1, 200), st.integers(1, 10_000), st.data())
def test_spending_in_any_parts_earns_exactly_the_price(units: int, amount: int, data: st.DataObject) -> None:
    world = World()
    world.buy(units, amount)
    while world.purse.balance:
        world.spend(data.draw(st.integers(1, world.purse.balance)))
        spent = units - world.purse.balance
        assert world.earned == amount * spent // units
    assert world.earned == amount


@given(st.integers(1, 200), st.integers(1, 10_000), st.data())
def test_a_refund_within_the_allowance_never_takes_a_spent_credit(units: int, amount: int, data: st.DataObject) -> None:
    world = World()
    world.buy(units, amount)
    [lot] = world.refunds
    for _ in range(4):
        if world.purse.balance:
            world.spend(data.draw(st.integers(1, world.purse.balance)))
        allowed = rules.refundable(world.lot(lot), captured=amount, refunded=world.refunded(lot), gross=int)
        assert 0 <= allowed <= amount - world.refunded(lot)
        if allowed:
            assert world.refund(lot, data.draw(st.integers(1, allowed))) == 0
    assert world.purse.debt == 0


@given(st.integers(1, 200), st.integers(200, 10_000), st.data())
def test_all_money_behind_unspent_credits_can_be_refunded(units: int, amount: int, data: st.DataObject) -> None:
    world = World()
    world.buy(units, amount)
    [lot] = world.refunds
    world.spend(data.draw(st.integers(1, units)))
    allowed = rules.refundable(world.lot(lot), captured=amount, refunded=0, gross=int)
    assert allowed == world.lot(lot).unearned


@given(st.integers(1, 200), st.integers(1, 10_000), st.lists(st.integers(1, 500), max_size=8))
def test_refunds_of_an_untouched_lot_in_any_parts_take_what_their_sum_should(
    units: int, amount: int, parts: list[int]
) -> None:
    world = World()
    world.buy(units, amount)
    [lot] = world.refunds
    for part in parts:
        part = min(part, amount - world.refunded(lot))  # noqa: PLW2901 (as much as is left)
        if part:
            world.refund(lot, part)
        share = units if world.refunded(lot) == amount else units * world.refunded(lot) // amount
        assert world.purse.balance == units - share
    world.check()


def test_a_spend_of_more_than_there_is_is_refused_whole() -> None:
    world = World()
    world.buy(5, 100)
    with pytest.raises(InsufficientCreditsError):
        world.spend(6)
    assert world.purse.balance == 5


def test_credits_that_expire_first_are_spent_first_and_then_the_oldest() -> None:
    purse = Purse(user=USER)
    late, early, soon = lot_of(1, 1, minute=2), lot_of(1, 1, minute=1), lot_of(1, 1, minute=3)
    soon = replace(soon, expires_at=AT + timedelta(days=1))
    for lot in (late, early, soon):
        purse, _, _ = rules.grant(purse, lot)
    order = []
    for _ in range(3):
        before = {lot.id: lot.remaining for lot in purse.lots}
        purse, _ = rules.spend(purse, 1, source=ids.new(), reason="x", at=AT)
        order += [lot.id for lot in purse.lots if lot.remaining < before[lot.id]]
    assert order == [soon.id, early.id, late.id]


def test_a_grant_repays_debt_first_and_earns_the_money_of_what_it_repaid() -> None:
    purse = Purse(user=USER, debt=3)
    purse, repaid, earned = rules.grant(purse, lot_of(10, 100))
    assert (purse.balance, purse.debt, repaid) == (7, 0, 3)
    assert [(part.currency, part.amount) for part in earned] == [("EUR", 30)]
    assert [(entry.kind, entry.amount, entry.before) for entry in purse.entries] == [
        ("grant", 10, 0),
        ("debt_repaid", -3, 10),
    ]


def test_a_refund_whose_share_of_credits_is_nothing_moves_only_money() -> None:
    world = World()
    world.buy(3, 100)
    [lot] = world.refunds
    world.refund(lot, 33)
    assert (world.purse.balance, world.lot(lot).returned) == (3, 33)


def test_money_left_in_a_lot_whose_last_credit_is_refunded_is_earned() -> None:
    world = World()
    world.buy(3, 100)
    [lot] = world.refunds
    world.refund(lot, 33)  # of the money, and no whole credit
    world.spend(2)
    world.refund(lot, 1)  # the last credit goes, and nobody can spend what is left of the money
    assert (world.purse.balance, world.earned, world.lot(lot).returned) == (0, 66, 34)
    assert world.lot(lot).unearned == 0


def test_what_a_user_brings_along_is_added_to_what_they_have_and_to_what_they_owe() -> None:
    purse = Purse(user=USER, debt=30)
    indebted, repaid, earned = rules.open_with(purse, Opening(user=USER, debt=12))
    assert (indebted.debt, repaid, earned) == (42, 0, ())
    lots = (lot_of(20, 200), lot_of(25, 250, minute=1))
    after, repaid, earned = rules.open_with(purse, Opening(user=USER, lots=lots))
    assert (after.debt, after.balance, repaid) == (0, 15, 30)
    assert sum(each.amount for each in earned) == 300
