"""Secrets out of a vault: a server that speaks its API, version 2 of key/value, stands in for it."""

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tillkeeper.kernel import vault
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.kernel.vault import Vault, VaultError

TOKEN = "hvs.only-for-this-test"
PLACE = "secret/tillkeeper"


class Stub:
    """Hold what the vault has, and say so to whoever shows the token."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {"STRIPE_SECRET_KEY": "sk_test_" + "from_the_vault"}
        self.asked: list[str] = []
        stub = self

        class Door(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stub.asked.append(self.path)
                known = self.path == "/v1/secret/data/tillkeeper"
                allowed = self.headers["x-vault-token"] == TOKEN
                self._say(200 if known and allowed else 404 if allowed else 403)

            def _say(self, status: int) -> None:
                found: dict[str, Any] = {"errors": []}
                if status == 200:
                    found = {"data": {"data": stub.held, "metadata": {"version": 1, "deletion_time": ""}}}
                body = json.dumps(found).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def stub() -> Iterator[Stub]:
    stub = Stub()
    yield stub
    stub.server.shutdown()
    stub.server.server_close()
    vault._opened.cache_clear()


def environment(stub: Stub, **more: str) -> dict[str, str]:
    return {"TILL_VAULT_ADDR": stub.url, "TILL_VAULT_TOKEN": TOKEN, "TILL_VAULT_PATH": PLACE} | more


def test_a_secret_that_is_nowhere_else_comes_from_the_vault(stub: Stub) -> None:
    secrets = Secrets(environment(stub))
    assert secrets.get("STRIPE_SECRET_KEY") == "sk_test_" + "from_the_vault"
    assert secrets.source("STRIPE_SECRET_KEY") == "vault"
    assert secrets.get("STRIPE_WEBHOOK_SECRET") == ""


def test_the_environment_goes_before_the_vault(stub: Stub) -> None:
    secrets = Secrets(environment(stub, STRIPE_SECRET_KEY="sk_test_" + "from_here"))
    assert secrets.get("STRIPE_SECRET_KEY") == "sk_test_" + "from_here"
    assert secrets.source("STRIPE_SECRET_KEY") == "environment"


def test_a_process_asks_once_however_many_look(stub: Stub) -> None:
    for _ in range(3):
        Secrets(environment(stub)).get("STRIPE_SECRET_KEY")
    assert len(stub.asked) == 1


def test_what_changes_there_counts_after_the_next_look(stub: Stub) -> None:
    held = Vault(stub.url, TOKEN, PLACE)
    held.read()
    stub.held["STRIPE_SECRET_KEY"] = "sk_test_" + "a_new_one"
    held.read()
    assert held.get("STRIPE_SECRET_KEY") == "sk_test_" + "a_new_one"


def test_what_was_read_stands_while_the_vault_is_away(stub: Stub) -> None:
    held = Vault(stub.url, TOKEN, PLACE)
    held.read()
    stub.held, held._token = {}, "wrong"
    with pytest.raises(VaultError):
        held.read()
    assert held.get("STRIPE_SECRET_KEY") == "sk_test_" + "from_the_vault"


def test_the_token_may_be_a_file_that_an_agent_renews(stub: Stub, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    wanted = environment(stub, TILL_VAULT_TOKEN_FILE=str(file))
    del wanted["TILL_VAULT_TOKEN"]
    assert Secrets(wanted).get("STRIPE_SECRET_KEY")


@pytest.mark.parametrize(
    "wrong",
    [
        {"TILL_VAULT_TOKEN": "hvs.wrong"},
        {"TILL_VAULT_PATH": "secret/elsewhere"},
        {"TILL_VAULT_PATH": "secret"},
        {"TILL_VAULT_TOKEN": ""},
        {"TILL_VAULT_ADDR": "http://127.0.0.1:1"},
        {"TILL_VAULT_ADDR": "http://vault.example.com:8200"},
    ],
)
def test_no_process_begins_without_its_secrets_and_no_token_is_shown(stub: Stub, wrong: dict[str, str]) -> None:
    with pytest.raises(VaultError) as caught:
        Secrets(environment(stub, **wrong))
    assert TOKEN not in caught.value.detail + repr(caught.value)


def becomes(secrets: Secrets, text: str) -> bool:
    """Look for a few seconds whether a secret becomes this."""
    pause = threading.Event()
    return any(secrets.get("STRIPE_SECRET_KEY") == text or pause.wait(0.05) for _ in range(100))


def test_a_process_that_was_forked_goes_on_asking_too(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault, "reread_seconds", 0.05)
    secrets = Secrets(environment(stub))
    child = os.fork()
    if not child:
        os._exit(0 if becomes(secrets, "sk_test_" + "a_new_one") else 1)
    stub.held["STRIPE_SECRET_KEY"] = "sk_test_" + "a_new_one"
    assert os.waitpid(child, 0)[1] == 0
    assert becomes(secrets, "sk_test_" + "a_new_one")
