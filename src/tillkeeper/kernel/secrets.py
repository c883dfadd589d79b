"""Secrets from files, from the environment or from a vault, with the previous one during a rotation."""

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from tillkeeper.kernel import vault
from tillkeeper.kernel.errors import TillError

file_reread_seconds = 3
file_gap_seconds = 1
"""How long a secret stands whose file is empty or away just now, as happens while a new one is being written."""
NANOSECONDS = 1_000_000_000


class SecretUnreadableError(TillError):
    """Report a secret whose file cannot be read."""

    code = "secret_unreadable"
    title = "A secret cannot be read"
    next_step = "Check the path and the rights of the file, then start again."


class Secrets:
    """Read `NAME`, or the file that `NAME_FILE` points to, and `NAME_PREVIOUS` until `NAME_PREVIOUS_UNTIL`."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._environment = dict(environment)  # asking the process for its own takes ten times as long
        self._vault = vault.of(environment)
        self._files: dict[str, tuple[int, str]] = {}
        """What each file held when it was last read, and when that was."""

    def get(self, name: str) -> str:
        """Read a secret; empty when it is not set."""
        path = self._environment.get(f"{name}_FILE")
        if path:
            return self._file(path)
        return self._environment.get(name) or (self._vault.get(name) if self._vault else "")

    def source(self, name: str) -> str:
        """Tell where a secret comes from: a file, the environment, the vault, or nowhere."""
        if f"{name}_FILE" in self._environment:
            return "file"
        if self._environment.get(name):
            return "environment"
        return "vault" if self._vault and self._vault.get(name) else ""

    def path(self, name: str) -> Path | None:
        """Tell in which file a secret is, if it is in one."""
        found = self._environment.get(f"{name}_FILE")
        return Path(found) if found else None

    def accepted(self, name: str, now: datetime) -> list[str]:
        """List what verifies at `now`: the secret, and the previous one while its grace lasts."""
        found = [self.get(name)]
        until = self.optional(f"{name}_PREVIOUS_UNTIL")
        if not until or now < _moment(until, f"{name}_PREVIOUS_UNTIL"):
            found.append(self.optional(f"{name}_PREVIOUS"))
        return [secret for secret in found if secret]

    def optional(self, name: str) -> str:
        """Read what need not be there: between two rotations nobody has a file for it."""
        try:
            return self.get(name)
        except SecretUnreadableError:
            return ""

    def _file(self, path: str) -> str:
        read_at, text = self._files.get(path, (0, ""))
        age = time.monotonic_ns() - read_at
        if read_at and age <= file_reread_seconds * NANOSECONDS:
            return text
        gone: OSError | None = None
        try:
            found = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            found, gone = "", error
        if not found and text and age <= (file_reread_seconds + file_gap_seconds) * NANOSECONDS:
            return text
        if gone:
            message = f"The file {path} cannot be read: {gone.strerror}."
            raise SecretUnreadableError(message) from gone
        self._files[path] = (time.monotonic_ns(), found)
        return found


def _moment(text: str, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"{name} is not a time such as 2026-11-21T10:00:00Z."
        raise SecretUnreadableError(message) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
