"""What every measurement has in common: rates of one round, and a proof at the end."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from fractions import Fraction
from statistics import median

from tillkeeper.ops.bench.ground import Ground

Say = Callable[[str], None]
Rates = Mapping[str, int]
"""What happened per second, by name; what ends in `_ms` is a time in milliseconds."""
MILLISECONDS = "_ms"
INSERT_LIMIT = "insert_limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Hold something that is measured: `measure` runs one round of so many seconds, `prove` lists what went wrong."""

    measure: Callable[[int], Rates]
    prove: Callable[[], list[str]]


Opened = Callable[[Ground], AbstractContextManager[Subject]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Hold the middle and the ends of what the rounds gave."""

    median: Fraction
    min: Fraction
    max: Fraction


@dataclass(slots=True)
class Rounds:
    """Hold the rates of every round."""

    taken: list[Rates] = field(default_factory=list)

    def rates(self) -> dict[str, Spread]:
        """Sum every rate up."""
        return {name: _spread([Fraction(each[name]) for each in self.taken]) for name in self.taken[0]}

    def ratios(self, of: str, to: str | None) -> Spread | None:
        """Divide within each round, and only then look for the middle: what slows both down cancels out."""
        if not self.taken or not {of, to or of} <= self.taken[0].keys():
            return None
        return _spread([Fraction(each[of], each[to] if to else 1) for each in self.taken if to is None or each[to]])


def take_rounds(subject: Subject, name: str, *, rounds: int, seconds: int, wrong: list[str], say: Say) -> Rounds:
    """Measure round by round, say each, and add what the proof at the end finds wrong."""
    taken = Rounds()
    for number in range(1, rounds + 1):
        rates = subject.measure(seconds)
        taken.taken.append(rates)
        told = " · ".join(f"{key.removesuffix(MILLISECONDS)} {shown(key, rate)}" for key, rate in rates.items())
        say(f"{name}: round {number} of {rounds}: {told}")
    wrong += subject.prove()
    return taken


def shown(name: str, rate: int) -> str:
    """Write a rate or a time with its unit."""
    return f"{rate:,} ms" if name.endswith(MILLISECONDS) else f"{rate:,}/s"


def _spread(values: list[Fraction]) -> Spread:
    return Spread(median=median(values), min=min(values), max=max(values))
