"""Say what changes and goods mean for the books."""

from collections.abc import Iterator, Sequence

from tillkeeper.facts import Change, Goods, Step
from tillkeeper.flows import claim
from tillkeeper.ledger import Journal, recipes

RESTORING = (Step.REFUND_FAILED, Step.RESTORED)


def bookkeep(changes: Sequence[Change], goods: Sequence[Goods]) -> list[Journal]:
    """Turn what happened into journals, in order.

    Money is dated by when the gateway says that it moved, goods by when they were handed over or taken: nobody could
    spend them before.
    """
    moved = {id(item.change): item for item in goods}
    return [
        journal
        for change in changes
        for journal in (claim.disputed if change.moves else _journals)(change, moved.get(id(change)))
    ]


def _journals(change: Change, goods: Goods | None) -> Iterator[Journal]:
    match change.step:
        case Step.CAPTURED:
            yield from _captured(change, goods)
        case Step.FEE_CHANGED:
            yield from _fee_changed(change)
        case Step.REFUND_REQUESTED if change.refund:
            split = _split(change, goods)
            yield from recipes.refund_requested(change.refund, split=split, at=change.effective_at, goods_at=change.at)
            yield from claim.beside_refund(change, goods, "requested")
        case Step.REFUND_SUCCEEDED | Step.SURPLUS_REFUNDED if change.refund:
            yield recipes.refund_succeeded(
                change.refund,
                gateway=change.gateway,
                currency=change.currency,
                amount=change.amount,
                at=change.effective_at,
            )
        case Step.REFUND_FAILED:
            yield from _refund_failed(change, goods)
        case Step.DELIVERED | Step.REVOKED | Step.RESTORED:
            yield from _handed_over(change, goods)
        case Step.SURPLUS_CAPTURED | Step.SURPLUS_RETURNED:
            yield from _surplus(change)
        case _:
            return


def _captured(change: Change, goods: Goods | None) -> Iterator[Journal]:
    yield recipes.capture(
        change.payment,
        gateway=change.gateway,
        currency=change.currency,
        amount=change.amount,
        credits_to="deferred" if change.sale else "other",
        at=change.effective_at,
        tax=change.tax,
    )
    if change.fee:
        yield recipes.fee(
            change.payment, gateway=change.gateway, currency=change.currency, amount=change.fee, at=change.effective_at
        )
    yield from _granted(change, goods)


def _handed_over(change: Change, goods: Goods | None) -> Iterator[Journal]:
    """Book goods alone: their money, and that of refunds since, was booked when it moved."""
    if change.dispute and goods:
        yield from claim.met_goods(change, goods)
    elif change.refund is None:
        yield from _granted(change, goods)
    elif goods and change.step is Step.RESTORED:
        yield from recipes.refund_restored(change.refund, split=_split(change, goods), at=change.at)
        yield from claim.beside_refund(change, goods, "restored")
        yield from _debt_repaid(change, goods)
    elif goods:
        yield from recipes.refund_met_goods(change.refund, split=_split(change, goods), at=change.at)
        yield from claim.beside_refund(change, goods, "met_goods")


def _surplus(change: Change) -> Iterator[Journal]:
    assert change.refund, "a surplus is on its way back"
    if change.step is Step.SURPLUS_CAPTURED:
        yield recipes.surplus_captured(
            change.refund,
            gateway=change.gateway,
            currency=change.currency,
            amount=change.amount,
            fee=change.fee,
            at=change.effective_at,
        )
    elif change.was_settled:
        yield _returned(change)


def _granted(change: Change, goods: Goods | None) -> Iterator[Journal]:
    if goods and goods.granted and change.user:
        at_once = () if goods.debt_repaid else goods.recognised
        yield recipes.grant(
            change.payment,
            user=change.user,
            units=goods.granted,
            at=change.at,
            unit=goods.unit,
            recognised=at_once,
        )
        if goods.debt_repaid:
            yield from _debt_repaid(change, goods)


def _fee_changed(change: Change) -> Iterator[Journal]:
    """Correct the fee that was booked; a gateway that kept what was expected leaves nothing to do."""
    if change.fee or change.fee_tax:
        yield recipes.fee_correction(
            change.payment,
            gateway=change.gateway,
            currency=change.currency,
            difference=change.fee,
            reference=change.occasion,
            at=change.effective_at,
            tax=change.fee_tax,
        )


def _returned(change: Change) -> Journal:
    assert change.refund, "a refund has an id"
    return recipes.refund_returned(
        change.refund, gateway=change.gateway, currency=change.currency, amount=change.amount, at=change.effective_at
    )


def _refund_failed(change: Change, goods: Goods | None) -> Iterator[Journal]:
    assert change.refund, "a refund has an id"
    if change.was_settled:
        yield _returned(change)
    split = _split(change, goods)
    yield from recipes.refund_reversed(change.refund, split=split, at=change.effective_at, goods_at=change.at)
    yield from claim.beside_refund(change, goods, "reversed")
    if goods:
        yield from _debt_repaid(change, goods)


def _debt_repaid(change: Change, goods: Goods) -> Iterator[Journal]:
    if change.user and (goods.debt_repaid or goods.recognised):
        yield recipes.debt_repaid(
            "refund" if change.refund else "payment",
            change.refund or change.payment,
            user=change.user,
            units=goods.debt_repaid,
            recognised=goods.recognised,
            at=change.at,
        )


def _split(change: Change, goods: Goods | None) -> recipes.RefundSplit:
    """Divide a refund; money that bought no goods was earned at capture, goods never delivered are still owed."""
    if goods is None or goods.failed:
        owed = change.net if change.sale else 0
        return recipes.RefundSplit(currency=change.currency, unearned=owed, earned=change.net - owed, tax=change.tax)
    return recipes.RefundSplit(
        currency=change.currency,
        unearned=goods.unearned,
        earned=goods.earned,
        tax=change.tax,
        user=change.user,
        unit=goods.unit,
        from_wallet=goods.taken + goods.restored,
        from_frozen=goods.taken_frozen,
        to_debt=goods.to_debt,
        recognised=goods.recognised if change.step not in RESTORING else (),
    )
