"""`till wheelhouse`: every package in one folder, for machines that reach no package index."""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from tillkeeper.cli.context import CHECKOUT, AsJson
from tillkeeper.kernel.errors import TillError

PROGRAMS = "*.whl"
FOR_SOME_PATCHES = re.compile(r" ; python_full_version [<>=]+ '\d+\.\d+\.\d+'(?= \\)")
"""What says that a package is only for, say, Python before 3.11.3: the other machine may have that, so it comes too."""
megabyte = 1_000_000


class PackagesMissingError(TillError):
    """Report packages that could not be fetched."""

    code = "packages_missing"
    title = "The packages could not be fetched"
    next_step = "Check the connection to the package index (or pip's configuration), then run the command again."


def wheelhouse(
    folder: Annotated[Path, typer.Argument(help="Where the packages go.", file_okay=False)],
    *,
    lock: Annotated[
        Path, typer.Option(help="Which packages: a file with versions and hashes.", exists=True, dir_okay=False)
    ] = CHECKOUT / "requirements.lock",
    as_json: AsJson = False,
) -> None:
    """Fetch every package of requirements.lock into a folder, from which ./till then installs without an index."""
    folder.mkdir(parents=True, exist_ok=True)
    if not as_json:
        typer.echo(f"Fetching what {lock.name} names …", err=True)
    _fetch(lock, folder)
    found = sorted(folder.glob(PROGRAMS))
    size_bytes = sum(each.stat().st_size for each in found)
    python = ".".join(map(str, sys.version_info[:2]))
    if as_json:
        told = {"folder": str(folder), "packages": len(found), "size_bytes": size_bytes, "python": python}
        typer.echo(json.dumps(told))
        return
    typer.echo(f"{len(found)} packages, {size_bytes // megabyte} MB, for Python {python} on a machine like this one.")
    typer.echo(f"Copy {folder} and this checkout there, and run: TILL_WHEELHOUSE={folder} ./till doctor")


def _fetch(lock: Path, folder: Path) -> None:
    """Let pip fetch wheels, each checked by its hash; nothing is built, so nothing else is needed to install them."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--require-hashes", "--only-binary=:all:", "--no-deps", "--dest", str(folder)]
    with tempfile.NamedTemporaryFile("w", suffix=".lock") as wanted:
        wanted.write(FOR_SOME_PATCHES.sub("", lock.read_text()))
        wanted.flush()
        done = subprocess.run([*command, "-r", wanted.name], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise PackagesMissingError(said[-1] if said else "pip did not say why.")
