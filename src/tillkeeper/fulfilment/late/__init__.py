"""Goods moved later: whatever goes wrong with goods, money that moved stands, and so do its neighbours."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from tillkeeper.facts import Change, Goods, Step
from tillkeeper.fulfilment.kinds import Kind
from tillkeeper.fulfilment.late import owing, store
from tillkeeper.fulfilment.late.values import Owing, PutOff, Wait, Waiting
from tillkeeper.fulfilment.values import Order
from tillkeeper.kernel import failpoints, logs
from tillkeeper.kernel.db import Transaction, is_outage

__all__ = [
    "Owing",
    "Waiting",
    "attempt",
    "claim",
    "claim_owing",
    "explain",
    "finish",
    "finish_owing",
    "lock",
    "lock_owing",
    "note",
    "note_owing",
    "owe",
    "remember",
    "reopen",
    "tries_max",
    "wait_seconds",
]

wait_seconds = (10, 60, 300, 900, 3600, 7200, 21600)
"""How long goods are left alone before each try; the first is soon, because most trouble passes."""
tries_max = len(wait_seconds)
reason_length_max = 300
MADE_UP = (Step.REVOKED, Step.RESTORED)
"""The steps in which goods are moved that could not be moved before."""


async def attempt(tx: Transaction, kind: Kind, orders: Sequence[Order]) -> tuple[list[Goods], dict[UUID, str]]:
    """Let a kind do what it is asked; what fails unexpectedly is undone, and returned with its reason.

    All at once first. Only when that fails, payment by payment, so that each fails for itself.
    """
    try:
        async with tx.savepoint():
            return await kind.carry_out(tx, orders), {}
    except Exception as error:
        if is_outage(error):
            raise
    return await _one_by_one(tx, kind, orders)


async def remember(
    tx: Transaction, changes: Sequence[Change], put_off: Mapping[UUID, str], *, without: set[UUID]
) -> None:
    """Let payments wait for their goods, as long as money is there for them; `without` names those that have none."""
    last = {change.payment: change for change in changes if change.payment in without}
    waits = {id_: _wait(last[id_]) for id_ in sorted(last)}
    if put_off:
        waiting = [
            PutOff(payment=id_, kind=_kind(last[id_]), reason=put_off[id_], wait=waits[id_]) for id_ in sorted(put_off)
        ]
        await store.save(tx, waiting, wait_seconds[0])
        failpoints.reach("fulfilment:put_off")
    known = {id_: wait for id_, wait in waits.items() if id_ not in put_off}
    if known:
        await store.adjust(tx, known)


async def claim(tx: Transaction, limit: int) -> list[Waiting]:
    """Take what is due, each with a try more; a try that is never heard of again is counted too."""
    return await store.claim(tx, limit, wait_seconds)


async def lock(tx: Transaction, payment: UUID) -> bool:
    """Lock a late delivery; false when it was made, or is not owed any more."""
    return await store.lock(tx, payment)


async def reopen(tx: Transaction, payment: UUID) -> str | None:
    """Try again what was given up, with all tries before it; return how it waited, None for what never had to."""
    status = await store.lock_any(tx, payment)
    if status == "failed":
        await store.reopen(tx, payment, wait_seconds[0])
    return status


async def note(tx: Transaction, payment: UUID, reason: str) -> None:
    """Write down why a try failed."""
    await store.note(tx, payment, reason)


async def finish(tx: Transaction, payment: UUID, status: str, *, reason: str | None = None) -> bool:
    """End the wait as delivered, canceled or failed; false when it was over already."""
    return await store.finish(tx, payment, status, reason)


async def owe(tx: Transaction, changes: Sequence[Change], put_off: Mapping[UUID, str]) -> None:
    """Remember that goods of these changes were not moved; of what is being tried again, the newest reason."""
    again = {change.payment for change in changes if change.step in MADE_UP}
    for payment in sorted(again):
        await owing.note(tx, payment, put_off[payment])
    new = [
        Owing(
            payment=change.payment,
            step=change.step,
            refund=change.refund,
            dispute=change.dispute,
            amount=change.net,
            lost=change.lost_of_owed,
            occasion=f":{change.moves.number}" if change.moves else "",
            reason=put_off[change.payment],
        )
        for change in changes
        if change.payment not in again
    ]
    if new:
        await owing.save(tx, new, wait_seconds[0])
        failpoints.reach("fulfilment:owed")


async def claim_owing(tx: Transaction, limit: int) -> list[UUID]:
    """Take payments whose goods are to be moved now, each with a try more."""
    return await owing.claim(tx, limit, wait_seconds)


async def lock_owing(tx: Transaction, payment: UUID) -> list[Owing]:
    """Lock the steps of a payment whose goods were not moved yet."""
    return await owing.lock(tx, payment)


async def finish_owing(tx: Transaction, done: Sequence[Owing]) -> None:
    """Mark steps as made up for."""
    await owing.finish(tx, done)


async def note_owing(tx: Transaction, payment: UUID, reason: str) -> None:
    """Write down why a try failed."""
    await owing.note(tx, payment, reason)


def explain(error: Exception) -> str:
    """Say what went wrong in words that may be stored and shown."""
    return logs.mask(f"{type(error).__name__}: {error}")[:reason_length_max]


async def _one_by_one(tx: Transaction, kind: Kind, orders: Sequence[Order]) -> tuple[list[Goods], dict[UUID, str]]:
    own: dict[UUID, list[Order]] = {}
    for order in orders:
        own.setdefault(order.change.payment, []).append(order)
    done: list[Goods] = []
    put_off: dict[UUID, str] = {}
    for payment, asked in own.items():
        try:
            async with tx.savepoint():
                done.extend(await kind.carry_out(tx, asked))
        except Exception as error:
            if is_outage(error):
                raise
            logs.goods.exception("put_off", payment=str(payment), kind=kind.name)
            put_off[payment] = explain(error)
    return done, put_off


def _wait(change: Change) -> Wait:
    """Tell how goods wait: not for money that went back, and not to be handed over while a bank claims it."""
    if change.refunded_total + change.lost_total >= change.captured_total:
        return Wait.CANCELED
    return Wait.HELD if change.claimed_total else Wait.PENDING


def _kind(change: Change) -> str:
    assert change.sale, "only a sale is delivered"
    return change.sale.kind
