"""How packs are drawn."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillkeeper.fulfilment.packs import DEMO
from tillkeeper.fulfilment.packs.rules import SoldOut, open_packs
from tillkeeper.fulfilment.packs.values import Design, PackType, Tier


def pack(*, stock: int | None = None, supply: int | None = None, guaranteed: int = 0) -> PackType:
    return PackType(
        sku="pack",
        cards=5,
        stock=stock,
        guaranteed_tier=Tier.RARE,
        guaranteed_cards=guaranteed,
        designs=(
            Design(id="a", artist="A", title="Common", tier=Tier.COMMON, weight=90, supply=None),
            Design(id="b", artist="B", title="Rare", tier=Tier.RARE, weight=10, supply=supply),
        ),
    )


@given(st.integers(1, 20), st.randoms(use_true_random=False))
def test_every_pack_has_its_cards_and_its_promise(packs: int, chance: random.Random) -> None:
    gold = DEMO[1]

    _, drawn = open_packs(gold, packs, chance.randrange)

    assert len(drawn) == packs * 5
    for start in range(0, len(drawn), 5):
        assert any(design.tier >= Tier.EPIC for design in drawn[start : start + 5])


def test_cards_are_drawn_by_their_weight() -> None:
    _, drawn = open_packs(pack(), 2000, random.Random(1).randrange)

    rare = sum(design.tier is Tier.RARE for design in drawn)

    assert 0.09 < rare / len(drawn) < 0.11


def test_numbers_go_on_from_what_was_issued_before() -> None:
    once, _ = open_packs(pack(guaranteed=5), 1, random.Random(1).randrange)

    _, drawn = open_packs(once, 1, random.Random(1).randrange)

    assert [design.issued for design in drawn] == [6, 7, 8, 9, 10]


def test_the_last_packs_leave_nothing_in_stock() -> None:
    left, _ = open_packs(pack(stock=3), 3, random.Random(1).randrange)

    assert left.stock == 0


def test_more_packs_than_there_are_is_sold_out() -> None:
    with pytest.raises(SoldOut, match="3 are left"):
        open_packs(pack(stock=3), 4, random.Random(1).randrange)


def test_a_promise_that_cannot_be_kept_is_sold_out() -> None:
    with pytest.raises(SoldOut, match="promised tier"):
        open_packs(pack(supply=1, guaranteed=1), 2, random.Random(1).randrange)


def test_a_limited_card_is_never_issued_beyond_its_supply() -> None:
    left, _ = open_packs(pack(supply=7), 200, random.Random(1).randrange)

    assert {design.id: design.issued for design in left.designs}["b"] == 7
