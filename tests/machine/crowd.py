"""The rest of the machine: credits, payouts, old news, and two things at once."""

from hypothesis import strategies as st
from hypothesis.stateful import rule
from tests.machine import deeds
from tests.machine.machine import CURRENCIES, DISPUTE_FEE, USERS, Machine, numbers, part_of
from tests.machine.model import CLAIMED, PAYOUT_STAGES, Payment
from tests.machine.world import Deed

hours = st.integers(1, 48)


class Crowd(Machine):
    """All rules together."""

    def _spend(self, user: int, of: int) -> Deed:
        name = USERS[user % 2]
        held = self.world.model.purses.spendable(name)
        return deeds.spent(self.world, name, part_of(held, of) if held else 1)

    # Credits.

    @rule(user=numbers, of=numbers)
    def spend(self, user: int, of: int) -> None:
        self._do("spend", self._spend(user, of))

    @rule(user=numbers, more=numbers)
    def spend_too_much(self, user: int, more: int) -> None:
        name = USERS[user % 2]
        much = self.world.model.purses.spendable(name) + 1 + more
        self._do("spend_too_much", deeds.spent(self.world, name, much))

    @rule(user=numbers, units=numbers)
    def bonus(self, user: int, units: int) -> None:
        self._do("bonus", deeds.given(self.world, USERS[user % 2], 1 + units % 60, None))

    @rule(user=numbers, units=numbers, ends=hours)
    def bonus_that_ends(self, user: int, units: int, ends: int) -> None:
        self._do("bonus_that_ends", deeds.given(self.world, USERS[user % 2], 1 + units % 60, ends))

    @rule(passed=hours)
    def time_passes(self, passed: int) -> None:
        self._do("time_passes", deeds.time_passes(self.world, passed))

    @rule(passed=hours)
    def expire(self, passed: int) -> None:
        self._do("time_passes", deeds.time_passes(self.world, passed))
        self._do("expire", deeds.lapsed(self.world))

    @rule(user=numbers, of=numbers)
    def take_by_hand(self, user: int, of: int) -> None:
        name = USERS[user % 2]
        held = self.world.model.purses.spendable(name)
        self._do("take_by_hand", deeds.taken(self.world, name, part_of(held, of) + (of % 5 == 0) if held else 1))

    @rule(user=numbers, of=numbers)
    def write_off(self, user: int, of: int) -> None:
        name = USERS[user % 2]
        debt = self.world.model.purses.debts[name]
        self._do("write_off", deeds.forgiven(self.world, name, part_of(debt, of) + (of % 7 == 0) if debt else 1))

    # Payouts, and what was told before.

    @rule(amount=numbers, of=numbers, stage=st.sampled_from(PAYOUT_STAGES[1:]))
    def paid_out(self, amount: int, of: int, stage: str) -> None:
        name = f"payout_{next(self.world.numbers)}"
        self._do("paid_out", deeds.payout(self.world, name, 1 + amount, CURRENCIES[of % 3], stage))

    @rule(which=numbers, stage=st.sampled_from(PAYOUT_STAGES[1:]))
    def payout_went_on(self, which: int, stage: str) -> None:
        if not self.world.model.payouts:
            self._do("paid_out", deeds.payout(self.world, "payout_first", 1 + which, CURRENCIES[which % 3], "created"))
        payouts = list(self.world.model.payouts.items())
        name, (amount, currency, _) = payouts[which % len(payouts)]
        self._do("payout_went_on", deeds.payout(self.world, name, amount, currency, stage))

    @rule(which=numbers)
    def told_again(self, which: int) -> None:
        self._do("told_again", deeds.told_again(self.world, which, anew=False))

    @rule(which=numbers)
    def told_anew(self, which: int) -> None:
        self._do("told_anew", deeds.told_again(self.world, which, anew=True))

    # Two at once.

    def _left(self, which: int) -> Payment:
        return self._paid(which, lambda each: each.left and deeds.room(self.world, each))

    def _dispute_of(self, payment: Payment, of: int) -> Deed:
        amount = 1 + of % (2 * payment.captured)
        return self._claim(payment, CLAIMED[0], amount, held=amount, fee=DISPUTE_FEE)

    def _refund_of(self, payment: Payment, of: int) -> Deed:
        return deeds.refund_asked(self.world, payment, part_of(payment.left, of))

    def _spend_of(self, payment: Payment, of: int) -> Deed:
        return self._spend(USERS.index(payment.user), of)

    @rule(which=numbers, one=numbers, other=numbers)
    def refund_and_refund(self, which: int, one: int, other: int) -> None:
        payment = self._left(which)
        self._do("refund_and_refund", self._refund_of(payment, one), self._refund_of(payment, other))

    @rule(which=numbers, of=numbers, amount=numbers)
    def refund_and_dispute(self, which: int, of: int, amount: int) -> None:
        payment = self._left(which)
        self._do("refund_and_dispute", self._refund_of(payment, of), self._dispute_of(payment, amount))

    @rule(which=numbers, of=numbers, amount=numbers)
    def refund_and_dashboard(self, which: int, of: int, amount: int) -> None:
        payment = self._left(which)
        beside = deeds.refund_in_dashboard(self.world, payment, amount, "succeeded")
        self._do("refund_and_dashboard", self._refund_of(payment, of), beside)

    @rule(which=numbers, of=numbers, other=numbers)
    def refund_and_failing_refund(self, which: int, of: int, other: int) -> None:
        found, payment = self._refunded(other, "pending", "succeeded"), self._left(which)
        failing = deeds.refund_told(self.world, *found, "failed")
        self._do("refund_and_failing_refund", self._refund_of(payment, of), failing)

    @rule(which=numbers, again=numbers, of=numbers)
    def refund_and_old_news(self, which: int, again: int, of: int) -> None:
        payment = self._left(which)
        old = deeds.told_again(self.world, again, anew=True)
        self._do("refund_and_old_news", self._refund_of(payment, of), old)

    @rule(user=numbers, one=numbers, other=numbers)
    def spend_and_spend(self, user: int, one: int, other: int) -> None:
        self._do("spend_and_spend", self._spend(user, one), self._spend(user, other))

    @rule(which=numbers, of=numbers, spending=numbers)
    def spend_and_refund(self, which: int, of: int, spending: int) -> None:
        payment = self._left(which)
        self._do("spend_and_refund", self._spend_of(payment, spending), self._refund_of(payment, of))

    @rule(which=numbers, of=numbers, spending=numbers)
    def spend_and_dispute(self, which: int, of: int, spending: int) -> None:
        payment = self._paid(which, lambda each: each.lot)
        self._do("spend_and_dispute", self._spend_of(payment, spending), self._dispute_of(payment, of))

    @rule(which=numbers, spending=numbers)
    def spend_and_dispute_lost(self, which: int, spending: int) -> None:
        payment, name, known = self._disputed(which, *CLAIMED)
        lost = deeds.disputed(self.world, payment, name, known.amount, "lost", held=known.amount)
        self._do("spend_and_dispute_lost", self._spend_of(payment, spending), lost)

    @rule(user=numbers, of=numbers, passed=hours)
    def spend_and_expire(self, user: int, of: int, passed: int) -> None:
        self._do("time_passes", deeds.time_passes(self.world, passed))
        self._do("spend_and_expire", self._spend(user, of), deeds.lapsed(self.world))

    @rule(which=numbers, spending=numbers)
    def spend_and_capture(self, which: int, spending: int) -> None:
        payment = self._open(which)
        self._do("spend_and_capture", self._spend_of(payment, spending), deeds.capture_told(self.world, payment))

    @rule(which=numbers, by_us=st.booleans())
    def capture_and_cancel(self, which: int, *, by_us: bool) -> None:
        payment = self._held(which) if by_us else self._open(which)
        captured = deeds.capture_held(self.world, payment, None) if by_us else deeds.capture_told(self.world, payment)
        self._do("capture_and_cancel", captured, deeds.cancel_by_us(self.world, payment))

    @rule(which=numbers, late=st.booleans())
    def capture_and_capture(self, which: int, *, late: bool) -> None:
        payment = self._over(which) if late else self._open(which)
        one, other = (deeds.capture_told(self.world, payment) for _ in range(2))
        self._do("capture_and_capture", one, other)

    @rule(which=numbers, user=numbers, units=numbers)
    def capture_and_bonus(self, which: int, user: int, units: int) -> None:
        gift = deeds.given(self.world, USERS[user % 2], 1 + units % 60, None)
        self._do("capture_and_bonus", deeds.capture_told(self.world, self._open(which)), gift)
