"""`till test`: the whole suite on a PostgreSQL of its own."""

import os
import sys
from pathlib import Path

import typer

from tillkeeper.kernel.errors import TillError
from tillkeeper.ops import embedded_postgres

ROOT = Path(__file__).parents[3]
ALONE = ("-n", "--numprocesses", "-p", "--pdb", "--co", "--collect-only", "--fixtures", "--markers", "-h")


class NoCheckoutError(TillError):
    """Report that the tests are not here: they come with the repository, not with the installed package."""

    code = "no_checkout"
    title = "The tests are not here"
    next_step = "Clone the repository and run ./till test in it."


def test(context: typer.Context) -> None:
    """Run the test suite, in parallel unless one test is named; everything after `test` goes to pytest."""
    if not (ROOT / "tests").is_dir():
        message = f"There is no folder {ROOT / 'tests'}."
        raise NoCheckoutError(message)
    binaries = embedded_postgres.find_binaries()
    typer.echo(f"PostgreSQL {embedded_postgres.read_version(binaries)} from {binaries}", err=True)
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *_spread(context.args)])  # noqa: S606 (no shell wanted)


def _spread(args: list[str]) -> list[str]:
    """Add a worker for each processor when more than one test may run and the caller has not chosen."""
    alone = any("::" in arg or arg.startswith(ALONE) for arg in args)
    return args if alone else ["-n", "auto", "--dist", "worksteal", *args]
