"""A real sandbox on a free port, a receiver for its webhooks, and the official client to drive it."""

import importlib.util
import json
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from paypalserversdk.configuration import Configuration, Server  # type: ignore[import-untyped]
from paypalserversdk.http.auth.o_auth_2 import ClientCredentialsAuthCredentials  # type: ignore[import-untyped]
from paypalserversdk.paypal_serversdk_client import PaypalServersdkClient  # type: ignore[import-untyped]
from starlette.types import ASGIApp, Receive, Scope, Send

from tillkeeper.sandbox.app import build
from tillkeeper.sandbox.config import SandboxConfig

CLIENT = "A_client_for_tests"
SECRET = "E_secret_for_tests"
WEBHOOK = "4JH86294D6297924G"
SECRETS = {"PAYPAL_CLIENT_ID": CLIENT, "PAYPAL_CLIENT_SECRET": SECRET, "PAYPAL_WEBHOOK_ID": WEBHOOK}
FULL = "return=representation"
patience_seconds = 10

Json = dict[str, Any]
Validate = Callable[[str, str, Any], list[str]]


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
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.letters.append(Letter(headers, body))
        status = self.statuses.pop(0) if self.statuses else 200
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def types(self) -> list[str]:
        return [letter.event["event_type"] for letter in self.letters]


class Elsewhere(Configuration):  # type: ignore[misc]  # the SDK is untyped
    """The official client's configuration, with another address: it has no setting for that."""

    def __init__(self, url: str, client: str = CLIENT, secret: str = SECRET) -> None:
        credentials = ClientCredentialsAuthCredentials(o_auth_client_id=client, o_auth_client_secret=secret)
        super().__init__(client_credentials_auth_credentials=credentials)
        self.url = url

    def get_base_uri(self, server: Any = Server.DEFAULT) -> str:
        del server
        return self.url


@dataclass
class Sandbox:
    """One running sandbox, its controls and what it sent."""

    url: str
    receiver: Receiver
    sdk: Any
    http: httpx2.Client
    books: Path
    token: str = ""

    @property
    def api(self) -> str:
        return f"{self.url}/paypal"

    def control(self, method: str, path: str, body: object = None) -> Any:
        answer = self.http.request(method, f"{self.url}/_control/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def act(self, path: str, body: object = None) -> Any:
        """Act as the payer, or from PayPal's own pages."""
        return self.control("POST", f"paypal/{path}", body)

    def grant(self) -> str:
        answer = self.http.post(
            f"{self.api}/v1/oauth2/token", data={"grant_type": "client_credentials"}, auth=(CLIENT, SECRET)
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def call(
        self, method: str, path: str, body: object = None, *, key: str | None = None, prefer: str = FULL
    ) -> httpx2.Response:
        """Call the API as an independent client would."""
        self.token = self.token or self.grant()
        headers = {"Authorization": f"Bearer {self.token}", "Prefer": prefer}
        if key is not None:
            headers["PayPal-Request-Id"] = key
        return self.http.request(method, f"{self.api}{path}", json=body, headers=headers)

    def post(self, path: str, body: object = None, *, key: str | None = None) -> httpx2.Response:
        return self.call("POST", path, {} if body is None else body, key=key)

    def get(self, path: str) -> httpx2.Response:
        return self.call("GET", path)

    def order(self, *, value: str = "12.00", currency: str = "USD", intent: str = "CAPTURE", **more: Any) -> Json:
        """Open an order."""
        made = self.post("/v2/checkout/orders", wanted(value=value, currency=currency, intent=intent, **more), key="")
        assert made.status_code in {200, 201}, made.text
        order: Json = made.json()
        return order

    def captured(self, **more: Any) -> Json:
        """Open, approve and capture an order; return its capture."""
        order = self.order(**more)
        self.act(f"orders/{order['id']}/pay")
        made = self.post(f"/v2/checkout/orders/{order['id']}/capture")
        assert made.status_code == 201, made.text
        capture: Json = made.json()["purchase_units"][0]["payments"]["captures"][0]
        return capture

    def held(self, **more: Any) -> Json:
        """Open, approve and authorise an order; return its authorisation."""
        order = self.order(intent="AUTHORIZE", **more)
        self.act(f"orders/{order['id']}/pay")
        made = self.post(f"/v2/checkout/orders/{order['id']}/authorize").json()
        authorization: Json = made["purchase_units"][0]["payments"]["authorizations"][0]
        return authorization

    def lines(self) -> list[Json]:
        """Read the books."""
        lines: list[Json] = self.control("GET", "books/paypal")["orders"]
        return lines

    def events(self) -> list[Json]:
        """List what happened, oldest first."""
        found: list[Json] = self.get("/v1/notifications/webhooks-events?page_size=300").json()["events"]
        return found[::-1]

    def event_types(self) -> list[str]:
        return [event["event_type"] for event in self.events()]


def wanted(*, value: str = "12.00", currency: str = "USD", intent: str = "CAPTURE", **unit: Any) -> Json:
    """Write what an order asks for."""
    return {
        "intent": intent,
        "purchase_units": [{"amount": {"currency_code": currency, "value": value}, **unit}],
        "application_context": {
            "return_url": "https://shop.example/done",
            "cancel_url": "https://shop.example/cart?a=1",
        },
    }


def until(true: Callable[[], bool]) -> None:
    """Wait for something to become true, or fail."""
    pause = threading.Event()
    for _ in range(patience_seconds * 50):
        if true():
            return
        pause.wait(0.02)
    message = f"It did not become true within {patience_seconds} seconds."
    raise TimeoutError(message)


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


@pytest.fixture(name="wanted")
def wanted_fixture() -> Callable[..., Json]:
    return wanted


@pytest.fixture(scope="session")
def validate(oracles: Path) -> Validate:
    """Check an object against a schema of PayPal's own specifications."""
    spec = importlib.util.spec_from_file_location("paypal_oracle", oracles / "validate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def check(file: str, schema: str, thing: Any) -> list[str]:
        with warnings.catch_warnings():
            # The oracle leaves the file that it reads to the garbage collector.
            warnings.simplefilter("ignore", ResourceWarning)
            path = str(oracles / "specs" / "paypal" / f"{file}_trimmed.json")
            errors: list[str] = module.validate(path, schema, thing)
        return [f"{schema}: {error}" for error in errors]

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
        yield Ears(receiver, f"{url}/webhooks/paypal")


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
    config = SandboxConfig(books=books, public_url=url, secrets=SECRETS, webhook_urls={"paypal": ears.url})
    client = PaypalServersdkClient(config=Elsewhere(f"{url}/paypal"))
    with serving(build(config), listener), httpx2.Client() as http:
        yield Sandbox(url, ears.receiver, client, http, books)
        client.config.http_client.session.close()


@pytest.fixture
def stranger(sandbox: Sandbox) -> Any:
    """Somebody else's client."""
    return PaypalServersdkClient(config=Elsewhere(sandbox.api, secret="wrong"))
