"""A log in files, for those who collect no standard error: processes share one, which is begun anew when it is full."""

import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path

file_bytes_max = 100_000_000
files_max = 5
"""So many are kept, the one that is being written among them."""
MODE = 0o640


class LogFile:
    """Append lines; whoever finds the file full moves it aside, and everybody else notices by its number.

    The library's own handler would let each process move away what the others are writing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writing = threading.Lock()
        self._file = self._open()

    def write(self, line: str) -> None:
        """Append one line, whole: a line is one write to a file that is opened for appending."""
        data = f"{line}\n".encode(errors="replace")
        with self._writing:
            self._follow(len(data))
            os.write(self._file, data)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, MODE)

    def _follow(self, more: int) -> None:
        """Write to the file that has the name now, after a new one was begun if it is full."""
        if not self._is_ours():
            self._reopen()
        if os.fstat(self._file).st_size + more > file_bytes_max:
            with self._path.with_suffix(f"{self._path.suffix}.lock").open("w") as gate:
                fcntl.flock(gate, fcntl.LOCK_EX)
                if self._is_ours():  # nobody else was faster
                    self._move()
            self._reopen()

    def _is_ours(self) -> bool:
        try:
            named = self._path.stat()
        except OSError:
            return False
        held = os.fstat(self._file)
        return (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)

    def _reopen(self) -> None:
        os.close(self._file)
        self._file = self._open()

    def _move(self) -> None:
        """Give each file the next number, the youngest 1, and let go of the oldest."""
        for number in range(files_max - 1, 0, -1):
            older = self._numbered(number)
            younger = self._numbered(number - 1) if number > 1 else self._path
            with suppress(FileNotFoundError):
                younger.replace(older)

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
