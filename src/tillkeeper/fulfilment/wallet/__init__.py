"""Credits: wallets that never go below zero, the lots they came in, and explicit debt."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from tillkeeper.facts import Earned
from tillkeeper.fulfilment.wallet import rules, store
from tillkeeper.fulfilment.wallet.rules import InsufficientCreditsError, give_back, grant, settle, take_back
from tillkeeper.fulfilment.wallet.values import (
    FREE,
    Adjustment,
    AdjustmentKind,
    Claims,
    Lapsed,
    Lot,
    Opening,
    Purse,
    Revocation,
    Settled,
)
from tillkeeper.kernel.db import Transaction

__all__ = [
    "FREE",
    "Adjustment",
    "AdjustmentKind",
    "Claims",
    "InsufficientCreditsError",
    "Lapsed",
    "Lot",
    "Opening",
    "Purse",
    "Revocation",
    "Settled",
    "erase",
    "give",
    "give_back",
    "grant",
    "lapse",
    "lock",
    "open_with",
    "refundable",
    "remember",
    "revocations",
    "save",
    "settle",
    "spend",
    "take",
    "take_back",
    "write_off",
]


async def lock(
    tx: Transaction, users: Iterable[UUID], *, payments: Sequence[UUID] = (), lots: bool = True
) -> dict[UUID, Purse]:
    """Lock wallets, opening those that do not exist, and their lots when these will be needed."""
    wanted = set(users)
    found = await store.lock(tx, list(wanted))
    if missing := wanted - found.keys():
        await store.insert(tx, list(missing))
        found |= await store.lock(tx, list(missing))
    indebted = any(purse.debt for purse in found.values())
    held = await store.lock_lots(tx, list(wanted), payments) if lots or indebted else []
    return {
        user: replace(purse, lots=rules.in_spending_order(lot for lot in held if lot.user == user))
        for user, purse in found.items()
    }


async def save(tx: Transaction, before: dict[UUID, Purse], after: dict[UUID, Purse]) -> None:
    """Write what changed between two states of the same purses."""
    changed = [after[user] for user in sorted(after) if after[user] != before[user]]
    if not changed:
        return
    known = {lot.id: lot for purse in before.values() for lot in purse.lots}
    lots = [lot for purse in changed for lot in purse.lots if known.get(lot.id) != lot]
    await store.save_wallets(tx, changed)
    await store.save_lots(tx, sorted(lots, key=lambda lot: lot.id))
    await store.insert_entries(tx, [entry for purse in changed for entry in purse.entries])


async def spend(
    tx: Transaction, user: UUID, units: int, *, source: UUID, reason: str, at: datetime
) -> tuple[Purse, tuple[Earned, ...]]:
    """Spend credits; raises InsufficientCreditsError."""
    before = await lock(tx, [user])
    purse, earned = rules.spend(before[user], units, source=source, reason=reason, at=at)
    await save(tx, before, {user: purse})
    await store.insert_spend(tx, source, user, units, reason, at)
    return purse, earned


async def give(tx: Transaction, gift: Adjustment) -> int:
    """Give credits that nobody paid for; return how many of them repaid debt."""
    before = await lock(tx, [gift.user], lots=False)
    lot = Lot(
        id=gift.id,
        user=gift.user,
        payment=None,
        granted=gift.amount,
        remaining=gift.amount,
        currency=FREE,
        amount=0,
        created_at=gift.at,
        expires_at=gift.expires_at,
    )
    purse, repaid, earned = rules.grant(before[gift.user], lot, kind=gift.kind, reason=gift.reason)
    assert not earned, "no money stands behind a gift"
    await save(tx, before, {gift.user: purse})
    await store.insert_adjustment(tx, gift)
    return repaid


async def take(tx: Transaction, taken: Adjustment) -> tuple[Earned, ...]:
    """Take credits away by hand; return the money that nobody can spend any more. Raises InsufficientCreditsError."""
    before = await lock(tx, [taken.user])
    purse, earned = rules.take(before[taken.user], -taken.amount, source=taken.id, reason=taken.reason, at=taken.at)
    await save(tx, before, {taken.user: purse})
    await store.insert_adjustment(tx, taken)
    return earned


async def open_with(tx: Transaction, openings: Sequence[Opening]) -> dict[UUID, tuple[int, tuple[Earned, ...]]]:
    """Take over what users bring along; return by user what was repaid of older debt, and the money that earned."""
    before = await lock(tx, [each.user for each in openings], lots=False)
    opened = {each.user: rules.open_with(before[each.user], each) for each in openings}
    await save(tx, before, {user: purse for user, (purse, _, _) in opened.items()})
    return {user: (repaid, earned) for user, (_, repaid, earned) in opened.items()}


async def write_off(tx: Transaction, wanted: Adjustment, units: int | None) -> int:
    """Forgive what a user owes, all of it when no number is named; return how much that was.

    Raises InvalidStateError where nothing is owed, and InvalidFieldError for more than is.
    """
    before = await lock(tx, [wanted.user], lots=False)
    purse, forgiven = rules.write_off(before[wanted.user], units)
    await save(tx, before, {wanted.user: purse})
    await store.insert_adjustment(tx, replace(wanted, amount=forgiven))
    return forgiven


async def lapse(tx: Transaction, lots_max: int) -> tuple[list[Lapsed], datetime | None]:
    """End credits whose time is over by the database's clock, those of at most so many lots' users at once."""
    users, at = await store.lapsing(tx, lots_max)
    if at is None:
        return [], None
    before = await lock(tx, users)
    ended = {user: rules.lapse(purse, at=at) for user, purse in before.items()}
    await save(tx, before, {user: purse for user, (purse, _) in ended.items()})
    return [each for user in sorted(ended) for each in ended[user][1]], at


async def refundable(
    tx: Transaction, payment: UUID, *, captured: int, refunded: int, gross: Callable[[int], int]
) -> int | None:
    """Tell how much of a payment can be refunded for unused credits; None when it bought no credits."""
    await store.lock_of(tx, payment)  # the wallet before its lots, as everywhere: else a spend meanwhile deadlocks
    lot = await store.lot_of(tx, payment)
    return rules.refundable(lot, captured=captured, refunded=refunded, gross=gross) if lot else None


async def remember(tx: Transaction, taken: Sequence[Revocation]) -> None:
    """Keep how refunds were taken from lots, so that a failed one can be given back."""
    await store.insert_revocations(tx, taken)


async def revocations(tx: Transaction, refunds: Sequence[UUID]) -> dict[UUID, Revocation]:
    """Read how refunds were taken from lots."""
    return await store.revocations(tx, refunds)


async def erase(tx: Transaction, user: UUID) -> None:
    """Forget for what a user spent credits, and leave how many."""
    await store.erase(tx, user)
