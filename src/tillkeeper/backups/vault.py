"""Where backups lie, and the keys with which they are written and read."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from tillkeeper.backups import rules
from tillkeeper.backups.values import Backup, Facts
from tillkeeper.kernel.encrypted import Reader
from tillkeeper.kernel.errors import TillError
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.settings import Settings

KEY = "TILL_BACKUP_KEY"
key_length_min = 16
PARTIAL = ".partial"
private_mode = 0o600


class BackupsOffError(TillError):
    """Report that nobody said where backups go, or with which key."""

    code = "backups_off"
    status = 409
    title = "Backups are not set up here"
    next_step = f"Set BACKUP_PATH to a folder and {KEY} to a new secret: openssl rand -hex 32. Keep it elsewhere too."


class BackupFolderError(TillError):
    """Report a folder in which backups cannot be kept."""

    code = "backup_folder"
    title = "The folder for backups cannot be used"
    next_step = "Check BACKUP_PATH, the rights of that folder, and the room on its disk."


class NoBackupError(TillError):
    """Report that there is no backup to restore."""

    code = "no_backup"
    title = "There is no backup"
    next_step = "Make one with `till backup`, or name the file."


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """Hold the folder of backups; keys are read when they are needed, since files with secrets can change."""

    folder: Path
    secrets: Secrets
    forbidden: str
    """The key of the installation, which may not be that of its backups too."""

    def write_key(self) -> str:
        """Read the key for new backups; raises BackupsOffError."""
        key = self.secrets.get(KEY)
        if not key:
            message = f"{KEY} is not set, and backups are never written without one."
            raise BackupsOffError(message)
        if len(key) < key_length_min or key == self.forbidden:
            message = f"{KEY} has at least {key_length_min} characters, and is not TILL_SECRET_KEY: either may leak."
            raise BackupsOffError(message)
        return key

    def read_keys(self, now: datetime) -> list[str]:
        """List the keys that may open backups, the newest first; raises BackupsOffError."""
        keys = self.secrets.accepted(KEY, now)
        if not keys:
            message = f"{KEY} is not set; without it no backup can be read."
            raise BackupsOffError(message)
        return keys

    def backups(self) -> list[Path]:
        """List the backups, the newest last."""
        try:
            found = [path for path in self.folder.iterdir() if rules.is_ours(path.name)]
        except OSError as error:
            raise unusable(self.folder, error) from error
        return sorted(found, key=lambda path: path.name)

    def choose(self, file: str | None) -> Path:
        """Find a backup by its name or path, the newest without one; raises NoBackupError."""
        if file is None:
            found = self.backups()
            if not found:
                message = f"{self.folder} holds none."
                raise NoBackupError(message)
            return found[-1]
        for path in (Path(file), self.folder / file):
            if path.is_file():
                return path
        message = f"There is no file {file}, also not in {self.folder}."
        raise NoBackupError(message)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let nobody else write here for the time of a block; raises BackupFolderError."""
        try:
            lock = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, private_mode)
        except OSError as error:
            raise unusable(self.folder, error) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for left in self.folder.glob(f".*{PARTIAL}"):  # of one that was killed; whoever lives holds the lock
                left.unlink()
            yield
        except BlockingIOError as error:
            message = f"Another backup is being written to {self.folder} right now."
            raise BackupFolderError(message) from error
        finally:
            os.close(lock)

    @contextmanager
    def new_file(self, path: Path) -> Iterator[tuple[BinaryIO, Callable[[], None]]]:
        """Write a file aside, and hand over what gives it its name; without that nothing is left of it.

        Raises BackupFolderError where there is one of that name.
        """
        if path.exists():
            message = f"{path.name} is there already, and a backup is never written over."
            raise BackupFolderError(message)
        aside = path.with_name(f".{path.name}{PARTIAL}")
        try:
            with os.fdopen(os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL, private_mode), "w+b") as file:

                def keep() -> None:
                    file.flush()
                    os.fsync(file.fileno())
                    aside.rename(path)
                    _sync(self.folder)

                yield file, keep
        except OSError as error:
            raise unusable(self.folder, error) from error
        finally:
            with suppress(FileNotFoundError):
                aside.unlink()

    def describe(self, made: Backup) -> None:
        """Write the manifest beside a backup."""
        with self.new_file(manifest_of(made.path)) as (file, keep):
            file.write(json.dumps(made.manifest(), indent=2).encode() + b"\n")
            keep()

    def prune(self, chosen: int | None) -> tuple[str, ...]:
        """Remove the oldest backups, now that there is one more, so that so many stay; return their names."""
        files = [path.name for path in self.backups()]
        return self._remove(rules.too_many(files, keep=rules.staying(chosen, before=len(files) - 1)))

    def prune_snapshots(self, *, spare: Path) -> tuple[str, ...]:
        """Remove what earlier drills saved, but the newest and whatever is tried right now; return their names."""
        files = sorted(path.name for path in self.folder.iterdir() if rules.is_snapshot(path.name))
        return self._remove([name for name in files[:-1] if not spare.samefile(self.folder / name)])

    def _remove(self, names: Sequence[str]) -> tuple[str, ...]:
        for name in names:
            for path in (self.folder / name, manifest_of(self.folder / name)):
                path.unlink(missing_ok=True)
        return tuple(names)


def open_vault(settings: Settings, secrets: Secrets) -> Vault | None:
    """Find out where backups go; None where nobody said."""
    if not settings.backup_path:
        return None
    return Vault(folder=Path(settings.backup_path), secrets=secrets, forbidden=settings.secret_key)


def needed(vault: Vault | None) -> Vault:
    """Insist on a place for backups; raises BackupsOffError."""
    if vault is None:
        message = "BACKUP_PATH is not set."
        raise BackupsOffError(message)
    return vault


def facts_of(path: Path) -> Facts:
    """Read what a backup says of itself, for which nothing vouches before it is decrypted; raises DamagedFileError."""
    try:
        with path.open("rb") as file:
            return Facts.read(Reader.begin(file).head)
    except OSError as error:
        raise unusable(path, error) from error


def manifest_of(path: Path) -> Path:
    """Name the manifest that lies beside a backup."""
    return path.with_suffix(".json")


def unusable(path: Path, error: OSError) -> BackupFolderError:
    """Say why a folder or a file cannot be used."""
    return BackupFolderError(f"{path}: {error.strerror or type(error).__name__}.")


def _sync(folder: Path) -> None:
    """Let a name outlive a power cut."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
