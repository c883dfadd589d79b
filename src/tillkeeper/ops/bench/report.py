"""What a run of the bench has found, as values, as JSON, and as the words of a verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from tillkeeper.ops.bench.goals import GOALS, Goal
from tillkeeper.ops.bench.parts import Part
from tillkeeper.ops.bench.subject import Rounds, Spread

decimals = 3
NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Hold one goal and what the rounds gave for it."""

    goal: Goal
    ratio: Spread

    @property
    def verdict(self) -> str:
        """Judge by the median."""
        if self.goal.floor is None or self.goal.goal is None:
            return "no floor"
        if self._reaches(self.goal.goal):
            return "goal reached"
        return "floor held" if self._reaches(self.goal.floor) else "below the floor"

    def _reaches(self, mark: Fraction) -> bool:
        return self.ratio.median <= mark if self.goal.at_most else self.ratio.median >= mark


@dataclass(slots=True, kw_only=True)
class Report:
    """Hold everything that a run has found."""

    machine: Mapping[str, object]
    settings: Mapping[str, object]
    rounds: int
    subjects: dict[str, Rounds] = field(default_factory=dict)
    parts: dict[str, Sequence[Part]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    """What was not measured because somebody is not installed: the goal, and the command that changes it."""
    killed: Mapping[str, int] | None = None
    wrong: list[str] = field(default_factory=list)

    def measured(self) -> list[Measured]:
        """List the goals that this run speaks of."""
        found = [(goal, each.ratios(goal.of, goal.to)) for goal in GOALS for each in self.subjects.values()]
        return [Measured(goal=goal, ratio=ratio) for goal, ratio in found if ratio]

    def rates(self) -> dict[str, Spread]:
        """List every rate; a reference measured with several subjects is told once for each."""
        several = [name for each in self.subjects.values() for name in each.rates()]
        return {
            name if several.count(name) == 1 else f"{name}_beside_{subject}": spread
            for subject, each in self.subjects.items()
            for name, spread in each.rates().items()
        }

    def as_json(self) -> dict[str, object]:
        """Shape the report as the contract of `till bench --json` has it."""
        shaped: dict[str, object] = {
            "machine": dict(self.machine),
            "settings": dict(self.settings),
            "rounds": self.rounds,
            "rates": {name: _whole(spread) for name, spread in self.rates().items()},
            "goals": {
                each.goal.number: _ratio(each.ratio)
                | {"floor": _number(each.goal.floor), "goal": _number(each.goal.goal), "verdict": each.verdict}
                for each in self.measured()
                if each.goal.floor
            }
            | {goal.number: _missing(goal, self.missing[goal.number]) for goal in GOALS if goal.number in self.missing},
            "ratios": {each.goal.number: _ratio(each.ratio) for each in self.measured() if not each.goal.floor},
            "invariants": "; ".join(self.wrong) or "ok",
        }
        if self.parts:
            shaped["microseconds"] = {
                subject: {part.name.strip(): round(part.nanoseconds / 1000, 1) for part in parts}
                for subject, parts in self.parts.items()
            }
        return shaped | ({"killed": dict(self.killed)} if self.killed else {})


def _whole(spread: Spread) -> dict[str, int]:
    return {"median": round(spread.median), "min": round(spread.min), "max": round(spread.max)}


def _ratio(spread: Spread) -> dict[str, object]:
    return {"value": _number(spread.median), "min": _number(spread.min), "max": _number(spread.max)}


def _missing(goal: Goal, install: str) -> dict[str, object]:
    marks = {"floor": _number(goal.floor), "goal": _number(goal.goal)}
    return {"value": None, "min": None, "max": None, **marks, "verdict": NOT_MEASURED, "install": install}


def _number(exact: Fraction | None) -> object:
    """Round an exact ratio to what JSON can hold."""
    return exact and round(exact.numerator / exact.denominator, decimals)
