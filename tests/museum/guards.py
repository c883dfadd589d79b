"""Taking a guard or a mend out: a copy of the program with one patch applied, and what its test says then."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CATALOGUE = HERE / "README.md"
PATCHES = sorted((HERE / "patches").glob("*.patch"))
OWN = {
    patch: test
    for test, patch in re.findall(
        r"^\| [^|]+ \| `(tests/\S+::test_\w+)` \| `(\w+)` \|$", CATALOGUE.read_text(), re.MULTILINE
    )
}
"""Bugs of our own: which test, wherever it is, fails with which patch of `own/`, as the catalogue says."""
COPIED = ("src", "tests", "docs", "pyproject.toml")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".*_cache")
TARGET = re.compile(r"\+\+\+ b/(\S+)")
run_timeout_seconds = 280


class PatchUnfitError(AssertionError):
    """Report a patch whose lines are not in the program any more: write it anew for the guard as it is now."""


@dataclass(frozen=True)
class Verdict:
    """What a test said: pytest's exit code and its words."""

    code: int
    words: str


def copy_program(to: Path) -> Path:
    """Copy what a test needs to a folder of its own."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, to / name, ignore=LEFT_OUT)
        else:
            shutil.copy(source, to / name)
    return to


def apply(patch: Path, program: Path) -> None:
    """Apply a unified diff by its lines alone, wherever they have moved to; raises PatchUnfitError."""
    target: Path | None = None
    for part in re.split(r"^(?=\+\+\+ |@@ )", patch.read_text(), flags=re.MULTILINE):
        if named := TARGET.match(part):
            target = program / named[1]
        elif part.startswith("@@"):
            assert target, f"{patch.name} names no file before its first change"
            _change(target, part.splitlines()[1:], patch.name)


def run(test: str, program: Path, *, where: str | Iterable[str] = "tests/museum", **settings: str) -> Verdict:
    """Run tests of a program in its folder, on a database of their own; `test` is a part of their names."""
    places = [where] if isinstance(where, str) else where
    options = ("-q", "-x", "-n0", "-p", "no:cacheprovider", "--tb=line", "--ignore", "tests/museum/test_guards.py")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | settings
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-k", test, *places],
        cwd=program,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=run_timeout_seconds,
    )
    return Verdict(ended.returncode, ended.stdout + ended.stderr)


def _change(target: Path, lines: list[str], patch: str) -> None:
    before = "".join(f"{line[1:]}\n" for line in lines if line[:1] in {" ", "-"})
    after = "".join(f"{line[1:]}\n" for line in lines if line[:1] in {" ", "+"})
    text = target.read_text()
    if text.count(before) != 1:
        message = f"{patch} does not fit {target.name} any more: its lines are there {text.count(before)} times."
        raise PatchUnfitError(message)
    target.write_text(text.replace(before, after))
