"""The machine: which deed comes next and about what, chosen by Hypothesis; after each, program and model are compared.

What a rule draws never depends on how far things are, because two deeds at once may end in either order: so a run can
be made smaller. A rule that finds nothing to act on brings it about first, by steps that are counted as what they are.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from tests.machine import deeds
from tests.machine.gateway import Fact
from tests.machine.model import CLAIMED, Dispute, Payment
from tests.machine.world import Deed, Divergence, World

from tillkeeper.catalog import Package

USERS = ("ana", "ben")
PACKAGES = (
    Package(
        id="few",
        kind="credits",
        title="7 credits",
        quantity=7,
        prices={"EUR": 199, "JPY": 5, "KWD": 1_005},
        tax_bps={"EUR": 1_900, "JPY": 1_000},
    ),
    Package(
        id="some",
        kind="credits",
        title="120 credits",
        quantity=120,
        prices={"EUR": 1_999, "JPY": 2_400, "KWD": 12_345},
        tax_bps={"KWD": 500},
    ),
    Package(
        id="many", kind="credits", title="1000 credits", quantity=1_000, prices={"EUR": 333, "JPY": 40, "KWD": 101}
    ),
)
CURRENCIES = ("EUR", "JPY", "KWD")
OPEN, HELD, WARNING = "requires_action", "requires_capture", "warning"
ENDED = ("canceled", "expired")
DISPUTE_FEE = 15
Opened = tuple[asyncio.Runner, World, Callable[[], None]]
"""A world, what it runs in, and what removes its database afterwards."""
numbers = st.integers(0, 999)


Thing = TypeVar("Thing")


class Machine(RuleBasedStateMachine):
    """Drive one world, which `open_world` opens on a fresh database."""

    open_world: Callable[[], Opened]
    tally: Counter[str]
    found: list[str]
    """What differed, in every try: of two things at once the other may win the next time, and then nothing does."""

    def __init__(self) -> None:
        super().__init__()
        self.runner, self.world, self.leave = type(self).open_world()
        for user in USERS:
            self._do("bonus", deeds.given(self.world, user, 10, None))

    def teardown(self) -> None:
        """End the run with the program's own proof."""
        try:
            self.runner.run(self.world.close())
        finally:
            self.runner.close()
            self.leave()

    def _do(self, name: str, *wanted: Deed) -> None:
        try:
            self.runner.run(self.world.happen(*wanted))
        except Divergence as error:
            self.found.append(str(error))
            raise
        self.tally[name] += 1

    # What to act on; where there is none, it is brought about first.

    def _payments(self, fits: Callable[[Payment], Any]) -> list[Payment]:
        return [each for each in self.world.model.payments.values() if fits(each)]

    def _opened(self, of: int, *, manual: bool = False) -> Payment:
        package, currency = (*PACKAGES, None)[of % 4], CURRENCIES[of // 4 % 3]
        quantity = 1 + of % 3 if package else 1 + of
        name = "open_manual_checkout" if manual else "open_checkout"
        self._do(name, deeds.buy(self.world, package, currency, USERS[of // 12 % 2], quantity, manual=manual))
        *_, payment = self.world.model.payments.values()
        if manual:
            self._do("authorized", deeds.tell(self.world, Fact("authorize", {"payment": payment.name})))
        return payment

    def _open(self, which: int) -> Payment:
        return pick(self._payments(lambda each: each.status == OPEN), which) or self._opened(which)

    def _held(self, which: int) -> Payment:
        return pick(self._payments(lambda each: each.status == HELD), which) or self._opened(which, manual=True)

    def _known(self, which: int) -> Payment:
        return pick(self._payments(lambda each: not each.manual), which) or self._opened(which)

    def _bought(self, of: int) -> Payment:
        payment = self._opened(of)
        self._do("purchase", deeds.capture_told(self.world, payment))
        return payment

    def _paid(self, which: int, fits: Callable[[Payment], Any] = lambda _: True) -> Payment:
        found = pick(self._payments(lambda each: each.captured and fits(each)), which)
        return found or self._bought(which - which % 4)

    def _over(self, which: int) -> Payment:
        found = pick(self._payments(lambda each: each.status in ENDED and not each.manual), which)
        if found is None:
            found = self._opened(which)
            self._do("canceled", deeds.cancel_by_us(self.world, found))
        return found

    def _waiting(self, which: int) -> Payment:
        found = pick(self._payments(lambda each: each.waiting), which)
        if found is None:
            found = self._opened(which - which % 4)
            self._do("captured_in_vain", deeds.capture_told(self.world, found, fails=True))
        return found

    def _refunded(self, which: int, *states: str) -> tuple[Payment, str]:
        known = self.world.gateway.accounts
        found = [
            (each, name)
            for each in self.world.model.payments.values()
            for name, refund in each.refunds.items()
            if refund.state in states and name in known[each.name].refunds
        ]
        if not found:
            payment = self._bought(which)
            deed = deeds.refund_in_dashboard(self.world, payment, which, states[0])
            self._do("refunded_in_dashboard", deed)
            found = [(payment, next(reversed(payment.refunds)))]
        return found[-1 - which % len(found)]

    def _disputed(self, which: int, *stages: str) -> tuple[Payment, str, Dispute]:
        payments = self.world.model.payments.values()
        found = [
            (each, name, known)
            for each in payments
            for name, known in each.disputes.items()
            if known.stage in stages and each.captured
        ]
        if not found:
            payment = self._paid(which)
            held = 0 if stages[0] == WARNING else payment.captured
            self._do("disputed", self._claim(payment, stages[0], payment.captured, held=held, fee=DISPUTE_FEE))
            payment = self.world.model.payments[payment.name]
            name = next(reversed(payment.disputes))
            found = [(payment, name, payment.disputes[name])]
        return found[-1 - which % len(found)]

    def _claim(self, payment: Payment, stage: str, amount: int, **money: int) -> Deed:
        return deeds.disputed(self.world, payment, f"dispute_{next(self.world.numbers)}", amount, stage, **money)

    # Buying.

    @initialize(of=numbers, more=numbers)
    def start(self, of: int, more: int) -> None:
        """Sell something to each, so that there is something to act on."""
        for user, number in enumerate((of, more)):
            self._bought(12 * user + 4 * (number // 3 % 3) + number % 3)

    @rule(of=numbers)
    def open_checkout(self, of: int) -> None:
        self._opened(of)

    @rule(of=numbers)
    def open_manual_checkout(self, of: int) -> None:
        self._opened(of, manual=True)

    @rule(of=numbers)
    def purchase(self, of: int) -> None:
        self._bought(of)

    @rule(which=numbers)
    def captured(self, which: int) -> None:
        self._do("captured", deeds.capture_told(self.world, self._open(which)))

    @rule(which=numbers)
    def captured_late(self, which: int) -> None:
        self._do("captured_late", deeds.capture_told(self.world, self._over(which)))

    @rule(which=numbers, amount=numbers)
    def captured_otherwise(self, which: int, amount: int) -> None:
        payment = self._known(which)
        amount += 1 + (amount + 1 == payment.amount)
        self._do("captured_otherwise", deeds.capture_told(self.world, payment, amount=amount))

    @rule(which=numbers)
    def captured_twice(self, which: int) -> None:
        self._do("captured_twice", deeds.capture_again(self.world, self._paid(which)))

    @rule(which=numbers)
    def captured_in_vain(self, which: int) -> None:
        self._do("captured_in_vain", deeds.capture_told(self.world, self._open(which), fails=True))

    @rule(which=numbers)
    def handed_over(self, which: int) -> None:
        self._do("handed_over", deeds.hand_over(self.world, self._waiting(which)))

    @rule(which=numbers, part=numbers)
    def captured_by_us(self, which: int, part: int) -> None:
        payment = self._held(which)
        amount = 1 + part % payment.amount if part % 3 else None
        self._do("captured_by_us", deeds.capture_held(self.world, payment, amount))

    @rule(which=numbers)
    def declined(self, which: int) -> None:
        payment = self._known(which)
        self._do("declined", deeds.tell(self.world, Fact("decline", {"payment": payment.name})))

    @rule(which=numbers)
    def canceled(self, which: int) -> None:
        payment = self._held(which) if which % 2 else self._open(which)
        self._do("canceled", deeds.cancel_by_us(self.world, payment))

    @rule(which=numbers)
    def expired(self, which: int) -> None:
        self._do("expired", deeds.time_out(self.world, self._open(which)))

    @rule(which=numbers, of=numbers)
    def fee_told(self, which: int, of: int) -> None:
        payment = self._paid(which, lambda each: not each.fee_tax)
        told = {"payment": payment.name, "fee": 2 + of % 50, "tax": 1 + of % 2}
        self._do("fee_told", deeds.tell(self.world, Fact("learn_fee", told)))

    # Refunds.

    @rule(which=numbers, of=numbers)
    def refund(self, which: int, of: int) -> None:
        payment = self._paid(which, lambda each: each.left)
        self._do("refund", deeds.refund_asked(self.world, payment, part_of(payment.left, of)))

    @rule(which=numbers)
    def refund_of_all(self, which: int) -> None:
        self._do("refund_of_all", deeds.refund_asked(self.world, self._paid(which), None))

    @rule(which=numbers, more=numbers)
    def refund_of_too_much(self, which: int, more: int) -> None:
        payment = self._paid(which)
        self._do("refund_of_too_much", deeds.refund_asked(self.world, payment, payment.left + 1 + more))

    @rule(which=numbers)
    def refund_succeeded(self, which: int) -> None:
        found = self._refunded(which, "pending")
        self._do("refund_succeeded", deeds.refund_told(self.world, *found, "succeeded"))

    @rule(which=numbers)
    def refund_failed(self, which: int) -> None:
        found = self._refunded(which, "pending")
        self._do("refund_failed", deeds.refund_told(self.world, *found, "failed"))

    @rule(which=numbers)
    def refund_failed_after_success(self, which: int) -> None:
        found = self._refunded(which, "succeeded")
        self._do("refund_failed_after_success", deeds.refund_told(self.world, *found, "failed"))

    @rule(which=numbers, amount=numbers, done=st.booleans())
    def refunded_in_dashboard(self, which: int, amount: int, *, done: bool) -> None:
        payment = self._paid(which, lambda each: deeds.room(self.world, each))
        deed = deeds.refund_in_dashboard(self.world, payment, amount, "succeeded" if done else "pending")
        self._do("refunded_in_dashboard", deed)

    @rule(which=numbers, amount=numbers)
    def refunded_before_capture(self, which: int, amount: int) -> None:
        payment = self._open(which)
        if payment.parked:  # of two that wait, either may come first, and each then has another share of the tax
            payment = self._opened(which)
        deeds.pay(self.world, payment)
        deed = deeds.refund_in_dashboard(self.world, payment, amount, "succeeded")
        self._do("refunded_before_capture", deed)

    # Disputes.

    @rule(which=numbers, of=numbers, held=st.booleans())
    def disputed(self, which: int, of: int, *, held: bool) -> None:
        payment = self._paid(which, lambda each: not each.disputed)
        amount = payment.captured if of % 2 else 1 + of % payment.captured
        money = {"held": amount, "fee": DISPUTE_FEE} if held else {}
        self._do("disputed", self._claim(payment, CLAIMED[of % 2], amount, **money))

    @rule(which=numbers, more=numbers)
    def disputed_of_more(self, which: int, more: int) -> None:
        payment = self._paid(which)
        amount = payment.captured + 1 + more
        self._do("disputed_of_more", self._claim(payment, CLAIMED[0], amount, held=amount))

    @rule(which=numbers, of=numbers)
    def warned(self, which: int, of: int) -> None:
        self._do("warned", self._claim(self._paid(which), WARNING, 1 + of))

    @rule(which=numbers, of=numbers)
    def disputed_before_capture(self, which: int, of: int) -> None:
        payment = self._open(which)
        deeds.pay(self.world, payment)
        self._do("disputed_before_capture", self._claim(payment, CLAIMED[0], 1 + of, held=1 + of))

    def _move(self, name: str, found: tuple[Payment, str, Dispute], stage: str, **money: int) -> None:
        payment, key, known = found
        self._do(name, deeds.disputed(self.world, payment, key, known.amount, stage, **money))

    @rule(which=numbers)
    def dispute_reviewed(self, which: int) -> None:
        found = self._disputed(which, CLAIMED[0])
        self._move("dispute_reviewed", found, CLAIMED[1], held=found[2].held, fee=DISPUTE_FEE)

    @rule(which=numbers)
    def dispute_withdrawn(self, which: int) -> None:
        found = self._disputed(which, WARNING)
        self._move("dispute_withdrawn", found, CLAIMED[0], held=found[2].amount, fee=DISPUTE_FEE)

    @rule(which=numbers, fee=st.booleans())
    def dispute_won(self, which: int, *, fee: bool) -> None:
        self._move("dispute_won", self._disputed(which, *CLAIMED), "won", fee=fee * DISPUTE_FEE)

    @rule(which=numbers, of=numbers)
    def dispute_won_in_part(self, which: int, of: int) -> None:
        found = self._disputed(which, *CLAIMED)
        kept = 1 + of % found[2].amount
        self._move("dispute_won_in_part", found, "won", held=kept, conceded=kept, fee=DISPUTE_FEE)

    @rule(which=numbers)
    def dispute_lost(self, which: int) -> None:
        found = self._disputed(which, *CLAIMED)
        self._move("dispute_lost", found, "lost", held=found[2].amount, fee=DISPUTE_FEE)

    @rule(which=numbers, of=numbers)
    def dispute_lost_in_part(self, which: int, of: int) -> None:
        found = self._disputed(which, *CLAIMED)
        self._move("dispute_lost_in_part", found, "lost", held=1 + of % found[2].amount)

    @rule(which=numbers)
    def dispute_prevented(self, which: int) -> None:
        self._move("dispute_prevented", self._disputed(which, WARNING), "prevented")

    @rule(which=numbers)
    def dispute_ended_otherwise(self, which: int) -> None:
        found = self._disputed(which, "lost", "won")
        stage, held = ("won", 0) if found[2].stage == "lost" else ("lost", found[2].amount)
        self._move("dispute_ended_otherwise", found, stage, held=held, fee=DISPUTE_FEE)

    @rule(which=numbers, of=numbers)
    def dispute_opened_again(self, which: int, of: int) -> None:
        found = self._disputed(which, "won", "lost", "prevented")
        self._move("dispute_opened_again", found, CLAIMED[of % 2], held=found[2].amount, fee=DISPUTE_FEE)


def part_of(left: int, of: int) -> int:
    """Choose a part of what is left: small, any, or nearly all."""
    return max(1, min(left, (1 + of % 9, 1 + of % max(left, 1), left - of % 4)[of % 3]))


def pick(found: Sequence[Thing], number: int) -> Thing | None:
    """Choose one of what there is; None when there is nothing."""
    return found[-1 - number % len(found)] if found else None
