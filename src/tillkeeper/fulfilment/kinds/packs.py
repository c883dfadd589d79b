"""Card packs: a handful of cards, drawn when they are paid."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tillkeeper.facts import Earned, Goods
from tillkeeper.fulfilment import packs
from tillkeeper.fulfilment.packs import Design, PackType, SoldOut
from tillkeeper.fulfilment.values import Action, Gross, Order
from tillkeeper.kernel.db import Transaction

Drawn = list[tuple[UUID, UUID, Sequence[Design], datetime]]


class Packs:
    """Open packs for those who paid, and take cards back as far as money goes back."""

    name = "pack"
    drawn = True

    async def carry_out(self, tx: Transaction, orders: Sequence[Order]) -> list[Goods]:
        """Do what is asked, in order; a pack that cannot be filled says so, and the money goes back."""
        before = await packs.lock(tx, [_sku(order) for order in orders])
        left, goods = dict(before), []
        drawn: Drawn = []
        empty: set[UUID] = set()
        kept: dict[UUID, Order] = {}
        for order in orders:
            payment = order.change.payment
            if order.action is Action.GRANT:
                done = _open(left, order, drawn)
                if done.failed:
                    empty.add(payment)
            else:
                done = _take_or_return(order, nothing=payment in empty)
                kept[payment] = order
            goods.append(done)
        await packs.save(tx, [pack for sku, pack in left.items() if pack != before[sku]])
        if drawn:
            await packs.hand_out(tx, drawn)
        for payment, order in kept.items():
            await packs.keep(tx, payment, order.kept, suspended=order.frozen)
        return goods

    async def refundable(
        self, tx: Transaction, payment: UUID, *, captured: int, refunded: int, gross: Gross
    ) -> int | None:
        """Tell how much money can go back without taking back a card that was used."""
        del gross  # cards are earned when they are drawn, so no money waits behind them
        granted, used = await packs.used(tx, payment)
        return None if not used else packs.refundable(granted, used, captured=captured, refunded=refunded)


def _open(left: dict[str, PackType], order: Order, drawn: Drawn) -> Goods:
    change, sku = order.change, _sku(order)
    assert change.sale, "only a sale is delivered"
    pack = left.get(sku)
    if pack is None:
        return Goods(change=change, failed=f"there is no pack {sku} any more", status="failed")
    if order.units % pack.cards:
        return Goods(change=change, failed=f"{order.units} cards are no number of whole packs {sku}", status="failed")
    try:
        left[sku], cards = packs.open_packs(pack, order.units // pack.cards)
    except SoldOut as reason:
        return Goods(change=change, failed=str(reason), status="failed")
    drawn.append((order.user, change.payment, cards, change.at))
    return Goods(
        change=change,
        unit=_unit(sku),
        granted=len(cards),
        recognised=(Earned(currency=change.currency, amount=change.net),),
        status="delivered",
    )


def _take_or_return(order: Order, *, nothing: bool) -> Goods:
    """Take back or return cards; a payment that got none has none to give."""
    change, unit = order.change, _unit(_sku(order))
    if nothing:
        return Goods(change=change, unit=unit, failed="nothing was delivered")
    taken, restored = max(order.units, 0), max(-order.units, 0)
    match order.action:
        case Action.CLAIM:
            status = "revoked" if taken else "delivered" if restored else None
            return Goods(change=change, unit=unit, taken=taken, restored=restored, status=status)
        case Action.RESTORE:
            return Goods(change=change, unit=unit, restored=order.units, earned=change.net, status="delivered")
        case _:
            return Goods(change=change, unit=unit, taken=order.units, earned=change.net, status="revoked")


def _sku(order: Order) -> str:
    assert order.change.sale, "only a sale is delivered"
    return order.change.sale.package


def _unit(sku: str) -> str:
    return f"PACK:{sku}"


KIND = Packs()
