"""Programs that run beside what is measured: a slow gateway, and the least of a job."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def beside(module: str, *words: str, told: str = "") -> Iterator[int]:
    """Run a program that serves until its standard input closes, and tell at which port."""
    command = [sys.executable, "-m", f"{__package__}.{module}", *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin, "it was asked for"
        assert process.stdout, "it was asked for"
        try:
            process.stdin.write(f"{told}\n")
            process.stdin.flush()
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
