"""How credits come, go and are taken back, as pure functions over a purse."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from tillkeeper.facts import Earned
from tillkeeper.fulfilment.wallet.values import Entry, Lot, Purse, Revocation, Taken
from tillkeeper.kernel.errors import TillError

NEVER = datetime.max.replace(tzinfo=UTC)


class InsufficientCreditsError(TillError):
    """Report a wallet that holds less than is to be spent; nothing was spent."""

    code = "insufficient_credits"
    status = 402
    title = "There are not enough credits in this wallet"
    category = "payment_required"
    next_step = "Buy credits, or spend less."


def grant(purse: Purse, lot: Lot) -> tuple[Purse, int, tuple[Earned, ...]]:
    """Add a lot and repay debt from it first; return the purse, what was repaid and the money that earned."""
    purse = _moved(_with_lot(purse, lot), "grant", lot.granted, lot.payment, None, lot.created_at)
    return _repay(purse, lot, lot.payment, lot.created_at)


def spend(purse: Purse, units: int, *, source: UUID, reason: str, at: datetime) -> tuple[Purse, tuple[Earned, ...]]:
    """Spend earliest expiry first, then first in first out; raises InsufficientCreditsError."""
    if units > purse.balance:
        message = f"{units} credits were to be spent; the wallet holds {purse.balance}."
        raise InsufficientCreditsError(message, param="amount")
    purse, short, earned = _consume(purse, units)
    assert not short, "the lots hold less than the wallet"
    return _moved(purse, "spend", -units, source, reason, at), earned


def take_back(purse: Purse, lot: Lot, units: int, *, money: int, refund: UUID, at: datetime) -> tuple[Purse, Taken]:
    """Take refunded credits: what is left of their own lot, then other lots oldest first; the rest becomes debt."""
    own = min(lot.remaining, units)
    unearned = min(money, lot.unearned)
    lot = replace(lot, remaining=lot.remaining - own, revoked=lot.revoked + own, returned=lot.returned + unearned)
    lot, rest = _close(lot)
    purse, short, recognised = _consume(_with_lot(purse, lot), units - own)
    taken = units - short
    purse = _moved(replace(purse, debt=purse.debt + short), "revoke", -taken, refund, None, at)
    return purse, Taken(
        units=taken,
        to_debt=short,
        unearned=unearned,
        earned=money - unearned,
        recognised=total((*recognised, rest)),
        revocation=Revocation(refund=refund, lot=lot.id, units=units, unearned=unearned, earned=money - unearned),
    )


def give_back(
    purse: Purse, lot: Lot, units: int, *, revocation: Revocation, at: datetime
) -> tuple[Purse, int, tuple[Earned, ...]]:
    """Return credits whose refund failed, repaying debt first; return the purse, what was repaid, money earned."""
    lot = replace(
        lot,
        remaining=lot.remaining + units,
        revoked=max(0, lot.revoked - units),
        returned=lot.returned - revocation.unearned,
    )
    lot, rest = _close(lot)
    purse = _moved(_with_lot(purse, lot), "restore", units, revocation.refund, None, at)
    purse, repaid, recognised = _repay(purse, lot, revocation.refund, at)
    return purse, repaid, total((*recognised, rest))


def refundable(lot: Lot, *, captured: int, refunded: int) -> int:
    """Tell how much money can be refunded without taking back a credit that was spent.

    The bound keeps `floor(granted x refunded / captured)` within what is left or was revoked already.
    """
    revocable = lot.revoked + lot.remaining
    ceiling = captured if revocable == lot.granted else (captured * (revocable + 1) - 1) // lot.granted
    return max(0, min(lot.unearned, ceiling - refunded))


def in_spending_order(lots: Iterable[Lot]) -> tuple[Lot, ...]:
    """Order lots by expiry, then by age."""
    return tuple(sorted(lots, key=lambda lot: (lot.expires_at or NEVER, lot.created_at, lot.id)))


def total(earned: Iterable[Earned]) -> tuple[Earned, ...]:
    """Add up money by currency, leaving out nothing-at-all."""
    sums: dict[str, int] = {}
    for part in earned:
        sums[part.currency] = sums.get(part.currency, 0) + part.amount
    return tuple(Earned(currency=currency, amount=amount) for currency, amount in sorted(sums.items()) if amount)


def _repay(purse: Purse, lot: Lot, source: UUID, at: datetime) -> tuple[Purse, int, tuple[Earned, ...]]:
    repaid = min(purse.debt, lot.remaining)
    if not repaid:
        return purse, 0, ()
    used, earned = _use(lot, repaid)
    purse = replace(_with_lot(purse, used), debt=purse.debt - repaid)
    return _moved(purse, "debt_repaid", -repaid, source, None, at), repaid, total([earned])


def _consume(purse: Purse, units: int) -> tuple[Purse, int, tuple[Earned, ...]]:
    """Use up credits in spending order; return the purse, what was short, and the money that was earned."""
    left, earned = units, []
    for lot in purse.lots:
        part = min(lot.remaining, left)
        if part:
            used, money = _use(lot, part)
            purse, left = _with_lot(purse, used), left - part
            earned.append(money)
    return purse, left, total(earned)


def _use(lot: Lot, units: int) -> tuple[Lot, Earned]:
    """Use credits of one lot and earn their money by cumulative difference, so that the last one earns the rest."""
    remaining = lot.remaining - units
    usable = lot.granted - lot.revoked
    target = (lot.amount - lot.returned) * (usable - remaining) // usable
    money = max(0, target - lot.recognised)
    used = replace(lot, remaining=remaining, recognised=lot.recognised + money)
    return used, Earned(currency=lot.currency, amount=money)


def _close(lot: Lot) -> tuple[Lot, Earned]:
    """Earn what is left of the money of a lot without credits: nobody can spend from it any more."""
    rest = 0 if lot.remaining else lot.unearned
    return replace(lot, recognised=lot.recognised + rest), Earned(currency=lot.currency, amount=rest)


def _with_lot(purse: Purse, lot: Lot) -> Purse:
    return replace(purse, lots=in_spending_order((*(other for other in purse.lots if other.id != lot.id), lot)))


def _moved(purse: Purse, kind: str, amount: int, source: UUID, reason: str | None, at: datetime) -> Purse:
    if not amount:
        return purse
    entry = Entry(user=purse.user, kind=kind, amount=amount, before=purse.balance, source=source, reason=reason, at=at)
    return replace(purse, balance=purse.balance + amount, entries=(*purse.entries, entry))
