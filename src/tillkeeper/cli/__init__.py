"""The commands: thin, each builds what it needs, calls a flow or an op, and prints."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Tell scripts how a command ended; 2, wrong usage, is said by typer itself."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    PROBLEMS = 4
