"""kill -9 of the sandbox: what it answered is still true, and what it owed is still sent."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import stripe

SERVE = """
import sys
from pathlib import Path
import uvicorn
from tillkeeper.sandbox.app import build
from tillkeeper.sandbox.config import SandboxConfig
books, port, hook, key, secret = sys.argv[1:]
url = f"http://127.0.0.1:{port}"
config = SandboxConfig(Path(books), url, {"stripe": key}, {"stripe": hook}, {"stripe": secret})
uvicorn.run(build(config), port=int(port), log_level="error")
"""
KEY = "sk_test_sandbox_for_tests"
payments_before_the_kill = 8


class Process:
    """A sandbox in a process of its own, over books that outlive it."""

    def __init__(self, books: Path, port: int, hook: str, secret: str) -> None:
        command = [sys.executable, "-c", SERVE, str(books), str(port), hook, KEY, secret]
        self.running = subprocess.Popen(command, env={"PYTHONPATH": str(Path(__file__).parents[3] / "src")})
        self.url = f"http://127.0.0.1:{port}"

    def up(self) -> bool:
        assert self.running.poll() is None, "the sandbox ended by itself"
        try:
            return httpx2.get(f"{self.url}/health").status_code == 200
        except httpx2.TransportError:
            return False

    def control(self, method: str, path: str, body: object = None) -> Any:
        answer = httpx2.request(method, f"{self.url}/_control/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def kill(self) -> None:
        self.running.send_signal(signal.SIGKILL)
        self.running.wait()


def pay(process: Process, number: int) -> str:
    """Pay through the API, with a key that names the payment; return the intent."""
    form = f"amount={1000 + number}&currency=usd&confirm=true&payment_method=pm_card_visa"
    headers = {
        "Authorization": f"Bearer {KEY}",
        "Idempotency-Key": f"payment-{number}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    answer = httpx2.post(f"{process.url}/stripe/v1/payment_intents", content=form, headers=headers)
    assert answer.status_code == 200, answer.text
    intent: str = answer.json()["id"]
    return intent


def test_books_and_owed_webhooks_survive_kill_9(
    tmp_path: Path, free_port: int, ears: Any, secret: str, until: Any
) -> None:
    books = tmp_path / "books.sqlite"
    ears.receiver.statuses = [503] * 10_000
    first = Process(books, free_port, ears.url, secret)
    try:
        until(first.up)
        paid = {number: pay(first, number) for number in range(payments_before_the_kill)}
        until(lambda: len(ears.receiver.letters) > 0)
    finally:
        first.kill()

    ears.receiver.letters.clear()
    ears.receiver.statuses = []
    second = Process(books, free_port, ears.url, secret)
    try:
        until(second.up)
        lines = second.control("GET", "books/stripe")["payment_intents"]
        assert {line["payment_intent"]: line["captured"] for line in lines} == {
            intent: 1000 + number for number, intent in paid.items()
        }
        assert {number: pay(second, number) for number in paid} == paid, "a retried call must not pay again"
        owed = {delivery["event"] for delivery in second.control("GET", "webhooks")["data"]}
        assert len(owed) == 4 * payments_before_the_kill
        until(lambda: owed <= {letter.event["id"] for letter in ears.receiver.letters})
        for letter in ears.receiver.letters:
            signature = letter.headers["stripe-signature"]
            stripe.Webhook.construct_event(letter.body, signature, secret)  # type: ignore[no-untyped-call]
    finally:
        second.kill()


def test_the_fault_dial_survives_a_restart(tmp_path: Path, free_port: int, secret: str, until: Any) -> None:
    for wishes, found in (({"webhook_copies": 3}, 3), ({}, 3)):
        process = Process(tmp_path / "books.sqlite", free_port, "http://127.0.0.1:9/", secret)
        try:
            until(process.up)
            assert process.control("PUT", "faults", wishes)["webhook_copies"] == found
        finally:
            process.kill()
