"""Chaos: real processes, killed and cut off from each other by a seed while clients buy, and an oracle afterwards."""

import asyncio
import hashlib
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tillkeeper import gateways
from tillkeeper.kernel import clock
from tillkeeper.ops.chaos import report, running, schedule, shrinking
from tillkeeper.ops.chaos.report import Report
from tillkeeper.ops.chaos.running import Meddle, Outcome
from tillkeeper.ops.chaos.schedule import Disturbance, Schedule

round_payments_max = 2_000
"""More clients than this are split into rounds, each with an installation of its own, so that memory is bounded."""
seeds = 10**9

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """Hold what was asked for, all rounds together."""

    seed: int
    payments: int
    disturbances: int
    kills: int = 0
    rounds: int = 0
    """None: as many as the payments need."""
    celery: bool = False

    @property
    def rounds_in_all(self) -> int:
        """Tell in how many rounds it is done."""
        return self.rounds or -(-self.payments // round_payments_max)

    @property
    def command(self) -> str:
        """Write the line that does it again."""
        told = f"till chaos --seed {self.seed} --payments {self.payments} --disturbances {self.disturbances}"
        told += f" --kills {self.kills}" if self.kills else ""
        told += f" --rounds {self.rounds}" if self.rounds else ""
        return told + (" --celery" if self.celery else "")


def plans(campaign: Campaign) -> Iterator[Schedule]:
    """Draw the schedule of each round: the first has the campaign's own seed, each other one that follows from it."""
    rounds, names = campaign.rounds_in_all, tuple(stand.name for stand in gateways.stands())
    for number in range(rounds):
        payments, disturbances, kills = (
            _share(total, number, rounds) for total in (campaign.payments, campaign.disturbances, campaign.kills)
        )
        yield schedule.draw(
            derived(campaign.seed, number),
            payments=payments,
            disturbances=disturbances,
            kills=kills,
            gateways=names,
            celery=campaign.celery,
        )


def derived(seed: int, number: int) -> int:
    """Derive the seed of a round."""
    digest = hashlib.sha256(f"{seed}/{number}".encode()).digest()
    return int.from_bytes(digest[:8]) % seeds if number else seed


def _share(total: int, number: int, rounds: int) -> int:
    return total * (number + 1) // rounds - total * number // rounds


def run(
    rounds: Sequence[Schedule] | Iterator[Schedule],
    *,
    seed: int,
    command: str,
    say: Say,
    shrink_minutes: int = 0,
    meddle: Meddle | None = None,
) -> Report:
    """Run schedules until one is violated or all are done; raises ChaosError when one could not be run."""
    told = Report(seed=seed, command=command)
    for number, plan in enumerate(rounds, start=1):
        folder = Path(tempfile.mkdtemp(prefix=f"till-chaos-{plan.seed}-"))
        path = folder / "schedule.json"
        schedule.write(plan, path)
        asked = f"{plan.payments:,} payments, {len(plan.disturbances)} disturbances"
        say(f"round {number}, seed {plan.seed}: {asked}; {path}")
        outcome = asyncio.run(_leashed(plan, folder, say, meddle))
        told.add(outcome)
        if outcome.findings:
            again = report.command(path)
            told.command = again
            told.pages.append(str(report.write(outcome, folder, again)))
            if shrink_minutes:
                broken = {finding.invariant for finding in outcome.findings}
                told.smallest = _shrink(plan, folder, broken, shrink_minutes, say, meddle)
            break
        shutil.rmtree(folder)
        say(f"round {number} is sound: {told.payments:,} payments, {told.disturbances.total():,} disturbances so far")
    return told


async def _leashed(plan: Schedule, folder: Path, say: Say, meddle: Meddle | None) -> Outcome:
    """End everything in good order also when we are told to end by a signal."""
    task = asyncio.current_task()
    assert task, "it runs"
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await running.run(plan, folder, say, meddle)


def _shrink(plan: Schedule, folder: Path, broken: set[str], minutes: int, say: Say, meddle: Meddle | None) -> list[str]:
    """Look for fewer disturbances that still break the same, with the same clients, and write down what is found."""
    elapsed_ms = clock.timer_ms()

    def attempt(part: Sequence[Disturbance]) -> set[str]:
        smaller = replace(plan, disturbances=tuple(part))
        with tempfile.TemporaryDirectory(prefix="till-chaos-smaller-") as place:
            outcome = asyncio.run(_leashed(smaller, Path(place), lambda _: None, meddle))
        return {finding.invariant for finding in outcome.findings}

    def fails(part: Sequence[Disturbance]) -> bool:
        again = shrinking.fails_again(partial(attempt, part), broken)
        say(f"  with {len(part)} disturbances: {'it still fails' if again else 'sound'}")
        return again

    left = shrinking.ddmin(plan.disturbances, fails, lambda: elapsed_ms() < minutes * 60_000)
    schedule.write(replace(plan, disturbances=tuple(left)), folder / "smallest.json")
    return report.shrunk(left)
