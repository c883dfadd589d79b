"""What a campaign tells: its sums, and for a violation a page that people can follow."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tillkeeper.ops.chaos.journal import Json
from tillkeeper.ops.chaos.oracle.case import TITLES
from tillkeeper.ops.chaos.running import Outcome, converge_seconds_max
from tillkeeper.ops.chaos.schedule import What

flagged_shown_max, findings_shown_max = 20, 50


@dataclass(slots=True, kw_only=True)
class Report:
    """Hold the sums of all rounds, so that memory does not grow with them, and what was violated."""

    seed: int
    command: str
    rounds: int = 0
    payments: int = 0
    refunds: int = 0
    asked_for: int = 0
    disturbances: Counter[str] = field(default_factory=Counter)
    victims: Counter[str] = field(default_factory=Counter)
    injected: Counter[str] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)
    """At which places failpoints let something die."""
    cut: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    flagged: list[str] = field(default_factory=list)
    flagged_in_all: int = 0
    unmet: Counter[str] = field(default_factory=Counter)
    findings: list[Json] = field(default_factory=list)
    quiet_ms: list[int] = field(default_factory=list)
    took_ms: int = 0
    pages: list[str] = field(default_factory=list)
    """Where the pages about violations are."""
    smallest: list[str] | None = None
    """What is left of the schedule after shrinking."""

    @property
    def sound(self) -> bool:
        """Tell whether nothing was violated."""
        return not self.findings

    @property
    def in_time(self) -> bool:
        """Tell whether each round was quiet as soon as is aimed at."""
        return len(self.quiet_ms) == self.rounds and max(self.quiet_ms, default=0) <= converge_seconds_max * 1000

    def add(self, outcome: Outcome) -> None:
        """Add a round."""
        self.rounds += 1
        self.asked_for += outcome.plan.payments
        self.payments += outcome.payments
        self.refunds += outcome.refunds
        self.disturbances += Counter(each.disturbance.what.value for each in outcome.happened)
        self.victims += Counter(
            each.disturbance.whom for each in outcome.happened if each.disturbance.what is What.KILL
        )
        self.injected += Counter(outcome.injected)
        self.met += Counter(outcome.met)
        self.answers += Counter(outcome.answers)
        self.ends += Counter(outcome.ends)
        for link in outcome.links.values():
            self.cut += Counter({name: number for name, number in link.items() if name != "connections"})
        self.flagged = [*self.flagged, *outcome.flagged][:flagged_shown_max]
        self.flagged_in_all += len(outcome.flagged)
        self.unmet += Counter(outcome.unmet)
        self.findings += [{"seed": outcome.plan.seed, **each.as_json()} for each in outcome.findings]
        self.quiet_ms += [] if outcome.quiet_ms is None else [outcome.quiet_ms]
        self.took_ms += outcome.took_ms

    def as_json(self) -> Json:
        """Shape it for programs."""
        return {
            "verdict": "sound" if self.sound else "violated",
            "seed": self.seed,
            "command": self.command,
            "rounds": self.rounds,
            "clients": self.asked_for,
            "payments": self.payments,
            "refunds": self.refunds,
            "disturbances": dict(self.disturbances),
            "killed": dict(self.victims),
            "injected": {name: number for name, number in self.injected.items() if number},
            "died_at_failpoints": dict(sorted(self.met.items())),
            "links": dict(self.cut),
            "answers": dict(sorted(self.answers.items())),
            "ends": dict(self.ends),
            "flagged": {"in_all": self.flagged_in_all, "first": self.flagged},
            "faults_that_met_nobody": dict(self.unmet),
            "converged_ms": {"longest": max(self.quiet_ms, default=None), "goal": converge_seconds_max * 1000}
            | {"in_time": self.in_time},
            "took_seconds": self.took_ms // 1000,
            "findings": self.findings,
            "pages": self.pages,
            "smallest_schedule": self.smallest,
        }

    def lines(self) -> list[str]:
        """Write it for people."""
        longest = f"{max(self.quiet_ms) / 1000:.1f} s" if self.quiet_ms else "never"
        goal = "within the goal of" if self.in_time else "MISSED the goal of"
        told = [
            f"seed            {self.seed}",
            f"payments        {self.payments:,} captured of {self.asked_for:,} clients, {self.refunds:,} refunds",
            f"disturbances    {_listed(self.disturbances)}",
            f"killed with -9  {_listed(self.victims)}",
            f"at failpoints   {_listed(self.met)}",
            f"at gateways     {_listed(self.injected)}",
            f"on links        {_listed(self.cut)}",
            f"clients ended   {_listed(self.ends)}",
            f"answers         {_listed(self.answers)}",
            f"for people      {self.flagged_in_all:,} calls or messages were left to people",
            *(f"                {each}" for each in self.flagged),
            f"converged       after {longest} at most: {goal} {converge_seconds_max} s",
            f"took            {self.took_ms / 1000:.0f} s in {self.rounds:,} round{'s' * (self.rounds != 1)}",
        ]
        told += [f"met nobody      {name}, asked for in {times} rounds" for name, times in self.unmet.items()]
        told += [*self._violations(), f"again           {self.command}"]
        return told

    def _violations(self) -> list[str]:
        if self.sound:
            return ["verdict         sound: nothing lost, doubled or unbalanced"]
        times = Counter(each["invariant"] for each in self.findings)
        told = [f"verdict         VIOLATED: {len(self.findings)} findings"]
        told += [f"                {name} {number} times: {TITLES[name]}" for name, number in times.items()]
        told += [f"page            {page}" for page in self.pages]
        if self.smallest is not None:
            told += ["smallest        with these disturbances alone it still fails:"]
            told += [f"                {each}" for each in self.smallest or ["none at all"]]
        return told


def page(outcome: Outcome, command: str) -> str:
    """Write what a person needs to follow a violation."""
    plan = outcome.plan
    parts = [
        f"till chaos, seed {plan.seed}: {len(outcome.findings)} findings. Again: {command}",
        "THE FIRST VIOLATIONS, each with the timeline of its payment",
        *outcome.timelines,
        "ALL FINDINGS",
        *(
            f"{each.invariant}  {each.payment or ''} {each.about}: found {each.found}; should be {each.should_be}"
            for each in outcome.findings[:findings_shown_max]
        ),
        f"THE SCHEDULE ({plan.payments:,} payments at {', '.join(plan.gateways)})",
        "\n".join(str(each) for each in plan.disturbances),
        f"answers {outcome.answers}\nends {outcome.ends}\nleft to people {outcome.flagged}",
        f"injected {outcome.injected}\nlinks {outcome.links}",
    ]
    return "\n\n".join(parts) + "\n"


def write(outcome: Outcome, folder: Path, command: str) -> Path:
    """Write the page and the findings into a folder; return the page."""
    told = [each.as_json() for each in outcome.findings]
    (folder / "findings.json").write_text(json.dumps(told, indent=1, default=str))
    found = folder / "violation.txt"
    found.write_text(page(outcome, command))
    return found


def command(path: Path) -> str:
    """Write the line that repeats one schedule."""
    return f"till chaos --schedule {path}"


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {number:,}" for name, number in counts.items() if number) or "none"


def shrunk(disturbances: Sequence[object]) -> list[str]:
    """Write what is left of a schedule."""
    return [str(each) for each in disturbances]
