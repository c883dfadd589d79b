"""Credits: wallets that never go below zero, the lots they came in, and explicit debt."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from tillkeeper.facts import Earned
from tillkeeper.fulfilment.wallet import rules, store
from tillkeeper.fulfilment.wallet.rules import InsufficientCreditsError, give_back, grant, settle, take_back
from tillkeeper.fulfilment.wallet.values import Claims, Lot, Purse, Revocation, Settled
from tillkeeper.kernel.db import Transaction

__all__ = [
    "Claims",
    "InsufficientCreditsError",
    "Lot",
    "Purse",
    "Revocation",
    "Settled",
    "give_back",
    "grant",
    "lock",
    "refundable",
    "remember",
    "revocations",
    "save",
    "settle",
    "spend",
    "take_back",
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


async def refundable(tx: Transaction, payment: UUID, *, captured: int, refunded: int) -> int | None:
    """Tell how much of a payment can be refunded for unused credits; None when it bought no credits."""
    await store.lock_of(tx, payment)  # the wallet before its lots, as everywhere: else a spend meanwhile deadlocks
    lot = await store.lot_of(tx, payment)
    return rules.refundable(lot, captured=captured, refunded=refunded) if lot else None


async def remember(tx: Transaction, taken: Sequence[Revocation]) -> None:
    """Keep how refunds were taken from lots, so that a failed one can be given back."""
    await store.insert_revocations(tx, taken)


async def revocations(tx: Transaction, refunds: Sequence[UUID]) -> dict[UUID, Revocation]:
    """Read how refunds were taken from lots."""
    return await store.revocations(tx, refunds)
