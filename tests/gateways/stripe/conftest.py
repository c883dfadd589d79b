"""A real sandbox on a free port, a receiver for its webhooks, and the official client to drive it."""

import importlib.util
import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import stripe
from stripe.checkout import Session
from tests.gateways.serving import Receiver, free_listener, serving, until

from tillkeeper.sandbox.app import build
from tillkeeper.sandbox.config import SandboxConfig

KEY = "sk_test_sandbox_for_tests"
SECRET = "whsec_sandbox_for_tests"

Validate = Callable[[dict[str, Any]], list[str]]


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
