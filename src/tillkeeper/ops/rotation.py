"""A new secret into its file, with the one before it beside it for a while."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tillkeeper.gateway import Credential
from tillkeeper.kernel.errors import TillError
from tillkeeper.kernel.moments import written
from tillkeeper.kernel.secrets import Secrets

MODE = 0o600


class NotInFileError(TillError):
    """Report a secret that is in no file, which only whoever starts the program can change."""

    code = "not_in_file"
    title = "This secret is not in a file"
    next_step = "Change it where it is kept, as said above; then restart one process after the other."


class FileNotWrittenError(TillError):
    """Report a file that cannot be written; the secret is as it was."""

    code = "file_not_written"
    title = "The new secret could not be written"
    next_step = "Run this as the owner of the file, on a file system that can be written to; nothing was changed."


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Hold which files get what: the previous secret and its end first, so that at no moment neither is accepted."""

    name: str
    files: tuple[tuple[Path, str], ...]

    def carry_out(self) -> None:
        """Write the files, each whole or not at all; raises FileNotWrittenError."""
        for path, content in self.files:
            _write(path, content)


def plan(
    credential: Credential, new: str, *, until: datetime | None, environment: Mapping[str, str] = os.environ
) -> Plan:
    """Say which files are written; raises NotInFileError with what to do by hand instead."""
    name, secrets = credential.name, Secrets(environment)
    path, old = secrets.path(name), secrets.get(name)
    previous = f"{name}_PREVIOUS"
    kept, ends = secrets.path(previous), secrets.path(f"{previous}_UNTIL")
    overlaps = credential.overlaps and bool(old)
    if path is None or (overlaps and (kept is None or (until and ends is None))):
        raise _by_hand(credential, until, source=secrets.source(name))
    files = []
    if overlaps:
        assert kept, "it was just looked for"
        if until and ends:
            files.append((ends, written(until)))
        files.append((kept, old))
    return Plan(name=name, files=(*files, (path, new)))


def _by_hand(credential: Credential, until: datetime | None, *, source: str) -> NotInFileError:
    name = credential.name
    found = f"{name} comes from {f'the {source}' if source else 'nowhere'}"
    missing = f"{name}_FILE, {name}_PREVIOUS_FILE and {name}_PREVIOUS_UNTIL_FILE are not all set"
    steps = [f"set {name} to the new one"]
    if credential.overlaps:
        steps.insert(0, f"set {name}_PREVIOUS to the present one")
        if until:
            steps.insert(1, f"{name}_PREVIOUS_UNTIL={written(until)}")
    return NotInFileError(f"{found if source != 'file' else missing}. Where it is kept: {', '.join(steps)}.")


def _write(path: Path, content: str) -> None:
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new = Path(temporary)
        if path.exists():
            known = path.stat()
            new.chmod(known.st_mode & 0o777)
            os.chown(new, known.st_uid, known.st_gid)
        else:
            new.chmod(MODE)
        new.replace(path)
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}."
        raise FileNotWrittenError(message) from error
