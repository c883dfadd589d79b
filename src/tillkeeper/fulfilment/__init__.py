"""Goods: handed over once per paid line, taken back exactly as far as money went back."""

from collections.abc import Sequence
from uuid import UUID

from tillkeeper.facts import Change, Goods
from tillkeeper.fulfilment import late, rules, store
from tillkeeper.fulfilment.kinds import KINDS
from tillkeeper.fulfilment.values import Gross
from tillkeeper.kernel.db import Transaction

__all__ = ["KINDS", "carry_out", "is_delivered", "refundable", "undeliverable"]


async def carry_out(tx: Transaction, changes: Sequence[Change]) -> list[Goods]:
    """Grant, revoke or restore what changes ask for, each payment line once."""
    moving = [change for change in changes if change.sale and change.step in rules.MOVING]
    if not moving:
        return []
    withheld = [Goods(change=change, failed=change.withheld, status="failed") for change in moving if change.withheld]
    moving = [change for change in moving if not change.withheld]
    known = await store.lock(tx, sorted({change.payment for change in moving}))
    orders, after = rules.orders(known, moving)
    done: list[Goods] = withheld
    put_off: dict[UUID, str] = {}
    for name, kind in KINDS.items():
        asked = [order for order in orders if order.change.sale and order.change.sale.kind == name]
        if asked:
            goods, failing = await late.attempt(tx, kind, asked)
            done.extend(goods)
            put_off |= failing
    done.extend(await _undeliverable(tx, [change for change in moving if change.payment not in after]))
    failed = {item.change.payment: item for item in reversed(done) if item.failed}  # the first says why
    given = after.keys() - failed.keys() - put_off.keys()
    changed = [after[id_] for id_ in sorted(given) if after[id_] != known.get(id_)]
    if changed:
        await store.save(tx, changed)
    if failed:
        await store.insert_undelivered(tx, [failed[id_] for id_ in sorted(failed)])
    owed = put_off.keys() & known.keys()
    if owed:
        await late.owe(tx, [change for change in moving if change.payment in owed], put_off)
    without = {change.payment for change in moving} - given - failed.keys() - owed
    if without:
        await late.remember(tx, moving, {id_: put_off[id_] for id_ in put_off.keys() & without}, without=without)
    return done


async def _undeliverable(tx: Transaction, changes: Sequence[Change]) -> list[Goods]:
    """Say again what can never be handed over when a bank has let go of its money: it goes back now."""
    freed = {change.payment: change for change in changes if change.dispute and not change.claimed_total}
    if not freed:
        return []
    reasons = await store.undelivered(tx, sorted(freed))
    return [Goods(change=freed[id_], failed=reason) for id_, reason in sorted(reasons.items())]


async def refundable(
    tx: Transaction, change_kind: str, payment: UUID, *, captured: int, refunded: int, gross: Gross
) -> int | None:
    """Tell how much of a payment can be refunded for goods that were not used; None means all of it."""
    return await KINDS[change_kind].refundable(tx, payment, captured=captured, refunded=refunded, gross=gross)


async def is_delivered(tx: Transaction, payment: UUID) -> bool:
    """Tell whether a payment has had its goods, whatever was taken back since."""
    return payment in await store.lock(tx, [payment])


async def undeliverable(tx: Transaction, payment: UUID) -> str | None:
    """Say why the goods of a payment can never be handed over; None where they can."""
    reason = (await store.undelivered(tx, [payment])).get(payment)
    return f"The goods cannot be delivered ({reason}), so the money goes back." if reason else None
