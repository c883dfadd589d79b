"""What a long history costs: the same measurements in an empty database and beside millions of journals, in turn."""

import asyncio
from collections.abc import Callable

from tillkeeper.ops.bench import history, ingest, invariants, machine, posting, references, settling
from tillkeeper.ops.bench.ground import Ground, opened
from tillkeeper.ops.bench.report import Report
from tillkeeper.ops.bench.subject import Opened, Rates, Rounds

SUBJECTS: dict[str, tuple[Opened, str]] = {
    "settle": (settling.opened, "settle"),
    "ledger": (posting.opened, "ledger_spread_100"),
    "ingest": (ingest.opened, "ingest"),
}
"""What is measured, and which of its rates is compared. Intake comes last: nobody works on what it leaves behind."""
JOURNALS = "SELECT count(*) FROM journal"
GROWN = "grown"
Say = Callable[[str], None]


def run(*, payments: int, rounds: int, seconds: int, database_url: str | None, say: Say) -> Report:
    """Measure on both; raises BenchError, and NotDurableError for a server without fsync."""
    with opened(database_url) as empty, opened(database_url) as grown:
        say(f"growth: laying in {payments:,} payments")
        history.fill(grown, payments)
        report = Report(machine=machine.describe(), settings=empty.shown_settings(), rounds=rounds)
        report.settings = {**report.settings, "seconds": seconds, "journals": grown.count(JOURNALS)}
        measure(empty, grown, report, seconds=seconds, say=say)
        return report


def measure(empty: Ground, grown: Ground, report: Report, *, seconds: int, say: Say) -> None:
    """Measure each subject on both grounds, round by round, and prove at the end what came of both."""
    for ground in (empty, grown):
        references.prepare(ground)
    for name, (subject, rate) in SUBJECTS.items():
        taken = Rounds()
        with subject(empty) as first, subject(grown) as second:
            for number in range(1, report.rounds + 1):
                taken.taken.append(_both(name, rate, first.measure(seconds), second.measure(seconds)))
                told = " · ".join(f"{key} {each:,}/s" for key, each in taken.taken[-1].items())
                say(f"growth: round {number} of {report.rounds}: {told}")
            report.wrong += first.prove() + second.prove()
        report.subjects[name] = taken
    # The history was written by SQL, without the digests by which the books prove that nobody changed them.
    report.wrong += asyncio.run(invariants.check(empty)) + invariants.undelivered(grown)


def _both(name: str, rate: str, empty: Rates, grown: Rates) -> Rates:
    return {f"{name}_empty": empty[rate], f"{name}_{GROWN}": grown[rate]}
