"""Whose processor time a delivered payment takes: unlike a rate, that hardly swings when others use the machine too."""

import subprocess
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from tillkeeper.ops.bench import payments, pipeline, volleys
from tillkeeper.ops.bench.ground import Ground
from tillkeeper.ops.bench.parts import Part

PROCESSES = Path("/proc")
seconds_timed = 3


def pipeline_parts(ground: Ground, seconds: int = seconds_timed) -> list[Part]:
    """Run the whole way once and divide what every process took among the payments delivered."""
    numbers = range(3 * 10**8, 3 * 10**8 + seconds * pipeline.webhooks_per_second_max)
    with ground.api() as api, ground.process("worker", "worker") as worker:
        payments.open_checkouts(ground, numbers)
        before = _taken(ground, {"API": api, "worker": worker})
        result = volleys.fire(ground, first=numbers[0], count=len(numbers), seconds=seconds)
        pipeline.await_drained(ground)
        spent = _taken(ground, {"API": api, "worker": worker})
        spent.subtract(before)
        spent["load generator"] = result.processor_ms * 1_000_000
        delivered = pipeline.account(ground, numbers).delivered
    shares = [Part(name, nanoseconds // max(delivered, 1)) for name, nanoseconds in spent.most_common()]
    return [Part("all processes", sum(part.nanoseconds for part in shares)), *shares]


def _taken(ground: Ground, named: Mapping[str, subprocess.Popen[bytes]]) -> Counter[str]:
    """Read how many nanoseconds each process has run; PostgreSQL's are those that work inside its folder."""
    taken = Counter({name: _nanoseconds(PROCESSES / str(process.pid)) for name, process in named.items()})
    if ground.postgres and ground.postgres.pid:
        for process in PROCESSES.glob("[0-9]*"):
            if _parent(process) == ground.postgres.pid:
                taken["PostgreSQL"] += _nanoseconds(process)
    return taken


def _parent(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # it has ended
        return 0


def _nanoseconds(process: Path) -> int:
    try:
        return int((process / "schedstat").read_text().split()[0])
    except OSError:  # it has ended, or this is not Linux
        return 0
