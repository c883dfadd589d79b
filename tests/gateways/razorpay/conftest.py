"""A real Razorpay sandbox on a free port, a receiver for its webhooks, the official client and our adapter."""

import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import razorpay  # type: ignore[import-untyped]  # the official client has no types
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from tillkeeper.gateways.razorpay.adapter import Razorpay
from tillkeeper.kernel.secrets import Secrets
from tillkeeper.sandbox.app import build
from tillkeeper.sandbox.config import SandboxConfig

KEY_ID = "rzp_test_SandboxForTests"
KEY_SECRET = "key secret of the sandbox"
WEBHOOK_SECRET = "webhook secret of the sandbox"
SECRETS = {
    "RAZORPAY_KEY_ID": KEY_ID,
    "RAZORPAY_KEY_SECRET": KEY_SECRET,
    "RAZORPAY_WEBHOOK_SECRET": WEBHOOK_SECRET,
}
patience_seconds = 10

Json = dict[str, Any]


@dataclass(frozen=True)
class Letter:
    """One webhook as it arrived."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> Json:
        event: Json = json.loads(self.body)
        return event


@dataclass
class Receiver:
    """Take webhooks; `statuses` are answered first, one each, and then 200."""

    letters: list[Letter] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.letters.append(Letter(headers, body))
        status = self.statuses.pop(0) if self.statuses else 200
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def types(self) -> list[str]:
        return [letter.event["event"] for letter in self.letters]


@dataclass
class Sandbox:
    """One running sandbox, its controls and what it sent."""

    url: str
    receiver: Receiver
    sdk: Any
    http: httpx2.Client

    def control(self, method: str, path: str, body: object = None) -> Any:
        answer = self.http.request(method, f"{self.url}/_control/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def act(self, path: str, **wish: object) -> Any:
        return self.control("POST", f"razorpay/{path}", wish)

    def api(self, method: str, path: str, body: object = None, **more: Any) -> httpx2.Response:
        more.setdefault("auth", (KEY_ID, KEY_SECRET))
        return self.http.request(method, f"{self.url}/razorpay/v1/{path}", json=body, **more)

    def order(self, amount: int = 5000, currency: str = "INR", **more: Any) -> Json:
        made: Json = self.sdk.order.create({"amount": amount, "currency": currency, **more})
        return made

    def link(self, amount: int = 5000, currency: str = "INR", **more: Any) -> Json:
        made: Json = self.sdk.payment_link.create({"amount": amount, "currency": currency, **more})
        return made

    def paid(self, **more: Any) -> Json:
        """Pay a new order, and return the payment."""
        payment: Json = self.act(f"orders/{self.order(**more)['id']}/pay")["payment"]
        return payment

    def books(self) -> Any:
        return self.control("GET", "books/razorpay")


def until(true: Callable[[], bool]) -> None:
    """Wait for something to become true, or fail."""
    pause = threading.Event()
    for _ in range(patience_seconds * 50):
        if true():
            return
        pause.wait(0.02)
    pytest.fail(f"It did not become true within {patience_seconds} seconds.")


@contextmanager
def serving(app: ASGIApp, listener: socket.socket) -> Iterator[None]:
    """Serve an app on a listening socket, from a thread."""
    lifespan: Any = "off" if isinstance(app, Receiver) else "on"
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan=lifespan, timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    until(lambda: server.started)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def free_listener() -> tuple[socket.socket, str]:
    """Listen on a free port of this machine."""
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


@dataclass
class Ears:
    """A receiver at its address."""

    receiver: Receiver
    url: str


@pytest.fixture(name="until")
def until_fixture() -> Callable[[Callable[[], bool]], None]:
    return until


@pytest.fixture(name="secrets")
def secrets_fixture() -> dict[str, str]:
    return dict(SECRETS)


@pytest.fixture
def ears() -> Iterator[Ears]:
    receiver = Receiver()
    listener, url = free_listener()
    with serving(receiver, listener):
        yield Ears(receiver, f"{url}/webhooks/razorpay")


@pytest.fixture
def free_port() -> int:
    listener, _ = free_listener()
    port: int = listener.getsockname()[1]
    listener.close()
    return port


@pytest.fixture
def sandbox(tmp_path: Path, ears: Ears) -> Iterator[Sandbox]:
    listener, url = free_listener()
    config = SandboxConfig(
        books=tmp_path / "books.sqlite", public_url=url, secrets=SECRETS, webhook_urls={"razorpay": ears.url}
    )
    client = razorpay.Client(auth=(KEY_ID, KEY_SECRET), base_url=f"{url}/razorpay")
    client.session.trust_env = False
    with serving(build(config), listener), httpx2.Client() as http:
        yield Sandbox(url, ears.receiver, client, http)
        client.session.close()


@pytest.fixture
async def gateway(sandbox: Sandbox) -> AsyncIterator[Razorpay]:
    """Connect our adapter to the sandbox."""
    opened = Razorpay(Secrets(SECRETS), base=f"{sandbox.url}/razorpay", live=False)
    yield opened
    await opened.close()
