"""`till sbom`: what this installation is made of, for those who must know or want to look it up."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from tillkeeper.cli.context import CHECKOUT
from tillkeeper.ops import materials


def sbom(
    *,
    lock: Annotated[
        Path, typer.Option(help="Where the hashes of the packages are written down.", dir_okay=False)
    ] = CHECKOUT / "requirements.lock",
    system: Annotated[bool, typer.Option("--system", help="List the packages of the Debian beneath as well.")] = False,
) -> None:
    """Print a bill of materials (CycloneDX 1.6, JSON) of what is installed; nothing is asked of any other machine."""
    found = materials.bill(lock, root=Path("/") if system else None)
    typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
