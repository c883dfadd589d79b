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
books, port, hook, key, secret, signing = sys.argv[1:]
secrets = {"RAZORPAY_KEY_ID": key, "RAZORPAY_KEY_SECRET": secret, "RAZORPAY_WEBHOOK_SECRET": signing}
config = SandboxConfig(Path(books), f"http://127.0.0.1:{port}", secrets, {"razorpay": hook})
uvicorn.run(build(config), port=int(port), log_level="error")
"""
clients = 4
payments_in_all = 40
payments_before_the_kill = 12
events_of_a_payment = 3


class Process:
    """A sandbox in a process of its own, over books that outlive it."""

    def __init__(self, books: Path, port: int, hook: str, secrets: dict[str, str]) -> None:
        command = [sys.executable, "-c", SERVE, str(books), str(port), hook, *secrets.values()]
        self.running = subprocess.Popen(command, env={"PYTHONPATH": str(Path(__file__).parents[3] / "src")})
        self.url = f"http://127.0.0.1:{port}"
        self.auth = (secrets["RAZORPAY_KEY_ID"], secrets["RAZORPAY_KEY_SECRET"])

    def up(self) -> bool:
        assert self.running.poll() is None, "the sandbox ended by itself"
        try:
            return httpx2.get(f"{self.url}/health").status_code == 200
        except httpx2.TransportError:
            return False

    def call(self, method: str, path: str, body: object = None) -> Any:
        answer = httpx2.request(method, f"{self.url}/{path}", json=body, auth=self.auth)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def kill(self) -> None:
        self.running.send_signal(signal.SIGKILL)
        self.running.wait()


def pay(process: Process, number: int, paid: dict[int, str]) -> None:
    """Open an order that is named by its number, unless it is there already, and pay it unless it is paid."""
    found = process.call("GET", f"razorpay/v1/orders?receipt=number-{number}")["items"]
    wanted = {"amount": 1000 + number, "currency": "INR", "receipt": f"number-{number}"}
    order = found[0] if found else process.call("POST", "razorpay/v1/orders", wanted)
    if order["status"] != "paid":
        process.call("POST", f"_control/razorpay/orders/{order['id']}/pay", {})
    paid[number] = order["id"]


def pay_until_cut_off(process: Process, numbers: Iterator[int], paid: dict[int, str]) -> None:
    """Pay one after the other until the sandbox dies."""
    with suppress(httpx2.TransportError):
        for number in numbers:
            pay(process, number, paid)


def test_kill_9_in_the_middle_loses_no_payment_and_no_webhook(
    tmp_path: Path, free_port: int, ears: Any, secrets: dict[str, str], until: Any
) -> None:
    books = tmp_path / "books.sqlite"
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
        survived = {line["order"] for line in second.call("GET", "_control/books/razorpay")["orders"]}
        assert set(answered.values()) <= survived
        paid = dict[int, str]()
        for number in range(payments_in_all):
            pay(second, number, paid)
        assert {number: paid[number] for number in answered} == answered
        lines = second.call("GET", "_control/books/razorpay")["orders"]
        assert sorted(line["captured"] for line in lines) == [1000 + number for number in range(payments_in_all)]
        owed = {delivery["event"] for delivery in second.call("GET", "_control/webhooks")["data"]}
        assert len(owed) == events_of_a_payment * payments_in_all
        until(lambda: owed == {letter.headers["x-razorpay-event-id"] for letter in ears.receiver.letters})
    finally:
        second.kill()
