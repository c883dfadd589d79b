"""Charts as whole numbers: where each bar stands, for templates to draw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH = 1_000
HEIGHT = 160
gap = 2
TONES = "abcde"
"""The colours of a chart, in their order; after the last the first comes again."""


@dataclass(frozen=True, slots=True)
class Bar:
    """Hold one rectangle."""

    x: int
    y: int
    width: int
    height: int
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Hold the bars of one moment, and what they stand for."""

    bars: Sequence[Bar]
    values: Mapping[str, int]

    @property
    def total(self) -> int:
        """Add up what they stand for."""
        return sum(self.values.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Hold a chart of columns; `top` is what its height stands for."""

    columns: Sequence[Column]
    tones: Mapping[str, str]
    top: int


def stacked(series: Mapping[str, Sequence[int]]) -> Chart:
    """Stack series of equal lengths on one another, column by column."""
    tones = {name: TONES[place % len(TONES)] for place, name in enumerate(series)}
    columns = [dict(zip(series, values, strict=True)) for values in zip(*series.values(), strict=True)]
    top = max((sum(column.values()) for column in columns), default=0)
    return Chart(
        columns=[
            Column(bars=_pile(column, tones, place, len(columns), top), values=column)
            for place, column in enumerate(columns)
        ],
        tones=tones,
        top=top,
    )


def _pile(column: Mapping[str, int], tones: Mapping[str, str], place: int, places: int, top: int) -> list[Bar]:
    """Place the bars of a column; each edge is rounded once, so that they meet."""
    left, right = WIDTH * place // places, WIDTH * (place + 1) // places
    found, below = [], 0
    for name, value in column.items():
        if value:
            foot, head = HEIGHT * below // top, HEIGHT * (below + value) // top
            found.append(Bar(left, HEIGHT - head, max(right - left - gap, 1), max(head - foot, 1), tones[name]))
        below += value
    return found
