"""Credits as the product's pages describe them: lots, the order in which they go, debt, and the money they earn.

This file knows nothing of the program's code.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

SPENT, BROKEN = "revenue:credits", "breakage"
NEVER = 10**9


@dataclass
class Lot:
    """Credits that came together, and the money behind them without its tax."""

    name: str
    user: str
    currency: str
    granted: int
    money: int
    born: int
    ends: int = NEVER
    left: int = 0
    frozen: int = 0
    revoked: int = 0
    earned: int = 0
    returned: int = 0
    lost: int = 0

    @property
    def owed(self) -> int:
        """What nobody has earned, taken back or lost yet."""
        return self.money - self.earned - self.returned - self.lost


@dataclass
class Purses:
    """The credits of all users; `earned` is what their money became, by account and currency."""

    lots: dict[str, Lot] = field(default_factory=dict)
    debts: Counter[str] = field(default_factory=Counter)
    earned: Counter[tuple[str, str]] = field(default_factory=Counter)
    clock: int = 0

    def spendable(self, user: str) -> int:
        return sum(lot.left for lot in self.lots.values() if lot.user == user)

    def frozen(self, user: str) -> int:
        return sum(lot.frozen for lot in self.lots.values() if lot.user == user)

    def grant(self, lot: Lot) -> None:
        """Add a lot; debt is repaid from it first."""
        lot.left = lot.granted
        self.lots[lot.name] = lot
        self._repay(lot)

    def spend(self, user: str, units: int) -> str:
        if units > self.spendable(user):
            return "insufficient_credits"
        self._consume(self._in_order(user), units, SPENT)
        return "ok"

    def take(self, user: str, units: int) -> str:
        """Take by hand: what nobody paid for goes first."""
        if units > self.spendable(user):
            return "insufficient_credits"
        self._consume(sorted(self._in_order(user), key=lambda lot: lot.money > 0), units, BROKEN)
        return "ok"

    def write_off(self, user: str, units: int) -> str:
        if not self.debts[user]:
            return "invalid_state"
        if units > self.debts[user]:
            return "invalid_field"
        self.debts[user] -= units
        return "ok"

    def lapse(self) -> str:
        ended = [lot for lot in self.lots.values() if lot.left and lot.ends <= self.clock]
        for lot in ended:
            self._use(lot, lot.left, BROKEN)
        return f"{len(ended)} ended"

    def level(self, lot: Lot, taken: int, frozen: int, lost: int) -> None:
        """Bring a lot to where its payment says it must be: `taken` more are gone, or fewer when that is negative.

        Its own credits go first, then others in spending order, and the rest is owed. Only what is left of it freezes.
        """
        held, back = lot.left + lot.frozen, max(-taken, 0)
        own = min(held, max(taken, 0))
        lot.frozen = min(frozen, held - own + back)
        lot.left = held - own + back - lot.frozen
        lot.revoked = max(0, lot.revoked + own - back)
        lot.lost = min(lost, lot.money - lot.earned - lot.returned)
        if not lot.left and not lot.frozen:
            self._earn(lot, lot.owed, SPENT)
        if taken > own:
            self.debts[lot.user] += self._consume(self._in_order(lot.user), taken - own, SPENT)
        self._repay(lot)

    def _in_order(self, user: str) -> list[Lot]:
        """Earliest expiry first, then first in first out."""
        own = (lot for lot in self.lots.values() if lot.user == user)
        return sorted(own, key=lambda lot: (lot.ends, lot.born))

    def _consume(self, lots: Iterable[Lot], units: int, account: str) -> int:
        """Use credits up in this order, and return how many were missing."""
        for lot in lots:
            part = min(lot.left, units)
            if part:
                self._use(lot, part, account)
                units -= part
        return units

    def _repay(self, lot: Lot) -> None:
        part = min(self.debts[lot.user], lot.left)
        if part:
            self.debts[lot.user] -= part
            self._use(lot, part, SPENT)

    def _use(self, lot: Lot, units: int, account: str) -> None:
        """Use credits of a lot and earn what they stand for, so that the last one takes exactly what is left."""
        lot.left -= units
        usable = lot.granted - lot.revoked
        gone = usable - lot.left - lot.frozen
        due = (lot.money - lot.returned - lot.lost) * gone // usable
        self._earn(lot, max(0, due - lot.earned), account)

    def _earn(self, lot: Lot, money: int, account: str) -> None:
        lot.earned += money
        self.earned[account, lot.currency] += money
