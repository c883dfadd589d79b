"""A real sandbox on a free port, a receiver for its webhooks, and the official client to drive it."""

import importlib.util
import json
import socket
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import stripe
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from stripe.checkout import Session

from tillkeeper.sandbox.app import build
from tillkeeper.sandbox.config import SandboxConfig

KEY = "sk_test_sandbox_for_tests"
SECRET = "whsec_sandbox_for_tests"
patience_seconds = 10

Validate = Callable[[dict[str, Any]], list[str]]


@dataclass(frozen=True)
class Letter:
    """One webhook as it arrived."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
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
        return [letter.event["type"] for letter in self.letters]


class Recorder(stripe.RequestsClient):
    """The official transport, keeping every good answer for the schema check."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[dict[str, Any]] = []

    def request(  # type: ignore[override]  # Stripe's own transport narrows its parent's signature
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        content, status, answered = super().request(method, url, headers, post_data)
        if status == 200:
            self.answers.append(json.loads(content))
        return content, status, answered


@dataclass
class Sandbox:
    """One running sandbox, its controls and what it sent."""

    url: str
    receiver: Receiver
    stripe: stripe.StripeClient
    http: httpx2.Client
    books: Path

    def control(self, method: str, path: str, body: object = None) -> Any:
        answer = self.http.request(method, f"{self.url}/_control/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, form: str, *, key: str | None = None, secret: str = KEY) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/x-www-form-urlencoded"}
        if key is not None:
            headers["Idempotency-Key"] = key
        return self.http.post(f"{self.url}/stripe/v1/{path}", content=form, headers=headers)

    def get(self, path: str) -> httpx2.Response:
        return self.http.get(f"{self.url}/stripe/v1/{path}", headers={"Authorization": f"Bearer {KEY}"})

    def session(self, *, amount: int = 1200, currency: str = "usd", **more: Any) -> Session:
        price: Any = {"currency": currency, "unit_amount": amount, "product_data": {"name": "120 credits"}}
        params: Any = {
            "mode": "payment",
            "line_items": [{"price_data": price, "quantity": 1}],
            "success_url": "https://shop.example/done?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://shop.example/cart",
            **more,
        }
        return self.stripe.v1.checkout.sessions.create(params=params)

    def paid(self, **more: Any) -> str:
        """Pay a new session and return its payment intent."""
        session = self.session(**more)
        paid: str = self.control("POST", f"stripe/sessions/{session.id}/pay")["payment_intent"]
        return paid

    def event_types(self) -> list[str]:
        """List what happened, oldest first."""
        return [event.type for event in self.stripe.v1.events.list(params={"limit": 100}).data[::-1]]


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


@pytest.fixture(name="until")
def until_fixture() -> Callable[[Callable[[], bool]], None]:
    return until


@pytest.fixture(scope="session")
def validate(oracles: Path) -> Validate:
    """Check an object strictly against the schema of its kind."""
    schemas = str(oracles / "specs" / "stripe" / "sdk_types_schema.json")
    spec = importlib.util.spec_from_file_location("oracle_validate", oracles / "validate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with warnings.catch_warnings():
        # The oracle leaves the file that it reads to the garbage collector; read it once, here.
        warnings.simplefilter("ignore", ResourceWarning)
        module.validate(schemas, "charge", {}, strict=True)

    def check(thing: dict[str, Any]) -> list[str]:
        errors: list[str] = module.validate(schemas, thing["object"], thing, strict=True)
        return [f"{thing['object']}: {error}" for error in errors]

    return check


@dataclass
class Ears:
    """A receiver at its address."""

    receiver: Receiver
    url: str


@pytest.fixture
def ears() -> Iterator[Ears]:
    receiver = Receiver()
    listener, url = free_listener()
    with serving(receiver, listener):
        yield Ears(receiver, f"{url}/webhooks/stripe")


@pytest.fixture
def free_port() -> int:
    listener, _ = free_listener()
    port: int = listener.getsockname()[1]
    listener.close()
    return port


@pytest.fixture
def sandbox(tmp_path: Path, ears: Ears) -> Iterator[Sandbox]:
    listener, url = free_listener()
    books = tmp_path / "books.sqlite"
    config = SandboxConfig(
        books=books,
        public_url=url,
        secrets={"STRIPE_SECRET_KEY": KEY, "STRIPE_WEBHOOK_SECRET": SECRET},
        webhook_urls={"stripe": ears.url},
    )
    transport = Recorder()
    client = stripe.StripeClient(KEY, base_addresses={"api": f"{url}/stripe"}, http_client=transport)
    with serving(build(config), listener), httpx2.Client() as http:
        yield Sandbox(url, ears.receiver, client, http, books)
        transport.close()  # type: ignore[no-untyped-call]


@pytest.fixture
def answers(sandbox: Sandbox) -> list[dict[str, Any]]:
    """Every good answer that the official client got, lists taken apart."""
    requestor: Any = sandbox.stripe._requestor
    found: list[dict[str, Any]] = requestor._client.answers
    return found


@pytest.fixture(name="secret")
def secret_fixture() -> str:
    return SECRET


@pytest.fixture(autouse=True)
def no_telemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripe, "enable_telemetry", False)
