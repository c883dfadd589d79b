"""`till migrate`: bring the database to the shape that this version needs."""

from typing import Annotated
from urllib.parse import urlsplit

import typer

from tillkeeper import settings
from tillkeeper.cli import ExitCode, context
from tillkeeper.ops import migrations


def migrate(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; say whether code and database agree.")
    ] = False,
    data_dir: context.DataDir = context.DATA_DIR,
) -> None:
    """Run the missing migrations with the owner's rights, and grant the application its own."""
    context.adopt(data_dir)
    config = settings.load()
    owner_url = config.migrations_url
    if check:
        wrong = [f"migration {item} is missing" for item in migrations.pending(owner_url)]
        wrong = wrong or migrations.differences(owner_url)
        typer.echo("\n".join(wrong) or "Code and database agree.")
        raise typer.Exit(ExitCode.PROBLEMS if wrong else ExitCode.OK)
    app_role = urlsplit(config.database_url).username
    owner_role = urlsplit(owner_url).username
    done = migrations.upgrade(owner_url, app_role=app_role if app_role != owner_role else None)
    typer.echo(f"Ran {', '.join(done)}." if done else "Nothing to do: the database is up to date.")
