"""kill -9 of the sandbox: what it answered is still true, what it owed is still sent, and its authority is the same."""

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
import json, sys
from pathlib import Path
import uvicorn
from tillkeeper.sandbox.app import build
from tillkeeper.sandbox.config import SandboxConfig
books, port, hook, secrets = sys.argv[1:]
config = SandboxConfig(Path(books), f"http://127.0.0.1:{port}", json.loads(secrets), {"paypal": hook})
uvicorn.run(build(config), port=int(port), log_level="error")
"""
SECRETS = '{"PAYPAL_CLIENT_ID": "c", "PAYPAL_CLIENT_SECRET": "s", "PAYPAL_WEBHOOK_ID": "W1"}'
clients = 4
payments_in_all = 40
payments_before_the_kill = 12
events_of_a_payment = 3


class Process:
    """A sandbox in a process of its own, over books that outlive it."""

    def __init__(self, books: Path, port: int, hook: str) -> None:
        command = [sys.executable, "-c", SERVE, str(books), str(port), hook, SECRETS]
        self.running = subprocess.Popen(command, env={"PYTHONPATH": str(Path(__file__).parents[3] / "src")})
        self.url = f"http://127.0.0.1:{port}"
        self.token = ""

    def up(self) -> bool:
        assert self.running.poll() is None, "the sandbox ended by itself"
        try:
            granted = httpx2.post(
                f"{self.url}/paypal/v1/oauth2/token", data={"grant_type": "client_credentials"}, auth=("c", "s")
            )
        except httpx2.TransportError:
            return False
        self.token = granted.json()["access_token"]
        return True

    def control(self, method: str, path: str, body: object = None) -> Any:
        answer = httpx2.request(method, f"{self.url}/_control/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: object, key: str) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.token}", "PayPal-Request-Id": key, "Prefer": "return=representation"}
        return httpx2.post(f"{self.url}/paypal{path}", json=body, headers=headers)

    def kill(self) -> None:
        self.running.send_signal(signal.SIGKILL)
        self.running.wait()


def pay(process: Process, number: int) -> str:
    """Open, approve and capture, with keys that name the payment; return the order."""
    amount = {"currency_code": "USD", "value": f"{10 + number}.00"}
    wanted = {"intent": "CAPTURE", "purchase_units": [{"amount": amount, "invoice_id": f"payment-{number}"}]}
    order = process.post("/v2/checkout/orders", wanted, f"create-{number}").json()
    if order["status"] == "CREATED":
        process.control("POST", f"paypal/orders/{order['id']}/pay")
    captured = process.post(f"/v2/checkout/orders/{order['id']}/capture", {}, f"capture-{number}")
    assert captured.status_code in {200, 201}, captured.text
    return str(order["id"])


def pay_until_cut_off(process: Process, numbers: Iterator[int], paid: dict[int, str]) -> None:
    """Pay one after the other until the sandbox dies."""
    with suppress(httpx2.TransportError):
        for number in numbers:
            paid[number] = pay(process, number)


def test_kill_9_in_the_middle_loses_no_payment_no_webhook_and_no_certificate(
    tmp_path: Path, free_port: int, ears: Any, until: Any
) -> None:
    books = tmp_path / "books.sqlite"
    ears.receiver.statuses = [503] * 10_000
    numbers, answered = iter(range(payments_in_all)), dict[int, str]()
    first = Process(books, free_port, ears.url)
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

    before = {letter.headers["paypal-cert-url"] for letter in ears.receiver.letters}
    ears.receiver.letters.clear()
    ears.receiver.statuses = []
    second = Process(books, free_port, ears.url)
    try:
        until(second.up)
        survived = {line["order"]: line["captured"] for line in second.control("GET", "books/paypal")["orders"]}
        assert all(survived[order] for order in answered.values())
        # Everybody tries again with the same keys, as careful clients do after a cut connection.
        paid = {number: pay(second, number) for number in range(payments_in_all)}
        assert {number: paid[number] for number in answered} == answered
        lines = second.control("GET", "books/paypal")["orders"]
        assert sorted(line["captured"] for line in lines) == [1000 + 100 * number for number in range(payments_in_all)]
        owed = {delivery["event"] for delivery in second.control("GET", "webhooks")["data"]}
        assert len(owed) == events_of_a_payment * payments_in_all
        until(lambda: owed == {letter.event["id"] for letter in ears.receiver.letters})
        assert {letter.headers["paypal-cert-url"] for letter in ears.receiver.letters} == before
    finally:
        second.kill()
