"""Credits: units in a wallet, spent one by one, taken back by the absolute formula."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from tillkeeper.facts import Goods, Step
from tillkeeper.fulfilment import wallet
from tillkeeper.fulfilment.values import Action, Gross, Order
from tillkeeper.fulfilment.wallet import Claims, Lot, Purse, Revocation, Settled
from tillkeeper.kernel import ids
from tillkeeper.kernel.db import Transaction


class Credits:
    """Put credits into wallets and take them out again."""

    name = "credits"
    drawn = False

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

    async def refundable(
        self, tx: Transaction, payment: UUID, *, captured: int, refunded: int, gross: Gross
    ) -> int | None:
        """Tell how much money can go back without taking back a spent credit."""
        return await wallet.refundable(tx, payment, captured=captured, refunded=refunded, gross=gross)


Done = tuple[Purse, Goods, Revocation | None]


def _do(purse: Purse, order: Order, kept: dict[UUID, Revocation]) -> Done:
    match order.action:
        case Action.GRANT:
            return _grant(purse, order)
        case Action.REVOKE:
            return _revoke(purse, order)
        case Action.RESTORE:
            return _restore(purse, order, kept)
        case Action.CLAIM:
            return _claim(purse, order)


def _grant(purse: Purse, order: Order) -> Done:
    change = order.change
    lot = Lot(
        id=ids.new(),
        user=order.user,
        payment=change.payment,
        granted=order.units,
        remaining=order.units,
        currency=change.currency,
        amount=change.net,
        created_at=change.at,
    )
    purse, repaid, recognised = wallet.grant(purse, lot)
    done = Goods(change=change, granted=order.units, debt_repaid=repaid, recognised=recognised, status="delivered")
    return purse, done, None


def _revoke(purse: Purse, order: Order) -> Done:
    change = order.change
    assert change.refund, "credits are taken back for a refund"
    lot = _lot_of(purse, change.payment)
    purse, settled, revocation = wallet.take_back(
        purse, lot, order.units, money=change.net, refund=change.refund, at=change.at, claims=_claims(order)
    )
    done = replace(_done(order, settled), unearned=revocation.unearned, earned=revocation.earned, status="revoked")
    return purse, done, revocation


def _restore(purse: Purse, order: Order, kept: dict[UUID, Revocation]) -> Done:
    change = order.change
    assert change.refund, "credits are given back for a refund"
    lot = _lot_of(purse, change.payment)
    revocation = kept.get(change.refund)
    if revocation is None:
        # What could not be taken is made up for first; by then a later refund may have taken these goods along.
        assert change.step is Step.RESTORED, "its goods are owed"
        revocation = Revocation(refund=change.refund, lot=lot.id, units=0, unearned=0, earned=0)
    purse, settled = wallet.give_back(
        purse, lot, order.units, revocation=revocation, at=change.at, claims=_claims(order)
    )
    done = replace(_done(order, settled), unearned=revocation.unearned, earned=revocation.earned, status="delivered")
    return purse, done, None


def _claim(purse: Purse, order: Order) -> Done:
    change = order.change
    assert change.dispute, "credits are claimed by a dispute"
    lot = _lot_of(purse, change.payment)
    purse, settled = wallet.settle(purse, lot, order.units, source=change.dispute, at=change.at, claims=_claims(order))
    status = "revoked" if order.units > 0 else "delivered" if order.units else None
    return purse, replace(_done(order, settled), status=status), None


def _claims(order: Order) -> Claims:
    change = order.change
    return Claims(frozen=order.frozen, lost=change.lost_total - change.taxes.lost)


def _done(order: Order, settled: Settled) -> Goods:
    return Goods(
        change=order.change,
        taken=settled.units,
        taken_frozen=settled.from_frozen,
        to_debt=settled.to_debt,
        restored=settled.returned,
        frozen=settled.frozen,
        thawed=settled.thawed,
        debt_repaid=settled.repaid,
        lost=settled.lost,
        recognised=settled.recognised,
    )


def _lot_of(purse: Purse, payment: UUID) -> Lot:
    return next(lot for lot in purse.lots if lot.payment == payment)


KIND = Credits()
