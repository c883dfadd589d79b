"""Say what disputes mean for the books, for their own money and for goods that they share with refunds."""

from collections.abc import Iterator
from typing import Literal

from tillkeeper.facts import Change, Goods
from tillkeeper.ledger import Journal, recipes
from tillkeeper.ledger.recipes import ClaimSplit

Kind = Literal["requested", "reversed", "met_goods", "restored"]
TAKING = ("requested", "met_goods")
"""What repays a debt beside them has no journal of its own."""


def disputed(change: Change, goods: Goods | None) -> Iterator[Journal]:
    """Book one step of a dispute: money that moved at the gateway, money that is lost for good, and goods."""
    assert change.dispute, "a dispute has an id"
    assert change.moves, "every step of a dispute says what moved with it"
    moves = change.moves
    yield from recipes.dispute_moved(
        change.dispute,
        number=moves.number,
        gateway=change.gateway,
        currency=change.currency,
        withdrawn=moves.withdrawn,
        fee=moves.fee,
        at=change.effective_at,
    )
    yield from recipes.dispute_lost(
        change.dispute,
        number=moves.number,
        gateway=change.gateway,
        currency=change.currency,
        lost=moves.lost - moves.owed,
        paid_in=change.paid_in,
        unearned=_lost(change, goods),
        at=change.effective_at,
    )
    yield from recipes.surplus_lost(
        change.dispute,
        number=moves.number,
        gateway=change.gateway,
        currency=change.currency,
        owed=moves.owed,
        at=change.effective_at,
    )
    yield from recipes.tax_lost(
        "dispute",
        change.dispute,
        f"tax:{moves.number}",
        currency=change.paid_in,
        amount=change.taxes.lost_more,
        at=change.effective_at,
    )
    split = _split(change, goods)
    if split:
        yield from recipes.goods_claimed("dispute", change.dispute, f"goods:{moves.number}", split=split, at=change.at)


def met_goods(change: Change, goods: Goods) -> Iterator[Journal]:
    """Book what an earlier step of a dispute does to goods only now."""
    assert change.dispute, "a dispute has an id"
    # Its money was booked as if all of it were still owed in goods; some of that may have been earned by now.
    split, kind = _split(change, goods, lost=goods.lost - change.lost_booked), f"met_goods{change.occasion}"
    if split:
        yield from recipes.goods_claimed("dispute", change.dispute, kind, split=split, at=change.at)


def beside_refund(change: Change, goods: Goods | None, kind: Kind) -> Iterator[Journal]:
    """Book what a refund changes in goods and money that disputes claim as well."""
    assert change.refund, "a refund has an id"
    if change.user is None:
        return
    split = ClaimSplit(
        user=change.user,
        currency=change.paid_in or change.currency,
        frozen=goods.frozen if goods else 0,
        thawed=goods.thawed if goods else 0,
        repaid=goods.debt_repaid if goods and kind in TAKING else 0,
        lost=_lost(change, goods),
    )
    yield from recipes.goods_claimed("refund", change.refund, f"{kind}_beside_claims", split=split, at=change.at)
    yield from recipes.tax_lost(
        "refund",
        change.refund,
        f"{kind}_beside_lost_tax",
        currency=split.currency,
        amount=change.taxes.lost_more,
        at=change.effective_at,
    )


def _split(change: Change, goods: Goods | None, *, lost: int = 0) -> ClaimSplit | None:
    if goods is None or goods.failed or change.user is None:
        return None
    return ClaimSplit(
        user=change.user,
        currency=change.paid_in,
        unit=goods.unit,
        frozen=goods.frozen,
        thawed=goods.thawed,
        from_frozen=goods.taken_frozen,
        from_wallet=goods.taken,
        to_debt=goods.to_debt,
        restored=goods.restored,
        repaid=goods.debt_repaid,
        lost=lost,
        recognised=goods.recognised,
    )


def _lost(change: Change, goods: Goods | None) -> int:
    """Tell by how much more of the money that was owed in goods is lost to banks; goods that are there say so."""
    return goods.lost - change.lost_booked if goods and not goods.failed else change.lost_of_owed
