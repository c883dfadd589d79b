"""A folder for backups, and a till that knows of it."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from tillkeeper.backups import Vault
from tillkeeper.kernel.postgres_programs import renamed
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.till import Till

KEY = "the key of backups alone"
OLDER = "the key of backups before"


def vault_in(folder: Path, **secrets: str) -> Vault:
    """Keep backups in a folder."""
    folder.mkdir(exist_ok=True)
    return Vault(folder=folder, secrets=Secrets({"TILL_BACKUP_KEY": KEY, **secrets}), forbidden="flows " * 4)


def backed_up(till: Till, folder: Path, owner_url: str) -> Till:
    """Lend a till that makes backups."""
    settings = till.settings.model_copy(update={"database_owner_url": owner_url, "backup_path": str(folder)})
    return replace(till, settings=settings, vault=vault_in(folder))


async def databases_like(owner_url: str, prefix: str) -> list[str]:
    """List the databases whose names begin so."""
    connection = await asyncpg.connect(renamed(owner_url, "postgres"))
    try:
        rows = await connection.fetch("SELECT datname FROM pg_database WHERE starts_with(datname, $1)", prefix)
    finally:
        await connection.close()
    return [row["datname"] for row in rows]


async def drop(url: str) -> None:
    """Drop the database that a URL names, whoever is connected to it."""
    connection = await asyncpg.connect(renamed(url, "postgres"))
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {urlsplit(url).path.lstrip('/')} WITH (FORCE)")
    finally:
        await connection.close()


def beside(owner_url: str, suffix: str) -> str:
    """Name a database beside the test's own."""
    return renamed(owner_url, f"{urlsplit(owner_url).path.lstrip('/')}_{suffix}")
