"""What must be so, worked out from the pages that describe the product; this file knows nothing of its code.

Money is integer minor units, credits are integers. The totals of a payment say how many of its credits must be gone and
how many frozen; only which credits went, and what they had earned by then, depends on the order of events.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.machine.purse import NEVER, Lot, Purses

WHOLE_BPS = 10_000
CLAIMED, OVER = ("needs_response", "under_review"), ("won", "lost", "prevented")
PAYOUT_STAGES = ("", "created", "paid", "failed")
OK, PROCESSED, QUARANTINED = "ok", "processed", "quarantined"


def fee_of(amount: int) -> int:
    """Tell what this gateway keeps of a capture, as far as one can know beforehand."""
    return amount // 30 + 1


@dataclass
class Refund:
    amount: int
    state: str = "pending"
    tax: int = 0
    owed: int = 0
    surplus: bool = False

    @property
    def net(self) -> int:
        return self.amount - self.tax


@dataclass
class Dispute:
    amount: int
    stage: str = ""
    held: int = 0
    fee: int = 0
    conceded: int = 0
    at: int = 0

    @property
    def lost(self) -> int:
        return {"won": self.conceded, "lost": self.held, "prevented": self.held}.get(self.stage, 0)

    @property
    def claim(self) -> int:
        return self.amount if self.stage in CLAIMED else self.lost


@dataclass
class Payment:
    name: str
    user: str
    amount: int
    currency: str
    units: int = 0
    rate_bps: int = 0
    manual: bool = False
    status: str = "requires_action"
    captured: int = 0
    capture: str = ""
    authorized: bool = False
    ending: bool = False
    fee: int = 0
    fee_tax: int = 0
    tax_returned: int = 0
    gone: int = 0
    lot: Lot | None = None
    waiting: bool = False
    refunds: dict[str, Refund] = field(default_factory=dict)
    disputes: dict[str, Dispute] = field(default_factory=dict)
    parked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def refunded(self, *states: str) -> int:
        return sum(each.amount for each in self.refunds.values() if each.state in states and not each.surplus)

    @property
    def back(self) -> int:
        """What went back or is on its way, without what banks took."""
        return self.refunded("pending", "succeeded")

    @property
    def lost(self) -> int:
        return sum(each.claim for each in self.disputes.values() if each.stage in OVER)

    @property
    def disputed(self) -> int:
        return sum(each.claim for each in self.disputes.values())

    @property
    def left(self) -> int:
        return max(0, self.captured - self.back - self.disputed)

    @property
    def tax(self) -> int:
        whole = WHOLE_BPS + self.rate_bps
        return (2 * self.captured * self.rate_bps + whole) // (2 * whole)

    @property
    def tax_lost(self) -> int:
        back = min(self.captured, self.back + self.lost)
        due = self.tax * back // self.captured if self.captured else 0
        return max(0, min(due - self.tax_returned, self.lost))

    def tax_in(self, amount: int) -> int:
        """How much of the next refund is tax."""
        due = self.tax * min(self.captured, self.back + amount) // self.captured
        return max(0, min(due - self.tax_returned, amount))

    def share(self, money: int) -> int:
        """How many credits go with so much of the money."""
        return self.units if money >= self.captured else self.units * money // self.captured

    def is_taken_back(self, amount: int) -> bool:
        """Whether a bank takes, or has taken, what a refund that was promised before would give back once more."""
        if any(each.stage in CLAIMED for each in self.disputes.values()):
            return True
        lost = sum(each.claim for each in self.disputes.values() if each.stage == "lost")
        return lost > 0 and self.refunded("succeeded") + amount + lost > self.captured

    def is_unused(self, amount: int) -> bool:
        """Whether so much can go back without a credit that was used."""
        if self.lot is None:
            return True
        units = self.share(self.back + self.lost + amount) <= self.lot.revoked + self.lot.left
        return units and amount - self.tax_in(amount) <= self.lot.owed


@dataclass
class Model:
    """All that one merchant has: payments, wallets, payouts; and what was told about them."""

    purses: Purses = field(default_factory=Purses)
    payments: dict[str, Payment] = field(default_factory=dict)
    payouts: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    events: Counter[str] = field(default_factory=Counter)
    inbox: Counter[str] = field(default_factory=Counter)

    def hear(self, fact: str, told: dict[str, Any]) -> str:
        """Take a webhook in, and count it by what became of it."""
        became: str = getattr(self, fact)(**told)
        self.inbox[became] += 1
        return OK

    def open(self, payment: Payment) -> str:
        self.payments[payment.name] = payment
        self._tell("payment.created", "payment.requires_action")
        return OK

    def authorize(self, payment: str) -> str:
        known = self.payments[payment]
        if not known.authorized and known.status == "requires_action":
            known.status = "requires_capture"
            self._tell("payment.authorized")
        known.authorized = True
        return PROCESSED

    def decline(self, payment: str) -> str:
        if self.payments[payment].status == "requires_action":
            self._tell("payment.attempt_failed")
        return PROCESSED

    def end(self, payment: str, how: str) -> str:
        known = self.payments[payment]
        if known.status in {"requires_action", "requires_capture"}:
            known.status = how
            self._tell(f"payment.{how}")
        return PROCESSED

    def capture(self, payment: str, amount: int, capture: str, *, fails: bool = False) -> str:
        """Take captured money in, in every state; `fails` when its goods cannot be handed over now."""
        known = self.payments[payment]
        if known.captured and capture != known.capture:
            if capture not in known.refunds:
                known.refunds[capture] = Refund(amount, surplus=True)
                self._tell("refund.created")
            return PROCESSED
        if known.captured:
            return PROCESSED if amount == known.captured else QUARANTINED
        if not (0 < amount <= known.amount if known.manual else amount == known.amount):
            return QUARANTINED
        known.captured, known.capture, known.fee, known.status = amount, capture, fee_of(amount), "succeeded"
        self._tell("payment.succeeded")
        known.waiting = bool(known.units) and fails
        if known.units and not fails:
            self._deliver(known)
        parked, known.parked = known.parked, []
        self.inbox["parked"] -= len(parked)
        for fact, told in parked:
            self.hear(fact, told)
        return PROCESSED

    def learn_fee(self, payment: str, fee: int, tax: int) -> str:
        known = self.payments[payment]
        known.fee, known.fee_tax = fee, tax
        return PROCESSED

    def deliver_later(self, payment: str) -> str:
        """Hand over what waited, as the payment stands now; not for money that is all back or that a bank claims."""
        known = self.payments[payment]
        if not known.waiting or known.back + known.lost >= known.captured or known.disputed > known.lost:
            return "0 tried"
        known.waiting = False
        standing = [each for each in known.refunds.values() if each.state != "failed" and not each.surplus]
        refunds, known.refunds = known.refunds, {}
        disputes, known.disputes = known.disputes, {}
        self._deliver(known)
        for number, refund in enumerate(standing):
            known.refunds[str(number)] = refund
            self._take_goods(known, refund)
        for key, dispute in disputes.items():
            known.disputes[key] = dispute
            self._level(known)
        known.refunds = refunds
        return "1 tried"

    def give(self, name: str, user: str, units: int, ends: int | None) -> str:
        lasts = NEVER if ends is None else self.purses.clock + ends
        self.purses.grant(Lot(name, user, "XXX", units, 0, len(self.purses.lots), lasts))
        return OK

    def ask_refund(self, payment: str, name: str, amount: int | None) -> str:
        """Set a refund aside that we start: of what is left, and of what nobody used."""
        known = self.payments[payment]
        wanted = known.left if amount is None else amount
        if known.status != "succeeded":
            return "invalid_state"
        if any(each.stage in CLAIMED for each in known.disputes.values()):
            return "payment_disputed"
        if wanted > known.left or not known.left:
            return "refund_exceeds_captured"
        if not known.is_unused(wanted):
            return "refund_not_allowed"
        self._refund(known, name, wanted)
        return OK

    def refund(self, payment: str, name: str, state: str, amount: int) -> str:
        """Hear of a refund; one that nobody asked for was made in the dashboard."""
        known = self.payments[payment]
        if not known.captured:
            return self._park(known, "refund", {"payment": payment, "name": name, "state": state, "amount": amount})
        if name not in known.refunds and state == "failed":
            known.refunds[name] = Refund(amount, state)
            return PROCESSED
        if name not in known.refunds:
            self._refund(known, name, amount)
        refund = known.refunds[name]
        if state == "pending" or refund.state in {state, "failed"}:
            return PROCESSED
        refund.state = state
        self._tell(f"refund.{state}")
        if state == "failed" and not refund.surplus:
            known.tax_returned -= refund.tax
            if known.lot:
                known.lot.returned -= refund.owed
                self._level(known, telling=False)
                self._tell("fulfilment.delivered")
        return PROCESSED

    def dispute(self, payment: str, name: str, amount: int, **told: Any) -> str:
        """Hear of a stage of a dispute, and what the gateway holds by then; an end that comes first opens it too."""
        known, stage = self.payments[payment], told["stage"]
        if not known.captured:
            return self._park(known, "dispute", {"payment": payment, "name": name, "amount": amount, **told})
        if name not in known.disputes:
            first = stage if stage not in OVER else "warning" if stage == "prevented" else "needs_response"
            known.disputes[name] = Dispute(amount, **told | {"stage": first})
            self._level(known)
            self._tell("dispute.opened")
        before = known.disputes[name]
        if before.stage != stage and told["at"] >= before.at:  # also of one that had ended: an appeal, a case reopened
            known.disputes[name] = Dispute(amount, **told)
            self._tell(f"dispute.{stage}" if stage in {"won", "lost"} else "dispute.updated")
            self._level(known)
        return PROCESSED

    def pay_out(self, name: str, amount: int, currency: str, stage: str) -> str:
        before = self.payouts[name][2] if name in self.payouts else ""
        if PAYOUT_STAGES.index(stage) > PAYOUT_STAGES.index(before):
            self.payouts[name] = (amount, currency, stage)
            self._tell(*[f"payout.{stage}"] * (stage != "created"))
        return PROCESSED

    def _deliver(self, payment: Payment) -> None:
        money = payment.captured - payment.tax
        born = len(self.purses.lots)
        payment.lot = Lot(payment.name, payment.user, payment.currency, payment.units, money, born)
        self.purses.grant(payment.lot)
        self._tell("fulfilment.delivered")

    def _refund(self, payment: Payment, name: str, amount: int) -> None:
        refund = Refund(amount, tax=payment.tax_in(amount))
        payment.refunds[name] = refund
        payment.tax_returned += refund.tax
        self._tell("refund.created")
        refund.owed = refund.net if payment.waiting else 0
        if payment.lot:
            self._take_goods(payment, refund)

    def _take_goods(self, payment: Payment, refund: Refund) -> None:
        """Give back what is still owed in goods first; it has the first right to that, before what banks took."""
        assert payment.lot
        refund.owed = min(refund.net, payment.lot.owed + payment.lot.lost)
        payment.lot.returned += refund.owed
        self._level(payment, telling=False)
        self._tell("fulfilment.revoked")

    def _level(self, payment: Payment, *, telling: bool = True) -> None:
        """Bring goods to where the totals of their payment say they must be."""
        if payment.lot is None:
            return
        back = payment.back + payment.lost
        due = payment.share(back)
        frozen = payment.share(back + payment.disputed - payment.lost) - due
        taken, payment.gone = due - payment.gone, due
        self.purses.level(payment.lot, taken, frozen, payment.lost - payment.tax_lost)
        if telling and taken:
            self._tell("fulfilment.revoked" if taken > 0 else "fulfilment.delivered")

    def _park(self, payment: Payment, fact: str, told: dict[str, Any]) -> str:
        payment.parked.append((fact, told))
        return "parked"

    def _tell(self, *events: str) -> None:
        self.events.update(events)
