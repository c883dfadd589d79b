"""Cards drawn from their data: the artist gives the motif, title and serial its shapes, the tier its colour."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

TIERS = ("common", "rare", "epic", "legendary")
side = 128
"""The picture is this many units wide and high."""
middle = side // 2
title_length_max = 18
faint, strong = 15, 90

Json = dict[str, Any]
Dice = Iterator[int]


@dataclass(frozen=True, slots=True)
class Shape:
    """Hold one element of a picture, in the colour of the tier."""

    tag: str
    at: dict[str, object]


@dataclass(frozen=True, slots=True)
class Picture:
    """Hold a card ready to be drawn: its words, its shapes, and how many diamonds its tier has."""

    name: str
    title: str
    shapes: tuple[Shape, ...]
    diamonds: tuple[int, ...]


def draw(card: Json) -> Picture:
    """Draw a card: the same data gives the same picture, for ever."""
    dice = _dice(f"{card['pack']}|{card['artist']}|{card['title']}|{card['serial']}")
    motif = MOTIFS[next(_dice(card["artist"])) % len(MOTIFS)]
    rank = TIERS.index(card["tier"]) if card["tier"] in TIERS else 0
    title = card["title"]
    return Picture(
        name=f"{title} by {card['artist']}, {card['tier']}, number {card['serial']}",
        title=title if len(title) <= title_length_max else f"{title[: title_length_max - 1]}…",
        shapes=tuple(motif(dice)),
        diamonds=tuple(range(rank + 1)),
    )


def _dice(text: str) -> Dice:
    """Throw numbers from 0 to 255 that follow from a text."""
    count = 0
    while True:
        yield from hashlib.sha256(f"{text}/{count}".encode()).digest()
        count += 1


def _between(dice: Dice, low: int, high: int) -> int:
    return low + next(dice) % (high - low + 1)


def _filled(dice: Dice) -> dict[str, object]:
    return {"fill": "currentColor", "fill-opacity": f"{_between(dice, faint, strong)}%"}


def _lined(dice: Dice, thick: int = 3) -> dict[str, object]:
    width = _between(dice, 1, thick)
    return {
        "fill": "none",
        "stroke": "currentColor",
        "stroke-width": width,
        "stroke-opacity": f"{_between(dice, 40, 100)}%",
    }


def _rings(dice: Dice) -> Iterator[Shape]:
    """Draw circles that have left their common centre."""
    for place in range(_between(dice, 5, 7)):
        centre = {"cx": middle + _between(dice, -18, 18), "cy": middle + _between(dice, -18, 18)}
        look = _lined(dice, 5) if place % 3 else _filled(dice)
        yield Shape("circle", {**centre, "r": 12 + 9 * place if place % 3 else _between(dice, 8, 26), **look})


def _waves(dice: Dice) -> Iterator[Shape]:
    """Draw a sea under a sun."""
    sun = {"cx": _between(dice, 28, 100), "cy": _between(dice, 26, 52), "r": _between(dice, 9, 18)}
    yield Shape("circle", {**sun, **_filled(dice)})
    for y in range(_between(dice, 44, 56), side, 14):
        high = _between(dice, 6, 16)
        start = -_between(dice, 0, 31)
        path = f"M{start} {y}q16-{high} 32 0" + "t32 0" * 4 + f"V{side}H{start}z"
        yield Shape("path", {"d": path, "fill": "currentColor", "fill-opacity": f"{_between(dice, 12, 30)}%"})


def _rays(dice: Dice) -> Iterator[Shape]:
    """Draw light that comes from one point."""
    x, y = _between(dice, 36, 92), _between(dice, 60, 104)
    edges = [*((step, 0) for step in range(0, side, 16)), *((side, step) for step in range(0, side, 16))]
    edges += [(step, side) for step in range(side, 0, -16)] + [(0, step) for step in range(side, 0, -16)]
    for place in range(0, len(edges), 2):
        (ax, ay), (bx, by) = edges[place], edges[(place + 1) % len(edges)]
        yield Shape("path", {"d": f"M{x} {y}L{ax} {ay}L{bx} {by}z", **_filled(dice)})
    yield Shape("circle", {"cx": x, "cy": y, "r": _between(dice, 9, 20), "fill": "currentColor"})


def _blocks(dice: Dice) -> Iterator[Shape]:
    """Draw a town by its windows, the same to the left and to the right."""
    cell = 16
    for row in range(8):
        for column in range(4):
            thrown = next(dice)
            if thrown % 8 < 2 + row // 2:
                look = {"fill": "currentColor", "fill-opacity": f"{20 + thrown % 76}%"}
                for x in (column, 7 - column):
                    yield Shape("rect", {"x": x * cell + 2, "y": row * cell + 2, "width": 12, "height": 12, **look})


def _arches(dice: Dice) -> Iterator[Shape]:
    """Draw gates behind gates."""
    x = middle + _between(dice, -16, 16)
    for half in range(_between(dice, 52, 60), 6, -_between(dice, 9, 12)):
        base = f"M{x - half} {side}V{side - half}a{half} {half} 0 0 1 {2 * half} 0V{side}"
        yield Shape("path", {"d": base, **_lined(dice, 5)})
    yield Shape("circle", {"cx": x, "cy": _between(dice, 16, 40), "r": _between(dice, 5, 11), **_filled(dice)})


def _shards(dice: Dice) -> Iterator[Shape]:
    """Draw splinters of glass."""
    for _ in range(_between(dice, 14, 18)):
        x, y = _between(dice, 0, 110), _between(dice, 0, 110)
        ends = [(x + _between(dice, -46, 46), y + _between(dice, -46, 46)) for _ in range(2)]
        path = f"M{x} {y}" + "".join(f"L{ex} {ey}" for ex, ey in ends) + "z"
        yield Shape("path", {"d": path, "fill": "currentColor", "fill-opacity": f"{_between(dice, 15, 65)}%"})


def _grasses(dice: Dice) -> Iterator[Shape]:
    """Draw stalks that bend in one wind."""
    wind = _between(dice, -26, 26)
    for x in range(6, side, 10):
        high, lean = _between(dice, 40, 108), wind + _between(dice, -8, 8)
        top = f"{x + lean} {side - high}"
        yield Shape("path", {"d": f"M{x} {side}Q{x} {side - high // 2} {top}", **_lined(dice)})
        if next(dice) % 2:
            yield Shape("circle", {"cx": x + lean, "cy": side - high, "r": _between(dice, 2, 6), **_filled(dice)})


MOTIFS: tuple[Callable[[Dice], Iterator[Shape]], ...] = (_rings, _waves, _rays, _blocks, _arches, _shards, _grasses)
