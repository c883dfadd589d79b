"""Secrets out of HashiCorp Vault or OpenBao: read when a process begins, and again every minute beside it."""

import os
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tillkeeper.kernel import logs
from tillkeeper.kernel.errors import TillError

reread_seconds = 60
answer_seconds = 5
ADDRESS, TOKEN, PLACE = "TILL_VAULT_ADDR", "TILL_VAULT_TOKEN", "TILL_VAULT_PATH"
NEAR = frozenset({"127.0.0.1", "::1", "localhost"})


class VaultError(TillError):
    """Report a vault that does not hand out what was asked for; no process begins without its secrets."""

    code = "vault"
    title = "The vault does not hand out the secrets"
    next_step = f"Check {ADDRESS}, the token in {TOKEN}_FILE and its policy, and {PLACE}, such as secret/tillkeeper."


class Vault:
    """Hold what one secret of a key/value store, version 2, has under which name."""

    def __init__(self, address: str, token: str, place: str) -> None:
        self._address, self._token = address, token
        self._mount, _, self._path = place.strip("/").partition("/")
        self._held: dict[str, str] = {}

    def get(self, name: str) -> str:
        """Look a secret up in what was read last; empty when it is not there."""
        return self._held.get(name, "")

    def read(self) -> None:
        """Ask the vault; raises VaultError, and then what was read before still stands."""
        try:
            import hvac  # noqa: PLC0415 (of the extra `vault`)
        except ImportError as error:
            message = "The extra `vault` is not installed: `pip install 'tillkeeper[vault]'`."
            raise VaultError(message) from error
        try:
            client = hvac.Client(url=self._address, token=_read(self._token), timeout=answer_seconds)
            answer: Any = client.secrets.kv.v2.read_secret_version(
                path=self._path, mount_point=self._mount, raise_on_deleted_version=True
            )
            found = answer["data"]["data"]
        except Exception as error:  # what it and the network raise; no address and no token is shown
            message = f"The vault was asked for {self._mount}/{self._path} and did not answer ({type(error).__name__})."
            raise VaultError(message) from error
        self._held = {str(name): str(value) for name, value in found.items()}

    def keep_reading(self) -> None:
        """Read again every minute, in a thread that ends with the process."""
        threading.Thread(target=self._reread, name="vault", daemon=True).start()

    def _reread(self) -> None:
        pause = threading.Event()
        while not pause.wait(reread_seconds):
            try:
                self.read()
            except VaultError as error:
                logs.worker.warning("vault_silent", detail=error.detail)


def of(environment: Mapping[str, str]) -> Vault | None:
    """Find the vault that an environment names, if it names one; raises VaultError."""
    address = environment.get(ADDRESS, "")
    if not address:
        return None
    place = environment.get(PLACE, "")
    token = environment.get(f"{TOKEN}_FILE") or environment.get(TOKEN, "")
    if "/" not in place.strip("/") or not token:
        message = f"{ADDRESS} is set, and {PLACE} (such as secret/tillkeeper) or {TOKEN}_FILE is not."
        raise VaultError(message)
    if urlsplit(address).scheme != "https" and urlsplit(address).hostname not in NEAR:
        message = f"{ADDRESS} is not encrypted: secrets would cross the network in the clear."
        raise VaultError(message)
    return _opened(address, token, place)


@cache
def _opened(address: str, token: str, place: str) -> Vault:
    """Open a vault once for each process, however many ask."""
    vault = Vault(address, token, place)
    vault.read()
    vault.keep_reading()
    os.register_at_fork(after_in_child=vault.keep_reading)  # threads stay behind when a process forks
    return vault


def _read(token: str) -> str:
    """Read the token anew each time where it is a file, which an agent may renew."""
    return Path(token).read_text(encoding="utf-8").strip() if token.startswith("/") else token
