"""Credits: units in a wallet, spent one by one, taken back by the absolute formula."""

from collections.abc import Sequence
from uuid import UUID

from tillkeeper.facts import Goods
from tillkeeper.fulfilment import wallet
from tillkeeper.fulfilment.values import Action, Order
from tillkeeper.fulfilment.wallet import Lot, Purse, Revocation
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction


class Credits:
    """Put credits into wallets and take them out again."""

    name = "credits"

    async def carry_out(self, tx: Transaction, orders: Sequence[Order]) -> list[Goods]:
        """Do what is asked, in order: later orders see what earlier ones did."""
        taking = [order for order in orders if order.action is not Action.GRANT]
        before = await wallet.lock(
            tx,
            {order.user for order in orders},
            payments=[order.change.payment for order in taking],
            lots=bool(taking),
        )
        restored = [order.change.refund for order in orders if order.action is Action.RESTORE and order.change.refund]
        kept = await wallet.revocations(tx, restored) if restored else {}
        after, goods = dict(before), []
        for order in orders:
            after[order.user], done, taken = _do(after[order.user], order, kept)
            goods.append(done)
            if taken:
                kept[taken.refund] = taken
        await wallet.save(tx, before, after)
        new = [order.change.refund for order in orders if order.action is Action.REVOKE]
        if new:
            await wallet.remember(tx, [kept[refund] for refund in new if refund])
        return goods

    async def refundable(self, tx: Transaction, payment: UUID, *, captured: int, refunded: int) -> int | None:
        """Tell how much money can go back without taking back a spent credit."""
        return await wallet.refundable(tx, payment, captured=captured, refunded=refunded)


Done = tuple[Purse, Goods, Revocation | None]


def _do(purse: Purse, order: Order, kept: dict[UUID, Revocation]) -> Done:
    match order.action:
        case Action.GRANT:
            return _grant(purse, order)
        case Action.REVOKE:
            return _revoke(purse, order)
        case Action.RESTORE:
            return _restore(purse, order, kept)


def _grant(purse: Purse, order: Order) -> Done:
    change = order.change
    lot = Lot(
        id=ids.new(),
        user=order.user,
        payment=change.payment,
        granted=order.units,
        remaining=order.units,
        currency=change.currency,
        amount=change.amount,
        created_at=change.at,
    )
    purse, repaid, recognised = wallet.grant(purse, lot)
    done = Goods(change=change, granted=order.units, debt_repaid=repaid, recognised=recognised, status="delivered")
    return purse, done, None


def _revoke(purse: Purse, order: Order) -> Done:
    change = order.change
    assert change.refund, "credits are taken back for a refund"
    lot = _lot_of(purse, change.payment)
    purse, taken = wallet.take_back(purse, lot, order.units, money=change.amount, refund=change.refund, at=change.at)
    done = Goods(
        change=change,
        taken=taken.units,
        to_debt=taken.to_debt,
        unearned=taken.unearned,
        earned=taken.earned,
        recognised=taken.recognised,
        status="revoked",
    )
    return purse, done, taken.revocation


def _restore(purse: Purse, order: Order, kept: dict[UUID, Revocation]) -> Done:
    change = order.change
    assert change.refund, "credits are given back for a refund"
    revocation = kept[change.refund]
    lot = _lot_of(purse, change.payment)
    purse, repaid, recognised = wallet.give_back(purse, lot, order.units, revocation=revocation, at=change.at)
    done = Goods(
        change=change,
        restored=order.units,
        debt_repaid=repaid,
        unearned=revocation.unearned,
        earned=revocation.earned,
        recognised=recognised,
        status="delivered",
    )
    return purse, done, None


def _lot_of(purse: Purse, payment: UUID) -> Lot:
    return next(lot for lot in purse.lots if lot.payment == payment)


KIND = Credits()
