"""How credits come, go and are taken back, as pure functions over a purse."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from tillkeeper.facts import Earned
from tillkeeper.fulfilment.wallet.values import Claims, Entry, Lapsed, Lot, Opening, Purse, Revocation, Settled
from tillkeeper.kernel.errors import InvalidFieldError, InvalidStateError, TillError

NEVER = datetime.max.replace(tzinfo=UTC)
NO_CLAIMS = Claims()


class InsufficientCreditsError(TillError):
    """Report a wallet that holds less than is to be spent; nothing was spent."""

    code = "insufficient_credits"
    status = 402
    title = "There are not enough credits in this wallet"
    category = "payment_required"
    next_step = "Buy credits, or spend less."


def grant(
    purse: Purse, lot: Lot, *, kind: str = "grant", reason: str | None = None
) -> tuple[Purse, int, tuple[Earned, ...]]:
    """Add a lot and repay debt from it first; return the purse, what was repaid and the money that earned."""
    purse = _moved(_with_lot(purse, lot), kind, lot.granted, lot.source, reason, lot.created_at)
    return _repay(purse, lot, lot.source, lot.created_at)


def spend(purse: Purse, units: int, *, source: UUID, reason: str, at: datetime) -> tuple[Purse, tuple[Earned, ...]]:
    """Spend earliest expiry first, then first in first out; raises InsufficientCreditsError."""
    _suffice(purse, units, "spent")
    purse, short, earned = _consume(purse, purse.lots, units)
    assert not short, "the lots hold less than the wallet"
    return _moved(purse, "spend", -units, source, reason, at), earned


def take(purse: Purse, units: int, *, source: UUID, reason: str, at: datetime) -> tuple[Purse, tuple[Earned, ...]]:
    """Take credits away by hand, those that nobody paid for first; raises InsufficientCreditsError."""
    _suffice(purse, units, "taken")
    purse, short, earned = _consume(purse, sorted(purse.lots, key=lambda lot: lot.amount > 0), units)
    assert not short, "the lots hold less than the wallet"
    return _moved(purse, "adjustment", -units, source, reason, at), earned


def lapse(purse: Purse, *, at: datetime) -> tuple[Purse, list[Lapsed]]:
    """End what is left of lots whose time is over; return what each of them lost."""
    lost, changed = [], dict[UUID, Lot]()
    for lot in purse.lots:
        if lot.remaining and lot.expires_at and lot.expires_at <= at:
            changed[lot.id], earned = _use(lot, lot.remaining)
            purse = _moved(purse, "expire", -lot.remaining, lot.source, None, at)
            lost.append(Lapsed(lot=lot.id, user=purse.user, units=lot.remaining, earned=earned))
    return _with_used(purse, changed), lost


def open_with(purse: Purse, opening: Opening) -> tuple[Purse, int, tuple[Earned, ...]]:
    """Take over what a user brings along; return the purse, what it repaid of older debt, and the money that earned."""
    repaid = 0
    earned: list[Earned] = []
    for lot in opening.lots:
        purse, part, money = grant(purse, lot, kind="opening", reason="taken over")
        repaid += part
        earned.extend(money)
    return replace(purse, debt=purse.debt + opening.debt), repaid, total(earned)


def write_off(purse: Purse, units: int | None) -> tuple[Purse, int]:
    """Forgive debt, all of it or a part; return the purse and how much that was.

    Raises InvalidStateError where there is none, and InvalidFieldError for more than there is.
    """
    if not purse.debt:
        message = "This user owes no credits."
        raise InvalidStateError(message)
    if units is not None and not 0 < units <= purse.debt:
        message = f"Between 1 and {purse.debt} credits are owed and can be written off."
        raise InvalidFieldError(message, param="amount")
    forgiven = purse.debt if units is None else units
    return replace(purse, debt=purse.debt - forgiven), forgiven


def take_back(
    purse: Purse, lot: Lot, units: int, *, money: int, refund: UUID, at: datetime, claims: Claims = NO_CLAIMS
) -> tuple[Purse, Settled, Revocation]:
    """Take refunded credits: what is left of their own lot, then other lots in spending order; the rest becomes debt.

    Money that was counted as lost to a bank goes back with the refund instead, as if that had come first.
    """
    unearned = min(money, lot.unearned + lot.lost)
    lot = replace(lot, returned=lot.returned + unearned)
    purse, settled = settle(purse, lot, units, source=refund, at=at, claims=claims)
    kept = Revocation(refund=refund, lot=lot.id, units=units, unearned=unearned, earned=money - unearned)
    return purse, settled, kept


def give_back(
    purse: Purse, lot: Lot, units: int, *, revocation: Revocation, at: datetime, claims: Claims = NO_CLAIMS
) -> tuple[Purse, Settled]:
    """Return credits whose refund failed, repaying debt first."""
    lot = replace(lot, returned=lot.returned - revocation.unearned)
    return settle(purse, lot, -units, source=revocation.refund, at=at, claims=claims)


def settle(
    purse: Purse, lot: Lot, units: int, *, source: UUID, at: datetime, claims: Claims = NO_CLAIMS
) -> tuple[Purse, Settled]:
    """Take credits of a lot, or return them when `units` is below zero, and freeze and lose what banks claim of it.

    Frozen credits go first; only what is left of the lot is frozen, so that a claim alone never makes a debt.
    """
    taken, returned = max(units, 0), max(-units, 0)
    held = lot.remaining + lot.frozen
    own = min(held, taken)
    frozen = min(claims.frozen, held - own + returned)
    from_frozen = min(own, max(0, lot.frozen - frozen))
    thawed, more_frozen = max(0, lot.frozen - frozen - from_frozen), max(0, frozen - lot.frozen)
    lost = min(claims.lost, lot.amount - lot.recognised - lot.returned)
    after = replace(
        lot,
        remaining=held - own + returned - frozen,
        frozen=frozen,
        revoked=max(0, lot.revoked + own - returned),
        lost=lost,
    )
    after, rest = _close(after)
    purse = replace(_with_lot(purse, after), frozen=purse.frozen + frozen - lot.frozen)
    purse = _moved(_moved(purse, "restore", returned, source, None, at), "thaw", thawed, source, None, at)
    purse, short, recognised = _consume(purse, purse.lots, taken - own)
    gone = taken - short - from_frozen
    purse = _moved(replace(purse, debt=purse.debt + short), "revoke", -gone, source, None, at)
    purse, repaid, earned = _repay(_moved(purse, "freeze", -more_frozen, source, None, at), after, source, at)
    return purse, Settled(
        units=gone,
        from_frozen=from_frozen,
        to_debt=short,
        returned=returned,
        frozen=more_frozen,
        thawed=thawed,
        repaid=repaid,
        lost=lost - lot.lost,
        recognised=total((*recognised, rest, *earned)),
    )


def refundable(lot: Lot, *, captured: int, refunded: int, gross: Callable[[int], int]) -> int:
    """Tell how much money can be refunded without taking back a credit that was spent.

    Behind a lot stands money without its tax; `gross` adds the tax that goes back with it. The other bound keeps
    `floor(granted x refunded / captured)` within what is left or was revoked already.
    """
    revocable = lot.revoked + lot.remaining  # what is frozen is claimed by a bank, and goes back by that or not at all
    ceiling = captured if revocable == lot.granted else (captured * (revocable + 1) - 1) // lot.granted
    return max(0, min(gross(lot.unearned), ceiling - refunded))


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


def _suffice(purse: Purse, units: int, what: str) -> None:
    if units > purse.balance:
        message = f"{units} credits were to be {what}; the wallet holds {purse.balance}."
        raise InsufficientCreditsError(message, param="amount")


def _consume(purse: Purse, lots: Iterable[Lot], units: int) -> tuple[Purse, int, tuple[Earned, ...]]:
    """Use up credits of lots in this order; return the purse, what was short, and the money that was earned."""
    left, earned, changed = units, [], dict[UUID, Lot]()
    for lot in lots:
        part = min(lot.remaining, left)
        if part:
            changed[lot.id], money = _use(lot, part)
            left -= part
            earned.append(money)
    return _with_used(purse, changed), left, total(earned)


def _use(lot: Lot, units: int) -> tuple[Lot, Earned]:
    """Use credits of one lot and earn their money by cumulative difference, so that the last one earns the rest."""
    remaining = lot.remaining - units
    usable = lot.granted - lot.revoked
    target = (lot.amount - lot.returned - lot.lost) * (usable - remaining - lot.frozen) // usable
    money = max(0, target - lot.recognised)
    used = replace(lot, remaining=remaining, recognised=lot.recognised + money)
    return used, Earned(currency=lot.currency, amount=money)


def _close(lot: Lot) -> tuple[Lot, Earned]:
    """Earn what is left of the money of a lot without credits: nobody can spend from it any more."""
    rest = 0 if lot.remaining or lot.frozen else lot.unearned
    return replace(lot, recognised=lot.recognised + rest), Earned(currency=lot.currency, amount=rest)


def _with_lot(purse: Purse, lot: Lot) -> Purse:
    return replace(purse, lots=in_spending_order((*(other for other in purse.lots if other.id != lot.id), lot)))


def _with_used(purse: Purse, used: Mapping[UUID, Lot]) -> Purse:
    """Put lots from which credits were used in their place, which that does not change."""
    return replace(purse, lots=tuple(used.get(lot.id, lot) for lot in purse.lots))


def _moved(purse: Purse, kind: str, amount: int, source: UUID, reason: str | None, at: datetime) -> Purse:
    if not amount:
        return purse
    entry = Entry(user=purse.user, kind=kind, amount=amount, before=purse.balance, source=source, reason=reason, at=at)
    return replace(purse, balance=purse.balance + amount, entries=(*purse.entries, entry))
