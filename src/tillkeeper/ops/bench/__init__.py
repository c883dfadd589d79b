"""`till bench`: what this machine and this version really do, as ratios to what PostgreSQL itself does here."""

import asyncio
from collections.abc import Sequence

from tillkeeper.ops.bench import (
    creating,
    ingest,
    invariants,
    kills,
    machine,
    parts,
    pipeline,
    posting,
    processor,
    reconciling,
    references,
    settling,
)
from tillkeeper.ops.bench.ground import opened
from tillkeeper.ops.bench.report import Measured, Report
from tillkeeper.ops.bench.subject import Opened, Say, Spread, take_rounds

__all__ = ["PARTS", "SUBJECTS", "Measured", "Report", "Say", "Spread", "run"]

SUBJECTS: dict[str, Opened] = {
    "ingest": ingest.opened,
    "settle": settling.opened,
    "ledger": posting.opened,
    "end-to-end": pipeline.opened,
    "create": creating.opened,
    "reconcile": reconciling.opened,
}
PARTS = {
    "ingest": parts.ingest_parts,
    "settle": parts.settle_parts,
    "end-to-end": processor.pipeline_parts,
}
GENERATOR = "Python, a process of its own on the same cores"


def run(
    subjects: Sequence[str],
    *,
    rounds: int,
    seconds: int,
    database_url: str | None = None,
    profile: bool = False,
    kill: bool = False,
    say: Say,
) -> Report:
    """Measure subjects in interleaved rounds; raises BenchError, and NotDurableError for a server without fsync."""
    report = Report(machine=machine.describe(), settings={}, rounds=rounds)
    for name in subjects:
        with opened(database_url) as ground:
            report.settings = ground.shown_settings() | {"seconds": seconds, "load_generator": GENERATOR}
            references.prepare(ground)
            with SUBJECTS[name](ground) as subject:
                report.subjects[name] = take_rounds(
                    subject, name, rounds=rounds, seconds=seconds, wrong=report.wrong, say=say
                )
            if profile and name in PARTS:
                say(f"{name}: where the time goes")
                report.parts[name] = PARTS[name](ground)
            report.wrong += asyncio.run(invariants.check(ground))
    if kill:
        with opened(database_url) as ground:
            say(f"kill -9, {len(kills.VICTIMS)} times in {kills.duration_seconds} s")
            report.killed, wrong = kills.run(ground)
            report.wrong += wrong + asyncio.run(invariants.check(ground))
    return report
