"""The machine: which deed comes next and about what, chosen by Hypothesis; after each, program and model are compared.

What a rule draws never depends on how far things are, because two deeds at once may end in either order: a run stays the
same list of steps, and a step that finds nothing to act on is left out and not counted.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from tests.machine import deeds
from tests.machine.deeds import UNPAID
from tests.machine.model import CLAIMED, OVER, Dispute, Payment, Refund
from tests.machine.world import Deed, World

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
ENDED = ("canceled", "expired")
PAID = "succeeded"
DISPUTE_FEE = 15
numbers = st.integers(0, 999)


class Machine(RuleBasedStateMachine):
    """Drive one world, which `open_world` opens on a fresh database."""

    open_world: Callable[[], tuple[asyncio.Runner, World, Callable[[], None]]]
    tally: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.runner, self.world, self.leave = type(self).open_world()
        for user in USERS:
            self._do(None, deeds.given(self.world, user, 10, None))

    def teardown(self) -> None:
        """End the run with the program's own proof."""
        try:
            self.runner.run(self.world.close())
        finally:
            self.runner.close()
            self.leave()

    def _do(self, name: str | None, *wanted: Deed | None) -> None:
        if all(wanted):
            self.runner.run(self.world.happen(*[deed for deed in wanted if deed]))
            if name:
                self.tally[name] += 1

    def _payment(self, number: int, fits: Callable[[Payment], Any]) -> Payment | None:
        return pick([each for each in self.world.model.payments.values() if fits(each)], number)

    def _refund(self, number: int, fits: Callable[[Refund], bool]) -> tuple[Payment, str] | None:
        payments = self.world.model.payments.values()
        found = [
            (each, name)
            for each in payments
            for name, refund in each.refunds.items()
            if fits(refund) and name in self.world.gateway.accounts[each.name].refunds
        ]
        return pick(found, number)

    def _dispute(self, number: int, *stages: str) -> tuple[Payment, str, Dispute] | None:
        payments = self.world.model.payments.values()
        found = [
            (each, name, known)
            for each in payments
            for name, known in each.disputes.items()
            if known.stage in stages
        ]
        return pick(found, number)

    # Buying.

    def _open(self, name: str | None, of: int, quantity: int, user: int, *, manual: bool) -> None:
        package = (*PACKAGES, None)[of % 4]
        currency, much = CURRENCIES[of // 4 % 3], 1 + quantity % 3
        self._do(
            name,
            deeds.buy(
                self.world, package, currency, USERS[user % 2], much if package else 1 + quantity, manual=manual
            ),
        )

    @initialize(of=numbers, more=numbers)
    def start(self, of: int, more: int) -> None:
        """Sell something to each, so that few steps find nothing."""
        for number, user in enumerate(USERS):
            self._open(None, of // 12**number, more, number, manual=False)
        for payment in list(self.world.model.payments.values()):
            self._do(None, deeds.capture_told(self.world, payment))

    @rule(of=numbers, quantity=numbers, user=numbers)
    def open_checkout(self, of: int, quantity: int, user: int) -> None:
        self._open("open_checkout", of, quantity, user, manual=False)

    @rule(of=numbers, quantity=numbers, user=numbers)
    def open_manual_checkout(self, of: int, quantity: int, user: int) -> None:
        self._open("open_manual_checkout", of, quantity, user, manual=True)
        *_, payment = self.world.model.payments.values()
        self._do("authorized", deeds.tell(self.world, deeds.Fact("authorize", {"payment": payment.name})))

    @rule(of=numbers, quantity=numbers, user=numbers)
    def purchase(self, of: int, quantity: int, user: int) -> None:
        self._open(None, of, quantity, user, manual=False)
        *_, payment = self.world.model.payments.values()
        self._do("purchase", deeds.capture_told(self.world, payment))

    @rule(which=numbers)
    def captured(self, which: int) -> None:
        payment = self._payment(which, lambda each: each.status == UNPAID[0])
        self._do("captured", payment and deeds.capture_told(self.world, payment))

    @rule(which=numbers)
    def captured_late(self, which: int) -> None:
        payment = self._payment(which, lambda each: each.status in ENDED and not each.manual)
        self._do("captured_late", payment and deeds.capture_told(self.world, payment))

    @rule(which=numbers, amount=numbers)
    def captured_otherwise(self, which: int, amount: int) -> None:
        payment = self._payment(which, lambda each: not each.manual and each.amount != amount + 1)
        self._do("captured_otherwise", payment and deeds.capture_told(self.world, payment, amount=amount + 1))

    @rule(which=numbers)
    def captured_twice(self, which: int) -> None:
        payment = self._payment(which, lambda each: each.captured)
        self._do("captured_twice", payment and deeds.capture_again(self.world, payment))

    @rule(which=numbers)
    def captured_in_vain(self, which: int) -> None:
        payment = self._payment(which, lambda each: each.status in {*UNPAID, *ENDED} and not each.manual)
        self._do("captured_in_vain", payment and deeds.capture_told(self.world, payment, fails=True))

    @rule(which=numbers)
    def handed_over(self, which: int) -> None:
        payment = self._payment(which, lambda each: each.waiting)
        self._do("handed_over", payment and deeds.hand_over(self.world, payment))

    @rule(which=numbers, part=numbers)
    def captured_by_us(self, which: int, part: int) -> None:
        payment = self._payment(which, lambda each: each.manual)
        amount = payment and (None if part % 3 == 0 else 1 + part % payment.amount)
        self._do("captured_by_us", payment and deeds.capture_held(self.world, payment, amount))

    @rule(which=numbers)
    def declined(self, which: int) -> None:
        payment = self._payment(which, lambda each: not each.manual)
        fact = payment and deeds.Fact("decline", {"payment": payment.name})
        self._do("declined", fact and deeds.tell(self.world, fact))

    @rule(which=numbers)
    def canceled(self, which: int) -> None:
        payment = self._payment(which, lambda each: each.status != PAID)
        self._do("canceled", payment and deeds.cancel_by_us(self.world, payment))

    @rule(which=numbers)
    def expired(self, which: int) -> None:
        payment = self._payment(which, lambda each: each.status == UNPAID[0])
        self._do("expired", payment and deeds.time_out(self.world, payment))

    @rule(which=numbers, of=numbers)
    def fee_told(self, which: int, of: int) -> None:
        payment = self._payment(which, lambda each: each.captured and not each.fee_tax)
        told = payment and {"payment": payment.name, "fee": 2 + of % 50, "tax": 1 + of % 2}
        self._do("fee_told", told and deeds.tell(self.world, deeds.Fact("learn_fee", told)))

    # Refunds.

    @rule(which=numbers, of=numbers)
    def refund(self, which: int, of: int) -> None:
        payment = self._payment(which, lambda each: each.left)
        self._do("refund", payment and deeds.refund_asked(self.world, payment, part_of(payment.left, of)))

    @rule(which=numbers)
    def refund_of_all(self, which: int) -> None:
        payment = self._payment(which, lambda each: each.captured)
        self._do("refund_of_all", payment and deeds.refund_asked(self.world, payment, None))

    @rule(which=numbers, more=numbers)
    def refund_of_too_much(self, which: int, more: int) -> None:
        payment = self._payment(which, lambda each: each.captured)
        self._do("refund_of_too_much", payment and deeds.refund_asked(self.world, payment, payment.left + 1 + more))

    @rule(which=numbers)
    def refund_succeeded(self, which: int) -> None:
        found = self._refund(which, lambda refund: refund.state == "pending")
        self._do("refund_succeeded", found and deeds.refund_told(self.world, *found, "succeeded"))

    @rule(which=numbers)
    def refund_failed(self, which: int) -> None:
        found = self._refund(which, lambda refund: refund.state == "pending")
        self._do("refund_failed", found and deeds.refund_told(self.world, *found, "failed"))

    @rule(which=numbers)
    def refund_failed_after_success(self, which: int) -> None:
        found = self._refund(which, lambda refund: refund.state == "succeeded")
        self._do("refund_failed_after_success", found and deeds.refund_told(self.world, *found, "failed"))

    @rule(which=numbers, amount=numbers, done=st.booleans())
    def refunded_in_dashboard(self, which: int, amount: int, *, done: bool) -> None:
        payment = self._payment(which, lambda each: each.captured)
        state = "succeeded" if done else "pending"
        self._do(
            "refunded_in_dashboard", payment and deeds.refund_in_dashboard(self.world, payment, amount, state)
        )

    @rule(which=numbers, amount=numbers)
    def refunded_before_capture(self, which: int, amount: int) -> None:
        payment = self._payment(which, lambda each: each.status == UNPAID[0])
        deed = payment and deeds.early_refund(self.world, payment, amount)
        self._do("refunded_before_capture", deed)

    # Disputes.

    def _claim(self, name: str, payment: Payment | None, stage: str, amount: int, *, held: bool) -> None:
        if payment:
            money = {"held": amount if held else 0, "fee": DISPUTE_FEE if held else 0}
            self._do(name, self._new_dispute(payment, stage, amount, **money))

    def _new_dispute(self, payment: Payment, stage: str, amount: int, **money: int) -> Deed:
        return deeds.disputed(self.world, payment, f"dispute_{next(self.world.numbers)}", amount, stage, **money)

    @rule(which=numbers, of=numbers, held=st.booleans())
    def disputed(self, which: int, of: int, *, held: bool) -> None:
        payment = self._payment(which, lambda each: each.captured and not each.disputed)
        amount = payment and (payment.captured if of % 2 else 1 + of % payment.captured)
        self._claim("disputed", payment, CLAIMED[of % 2], amount or 0, held=held)

    @rule(which=numbers, more=numbers, held=st.booleans())
    def disputed_of_more(self, which: int, more: int, *, held: bool) -> None:
        payment = self._payment(which, lambda each: each.captured)
        self._claim("disputed_of_more", payment, CLAIMED[0], (payment.captured if payment else 0) + 1 + more, held=held)

    @rule(which=numbers, of=numbers)
    def warned(self, which: int, of: int) -> None:
        payment = self._payment(which, lambda each: each.captured)
        self._claim("warned", payment, "warning", 1 + of, held=False)

    @rule(which=numbers, of=numbers)
    def disputed_before_capture(self, which: int, of: int) -> None:
        payment = self._payment(which, lambda each: each.status == UNPAID[0])
        self._claim("disputed_before_capture", payment, CLAIMED[0], 1 + of, held=True)

    def _moved(self, name: str, found: tuple[Payment, str, Dispute] | None, stage: str, **money: int) -> None:
        if found:
            payment, key, known = found
            self._do(name, deeds.disputed(self.world, payment, key, known.amount, stage, **money))

    @rule(which=numbers)
    def dispute_reviewed(self, which: int) -> None:
        found = self._dispute(which, "warning", CLAIMED[0])
        held = found[2].held if found else 0
        self._moved("dispute_reviewed", found, CLAIMED[1], held=held, fee=DISPUTE_FEE)

    @rule(which=numbers)
    def dispute_withdrawn(self, which: int) -> None:
        found = self._dispute(which, "warning")
        self._moved(
            "dispute_withdrawn", found, CLAIMED[0], held=found[2].amount if found else 0, fee=DISPUTE_FEE
        )

    @rule(which=numbers, fee=st.booleans())
    def dispute_won(self, which: int, *, fee: bool) -> None:
        self._moved("dispute_won", self._dispute(which, *CLAIMED), "won", fee=fee * DISPUTE_FEE)

    @rule(which=numbers, of=numbers)
    def dispute_won_in_part(self, which: int, of: int) -> None:
        found = self._dispute(which, *CLAIMED)
        kept = 1 + of % found[2].amount if found else 0
        self._moved("dispute_won_in_part", found, "won", held=kept, conceded=kept, fee=DISPUTE_FEE)

    @rule(which=numbers)
    def dispute_lost(self, which: int) -> None:
        found = self._dispute(which, *CLAIMED)
        self._moved("dispute_lost", found, "lost", held=found[2].amount if found else 0, fee=DISPUTE_FEE)

    @rule(which=numbers, of=numbers)
    def dispute_lost_in_part(self, which: int, of: int) -> None:
        found = self._dispute(which, *CLAIMED)
        self._moved("dispute_lost_in_part", found, "lost", held=1 + of % found[2].amount if found else 0)

    @rule(which=numbers)
    def dispute_prevented(self, which: int) -> None:
        self._moved("dispute_prevented", self._dispute(which, "warning"), "prevented")

    @rule(which=numbers)
    def dispute_ended_otherwise(self, which: int) -> None:
        found = self._dispute(which, *OVER)
        self._moved("dispute_ended_otherwise", found, "won" if found and found[2].stage == "lost" else "lost")


def part_of(left: int, of: int) -> int:
    """Choose a part of what is left: small, any, or nearly all."""
    return max(1, min(left, (1 + of % 9, 1 + of % left, left - of % 3)[of % 3]))


def pick(found: Sequence[Any], number: int) -> Any:
    """Choose one of what there is; None when there is nothing."""
    return found[-1 - number % len(found)] if found else None
