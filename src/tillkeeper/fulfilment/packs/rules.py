"""How packs are drawn, as pure functions: chance is handed in."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from tillkeeper.fulfilment.packs.values import Design, PackType, Tier

Chance = Callable[[int], int]
"""Draw a whole number from 0 up to, but not including, the given one, each equally likely."""


class SoldOut(Exception):  # noqa: N818 (not an error: an answer that the buyer's money goes back)
    """Say that a pack cannot be filled any more."""


def open_packs(pack: PackType, packs: int, chance: Chance) -> tuple[PackType, list[Design]]:
    """Draw the cards of some packs of one kind; raises SoldOut, and then nothing was drawn.

    Each design returned carries the number of the card drawn in `issued`.
    """
    if pack.stock is not None and pack.stock < packs:
        message = f"{packs} packs were bought and {pack.stock} are left"
        raise SoldOut(message)
    drawn: list[Design] = []
    designs = {design.id: design for design in pack.designs}
    for _ in range(packs):
        for place in range(pack.cards):
            guaranteed = place >= pack.cards - pack.guaranteed_cards
            least = pack.guaranteed_tier if guaranteed else Tier.COMMON
            design = _draw([design for design in designs.values() if design.left and design.tier >= least], chance)
            issued = replace(design, issued=design.issued + 1)
            designs[design.id] = issued
            drawn.append(issued)
    stock = None if pack.stock is None else pack.stock - packs
    return replace(pack, stock=stock, designs=tuple(designs.values())), drawn


def _draw(designs: Sequence[Design], chance: Chance) -> Design:
    """Draw one design by weight."""
    if not designs:
        message = "no card of the promised tier is left"
        raise SoldOut(message)
    place = chance(sum(design.weight for design in designs))
    for design in designs:
        if place < design.weight:
            return design
        place -= design.weight
    message = "chance gave a number beyond the weights"
    raise AssertionError(message)


def refundable(granted: int, used: int, *, captured: int, refunded: int) -> int:
    """Tell how much money can go back while the first `used` of the granted cards stay.

    No more than their share: of a part of a card the whole card would stay.
    """
    return max(0, captured * (granted - used) // granted - refunded)
