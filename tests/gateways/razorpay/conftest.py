"""A real Razorpay sandbox on a free port, a receiver for its webhooks, the official client and our adapter."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import razorpay  # type: ignore[import-untyped]  # the official client has no types
from tests.gateways.serving import Receiver, free_listener, serving, until

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

Json = dict[str, Any]


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

    def told(self) -> list[str]:
        """List the events whose webhooks came, in the order in which they came."""
        return [letter.event["event"] for letter in self.receiver.letters]

    def books(self) -> Any:
        return self.control("GET", "books/razorpay")


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
