"""kill -9 of the sandbox: what it answered is still true, and what it owed is still sent."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2

from tillkeeper.gateways.square.sandbox import SANDBOX

SERVE = """
import json, sys
from pathlib import Path
import uvicorn
from tillkeeper.sandbox.app import build
from tillkeeper.sandbox.config import SandboxConfig
books, port, hook, secrets = sys.argv[1:]
config = SandboxConfig(Path(books), f"http://127.0.0.1:{port}", json.loads(secrets), {"square": hook})
uvicorn.run(build(config), port=int(port), log_level="error")
"""
clients = 4
payments_in_all = 40
payments_before_the_kill = 12
events_of_a_payment = 4


class Process:
    """A sandbox in a process of its own, over books that outlive it."""

    def __init__(self, books: Path, port: int, hook: str, secrets: dict[str, str]) -> None:
        command = [sys.executable, "-c", SERVE, str(books), str(port), hook, json.dumps(secrets)]
        self.running = subprocess.Popen(command, env={"PYTHONPATH": str(Path(__file__).parents[3] / "src")})
        self.url = f"http://127.0.0.1:{port}"
        self.token = secrets["SQUARE_ACCESS_TOKEN"]

    def up(self) -> bool:
        assert self.running.poll() is None, "the sandbox ended by itself"
        try:
            return httpx2.get(f"{self.url}/health").status_code == 200
        except httpx2.TransportError:
            return False

    def control(self, method: str, path: str) -> Any:
        answer = httpx2.request(method, f"{self.url}/_control/{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pay(self, number: int) -> str:
        """Pay with a key that names the payment; return its id."""
        money = {"amount": 1000 + number, "currency": "USD"}
        body = {"source_id": "cnon:card-nonce-ok", "idempotency_key": f"payment-{number}", "amount_money": money}
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = httpx2.post(f"{self.url}/square/v2/payments", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        paid: str = answer.json()["payment"]["id"]
        return paid

    def kill(self) -> None:
        self.running.send_signal(signal.SIGKILL)
        self.running.wait()


def pay_until_cut_off(process: Process, numbers: Iterator[int], paid: dict[int, str]) -> None:
    """Pay one after the other until the sandbox dies."""
    with suppress(httpx2.TransportError):
        for number in numbers:
            paid[number] = process.pay(number)


def test_kill_9_in_the_middle_loses_no_payment_and_no_webhook(
    tmp_path: Path, free_port: int, ears: Any, until: Any
) -> None:
    books, secrets = tmp_path / "books.sqlite", SANDBOX.invent("http://127.0.0.1:9")
    ears.receiver.statuses = [503] * 10_000
    numbers, answered = iter(range(payments_in_all)), dict[int, str]()
    first = Process(books, free_port, ears.url, secrets)
    try:
        until(first.up)
        with ThreadPoolExecutor(clients) as crowd:
            for _ in range(clients):
                crowd.submit(pay_until_cut_off, first, numbers, answered)
            until(lambda: len(answered) >= payments_before_the_kill)
            first.kill()
    finally:
        first.kill()
    assert len(answered) < payments_in_all, "the kill came too late to prove anything"

    ears.receiver.letters.clear()
    ears.receiver.statuses = []
    second = Process(books, free_port, ears.url, secrets)
    try:
        until(second.up)
        survived = {line["payment"] for line in second.control("GET", "books/square")["payments"]}
        assert set(answered.values()) <= survived
        # Everybody tries again with the same keys, as careful clients do after a cut connection.
        paid = {number: second.pay(number) for number in range(payments_in_all)}
        assert {number: paid[number] for number in answered} == answered
        lines = second.control("GET", "books/square")["payments"]
        assert sorted(line["captured"] for line in lines) == [1000 + number for number in range(payments_in_all)]
        owed = {delivery["event"] for delivery in second.control("GET", "webhooks")["data"]}
        assert len(owed) == events_of_a_payment * payments_in_all
        until(lambda: owed == {letter.event["event_id"] for letter in ears.receiver.letters})
    finally:
        second.kill()
