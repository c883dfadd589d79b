"""Say what changes and goods mean for the books."""

from collections.abc import Iterator, Mapping, Sequence

from tillkeeper.facts import Change, Goods, Step
from tillkeeper.gateway import Gateway
from tillkeeper.ledger import Journal, recipes


def bookkeep(gateways: Mapping[str, Gateway], changes: Sequence[Change], goods: Sequence[Goods]) -> list[Journal]:
    """Turn what happened into journals, in order."""
    moved = {id(item.change): item for item in goods}
    return [
        journal for change in changes for journal in _journals(gateways[change.gateway], change, moved.get(id(change)))
    ]


def _journals(gateway: Gateway, change: Change, goods: Goods | None) -> Iterator[Journal]:
    match change.step:
        case Step.CAPTURED:
            yield from _captured(gateway, change, goods)
        case Step.REFUND_REQUESTED if change.refund:
            yield recipes.refund_requested(change.refund, split=_split(change, goods), at=change.at)
        case Step.REFUND_SUCCEEDED if change.refund:
            yield recipes.refund_succeeded(
                change.refund,
                gateway=change.gateway,
                currency=change.currency,
                amount=change.amount,
                at=change.at,
            )
        case Step.REFUND_FAILED:
            yield from _refund_failed(change, goods)
        case _:
            return


def _captured(gateway: Gateway, change: Change, goods: Goods | None) -> Iterator[Journal]:
    yield recipes.capture(
        change.payment,
        gateway=change.gateway,
        currency=change.currency,
        amount=change.amount,
        credits_to="deferred" if change.sale else "other",
        at=change.at,
    )
    fee = gateway.predict_fee(change.amount, change.currency)
    if fee:
        yield recipes.fee(change.payment, gateway=change.gateway, currency=change.currency, amount=fee, at=change.at)
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


def _refund_failed(change: Change, goods: Goods | None) -> Iterator[Journal]:
    assert change.refund, "a refund has an id"
    if change.was_settled:
        yield recipes.refund_returned(
            change.refund, gateway=change.gateway, currency=change.currency, amount=change.amount, at=change.at
        )
    yield recipes.refund_reversed(change.refund, split=_split(change, goods), at=change.at)
    if goods and (goods.debt_repaid or goods.recognised):
        yield from _debt_repaid(change, goods)


def _debt_repaid(change: Change, goods: Goods) -> Iterator[Journal]:
    if change.user:
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
        owed = change.amount if change.sale else 0
        return recipes.RefundSplit(currency=change.currency, unearned=owed, earned=change.amount - owed)
    return recipes.RefundSplit(
        currency=change.currency,
        unearned=goods.unearned,
        earned=goods.earned,
        user=change.user,
        unit=goods.unit,
        from_wallet=goods.taken + goods.restored,
        to_debt=goods.to_debt,
        recognised=goods.recognised if goods.taken or goods.to_debt else (),
    )
