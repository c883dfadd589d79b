"""The clients' own journal: a line before and after each call, on the disk before they go on."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tillkeeper.kernel import clock

Json = dict[str, Any]
NANOSECONDS = 1_000_000


def now_ms() -> int:
    """Read the wall clock in Unix milliseconds."""
    return clock.wall_ns() // NANOSECONDS


class Journal:
    """Write lines that survive the death of whoever writes them."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def write(self, **line: object) -> None:
        """Write one line, and return once it is on the disk."""
        os.write(self._file, json.dumps({"at": now_ms(), **line}, separators=(",", ":")).encode() + b"\n")
        os.fdatasync(self._file)


class Tail:
    """Read what has been added to a journal since the last look."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def new(self) -> Iterator[Json]:
        """List the whole lines that are new."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._read += len(line)
                yield json.loads(line)
