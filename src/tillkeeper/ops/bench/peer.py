"""A peer: a program that does by itself, with the Python in which it is installed, what it is told line by line."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tillkeeper.ops.bench.ground import OURS, BenchError, Ground, log_tail_lines, stop_timeout_seconds

PROGRAMS = Path(__file__).parent / "peers"
OWN_PYTHON = Path(sys.executable)
FINDS = "import importlib.util, sys; sys.exit(not all(map(importlib.util.find_spec, sys.argv[1:])))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """Hold what came of something told, and how long it took."""

    done: Any
    elapsed_ms: int

    @property
    def rate(self) -> int:
        """Tell how many that was a second."""
        return int(self.done) * 1000 // max(self.elapsed_ms, 1)


@dataclass(frozen=True, slots=True)
class Peer:
    """Hold a running peer."""

    name: str
    process: subprocess.Popen[str]
    log: Path

    def do(self, function: str, **told: object) -> Done:
        """Have one of its functions called; raises BenchError with the end of its log when it dies of it."""
        assert self.process.stdin, "it was asked for"
        assert self.process.stdout, "it was asked for"
        line = ""
        if self.process.poll() is None:
            self.process.stdin.write(json.dumps({"do": function} | told) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        if not line:
            tail = "\n".join(self.log.read_text().splitlines()[-log_tail_lines:])
            message = f"{self.name} stopped. Its log ends with:\n{tail}"
            raise BenchError(message)
        return Done(**json.loads(line))


@contextmanager
def opened(name: str, ground: Ground, python: Path, **environment: str) -> Iterator[Peer]:
    """Start a peer, which ends with its input, when the block does or when we die."""
    log = ground.folder / f"{name}.log"
    kept = {each: value for each, value in os.environ.items() if not each.startswith((*OURS, "PYTHON"))}
    told = {"PEER_DATABASE_URL": ground.owner_url, "PEER_SECRET": ground.secret, **environment}
    with log.open("ab") as written:
        process = subprocess.Popen(
            [str(python), str(PROGRAMS), name],
            env=kept | told | {"PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=written,
            text=True,
        )
    try:
        yield Peer(name, process, log)
    finally:
        try:
            process.communicate(timeout=stop_timeout_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def has(python: Path, modules: Sequence[str]) -> bool:
    """Tell whether a Python is there and has all of these."""
    try:
        return subprocess.run([str(python), "-c", FINDS, *modules], capture_output=True, check=False).returncode == 0
    except OSError:
        return False
