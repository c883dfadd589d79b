"""kill -9 of the sandbox: what it answered is still true, and what it owed is still sent."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2

SERVE = """
import sys
from pathlib import Path
import uvicorn
from tillkeeper.sandbox.app import build
from tillkeeper.sandbox.config import SandboxConfig
books, port, hook, key, secret = sys.argv[1:]
url = f"http://127.0.0.1:{port}"
secrets = {"STRIPE_SECRET_KEY": key, "STRIPE_WEBHOOK_SECRET": secret}
config = SandboxConfig(Path(books), url, secrets, {"stripe": hook})
uvicorn.run(build(config), port=int(port), log_level="error")
"""
KEY = "sk_test_sandbox_for_tests"
clients = 4
payments_in_all = 60
payments_before_the_kill = 20
events_of_a_payment = 4


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


def pay_until_cut_off(process: Process, numbers: Iterator[int], paid: dict[int, str]) -> None:
    """Pay one after the other until the sandbox dies."""
    with suppress(httpx2.TransportError):
        for number in numbers:
            paid[number] = pay(process, number)


def test_kill_9_in_the_middle_loses_no_payment_and_no_webhook(
    tmp_path: Path, free_port: int, ears: Any, secret: str, until: Any
) -> None:
    books = tmp_path / "books.sqlite"
    ears.receiver.statuses = [503] * 10_000
    numbers, answered = iter(range(payments_in_all)), dict[int, str]()
    first = Process(books, free_port, ears.url, secret)
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
    second = Process(books, free_port, ears.url, secret)
    try:
        until(second.up)
        survived = {line["payment_intent"] for line in second.control("GET", "books/stripe")["payment_intents"]}
        assert set(answered.values()) <= survived
        # Everybody tries again with the same keys, as careful clients do after a cut connection.
        paid = {number: pay(second, number) for number in range(payments_in_all)}
        assert {number: paid[number] for number in answered} == answered
        lines = second.control("GET", "books/stripe")["payment_intents"]
        assert sorted(line["captured"] for line in lines) == [1000 + number for number in range(payments_in_all)]
        owed = {delivery["event"] for delivery in second.control("GET", "webhooks")["data"]}
        assert len(owed) == events_of_a_payment * payments_in_all
        until(lambda: owed == {letter.event["id"] for letter in ears.receiver.letters})
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
