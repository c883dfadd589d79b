"""Loads sent from here: the generator's process is started, fired, and its account of the answers checked."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from tillkeeper.ops.bench.generator import ACCEPTED, DUPLICATE, FORGED_REFUSED, OTHER, Load, Result
from tillkeeper.ops.bench.ground import BenchError, Ground

per_second_max = 16_000
"""More than one process can take in; whoever is faster simply runs out of webhooks a little earlier."""


@dataclass(slots=True)
class Tally:
    """Count what was acknowledged over all rounds, to be compared with the rows that are there."""

    accepted: int = 0
    duplicates: int = 0
    forged: int = 0
    others: int = 0

    def add(self, result: Result) -> None:
        """Add the answers of one load."""
        self.accepted += result.answers.get(ACCEPTED, 0)
        self.duplicates += result.answers.get(DUPLICATE, 0)
        self.forged += result.answers.get(FORGED_REFUSED, 0)
        self.others += result.answers.get(OTHER, 0)


def rate(result: Result) -> int:
    """Tell how many verified webhooks a second were acknowledged with 200, new ones and copies."""
    good = result.answers.get(ACCEPTED, 0) + result.answers.get(DUPLICATE, 0)
    return good * 1000 // max(result.elapsed_ms, 1)


def fire(
    ground: Ground, *, first: int, count: int, seconds: int, connections: int = 64, per_second: int = 0, port: int = 0
) -> Result:
    """Send a load to the API, or to whoever else listens at `port`, and wait for all answers."""
    return send(
        Load(
            port=port or ground.port,
            secret=ground.secret,
            first=first,
            count=count,
            duration_ms=seconds * 1000,
            connections=connections,
            per_second=per_second,
        )
    )


def send(load: Load) -> Result:
    """Send a load to whoever listens there, and wait for all answers."""
    with loaded(load) as process:
        start(process)
        return collect(process)


@contextmanager
def loaded(load: Load) -> Iterator[subprocess.Popen[str]]:
    """Start a generator and wait until its requests are made, so that making them is not measured."""
    command = [sys.executable, "-m", "tillkeeper.ops.bench.generator"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdin, "it was asked for"
    assert process.stdout, "it was asked for"
    try:
        process.stdin.write(json.dumps(asdict(load)) + "\n")
        process.stdin.flush()
        if process.stdout.readline() != "ready\n":
            raise BenchError(_said(process))
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def start(process: subprocess.Popen[str]) -> None:
    """Let a loaded generator fire."""
    assert process.stdin, "it was asked for"
    process.stdin.write("fire\n")
    process.stdin.flush()


def collect(process: subprocess.Popen[str]) -> Result:
    """Wait for the account of a generator that fires."""
    assert process.stdout, "it was asked for"
    account = process.stdout.read()
    if not account:
        raise BenchError(_said(process))
    return Result(**json.loads(account))


def _said(process: subprocess.Popen[str]) -> str:
    assert process.stderr, "it was asked for"
    return f"The load generator stopped: {process.stderr.read().strip()[-500:]}"
