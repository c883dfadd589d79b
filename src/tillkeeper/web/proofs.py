"""What is promised, which test shows it, and what its last full run found: docs/proofs.toml, for people who look."""

import tomllib
from dataclasses import dataclass, field
from datetime import date
from functools import cache

from tillkeeper.web.guides import FOLDER

FULL = "TILL_TEST_FULL=1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Hold what a full run found, on which day, in how many seconds, from which dice, and in which version.

    `sizes` are the variables that made it larger than a full run is by itself.
    """

    day: date
    seconds: int
    found: str
    seed: int | None = None
    version: str | None = None
    sizes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Hold a promise and its tests, and how much of them runs when its turn comes and in full.

    `goals` are the numbers by which docs/proofs.md lists what was aimed at; `run` is the command of the full run where
    it is none of tests.
    """

    claim: str
    tests: list[str]
    each_turn: str
    full: str
    goals: list[str] = field(default_factory=list)
    seed_from: str | None = None
    run: str | None = None
    last: Run | None = None

    @property
    def command(self) -> str:
        """Write what repeats the last full run: all of it, with its dice and its size."""
        if self.run:
            return self.run
        seed = f" {self.seed_from}={self.last.seed}" if self.seed_from and self.last and self.last.seed else ""
        sizes = f" {self.last.sizes}" if self.last and self.last.sizes else ""
        return f"{FULL}{seed}{sizes} ./till test {' '.join(self.tests)}"


@cache
def read() -> list[Proof]:
    """Read all of them."""
    told = tomllib.loads((FOLDER / "proofs.toml").read_text())["proof"]
    return [Proof(**each | ({"last": Run(**each["last"])} if "last" in each else {})) for each in told]


def table() -> str:
    """Write them as the table of the guide."""
    lines = ["| goal | claim | tests | when its turn comes | in full | last full run |", "|---|---|---|---|---|---|"]
    for proof in read():
        tests = ", ".join(f"`{test}`" for test in proof.tests) + (f" (`{proof.seed_from}`)" if proof.seed_from else "")
        goals = " ".join(proof.goals) or "–"
        lines.append(f"| {goals} | {proof.claim} | {tests} | {proof.each_turn} | {proof.full} | {_told(proof.last)} |")
    return "\n".join(lines) + "\n"


def _told(run: Run | None) -> str:
    """Tell of a run in a cell."""
    if run is None:
        return "not yet"
    seed = f", seed {run.seed}" if run.seed else ""
    version = f", version {run.version}" if run.version else ""
    return f"{run.day}, {run.seconds:,} s{seed}{version}: {run.found}"
